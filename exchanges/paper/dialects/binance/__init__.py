"""The paper dialect of Binance Spot."""
