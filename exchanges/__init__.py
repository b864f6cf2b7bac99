"""Venues: the port, its rims, one adapter per venue and the paper venue. Imports nothing of the actors."""
