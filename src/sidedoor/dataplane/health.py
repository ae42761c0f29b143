"""Probes the targets of load balancers from their nodes' addresses, and says which of them may get connections.

Rule 1: a target passes when it accepts a TCP connection in time, and where its check is HTTP or HTTPS answers over it with
a status that the matcher has. What cannot be probed has failed. Where the group has PROXY protocol on, every check begins with
a header.
Rule 2: verdicts are per node, as each node of an NLB checks for itself; a report to people takes the worst of them.
Rule 3: everything here runs on one event loop; time comes from the clock that is passed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from sidedoor.dataplane import http_check, source_ports
from sidedoor.dataplane.desired import Cluster, Host
from sidedoor.dataplane.driver import DriverError, Place
from sidedoor.loadbalancers.model import Failure, HealthCheck, HealthReason, HealthState, Verdict

TRAFFIC_PORT = "traffic-port"

AT_ONE_TIME = 200
"""Connection attempts under way at one time."""

SPREAD = 0.25
"""Up to this part of the first interval is left out, so that probes which began together do not stay together."""

WORST_FIRST = (
    HealthState.UNHEALTHY, HealthState.UNHEALTHY_DRAINING, HealthState.INITIAL, HealthState.HEALTHY, HealthState.UNAVAILABLE
)  # fmt: skip

log = logging.getLogger(__name__)

OpenSocket = Callable[[str], socket.socket]
"""VPC id -> a new non-blocking TCP socket inside that VPC. Raises ``DriverError`` or ``OSError``."""

Locate = Callable[[str, str], Place]
"""VPC id, address -> where that address really is. Raises ``KeyError`` where it is nowhere."""


class Clock(Protocol):
    def time(self) -> float:
        """Seconds that only ever grow."""

    async def sleep(self, seconds: float) -> None:
        """Comes back after that many seconds."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raises ``TimeoutError`` in its block after that many seconds."""


