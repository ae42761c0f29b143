"""Processes by their ids, so that a process that got an id later is not taken for the one that had it; and their children."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def started(pid: int) -> int | None:
    """When a process started, in ticks after boot, or None where there is none, or only its remains.

    proc_pid_stat(5), fields 3 and 22.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


def end_with_parent(parent: int) -> None:
    """Has the kernel end this process when ``parent`` is gone (prctl(2)); at once where it is gone already."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)
