"""55,000 connections of one load balancer's address to one target, held at one time, and the one that is too many.

    python bench/limit.py [--connections 55000] [--clients 3]

Builds a provider and a consumer through boto3 against a ``sidedoor up`` of its own, and opens connections through one
endpoint from several workloads (a client's address has ports for 28,000 of them by Linux's default). Each counts when its
bytes came back. Then: every one carries bytes once more; the next one fails, and is counted; one is closed, and the next
one works. Prints Markdown, and ends with status 1 where something of that is not so. Bounded: it stops by itself.
Root is needed, or a hard limit of open files of twice the connections and some. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import http.client
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab import CONSUMER, PROVIDER, Account, Workload, cpu_seconds, envoy_pid, inside, memory_mb, rows, said

from sidedoor.demo.system import System, running, until
from sidedoor.settings import CONNECTIONS_PER_TARGET

HOLDING = str(Path(__file__).with_name("holding.py"))
PORT = 8000
TRANCHE = 5000


class Holder:
    """The program that holds connections inside one workload."""

    def __init__(self, system: System, workload: Workload, address: str) -> None:
        command = inside(system.state, workload.id, sys.executable, HOLDING, "hold", address, str(PORT))
        self._program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.open = 0

    def ask(self, *words: object) -> dict[str, Any]:
        assert self._program.stdin and self._program.stdout
        self._program.stdin.write(" ".join(map(str, words)) + "\n")
        self._program.stdin.flush()
        answer: dict[str, Any] = json.loads(self._program.stdout.readline())
        self.open += answer.get("opened", 0)
        return answer

    def end(self) -> None:
        self._program.kill()
        self._program.communicate()


class Bench:
    def __init__(self, system: System, clients: int) -> None:
        self.system, self.state = system, system.state
        provider, consumer = Account(system, PROVIDER), Account(system, CONSUMER)
        self.inner, outer = provider.subnet(), consumer.subnet()
        self.server = provider.workload(self.inner)
        serve = inside(self.state, self.server.id, sys.executable, HOLDING, "serve", self.server.address, str(PORT))
        self._server = subprocess.Popen(serve, stdin=subprocess.DEVNULL)
        balancer = provider.balancer("limit", self.inner)
        group = provider.group("limit", self.inner, PORT)
        provider.register(group, (self.server.address, PORT))
        provider.forward(balancer, PORT, group)
        self.endpoint = consumer.available(consumer.endpoint(outer, provider.service(balancer)))
        provider.healthy(group)
        self.node = provider.node_address(balancer)
        self.envoy = envoy_pid(self.state)
        self.holders = [Holder(system, consumer.workload(outer), self.endpoint) for _ in range(clients)]

    def end(self) -> None:
        for holder in self.holders:
            holder.end()
        self._server.kill()
        self._server.wait()

    def fill(self, total: int) -> list[tuple[object, ...]]:
        """Opens that many, a tranche at a time. Returns the lines of the table."""
        lines: list[tuple[object, ...]] = [("connections", "a second", "Envoy's processor time for one, µs", "Envoy, MB")]
        made = 0
        while made < total:
            count, holder = min(TRANCHE, total - made), min(self.holders, key=lambda one: one.open)
            before = cpu_seconds(self.envoy)
            answer = holder.ask("open", count)
            if answer["failed"]:
                raise SystemExit(f"{answer['failed']} of the connections up to {made + count} failed")
            made += count
            spent = (cpu_seconds(self.envoy) - before) / count * 1e6
            lines.append((made, f"{count / answer['seconds']:.0f}", f"{spent:.0f}", f"{memory_mb(self.envoy):.0f}"))
            print(f"{made} are open", file=sys.stderr, flush=True)
        return lines

    def at_target(self) -> int:
        """How many connections the target has from the node's address, counted by the kernel inside the target."""
        query = ("ss", "-Htn", "state", "established", f"src {self.server.address}:{PORT} and dst {self.node}")
        return len(said(self.state, self.server.id, *query).splitlines())

    def kernel(self, place: str) -> str:
        """The line of the namespace's TCP sockets."""
        return said(self.state, place, "grep", "^TCP:", "/proc/net/sockstat").strip()

    def tracked(self) -> int:
        """How many connections the routers of both VPCs track; none, where nothing asks for it."""
        count = "cat /proc/sys/net/netfilter/nf_conntrack_count 2>/dev/null || echo 0"
        return int(said(self.state, self.inner.vpc_id, "sh", "-c", count))

    def counted(self) -> int:
        """How often Envoy found a target full."""
        text = _admin(self.state / "run" / "admin.sock", "/stats?filter=upstream_cx_overflow$")
        return sum(int(line.rpartition(":")[2]) for line in text.splitlines())


