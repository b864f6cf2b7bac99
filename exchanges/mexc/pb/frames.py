"""From the bytes of a binary frame to the wrapper that the venue pushes. It knows the encoding and no meaning."""

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from exchanges.fields import UnreadableError
from exchanges.mexc.pb.private_pb2 import PushDataV3ApiWrapper

_decode = PushDataV3ApiWrapper.FromString


def read_wrapper(frame: bytes) -> PushDataV3ApiWrapper:
    """Decode a frame; fields and bodies that are not defined are skipped. Raises `UnreadableError`."""
    try:
        return _decode(frame)
    except DecodeError:
        raise UnreadableError("not a push message") from None
