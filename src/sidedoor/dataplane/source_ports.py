"""Which ports of a load balancer node's address are whose: connections to targets come from one range, probes from another.

A node can have as many connections open to one target as it has ports for them, for the kernel tells connections apart by
both addresses and both ports. So the size of the range is the limit, to the connection, as on AWS (NLB user guide, "Port
allocation errors"); and a node that has used it up still finds out whether its targets are well.
"""

from __future__ import annotations

import errno
import itertools
import socket
from functools import cache
from pathlib import Path

from sidedoor.dataplane.port_range import IP_LOCAL_PORT_RANGE, as_option

FIRST_OF_FLOWS = 10_000
"""The ports from here on carry clients' connections; 55,000 of them fit."""

FIRST_OF_PROBES = 1024

_TRIES = 16

_RANGE_OF_HOST = Path("/proc/sys/net/ipv4/ip_local_port_range")

_next = itertools.count()


def of_flows(connections_per_target: int) -> tuple[int, int]:
    """The first and the last port from which a node connects to its targets."""
    return FIRST_OF_FLOWS, FIRST_OF_FLOWS + connections_per_target - 1


def of_sockets(connections_per_target: int, *, own_network: bool) -> tuple[int, int] | None:
    """The range to give to each socket, or None where the kernel gives a socket none.

    A connection without a range of its own gets ports of one parity first, and tries all of them before the others: past
    half of the namespace's range that takes milliseconds. With one of its own, any free port near a random one is taken.
    Where the network is the host's (``own_network`` is false) the range is a part of the host's own.
    """
    if not _sockets_have_ranges():
        return None
    if own_network:
        return of_flows(connections_per_target)
    first, last = map(int, _RANGE_OF_HOST.read_text(encoding="ascii").split())
    return first, min(last, first + connections_per_target - 1)


@cache
def _sockets_have_ranges() -> bool:
    with socket.socket() as one:
        try:
            one.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, as_option((FIRST_OF_FLOWS, FIRST_OF_FLOWS)))
        except OSError:
            return False
    return True


def bind_for_probe(unconnected: socket.socket, address: str) -> None:
    """Gives a probe's socket a port of its range: each time another, since the one before may still be waiting out its end.

    Raises ``OSError`` where one port after the other is somebody else's.
    """
    unconnected.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for last in (number == _TRIES - 1 for number in range(_TRIES)):
        port = FIRST_OF_PROBES + next(_next) % (FIRST_OF_FLOWS - FIRST_OF_PROBES)
        try:
            unconnected.bind((address, port))
        except OSError as error:
            if last or error.errno != errno.EADDRINUSE:
                raise
        else:
            return
