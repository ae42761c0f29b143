"""Where a proxy's time goes while it takes new connections: by perf(1) and strace(1), for bench/datapath.py --profile."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

SECONDS = 3
FREQUENCY = 1999
MOST_LINES = 12

Load = Callable[[float], float]
"""Makes connections for that many seconds, and returns how many."""


def shares(pids: list[int], load: Load) -> dict[str, float]:
    """The parts of the processor time, in percent: of the kernel, the program, libraries, and of each system call."""
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory, "perf.data")
        command = [
            "perf",
            "record",
            "-F",
            str(FREQUENCY),
            "-g",
            "-p",
            ",".join(map(str, pids)),
            "-o",
            data,
            "--",
            "sleep",
            str(SECONDS),
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as recording:
            load(SECONDS + 1)
            recording.wait(30)
        by_object = _report(data, "--no-children", "--sort", "dso")
        inclusive = _report(data, "--children", "--sort", "sym")
    found = {
        ("kernel" if name.startswith("[kernel") else name.strip("[]")): part for name, part in by_object.items() if part >= 1
    }
    calls = {name.removeprefix("__x64_sys_"): part for name, part in inclusive.items() if name.startswith("__x64_sys_")}
    largest = sorted(calls.items(), key=lambda one: -one[1])[:MOST_LINES]
    return found | {f"  {name}()": part for name, part in largest}


def _report(data: Path, *options: str) -> dict[str, float]:
    command = ["perf", "report", "-i", data, "--stdio", "-g", "none", *options]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, float] = {}
    for line in text.splitlines():
        parts = re.match(r"\s*([\d.]+)%\s+(?:[\d.]+%\s+)?(?:\[[k.]\]\s+)?(\S+)", line)
        if parts:
            found[parts[2]] = found.get(parts[2], 0.0) + float(parts[1])
    return found


def calls(pids: list[int], load: Load) -> dict[str, float]:
    """System calls for one connection. While it counts, strace slows everything down; the counts do not mind."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory, "calls")
        command = ["timeout", "-s", "INT", str(SECONDS + 1), "strace", "-f", "-c", "-o", out]
        for pid in pids:
            command += ["-p", str(pid)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as counting:
            made = load(SECONDS - 1)
            counting.wait(30)
        lines = [line.split() for line in out.read_text().splitlines()[2:]]
    counts = {line[-1]: int(line[3]) / made for line in lines if len(line) >= 5 and line[3].isdigit() and line[-1] != "total"}
    return {name: count for name, count in sorted(counts.items(), key=lambda one: -one[1]) if count >= 0.2}
