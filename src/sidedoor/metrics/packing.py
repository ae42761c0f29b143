"""The minutes of a series within an hour, as bytes that another minute can be appended to. Pure.

A point is: one byte with the minute in the hour (6 bits) and its form (2 bits), and then, by its form,

- ``ZERO``: nothing: one sample, which is 0;
- ``WHOLE``: one sample, a whole number from 1 on: LEB128;
- ``SINGLE``: one sample: a double;
- ``SET``: sum, minimum, maximum and count: four doubles.

Rule: where a minute comes twice, the later point holds: a source that tells a minute again need not look for the old one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from sidedoor.metrics.model import StatisticSet, sample

ZERO, WHOLE, SINGLE, SET = range(4)

_DOUBLE = struct.Struct("<d")
_DOUBLES = struct.Struct("<4d")
_MINUTE = 0x3F
_NOTHING = sample(0)
_LARGEST_WHOLE = 2**53
"""Up to here a double is exact."""


def pack(points: Iterable[tuple[int, StatisticSet]]) -> bytes:
    """(minute in the hour, its statistics) as bytes."""
    packed = bytearray()
    for minute, found in points:
        if found != sample(found.sum):
            packed.append(SET << 6 | minute)
            packed += _DOUBLES.pack(found.sum, found.minimum, found.maximum, found.count)
        elif found.sum == 0:
            packed.append(ZERO << 6 | minute)
        elif 0 < found.sum <= _LARGEST_WHOLE and found.sum == int(found.sum):
            packed.append(WHOLE << 6 | minute)
            packed += _leb128(int(found.sum))
        else:
            packed.append(SINGLE << 6 | minute)
            packed += _DOUBLE.pack(found.sum)
    return bytes(packed)


def unpack(packed: bytes) -> dict[int, StatisticSet]:
    """Minute in the hour -> its statistics."""
    found: dict[int, StatisticSet] = {}
    at, end = 0, len(packed)
    while at < end:
        form, minute = packed[at] >> 6, packed[at] & _MINUTE
        at += 1
        if form == ZERO:
            found[minute] = _NOTHING
        elif form == WHOLE:
            value, at = _read_leb128(packed, at)
            found[minute] = StatisticSet(value, value, value, 1)
        elif form == SINGLE:
            found[minute] = sample(_DOUBLE.unpack_from(packed, at)[0])
            at += _DOUBLE.size
        else:
            found[minute] = StatisticSet(*_DOUBLES.unpack_from(packed, at))
            at += _DOUBLES.size
    return found


def _leb128(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read_leb128(packed: bytes, at: int) -> tuple[float, int]:
    value, shift = 0, 0
    while packed[at] >= 0x80:
        value |= (packed[at] & 0x7F) << shift
        shift += 7
        at += 1
    return float(value | packed[at] << shift), at + 1
