"""Which ports of a load balancer node's address are whose: connections to targets come from one range, probes from another.

A node can have as many connections open to one target as it has ports for them, for the kernel tells connections apart by
both addresses and both ports. So the size of the range is the limit, to the connection, as on AWS (NLB user guide, "Port
allocation errors"); and a node that has used it up still finds out whether its targets are well.
"""

from __future__ import annotations

import errno
import itertools
import socket

FIRST_OF_FLOWS = 10_000
"""The ports from here on carry clients' connections; 55,000 of them fit."""

FIRST_OF_PROBES = 1024

_TRIES = 16

_next = itertools.count()


def of_flows(connections_per_target: int) -> tuple[int, int]:
    """The first and the last port from which a node connects to its targets."""
    return FIRST_OF_FLOWS, FIRST_OF_FLOWS + connections_per_target - 1


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