def _admin(path: Path, question: str) -> str:
    connection = http.client.HTTPConnection("envoy")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(path))
    connection.request("GET", question)
    return connection.getresponse().read().decode()


def kernel_mb() -> float:
    """What the kernel holds for itself: sockets, files, their names."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return sum(int(lines[name].split()[0]) for name in ("Slab", "KernelStack", "PageTables")) / 1024


def prove(bench: Bench, total: int) -> bool:
    """Fills, checks, and prints. Returns whether everything is as it should be."""
    before, slab = memory_mb(bench.envoy), kernel_mb()
    print("\n".join(rows(*bench.fill(total))) + "\n")
    carried = [one.ask("check") for one in bench.holders]
    figures: dict[str, tuple[object, bool]] = {
        "connections that carry bytes": (
            sum(one["carried"] for one in carried),
            sum(one["carried"] for one in carried) == total,
        ),
        "of them at the target, from the node's address": (bench.at_target(), bench.at_target() == total),
    }
    last, counted = bench.holders[0], bench.counted()
    refused = last.ask("open", 1)
    figures["one more"] = (", ".join(refused["failed"]) or "works", refused["opened"] == 0)
    figures["how often that was counted"] = (bench.counted() - counted, bench.counted() > counted)
    last.ask("close", 1)
    until(lambda: bench.at_target() == total - 1, "the closed connection is gone")
    again = last.ask("open", 1)
    figures["one more, after one was closed"] = (", ".join(again["failed"]) or "works", again["opened"] == 1)
    tracked = bench.tracked()
    figures["connections that the kernel tracks (conntrack)"] = (tracked, tracked == 0)
    limits = Path(f"/proc/{bench.envoy}/limits").read_text().splitlines()
    (files,) = (line.split()[3] for line in limits if line.startswith("Max open files"))
    figures["open files of Envoy, and its limit"] = (f"{len(list(Path(f'/proc/{bench.envoy}/fd').iterdir()))} of {files}", True)
    memory = memory_mb(bench.envoy) - before
    figures["Envoy's memory for them"] = (f"{memory:.0f} MB, {memory * 1024 / total:.1f} KB each", True)
    figures["the kernel's memory for all four ends of each"] = (f"{kernel_mb() - slab:.0f} MB", True)
    figures["sockets in the provider's router"] = (bench.kernel(bench.inner.vpc_id), True)
    print("\n".join(rows(("", ""), *((name, value) for name, (value, _) in figures.items()))))
    for name, (value, good) in figures.items():
        if not good:
            print(f"Wrong: {name}: {value}", file=sys.stderr)
    return all(good for _, good in figures.values())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=CONNECTIONS_PER_TARGET)
    parser.add_argument("--clients", type=int, default=3)
    options = parser.parse_args()
    start = time.monotonic()
    arguments = ("--dev", "--network", "netns", "--connections-per-target", str(options.connections))
    with running(*arguments) as system:
        bench = Bench(system, options.clients)
        try:
            good = prove(bench, options.connections)
        finally:
            bench.end()
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
