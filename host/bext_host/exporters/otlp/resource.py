"""The bytes of OTLP's message Resource, which are the same in every request: encoded once, with nothing but the standard library.

Pure functions. Fields come in the order of their numbers, so that the bytes are those of any protobuf writer.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from bext_abi import AttrValue

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_U64: Final = 2**64 - 1
_I64: Final = 2**63


def encode_resource(attributes: Mapping[str, AttrValue]) -> bytes:
    """The message of these attributes.

    Raises ValueError where a text is no Unicode or an int has more than 64 bits, TypeError for a value that is no AttrValue.
    """
    return b"".join(_message(1, _message(1, key.encode()) + _message(2, _any_value(value))) for key, value in attributes.items())


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _tag(field: int, wire_type: int) -> bytes:
    return _varint(field << 3 | wire_type)


def _message(field: int, content: bytes) -> bytes:
    return _tag(field, _BYTES) + _varint(len(content)) + content


def _int64(number: int) -> bytes:
    if not -_I64 <= number < _I64:
        raise ValueError(f"{number} has more than 64 bits")
    return _varint(number & _U64)


def _any_value(value: AttrValue) -> bytes:
    if isinstance(value, str):
        return _message(1, value.encode())
    if isinstance(value, bool):
        return _tag(2, _VARINT) + _varint(value)
    if isinstance(value, int):
        return _tag(3, _VARINT) + _int64(value)
    if isinstance(value, float):
        return _tag(4, _FIXED64) + struct.pack("<d", value)
    return _message(5, _array(value))


def _array(values: Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]) -> bytes:
    if not isinstance(values, (list, tuple)):
        raise TypeError(f"{type(values).__name__} is no type of an attribute")
    return b"".join(_message(1, _any_value(value)) for value in values)
