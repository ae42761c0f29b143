"""A real Envoy on loopback addresses: doors, targets and clients around it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.desired import Cluster, Door
from sidedoor.dataplane.driver import Place
from sidedoor.dataplane.envoy.ads import AdsServer
from sidedoor.dataplane.envoy.process import EnvoyProcess
from sidedoor.dataplane.envoy.resources import CLUSTER, ENDPOINTS, LISTENER, assignment, cluster, listener
from sidedoor.loadbalancers.model import HealthCheck
from sidedoor.settings import CONNECTIONS_PER_TARGET

PATIENCE = 20.0

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]
BALANCER = "balancer/test"
NODE = Place("127.77.0.1", None)
EVERYBODY = Admission(blocks=None, ruled=True)


async def until(holds: Callable[[], Any | Awaitable[Any]]) -> Any:
    """Waits for a condition."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)


def free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def a_door(number: int = 1, **changes: Any) -> Door:
    """A door on an address of its own."""
    address = f"127.78.{number // 250}.{number % 250 + 1}"
    door = Door(
        name=f"vpce-{number:017x}/eni-{number}/80", endpoint_id=f"vpce-{number:017x}", vpc_id="vpc-1",
        interface_id=f"eni-{number}", address=address, port=0, cluster="eni-node/targetgroup/one", idle_timeout=350,
        sticky=False, admission=EVERYBODY,
    )  # fmt: skip
    door = replace(door, **changes)
    return door if door.port else replace(door, port=free_port(door.address))


def a_cluster(**changes: Any) -> Cluster:
    one = Cluster(
        name="eni-node/targetgroup/one", vpc_id="vpc-2", node_interface_id="eni-node", source=NODE.address,
        target_group_id="arn:targetgroup/one", listener_port=80, proxy_protocol=False, sticky=False, check=HealthCheck(),
        candidates=(),
    )  # fmt: skip
    return replace(one, **changes)


@dataclass
class Target:
    """A server that answers what a client sends, with its name in front."""

    name: str
    address: str
    port: int = 0
    peers: list[tuple[str, int]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.append(writer.get_extra_info("peername")[:2])
        writer.write(f"{self.name}\n".encode())
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()


@dataclass
class Flow:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    target: str

    async def echoes(self, text: str) -> bool:
        self.writer.write(f"{text}\n".encode())
        return await asyncio.wait_for(self.reader.readline(), PATIENCE) == f"{text}\n".encode()

    async def ended(self) -> None:
        """Waits until the flow is cut."""
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(self.reader.read(), PATIENCE) == b""


class Stage:
    """An Envoy, the server that configures it, and targets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.changes: list[str] = []
        self._clients: list[asyncio.StreamWriter] = []
        self._servers: list[asyncio.Server] = []
        self._serving: set[asyncio.StreamWriter] = set()
        self._numbers = itertools.count(1)

    def new_agent(self) -> None:
        """What a started agent makes: it knows nothing of the one before it."""
        self.envoy = EnvoyProcess(self.directory / "run", self.directory / "logs", concurrency=2)
        self.ads = AdsServer(self.envoy.ads_path, self.changes.append)

    async def start(self) -> None:
        self.new_agent()
        await self.ads.start()
        self.supervision = asyncio.create_task(self.envoy.run())

    async def kill_agent(self) -> None:
        """Leaves Envoy alone, as SIGKILL of the agent does."""
        self.supervision.cancel()
        await asyncio.gather(self.supervision, return_exceptions=True)
        await self.ads.stop()

    async def close(self) -> None:
        await self.envoy.stop()
        await asyncio.gather(self.supervision, return_exceptions=True)
        await self.ads.stop()
        for writer in self._clients:
            writer.close()
        for server in self._servers:
            server.close()
        await until(lambda: not self._serving)

    async def server(self, address: str, serve: Serve) -> tuple[str, int]:
        """Serves with a coroutine function on a port of its own, which is returned with the address."""

        async def until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._serving.add(writer)
            try:
                with contextlib.suppress(ConnectionError):
                    await serve(reader, writer)
            finally:
                writer.close()
                self._serving.discard(writer)

        server = await asyncio.start_server(until_the_end, address, 0)
        self._servers.append(server)
        host, port = server.sockets[0].getsockname()
        return host, port

    async def target(self, name: str) -> Target:
        target = Target(name, f"127.79.0.{next(self._numbers)}")
        _, target.port = await self.server(target.address, target.serve)
        return target

    async def open(self, door: Door, source: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        local = (source, 0) if source else None
        reader, writer = await asyncio.open_connection(door.address, door.port, local_addr=local)
        self._clients.append(writer)
        return reader, writer

    async def connect(self, door: Door, source: str | None = None) -> Flow:
        """A flow that has reached a target. Raises ``ConnectionResetError`` where it was closed instead."""
        reader, writer = await self.open(door, source)
        name = await asyncio.wait_for(reader.readline(), PATIENCE)
        if not name:
            raise ConnectionResetError
        return Flow(reader, writer, name.decode().strip())

    def balancer(self, *targets: Target, **changes: Any) -> None:
        one = a_cluster(**changes)
        self.ads.set(BALANCER, CLUSTER, {one.name: cluster(one, NODE, CONNECTIONS_PER_TARGET)})
        self.hosts(*targets)

    def hosts(self, *targets: Target) -> None:
        name = a_cluster().name
        self.ads.set(BALANCER, ENDPOINTS, {name: assignment(name, [(one.address, one.port) for one in targets])})

    def endpoint(self, door: Door, *more: Door) -> str:
        owner = f"endpoint/{door.endpoint_id}"
        self.ads.set(
            owner, LISTENER, {one.name: listener(one, Place(one.address, None), one.admission.blocks) for one in (door, *more)}
        )
        return owner

    def no_endpoint(self, door: Door) -> str:
        owner = f"endpoint/{door.endpoint_id}"
        self.ads.set(owner, LISTENER, {})
        return owner

    async def settled(self, *owners: str) -> None:
        for owner in owners:
            await until(lambda owner=owner: self.ads.status(owner).settled)


@contextlib.asynccontextmanager
async def a_stage() -> AsyncIterator[Stage]:
    # A unix socket's path is short, and pytest's own directories are not.
    directory = Path(tempfile.mkdtemp(prefix="sidedoor-envoy-"))
    stage = Stage(directory)
    try:
        await stage.start()
        yield stage
    finally:
        await stage.close()
        shutil.rmtree(directory)


def play(act: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    """Runs a coroutine function on a stage of its own."""

    async def run() -> None:
        async with a_stage() as stage:
            await act(stage)

    asyncio.run(run())
