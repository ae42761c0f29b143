"""A prober with a clock that the test turns, in a VPC whose addresses are the loopback interface's."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field

from sidedoor.dataplane.desired import Cluster, Host
from sidedoor.dataplane.driver import DriverError, Place
from sidedoor.dataplane.health import Prober
from sidedoor.loadbalancers.model import HealthCheck, HealthState

BALANCER = "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/net/front/0123456789abcdef"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:111111111111:targetgroup/web/0123456789abcdef"
CHECK = HealthCheck(interval=30, timeout=10, healthy_threshold=3, unhealthy_threshold=2)
HEALTHY, UNHEALTHY, INITIAL = HealthState.HEALTHY, HealthState.UNHEALTHY, HealthState.INITIAL


class Hands:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.timeouts: list[tuple[float, asyncio.Timeout]] = []

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self.now + seconds, waiting)
        self.sleepers.append(entry)
        try:
            await waiting
        finally:
            if entry in self.sleepers:
                self.sleepers.remove(entry)

    @contextlib.asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        async with asyncio.timeout(None) as timeout:
            entry = (self.now + seconds, timeout)
            self.timeouts.append(entry)
            try:
                yield
            finally:
                self.timeouts.remove(entry)

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for entry in [one for one in self.sleepers if one[0] <= self.now]:
            self.sleepers.remove(entry)
            entry[1].set_result(None)
        for at, timeout in self.timeouts:
            if at <= self.now:
                timeout.reschedule(asyncio.get_running_loop().time())


@dataclass
class World:
    """A VPC whose addresses are the loopback interface's, and a prober in it."""

    clock: Hands = field(default_factory=Hands)
    changed: list[str] = field(default_factory=list)
    places: dict[str, str] = field(
        default_factory=lambda: {"10.0.0.5": "127.0.0.5", "10.0.1.5": "127.0.0.6", "10.0.0.20": "127.0.0.1"}
    )
    prober: Prober = field(init=False)

    def __post_init__(self) -> None:
        self.prober = Prober(self.open_socket, self.locate, self.changed.append, self.clock)

    def open_socket(self, vpc_id: str) -> socket.socket:
        if vpc_id != "vpc-1":
            raise DriverError(f"there is no {vpc_id}")
        opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        opened.setblocking(False)
        return opened

    def locate(self, vpc_id: str, address: str) -> Place:
        return Place(self.places[address], None)

    def set(self, *clusters: Cluster) -> None:
        self.prober.set(BALANCER, clusters)

    async def settled(self, probes: int = 1) -> None:
        """Waits until that many probes have ended and wait for their next turn."""
        await until(lambda: len(self.clock.sleepers) == probes)

    async def turn(self, probes: int = 1) -> None:
        """Lets an interval pass, in which each probe runs once."""
        self.clock.advance(CHECK.interval)
        await self.settled(probes)

    def state(self, target: Host, node: str = "eni-1") -> HealthState:
        return self.prober.states(node)[target.target]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.001)


def play(scenario: Callable[[World], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        world = World()
        try:
            await scenario(world)
        finally:
            await world.prober.close()
            assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    asyncio.run(run())


def cluster(*candidates: Host, node: str = "eni-1", source: str = "10.0.0.5", check: HealthCheck = CHECK) -> Cluster:
    return Cluster(
        name=f"{node}/targetgroup/web/0123456789abcdef", vpc_id="vpc-1", node_interface_id=node, source=source,
        target_group_id=GROUP, listener_port=8080, proxy_protocol=False, sticky=False, check=check, candidates=candidates,
    )  # fmt: skip


def host(port: int, address: str = "10.0.0.20") -> Host:
    return Host(target=f"{GROUP}|{address}|{port}", address=address, port=port)
