"""The adapter for Binance Spot."""
