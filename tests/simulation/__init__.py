"""Deterministic simulation: the whole tree of actors on a virtual clock, a store and a venue that fail by a seed."""
