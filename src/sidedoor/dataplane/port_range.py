"""A socket's own range of ports (ip(7), Linux 6.3), as an option has it.

Rule 1: no I/O.
"""

from __future__ import annotations

import struct

IPPROTO_IP = 0
IP_LOCAL_PORT_RANGE = 51


def as_option(ports: tuple[int, int]) -> bytes:
    """The value of the option: the last port above the first."""
    return struct.pack("=I", ports[1] << 16 | ports[0])
