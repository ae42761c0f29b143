"""The processes of a running system, each by its part's name: ``serve``, ``agent``, ``envoy``."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from sidedoor.demo.system import Process, System, processes_of, until

MARKS = {"serve": " serve --state", "agent": " agent --state", "envoy": "envoy.json"}


def running_part(state: Path, name: str) -> Process | None:
    """The process of one part: serve, agent or envoy; None where it does not run now."""
    return next((one for one in processes_of(state) if MARKS[name] in one.command and " exec " not in one.command), None)


def part(system: System, name: str) -> Process:
    """The process of one part, when it runs."""
    return until(lambda: running_part(system.state, name), f"{name} runs")


def kill(system: System, name: str) -> None:
    """SIGKILLs a part and waits until another process does its work."""
    before = part(system, name)
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: part(system, name).pid != before.pid, f"{name} is started again")
