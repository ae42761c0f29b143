"""Processes by their ids, so that a process that got an id later is not taken for the one that had it."""

from __future__ import annotations

from pathlib import Path


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
