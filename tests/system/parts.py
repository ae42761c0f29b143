"""The processes of a running system, each by its part's name: ``serve``, ``agent``, ``envoy``."""

from __future__ import annotations

import os
import signal

from sidedoor.demo.system import Process, System, processes_of, until

MARKS = {"serve": " serve --state", "agent": " agent --state", "envoy": "envoy.json"}


def part(system: System, name: str) -> Process:
    """The process of one part: serve, agent or envoy."""

    def found() -> Process | None:
        return next(
            (one for one in processes_of(system.state) if MARKS[name] in one.command and " exec " not in one.command), None
        )

    return until(found, f"{name} runs")


def kill(system: System, name: str) -> None:
    """SIGKILLs a part and waits until another process does its work."""
    before = part(system, name)
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: part(system, name).pid != before.pid, f"{name} is started again")
