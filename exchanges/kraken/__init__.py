"""The adapter of Kraken Spot."""
