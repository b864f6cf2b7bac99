"""Writes the protobuf wire format: fields as numbered varints and length-delimited bytes. It knows no messages.

As proto3 has it, a field with its default value is left out; an optional one that is set is written even then.
"""

_VARINT, _DELIMITED = 0, 2
_SEVEN_BITS = 0x7F
_MORE = 0x80
_64_BITS = (1 << 64) - 1


def text(number: int, value: str | None) -> bytes:
    """Write a string field; nothing when it is empty or None."""
    return delimited(number, value.encode()) if value else b""


def integer(number: int, value: int) -> bytes:
    """Write an int32 or int64 field; nothing when it is zero."""
    return _tag(number, _VARINT) + _varint(value) if value else b""


def optional_integer(number: int, value: int | None) -> bytes:
    """Write an optional int32 or int64 field; nothing when it is None."""
    return b"" if value is None else _tag(number, _VARINT) + _varint(value)


def boolean(number: int, *, value: bool) -> bytes:
    """Write a bool field; nothing when it is false."""
    return integer(number, int(value))


def delimited(number: int, value: bytes) -> bytes:
    """Write a field of bytes, or of a message that is already written."""
    return _tag(number, _DELIMITED) + _varint(len(value)) + value


def _tag(number: int, wire_type: int) -> bytes:
    return _varint(number << 3 | wire_type)


def _varint(value: int) -> bytes:
    # Negative numbers travel as their two's complement of 64 bits.
    rest, written = value & _64_BITS, bytearray()
    while rest > _SEVEN_BITS:
        written.append(rest & _SEVEN_BITS | _MORE)
        rest >>= 7
    written.append(rest)
    return bytes(written)
