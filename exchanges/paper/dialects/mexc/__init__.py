"""The MEXC Spot v3 dialect."""
