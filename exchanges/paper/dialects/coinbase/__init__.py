"""Coinbase Advanced Trade's wire protocol over the paper engine; see `dialect`."""
