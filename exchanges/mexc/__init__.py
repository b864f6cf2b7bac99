"""The adapter for MEXC Spot v3."""
