"""Open files: a connection through Envoy takes two, so their limit is one on connections."""

from __future__ import annotations

import resource
from pathlib import Path

MOST = 1 << 20
"""Half a million connections. More is not asked for, though a host may allow a thousand times that."""

_MOST_OF_KERNEL = Path("/proc/sys/fs/nr_open")


def raise_limit() -> int:
    """Gives this process, and what it starts, as many open files as the host lets it have. Returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(hard, min(MOST, int(_MOST_OF_KERNEL.read_text(encoding="ascii")))), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        except ValueError:  # Only CAP_SYS_RESOURCE may raise what the host has set (setrlimit(2)).
            continue
        break
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def possible() -> int:
    """What ``raise_limit`` would return. Leaves the limit as it is."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        return raise_limit()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
