"""The order manager: embed it with `Oms`."""

from actors.oms import Oms

__all__ = ["Oms"]
