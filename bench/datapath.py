"""What a connection through an endpoint costs beside HAProxy, nginx and no proxy at all, in one run.

    python bench/datapath.py [--rounds 7] [--seconds 3] [--spread] [--profile]

Builds one VPC through boto3 against a ``sidedoor up`` of its own: a client in one subnet, a server in another, an endpoint
to it. HAProxy and nginx (both from the distribution's packages) stand in the same place as Envoy, see ``proxies.py``; the
limit is a client on the server's own bridge, without router and proxy. All are measured in turn, A B C D A B C D, so that
what the machine does meanwhile hits all alike; the tables have medians of the rounds. Root, ``wrk``, ``iperf3``,
``haproxy`` and ``nginx`` with its stream module are needed. Bounded: it stops by itself. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import proxies
import spent
from lab import PROVIDER, Account, cpu_seconds, envoy_pid, inside, rows, said

from sidedoor.demo.system import System, running, until

STREAM = str(Path(__file__).with_name("stream.py"))
HTTP, HTTP_WITH_HEADER, UP, DOWN, IPERF = 8080, 8081, 9000, 9001, 5201
NEEDED = {"wrk": "wrk", "iperf3": "iperf3", "haproxy": "haproxy", "nginx": "nginx libnginx-mod-stream"}
LOADED, ALONE = 32, 1
PORTS_FOR_ALL = "cd /proc/sys/net/ipv4 && echo 1024 65535 > ip_local_port_range && echo 1 > tcp_tw_reuse"
"""For a client that makes some 100,000 connections a minute: with the kernel's 28,232 ports, each kept for a minute after its
connection, it would be the search for a free one that is measured."""


@dataclass(frozen=True)
class Contestant:
    """``ports``: a port of the server -> the port on which this one is asked for it."""

    name: str
    client: str
    address: str
    ports: dict[int, int]
    pids: Callable[[], list[int]]
    """The proxy's processes."""


@dataclass(frozen=True)
class Sample:
    value: float
    seconds: float
    """Of the proxy's processor time, for one request, connection or gigabyte."""


class Bench:
    """The whole stage: the system, the programs around it, and who is measured."""

    def __init__(self, system: System) -> None:
        self.system, self.state = system, system.state
        self.account = Account(system, PROVIDER)
        self._build()
        self.programs: list[proxies.Program] = []
        self.workers = int(re.search(rb"--concurrency\0(\d+)", Path(f"/proc/{envoy_pid(self.state)}/cmdline").read_bytes())[1])  # type: ignore[index]

    def _build(self) -> None:
        account = self.account
        self.front = account.subnet(cidr="10.0.0.0/20")
        self.back = account.subnet(self.front.vpc_id, "10.0.16.0/20")
        self.client, self.near, self.server = (account.workload(one) for one in (self.front, self.back, self.back))
        balancer = account.balancer("bench", self.back)
        check = {"HealthCheckPort": str(HTTP), "HealthCheckIntervalSeconds": 300}
        for port in (HTTP, HTTP_WITH_HEADER, UP, DOWN, IPERF):
            header = port == HTTP_WITH_HEADER
            group = account.group(f"p{port}", self.back, port, proxy=header, **check)
            account.register(group, (self.server.address, port))
            account.forward(balancer, port, group)
        for port in (UP, DOWN):  # The same behind a PROXY header, for bulk.
            group = account.group(f"h{port}", self.back, port, proxy=True, **check)
            account.register(group, (self.server.address, port))
            account.forward(balancer, port + 100, group)
        self.node = account.node_address(balancer)
        self.endpoint = account.available(account.endpoint(self.front, account.service(balancer)))

    def start(self) -> list[Contestant]:
        """Starts the programs. Returns who is measured, in the order of the tables."""
        state, router, server = self.state, self.front.vpc_id, self.server
        for client in (self.client, self.near):
            said(state, client.id, "sh", "-c", PORTS_FOR_ALL)
        self._start(proxies.server(state, server.id, server.address, HTTP, HTTP_WITH_HEADER))
        serve = (sys.executable, STREAM, "serve", server.address, str(UP), str(DOWN))
        self._start(proxies.start(state, server.id, "stream", *serve))
        self._start(proxies.start(state, server.id, "iperf3", "iperf3", "-s", "-B", server.address, "-p", str(IPERF)))
        envoy = envoy_pid(state)
        same = {port: port for port in (HTTP, UP, DOWN, IPERF)}
        found = [
            Contestant("no proxy, one bridge", self.near.id, server.address, same, list),
            Contestant("Sidedoor", self.client.id, self.endpoint, same, lambda: [envoy]),
            Contestant(
                "Sidedoor, PROXY header", self.client.id, self.endpoint,
                {HTTP: HTTP_WITH_HEADER, UP: UP + 100, DOWN: DOWN + 100}, lambda: [envoy],
            ),
        ]  # fmt: skip
        for number, name in enumerate(("HAProxy", "HAProxy, splice", "nginx stream"), 1):
            ports = {port: port + number * 1000 for port in same}
            forwards = {to: (server.address, port) for port, to in ports.items()}
            where = (state, router, self.endpoint, self.node, forwards, self.workers)
            is_nginx = name == "nginx stream"
            program = proxies.nginx(*where) if is_nginx else proxies.haproxy(*where, splice="splice" in name)
            self._start(program)
            found.append(Contestant(name, self.client.id, self.endpoint, ports, lambda program=program: program.pids))
        for one in found:
            until(lambda one=one: self._answers(one), f"{one.name} answers", 20)
        return found

    def _start(self, program: proxies.Program) -> None:
        self.programs.append(program)

    def _answers(self, one: Contestant) -> bool:
        url = f"http://{one.address}:{one.ports[HTTP]}/"
        done = subprocess.run(inside(self.state, one.client, "curl", "-sf", "-m", "2", url), capture_output=True, check=False)
        return done.stdout.decode() == proxies.BODY

    def stop(self) -> None:
        for program in self.programs:
            program.stop()

    # --- one measurement each -------------------------------------------------------------------------------------

    def wrk(self, one: Contestant, seconds: float, connections: int, *options: str) -> dict[str, float]:
        url = f"http://{one.address}:{one.ports[HTTP]}/"
        command = ("wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", *options, url)
        text = said(self.state, one.client, *command, seconds=seconds + 30)
        failed = re.search(r"Socket errors: (.*)|Non-2xx.*: (\d+)", text)
        if failed:
            print(f"{one.name}: {failed[0]}", file=sys.stderr)
        count = int(re.search(r"(\d+) requests in", text)[1])  # type: ignore[index]
        rate = float(re.search(r"Requests/sec: +([\d.]+)", text)[1])  # type: ignore[index]
        return {"rate": rate, "count": count, "p50": _latency(text, "50%"), "p99": _latency(text, "99%")}

    def iperf(self, one: Contestant, seconds: float) -> float:
        command = ("iperf3", "-c", one.address, "-p", str(one.ports[IPERF]), "-t", f"{seconds:.0f}", "-J")
        answer = json.loads(said(self.state, one.client, *command, seconds=seconds + 30))
        return float(answer["end"]["sum_received"]["bits_per_second"]) / 8

    def stream(self, one: Contestant, seconds: float, verb: str) -> float:
        port = one.ports[UP if verb == "up" else DOWN]
        return float(said(self.state, one.client, sys.executable, STREAM, verb, one.address, str(port), str(seconds)))


