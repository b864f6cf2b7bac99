"""The adapter for KuCoin Spot: high-frequency (HF) orders, and stop orders, which have an interface of their own."""
