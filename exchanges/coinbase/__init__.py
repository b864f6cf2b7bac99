"""Coinbase Advanced Trade, spot."""
