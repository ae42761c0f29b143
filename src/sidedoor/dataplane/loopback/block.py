"""The block of loopback addresses, 127.B.0.0/16, that one state directory has for its life on this host.

Rule: who listens on 127.B.255.254 has the block. The kernel sees to it that this is one process, and forgets it with it.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

CLAIM_PORT = 4679

_FIRST, _LAST = 1, 254


class NoFreeBlock(Exception):
    """All blocks of loopback addresses are taken."""


class Block:
    """A claimed block. ``number``: the B of 127.B.0.0/16."""

    def __init__(self, number: int, claim: socket.socket) -> None:
        self.number = number
        self._claim = claim

    def close(self) -> None:
        self._claim.close()


def claim(record: Path) -> Block:
    """Claims the block that ``record`` names, or the next one that is free, and notes it there. Raises ``NoFreeBlock``."""
    for number in _candidates(_preferred(record)):
        held = _listen(f"127.{number}.255.254")
        if held is not None:
            record.write_text(f"{number}\n", encoding="ascii")
            return Block(number, held)
    raise NoFreeBlock(f"every block from 127.{_FIRST}.0.0/16 to 127.{_LAST}.0.0/16 is in use (port {CLAIM_PORT})")


def _preferred(record: Path) -> int:
    """The noted block; at first one that depends on the place, so that two state directories seldom want the same."""
    try:
        return int(record.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return _FIRST + zlib.crc32(bytes(record.absolute())) % (_LAST - _FIRST + 1)


def _candidates(preferred: int) -> Iterator[int]:
    count = _LAST - _FIRST + 1
    for offset in range(count):
        yield _FIRST + (preferred - _FIRST + offset) % count


def _listen(address: str) -> socket.socket | None:
    claim = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.bind((address, CLAIM_PORT))
        claim.listen(1)
    except OSError:
        claim.close()
        return None
    return claim
