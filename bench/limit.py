"""55,000 connections of one load balancer's address to one target, held at one time, and the one that is too many.

    python bench/limit.py [--connections 55000] [--clients 3] [--at-once 200]

Builds a provider and a consumer through boto3 against a ``sidedoor up`` of its own, and opens connections through one
endpoint from several workloads (a client's address has ports for 28,000 of them by Linux's default). Each counts when its
bytes came back. Then: every one carries bytes once more; the next one fails, and is counted; one is closed, and the next
one works. Prints Markdown, and ends with status 1 where something of that is not so. Bounded: it stops by itself.

Each connection takes two open files of Envoy. Where the host does not let it have so many (`sidedoor doctor`), Envoy carries
what it may, and programs in the provider's router open the others from the same address to the same target, so that the
55,001st is still one too many; the report says how many went which way. bench/machine lends a host that allows enough. Root is
needed. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab import CONSUMER, PROVIDER, Account, cpu_seconds, descriptors, envoy_pid, inside, memory_mb, rows, said

from sidedoor.dataplane.envoy import tally
from sidedoor.demo.system import System, running, until
from sidedoor.settings import CONNECTIONS_PER_TARGET

HOLDING = str(Path(__file__).with_name("holding.py"))
PORT = 8000
TRANCHE = 5000


class Holder:
    """The program that holds connections inside one workload."""

    def __init__(self, system: System, place: str, address: str, at_once: int, *source: str) -> None:
        command = inside(system.state, place, sys.executable, HOLDING, "hold", address, str(PORT), str(at_once), *source)
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
    def __init__(self, system: System, clients: int, at_once: int) -> None:
        self.system, self.state = system, system.state
        provider, consumer = Account(system, PROVIDER), Account(system, CONSUMER)
        self.inner, outer = provider.subnet(), consumer.subnet()
        self.server = provider.workload(self.inner)
        serve = inside(self.state, self.server.id, sys.executable, HOLDING, "serve", self.server.address, str(PORT))
        self._server = subprocess.Popen(serve, stdin=subprocess.DEVNULL, start_new_session=True)
        balancer = provider.balancer("limit", self.inner)
        group = provider.group("limit", self.inner, PORT)
        provider.register(group, (self.server.address, PORT))
        provider.forward(balancer, PORT, group)
        self.endpoint = consumer.available(consumer.endpoint(outer, provider.service(balancer)))
        provider.healthy(group)
        self.node = provider.node_address(balancer)
        self.envoy = envoy_pid(self.state)
        self.clients = [Holder(system, consumer.workload(outer).id, self.endpoint, at_once) for _ in range(clients)]
        place = self.inner.vpc_id
        self.beside = [Holder(system, place, self.server.address, at_once, self.node) for _ in range(clients)]

    def end(self) -> None:
        for holder in (*self.clients, *self.beside):
            holder.end()
        os.killpg(self._server.pid, signal.SIGKILL)  # The server is several processes.
        self._server.wait()

    def may_carry(self) -> int:
        """How many connections Envoy takes, by its open files."""
        monitors = json.loads((self.state / "run" / "envoy.json").read_text())["overload_manager"]["resource_monitors"]
        return min(one["typed_config"].get("max_active_downstream_connections", 1 << 32) for one in monitors)

    def fill(self, beside: int, through: int) -> list[tuple[object, ...]]:
        """Opens that many, a tranche at a time: first those beside Envoy. Returns the lines of the table."""
        lines: list[tuple[object, ...]] = [
            ("connections", "opened by", "a second", "Envoy's processor time for one, µs", "Envoy, MB")
        ]
        made = 0
        for who, holders, count in (("beside Envoy", self.beside, beside), ("Envoy", self.clients, through)):
            for tranche in [TRANCHE] * (count // TRANCHE) + [count % TRANCHE] * (count % TRANCHE > 0):
                before = cpu_seconds(self.envoy)
                answer = min(holders, key=lambda one: one.open).ask("open", tranche)
                if answer["failed"]:
                    raise SystemExit(f"{answer['failed']} of the connections up to {made + tranche} failed")
                made += tranche
                spent = (cpu_seconds(self.envoy) - before) / tranche * 1e6
                spent_text = f"{spent:.0f}" if who == "Envoy" else "-"
                lines.append((made, who, f"{tranche / answer['seconds']:.0f}", spent_text, f"{memory_mb(self.envoy):.0f}"))
                print(f"{made} are open", file=sys.stderr, flush=True)
        return lines

    def at_target(self) -> int:
        """How many connections the target has from the node's address, counted by the kernel inside the target."""
        query = ("ss", "-Htn", "state", "established", f"src {self.server.address}:{PORT} and dst {self.node}")
        return len(said(self.state, self.server.id, *query).splitlines())

    def tracked(self) -> int:
        """How many connections the routers of both VPCs track; none, where nothing asks for it."""
        count = "cat /proc/sys/net/netfilter/nf_conntrack_count 2>/dev/null || echo 0"
        return int(said(self.state, self.inner.vpc_id, "sh", "-c", count))

    def files(self) -> tuple[int, int]:
        """How many Envoy has open, and how many it may have."""
        (line,) = (
            one for one in Path(f"/proc/{self.envoy}/limits").read_text().splitlines() if one.startswith("Max open files")
        )
        return descriptors(self.envoy), int(line.split()[3])

    def counted(self) -> int:
        """How often the node had no port left for a connection: PortAllocationErrorCount."""
        text = _admin(self.state / "run" / "admin.sock", tally.QUESTION)
        return sum(counts.port_errors for counts in tally.read(text).values())


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
    before, slab, through = memory_mb(bench.envoy), kernel_mb(), min(total, bench.may_carry() - 1)
    print("\n".join(rows(*bench.fill(total - through, through))) + "\n")
    memory, kernel = memory_mb(bench.envoy) - before, kernel_mb() - slab
    figures: dict[str, tuple[object, bool]] = {}
    for who, holders, count in (("Envoy", bench.clients, through), ("programs beside it", bench.beside, total - through)):
        carried = sum(one.ask("check")["carried"] for one in holders if one.open)
        figures[f"connections of {who} that carry bytes"] = (carried, carried == count)
    figures["all of them at the target, from the node's address"] = (bench.at_target(), bench.at_target() == total)
    figures |= one_more(bench, total)
    tracked, files = bench.tracked(), bench.files()
    figures["connections that the kernel tracks (conntrack)"] = (tracked, tracked == 0)
    figures["open files of Envoy, and its limit"] = ("{} of {}".format(*files), files[0] >= 2 * through)
    figures["Envoy's memory for them"] = (f"{memory:.0f} MB, {memory * 1024 / through:.1f} KB each", True)
    figures["the kernel's memory for all ends of all of them"] = (f"{kernel:.0f} MB", True)
    print("\n".join(rows(("", ""), *((name, value) for name, (value, _) in figures.items()))))
    for name, (value, good) in figures.items():
        if not good:
            print(f"Wrong: {name}: {value}", file=sys.stderr)
    if through < total:
        print(f"\nThis host lets Envoy carry {through} of the {total}: {files[1]} open files.")
    return all(good for _, good in figures.values())


