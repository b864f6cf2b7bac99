"""Kraken Spot as a paper dialect."""
