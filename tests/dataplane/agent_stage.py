"""An agent on a stage: a dict for a kernel, a program that speaks delta ADS as Envoy does, a list for a control plane."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.message
import dns.rcode
import grpc.aio
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceStub
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from records import AT

from sidedoor import codec
from sidedoor.dataplane.agent import Agent
from sidedoor.dataplane.cache import Cache
from sidedoor.dataplane.desired import Network
from sidedoor.dataplane.envoy.ads import AdsServer
from sidedoor.dataplane.envoy.resources import CLUSTER, ENDPOINTS, LISTENER
from sidedoor.dataplane.feed import Batch
from sidedoor.dataplane.memory import MemoryDriver
from sidedoor.dataplane.plan import Step
from sidedoor.dataplane.reports import Reports

PATIENCE = 20.0


async def until(holds: Callable[[], Any]) -> None:
    """Waits for a condition."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.002)


class Kernel(MemoryDriver):
    """The memory placement, which notes what it is asked, and can be told to fail and to wait.

    ``fails``: VPC id -> the error that its next steps meet. ``gate``: steps wait until it is open.
    """

    def __init__(self, events: list[tuple[str, ...]]) -> None:
        super().__init__()
        self.fails: dict[str, Exception] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.observed: list[str] = []
        self.resolvers: dict[str, socket.socket] = {}
        self._events = events

    def observe(self, vpc_id: str) -> Network | None:
        self.observed.append(vpc_id)
        return super().observe(vpc_id)

    def apply(self, steps: Sequence[Step]) -> None:
        self.gate.wait(PATIENCE)
        for step in steps:
            if step.vpc_id in self.fails:
                raise self.fails[step.vpc_id]
        super().apply(steps)

    def socket(self, vpc_id: str, kind: socket.SocketKind) -> socket.socket:
        made = super().socket(vpc_id, kind)
        if kind is socket.SOCK_DGRAM:
            self.resolvers[vpc_id] = made
        return made

    def cut(self, vpc_id: str, address: str) -> None:
        self._events.append(("cut", vpc_id, address))

    def reset(self, vpc_id: str, source: str, peers: Collection[tuple[str, int]], holder: int | None) -> int:
        self._events.append(("reset", vpc_id, source, *(f"{address}:{port}" for address, port in sorted(peers))))
        return len(peers)


class Envoy:
    """Takes what it is sent, and keeps it, also from one agent to the next.

    ``refuses``: what it says to the resources of which it does not take a new version. ``answers``: while clear, it has heard
    and says nothing yet. ``events``: what it acknowledged, in order.
    """

    def __init__(self, path: Path, events: list[tuple[str, ...]]) -> None:
        self.has: dict[str, dict[str, Any]] = {CLUSTER: {}, ENDPOINTS: {}, LISTENER: {}}
        self.refuses: dict[str, str] = {}
        self.answers = asyncio.Event()
        self.answers.set()
        self.heard: list[str] = []
        self._path = path
        self._events = events

    @property
    def doors(self) -> set[str]:
        return set(self.has[LISTENER])

    def hosts(self, cluster: str) -> set[int]:
        """The ports to which a cluster's connections go."""
        assignment = ClusterLoadAssignment()
        if cluster in self.has[ENDPOINTS]:
            self.has[ENDPOINTS][cluster].resource.Unpack(assignment)
        hosts = [host.endpoint.address.socket_address for place in assignment.endpoints for host in place.lb_endpoints]
        return {host.port_value for host in hosts}

    async def run(self) -> None:
        """Speaks to one agent after the other."""
        while True:
            async with grpc.aio.insecure_channel(f"unix:{self._path}") as channel:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await self._converse(AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources())
            await asyncio.sleep(0.01)

    async def _converse(self, stream: Any) -> None:
        for type_url in (CLUSTER, LISTENER):
            versions = {name: one.version for name, one in self.has[type_url].items()}
            await stream.write(DeltaDiscoveryRequest(type_url=type_url, initial_resource_versions=versions))
        asked: set[str] = set()
        await self._ask_for_hosts(stream, asked)
        while (response := await stream.read()) is not grpc.aio.EOF:
            self.heard += [one.name for one in response.resources]
            if response.resources or response.removed_resources:
                await self.answers.wait()
            await stream.write(self._answer(response))
            await self._ask_for_hosts(stream, asked)

    def _answer(self, response: Any) -> Any:
        answer = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        refused = [self.refuses[one.name] for one in response.resources if one.name in self.refuses]
        if refused:
            answer.error_detail.code, answer.error_detail.message = 3, "; ".join(refused)
            return answer
        for one in response.resources:
            self.has[response.type_url][one.name] = one
            self._events.append(("took", one.name))
        for name in response.removed_resources:
            self.has[response.type_url].pop(name, None)
            self._events.append(("gave up", name))
        return answer

    async def _ask_for_hosts(self, stream: Any, asked: set[str]) -> None:
        clusters = set(self.has[CLUSTER])
        if clusters != asked:
            request = DeltaDiscoveryRequest(
                type_url=ENDPOINTS,
                resource_names_subscribe=sorted(clusters - asked),
                resource_names_unsubscribe=sorted(asked - clusters),
            )
            await stream.write(request)
            for name in asked - clusters:
                self.has[ENDPOINTS].pop(name, None)
            asked.clear()
            asked.update(clusters)


