"""KuCoin Spot (HF) as a paper venue speaks it."""
