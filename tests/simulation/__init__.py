"""Deterministic simulation: the whole tree of actors on a virtual clock, with a store and a venue that fail by a seed."""