class Stage:
    """An agent and what is around it."""

    def __init__(self, directory: Path, pending_seconds: float) -> None:
        self.events: list[tuple[str, ...]] = []
        self.kernel = Kernel(self.events)
        self.envoy = Envoy(directory / "xds.sock", self.events)
        self.bodies: list[dict[str, Any]] = []
        self.last_seen: list[frozenset[str]] = []
        self.cache = Cache(directory / "agent.db")
        self.revision = 0
        ads = AdsServer(directory / "xds.sock", on_change=lambda owner: self.agent.envoy_changed(owner))
        self.ads = ads
        self._reports = Reports(self._send)
        self.now = AT
        self.agent = Agent(
            self.kernel, ads, self.cache, self._reports, pending_seconds=pending_seconds, now=lambda: self.now,
            before_closing=self._before_closing,
        )  # fmt: skip
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.agent.load()
        await self.ads.start()
        parts = (self.agent.run(), self._reports.run(), self.envoy.run())
        self._tasks = [asyncio.create_task(part) for part in parts]

    async def close(self) -> None:
        """Ends the agent, which must still be alive."""
        self.kernel.gate.set()
        alive = [not task.done() for task in self._tasks]
        for task in self._tasks:
            task.cancel()
        ends = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.agent.close()
        await self.ads.stop()
        self.cache.close()
        assert all(alive), ends

    async def _before_closing(self) -> None:
        """Where the agent reads the counters of doors that are about to close."""
        self.last_seen.append(frozenset(self.envoy.doors))

    async def _send(self, body: dict[str, Any]) -> None:
        self.bodies.append(body)

    # --- the control plane ----------------------------------------------------------------------------------------

    async def tell(self, *records: tuple[str, Any], gone: Sequence[tuple[str, str]] = (), complete: bool = False) -> None:
        """Hands the agent a batch: (kind, record) for what there is, (kind, id) for what is gone."""
        self.revision += 1
        changes = [*(change(kind, record) for kind, record in records), *((kind, one, None) for kind, one in gone)]
        await self.agent.handle(Batch(self.revision, complete, tuple(changes)))

    async def applied(self) -> None:
        """Waits until the agent has looked at everything that it was told."""
        await until(lambda: any(body["revision"] == self.revision for body in self.bodies))

    def said_of(self, endpoint_id: str) -> list[tuple[str, int, str]]:
        """The reports of an endpoint: status, generation, message."""
        reports = [one for body in self.bodies for one in body["endpoints"] if one["id"] == endpoint_id]
        return [(one["status"], one["generation"], one["message"]) for one in reports]

    def states_of_targets(self) -> dict[str, str]:
        return {one["id"]: one["state"] for body in self.bodies for one in body["targets"]}

    # --- a workload -----------------------------------------------------------------------------------------------

    async def resolve(self, vpc_id: str, name: str) -> list[str] | None:
        """What the VPC's resolver answers: addresses, or None where it knows no such name."""
        port = self.kernel.resolvers[vpc_id].getsockname()[1]
        reply = await dns.asyncquery.udp(dns.message.make_query(name, "A"), "127.0.0.1", PATIENCE, port)
        if reply.rcode() != dns.rcode.NOERROR:
            return None
        return [str(address) for answer in reply.answer for address in answer]


def change(kind: str, record: Any) -> tuple[str, str, Any]:
    return kind, record.id, codec.to_document(record)


def snapshot(records: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(kind, record) for kind, of_kind in records.items() for record in of_kind]


Act = Callable[[Stage], Awaitable[None]]


@contextlib.asynccontextmanager
async def a_stage(pending_seconds: float = 0.0) -> AsyncIterator[Stage]:
    """A stage whose agent is yet to be started; one that was, is ended."""
    # A Unix socket's path is short, and pytest's own directories are not.
    directory = Path(tempfile.mkdtemp(prefix="sidedoor-agent-"))
    stage = Stage(directory, pending_seconds)
    try:
        yield stage
    finally:
        await stage.close()
        shutil.rmtree(directory)


def play(act: Act, *, pending_seconds: float = 0.0) -> None:
    """Runs a coroutine function on a stage with a started agent."""

    async def run() -> None:
        async with a_stage(pending_seconds) as stage:
            await stage.start()
            await act(stage)

    asyncio.run(run())