def _latency(text: str, quantile: str) -> float:
    """In milliseconds."""
    value, unit = re.search(rf"{quantile} +([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


Results = dict[tuple[str, str], list[float]]


def measure(bench: Bench, contestants: list[Contestant], rounds: int, seconds: float) -> Results:
    """(contestant, figure) -> one value a round."""
    results: Results = defaultdict(list)
    for number in range(rounds):
        for measurement in (_requests, _connections, _alone, _bulk("up"), _bulk("down"), _iperf):
            for one in contestants:
                before, began = sum(map(cpu_seconds, one.pids())), time.monotonic()
                figures, work = measurement(bench, one, seconds)
                spent = sum(map(cpu_seconds, one.pids())) - before
                for name, value in figures.items():
                    results[one.name, name].append(value)
                if work is not None and one.pids():
                    results[one.name, f"cpu a {work[0]}"].append(spent / work[1])
                print(f"{number} {one.name}: {figures} {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return results


Measured = tuple[dict[str, float], tuple[str, float] | None]
"""Figures; what was done, and how often."""


def _requests(bench: Bench, one: Contestant, seconds: float) -> Measured:
    found = bench.wrk(one, seconds, LOADED)
    figures = {"requests": found["rate"], "loaded p50": found["p50"], "loaded p99": found["p99"]}
    return figures, ("request", found["count"])


def _connections(bench: Bench, one: Contestant, seconds: float) -> Measured:
    found = bench.wrk(one, seconds, LOADED, "-H", "Connection: close")
    figures = {"connections": found["rate"], "connecting p50": found["p50"], "connecting p99": found["p99"]}
    return figures, ("connection", found["count"])


def _alone(bench: Bench, one: Contestant, seconds: float) -> Measured:
    found = bench.wrk(one, seconds, ALONE)
    return {"alone p50": found["p50"], "alone p99": found["p99"]}, None


def _bulk(verb: str) -> Callable[[Bench, Contestant, float], Measured]:
    def go(bench: Bench, one: Contestant, seconds: float) -> Measured:
        rate = bench.stream(one, seconds, verb)
        return {verb: rate}, ("gigabyte", rate * seconds / 1e9)

    return go


def _iperf(bench: Bench, one: Contestant, seconds: float) -> Measured:
    return ({}, None) if IPERF not in one.ports else ({"iperf3": bench.iperf(one, seconds)}, None)


def profile(bench: Bench, contestants: list[Contestant]) -> str:
    """Where the time of a new connection goes, for each that has a proxy, as two tables."""
    shares, calls = {}, {}
    for one in contestants:
        if one.pids():

            def load(seconds: float, one: Contestant = one) -> float:
                return bench.wrk(one, seconds, LOADED, "-H", "Connection: close")["count"]

            shares[one.name], calls[one.name] = spent.shares(one.pids(), load), spent.calls(one.pids(), load)
    return "\n\n".join(
        f"{title}\n\n" + "\n".join(_side_by_side(figures, digits))
        for title, figures, digits in (
            ("Parts of the proxy's processor time while it takes new connections, in percent (perf):", shares, 1),
            ("System calls for one connection (strace):", calls, 1),
        )
    )


def _side_by_side(figures: dict[str, dict[str, float]], digits: int) -> Iterator[str]:
    names = list(dict.fromkeys(name for one in figures.values() for name in one))
    lines = [(name, *(f"{one[name]:.{digits}f}" if name in one else "" for one in figures.values())) for name in names]
    return rows(("", *figures), *lines)


# --- tables -------------------------------------------------------------------------------------------------------


def report(results: Results, contestants: list[Contestant], spread: bool) -> str:
    names = [one.name for one in contestants]

    def median(name: str, figure: str) -> float | None:
        values = results.get((name, figure))
        return statistics.median(values) if values else None

    def cell(name: str, figure: str, scale: float, digits: int) -> str:
        value = median(name, figure)
        if value is None:
            return "-"
        text = f"{value * scale:,.{digits}f}"
        values = results[name, figure]
        return f"{text} ({min(values) * scale:,.{digits}f}-{max(values) * scale:,.{digits}f})" if spread else text

    def ratio(name: str, figure: str) -> str:
        value, other = median(name, figure), median("HAProxy", figure)
        return "-" if value is None or not other else f"{value / other:.2f}"

    rates = [("requests", 1, 0), ("connections", 1, 0), ("up", 1e-9, 2), ("down", 1e-9, 2), ("iperf3", 1e-9, 2)]
    head = ("", "requests/s", "new connections/s", "up, GB/s", "down, GB/s", "iperf3, GB/s")
    first = [(name, *(cell(name, *one) for one in rates)) for name in names]
    as_ratio = [(name, *(ratio(name, figure) for figure, *_ in rates)) for name in names]
    times = [f"{load} p{number}" for load in ("alone", "loaded", "connecting") for number in (50, 99)]
    latency = [(name, *(cell(name, figure, 1, 3 if figure.startswith("alone") else 1) for figure in times)) for name in names]
    costs = [("cpu a request", 1e6, 0), ("cpu a connection", 1e6, 0), ("cpu a gigabyte", 1, 2)]
    spent = [
        (one.name, *(cell(one.name, *cost) for cost in costs)) for one in contestants if (one.name, "cpu a request") in results
    ]
    tables = [
        ("Medians:", head, first),
        ("As ratios to HAProxy:", head, as_ratio),
        ("Latency of a request in ms, one connection alone; 32 connections; 32 that are made anew for each request:",
         ("", "alone p50", "p99", "32 kept p50", "p99", "32 new p50", "p99"), latency),
        ("Processor time of the proxy:", ("", "a request, µs", "a connection, µs", "a GB, s"), spent),
    ]  # fmt: skip
    return "\n\n".join(f"{title}\n\n" + "\n".join(rows(top, *lines)) for title, top, lines in tables)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="", help="names of contestants, with | between them")
    parser.add_argument("--spread", action="store_true", help="also the smallest and the largest value of the rounds")
    parser.add_argument("--profile", action="store_true", help="also where the time of new connections goes (perf, strace)")
    options = parser.parse_args()
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if missing or os.geteuid() != 0:
        sys.exit(f"This bench runs as root and needs: {', '.join(NEEDED.values())} (apt-get install {' '.join(missing)}).")
    with running("--dev", "--network", "netns") as system:
        bench = Bench(system)
        try:
            contestants = [one for one in bench.start() if not options.only or one.name in options.only.split("|")]
            results = measure(bench, contestants, options.rounds, options.seconds)
            profiled = profile(bench, contestants) if options.profile else ""
        finally:
            bench.stop()
        version = subprocess.check_output(["haproxy", "-v"], text=True).split()[2]
        print(f"{options.rounds} rounds of {options.seconds:g} s, {bench.workers} workers each, HAProxy {version}.\n")
        print(report(results, contestants, options.spread))
        if options.profile:
            print("\n" + profiled)


if __name__ == "__main__":
    main()