def one_more(bench: Bench, total: int) -> dict[str, tuple[object, bool]]:
    """The connection that is one too many, and the same when one was closed."""
    figures: dict[str, tuple[object, bool]] = {}
    client, counted, start = bench.clients[0], bench.counted(), time.monotonic()
    refused = client.ask("open", 1)
    milliseconds = (time.monotonic() - start) * 1000
    figures["one more"] = (f"{', '.join(refused['failed']) or 'works'} after {milliseconds:.0f} ms", refused["opened"] == 0)
    counted = bench.counted() - counted
    figures["how often that was counted (PortAllocationErrorCount)"] = (counted, counted == 1)
    client.ask("close", 1)
    until(lambda: bench.at_target() == total - 1, "the closed connection is gone")
    start = time.monotonic()
    until(lambda: client.ask("open", 1)["opened"] == 1, "the closed connection's port is free", 30)
    figures["one more works after one was closed, within"] = (f"{time.monotonic() - start:.1f} s", True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=CONNECTIONS_PER_TARGET)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=200, help="connections that are being opened at a time")
    options = parser.parse_args()
    start = time.monotonic()
    arguments = ("--dev", "--network", "netns", "--connections-per-target", str(options.connections))
    with running(*arguments) as system:
        bench = Bench(system, options.clients, options.at_once)
        try:
            good = prove(bench, options.connections)
        finally:
            bench.end()
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