class MonotonicClock:
    """The real one."""

    def time(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(seconds)


@dataclass(frozen=True, slots=True)
class Probe:
    """One node's check of one target. While what it is about stays the same (all but the last two), its verdict goes on.

    ``host``: what an HTTP request calls the server; the node's address and the listener's port, not the target's own
    (NLB guide, "Health checks for your target groups"). ``draining``: seconds from turning unhealthy to being unhealthy.
    """

    vpc_id: str
    node_interface_id: str
    source: str
    target_group_id: str
    target: Host
    check: HealthCheck
    proxy_protocol: bool
    host: str = field(compare=False)
    draining: int = field(default=0, compare=False)

    @property
    def port(self) -> int:
        return self.target.port if self.check.port == TRAFFIC_PORT else int(self.check.port)

    @property
    def phase(self) -> float:
        """A number from 0 to 1 that is the same for the same node and target at each start."""
        return zlib.crc32(f"{self.node_interface_id} {self.target.target}".encode()) / 2**32


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetReport:
    """What is known of a target over all nodes of its load balancer."""

    target_id: str
    target_group_id: str
    state: HealthState
    reason: HealthReason | None
    codes: tuple[int, ...] = ()


@dataclass(slots=True)
class _Watch:
    """A probe with what it found so far and the task that goes on probing (None where health checks are off).

    ``draining_until``: while a target that turned unhealthy has its interval; None afterwards, and where it has none.
    """

    probe: Probe
    verdict: Verdict
    task: asyncio.Task[None] | None = None
    draining_until: float | None = None

    @property
    def state(self) -> HealthState:
        return self.verdict.state if self.draining_until is None else HealthState.UNHEALTHY_DRAINING

    @property
    def found(self) -> tuple[HealthState, HealthReason | None, int | None]:
        return self.state, self.verdict.reason, self.verdict.code

    def take(self, verdict: Verdict, now: float) -> None:
        """Takes in what one more probe led to."""
        turned = verdict.state is not self.verdict.state
        self.verdict = verdict
        if verdict.state is not HealthState.UNHEALTHY:
            self.draining_until = None
        elif turned and self.probe.draining:
            self.draining_until = now + self.probe.draining


class Prober:
    """All probes of a host. ``on_change(balancer_id)`` is called when a probe changed what is known of a target."""

    def __init__(
        self, open_socket: OpenSocket, locate: Locate, on_change: Callable[[str], None], clock: Clock | None = None
    ) -> None:
        self._open_socket, self._locate, self._on_change = open_socket, locate, on_change
        self._clock: Clock = clock or MonotonicClock()
        self._slots = asyncio.Semaphore(AT_ONE_TIME)
        self._watches: dict[str, dict[str, _Watch]] = {}
        self._nodes_of: dict[str, tuple[str, ...]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def set(self, balancer_id: str, clusters: Iterable[Cluster]) -> None:
        """Replaces a load balancer's probes; the ones that stay keep their verdicts. Without clusters it has none.

        Calls ``on_change`` for none of this: the caller knows that it has to look again.
        """
        wanted = _probes(clusters)
        for node_id in {*self._nodes_of.pop(balancer_id, ()), *wanted}:
            self._set_node(balancer_id, node_id, wanted.get(node_id, {}))
        if wanted:
            self._nodes_of[balancer_id] = tuple(sorted(wanted))

    def states(self, node_interface_id: str) -> Mapping[str, HealthState]:
        """What a node found, by target id. Targets whose health checks are off are left out: they get connections."""
        watches = self._watches.get(node_interface_id, {})
        return {target: watch.state for target, watch in watches.items() if watch.task is not None}

    def report(self, balancer_id: str) -> tuple[TargetReport, ...]:
        """The load balancer's targets, each with the worst that one of its nodes found, in the order of their ids."""
        found: dict[str, list[_Watch]] = {}
        for node_id in self._nodes_of.get(balancer_id, ()):
            for target, watch in self._watches[node_id].items():
                found.setdefault(target, []).append(watch)
        return tuple(_worst(target, found[target]) for target in sorted(found))

    async def run(self) -> None:
        """Comes back only when it is cancelled, and then leaves no probe behind."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await self.close()

    async def close(self) -> None:
        """Ends every probe and waits until all of their sockets are closed."""
        for balancer_id in list(self._nodes_of):
            self.set(balancer_id, ())
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _set_node(self, balancer_id: str, node_id: str, wanted: Mapping[str, Probe]) -> None:
        before, after = self._watches.pop(node_id, {}), {}
        for target, probe in wanted.items():
            kept = before.get(target)
            if kept is not None and kept.probe == probe:
                kept.probe = probe
                after[target] = before.pop(target)
            else:
                after[target] = self._begin(balancer_id, probe)
        for watch in before.values():
            self._end(watch)
        if after:
            self._watches[node_id] = after

    def _begin(self, balancer_id: str, probe: Probe) -> _Watch:
        if not probe.check.enabled:
            return _Watch(probe, Verdict(state=HealthState.UNAVAILABLE, reason=HealthReason.DISABLED))
        watch = _Watch(probe, Verdict())
        watch.task = asyncio.get_running_loop().create_task(self._go_on(balancer_id, watch))
        return watch

    def _end(self, watch: _Watch) -> None:
        if watch.task is not None:
            watch.task.cancel()
            self._ending.add(watch.task)
            watch.task.add_done_callback(self._ending.discard)

    async def _go_on(self, balancer_id: str, watch: _Watch) -> None:
        """Probes at once and then once an interval, counted from start to start, until it is cancelled."""
        probe, clock = watch.probe, self._clock
        due = clock.time() - probe.check.interval * SPREAD * probe.phase
        while True:
            try:
                await self._look(balancer_id, watch)
            except Exception:
                log.exception("a probe of %s broke", probe.target.target, extra={"action": "health.broken"})
            due = max(due + probe.check.interval, clock.time())
            if watch.draining_until is not None and watch.draining_until < due:
                await clock.sleep(max(0, watch.draining_until - clock.time()))
                watch.draining_until = None
                self._tell(balancer_id, watch)
            await clock.sleep(due - clock.time())

    async def _look(self, balancer_id: str, watch: _Watch) -> None:
        """One probe, and what follows from it."""
        async with self._slots:
            failure = await self._failure(watch.probe)
        before = watch.found
        watch.take(watch.verdict.after(failure, watch.probe.check), self._clock.time())
        if watch.found != before:
            self._tell(balancer_id, watch)

    def _tell(self, balancer_id: str, watch: _Watch) -> None:
        log.info("%s", _sentence(watch), extra={"action": "health.changed"})
        self._on_change(balancer_id)

    async def _failure(self, probe: Probe) -> Failure | None:
        """Probes once: None where the target passed, else why it failed."""
        try:
            source = self._locate(probe.vpc_id, probe.source).address
            target = self._locate(probe.vpc_id, probe.target.address).address
            with self._open_socket(probe.vpc_id) as attempt:
                source_ports.bind_for_probe(attempt, source)
                async with self._clock.timeout(probe.check.timeout):
                    await asyncio.get_running_loop().sock_connect(attempt, (target, probe.port))
                    return await _failure_of_answer(probe, attempt)
        except TimeoutError:
            return Failure(HealthReason.TIMEOUT)
        except (OSError, KeyError, DriverError, http_check.NoAnswer) as error:
            log.debug("%s failed a probe: %s", probe.target.target, error, extra={"action": "health.probe_failed"})
            return Failure(HealthReason.FAILED_CHECKS)


async def _failure_of_answer(probe: Probe, connected: socket.socket) -> Failure | None:
    """What is said over a connection: a header where the group wants it, and a question where its check asks one.

    A TCP check has passed with the connection, whatever becomes of the header.
    """
    check, of_http = probe.check, probe.check.protocol in ("HTTP", "HTTPS")
    if probe.proxy_protocol:
        with contextlib.nullcontext() if of_http else contextlib.suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(connected, http_check.PROXY_PROTOCOL_LOCAL)
    if not of_http:
        return None
    code = await http_check.status(connected, path=check.path or "/", host=probe.host, tls=check.protocol == "HTTPS")
    return None if check.accepts(code) else Failure(HealthReason.MISMATCH, code)


def _probes(clusters: Iterable[Cluster]) -> dict[str, dict[str, Probe]]:
    """Node interface id -> target id -> probe."""
    probes: dict[str, dict[str, Probe]] = {}
    for cluster in clusters:
        for host in cluster.candidates:
            probes.setdefault(cluster.node_interface_id, {})[host.target] = Probe(
                vpc_id=cluster.vpc_id,
                node_interface_id=cluster.node_interface_id,
                source=cluster.source,
                target_group_id=cluster.target_group_id,
                target=host,
                check=cluster.check,
                proxy_protocol=cluster.proxy_protocol,
                host=f"{cluster.source}:{cluster.listener_port}",
                draining=cluster.unhealthy_draining,
            )
    return probes


def _worst(target: str, watches: list[_Watch]) -> TargetReport:
    worst = min(watches, key=lambda watch: WORST_FIRST.index(watch.state))
    state, reason, _ = worst.found
    codes = {watch.verdict.code for watch in watches if watch.found[:2] == (state, reason)}
    return TargetReport(
        target_id=target, target_group_id=worst.probe.target_group_id, state=state, reason=reason,
        codes=tuple(sorted(code for code in codes if code is not None)),
    )  # fmt: skip


def _sentence(watch: _Watch) -> str:
    state, reason, _ = watch.found
    return f"{watch.probe.target.target} is {state}{f' ({reason})' if reason else ''} for {watch.probe.source}"
