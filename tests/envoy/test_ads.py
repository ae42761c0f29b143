"""The ADS server, asked over its socket by a client that speaks delta ADS as Envoy does."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from envoy.service.discovery.v3.ads_pb2_grpc import AggregatedDiscoveryServiceStub
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from envoy_stage import PATIENCE, until
from google.protobuf.wrappers_pb2 import StringValue

from sidedoor.dataplane.envoy.ads import AdsServer, Status
from sidedoor.dataplane.envoy.resources import CERTIFICATE, CLUSTER, LISTENER

SETTLED = Status(settled=True)
UNSETTLED = Status(settled=False)


class Client:
    """One stream to the server, driven step by step."""

    def __init__(self, path: Path) -> None:
        self._channel = grpc.aio.insecure_channel(f"unix:{path}")
        self.stream = AggregatedDiscoveryServiceStub(self._channel).DeltaAggregatedResources()

    async def ask(self, type_url: str, has: Mapping[str, str] | None = None) -> None:
        await self.stream.write(DeltaDiscoveryRequest(type_url=type_url, initial_resource_versions=has or {}))

    async def read(self) -> Any:
        return await asyncio.wait_for(self.stream.read(), PATIENCE)

    async def acknowledge(self, response: Any) -> None:
        await self.stream.write(DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce))

    async def refuse(self, response: Any, message: str) -> None:
        request = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        request.error_detail.code = 3
        request.error_detail.message = message
        await self.stream.write(request)

    async def begin(self, **listeners: str) -> None:
        """Asks for clusters and listeners, and takes the empty answers."""
        await self.ask(CLUSTER)
        await self.acknowledge(await self.read())
        await self.ask(LISTENER, listeners)

    async def close(self) -> None:
        await self._channel.close()


@contextlib.asynccontextmanager
async def a_client(path: Path) -> AsyncIterator[Client]:
    client = Client(path)
    try:
        yield client
    finally:
        await client.close()


Act = Callable[[AdsServer, Path], Coroutine[Any, Any, None]]


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sidedoor-envoy-") as directory:
        yield Path(directory) / "xds.sock"


def play(path: Path, act: Act) -> None:
    async def run() -> None:
        server = AdsServer(path)
        await server.start()
        try:
            await act(server, path)
        finally:
            await server.stop()

    asyncio.run(run())


def message(text: str) -> Any:
    return StringValue(value=text)


def version_of(response: Any) -> dict[str, str]:
    return {one.name: one.version for one in response.resources}


def test_an_owner_is_settled_when_its_exact_version_is_acknowledged(path: Path) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        changes: list[str] = []
        server.on_change = changes.append
        server.set("a", LISTENER, {"door": message("1")})
        assert server.status("a") == UNSETTLED
        async with a_client(path) as client:
            await client.begin()
            response = await client.read()
            assert server.status("a") == UNSETTLED
            changes.clear()
            await client.acknowledge(response)
            await until(lambda: server.status("a") == SETTLED)
            await until(lambda: changes == ["a"])
            server.set("a", LISTENER, {"door": message("2")})
            assert server.status("a") == UNSETTLED
            assert version_of(await client.read()) != version_of(response)

    play(path, act)


def test_a_refusal_says_what_envoy_said_and_leaves_other_owners_alone(path: Path) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        server.set("good", LISTENER, {"good": message("1")})
        server.set("bad", LISTENER, {"bad": message("1")})
        async with a_client(path) as client:
            await client.begin()
            await client.refuse(await client.read(), "something is bad")
            for _ in range(2):
                response = await client.read()
                assert len(response.resources) == 1
                if response.resources[0].name == "bad":
                    await client.refuse(response, "cannot bind 10.0.0.5:80\n")
                else:
                    await client.acknowledge(response)
            await until(lambda: server.status("good") == SETTLED)
            await until(lambda: server.status("bad") == Status(settled=False, refusal="cannot bind 10.0.0.5:80"))
            server.retry("bad")
            await client.acknowledge(await client.read())
            await until(lambda: server.status("bad") == SETTLED)

    play(path, act)


def test_a_removal_is_settled_when_it_is_acknowledged(path: Path) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        changes: list[str] = []
        server.on_change = changes.append
        server.complete()
        server.set("a", LISTENER, {"door": message("1"), "kept": message("1")})
        async with a_client(path) as client:
            await client.begin()
            await client.acknowledge(await client.read())
            await until(lambda: server.status("a") == SETTLED)
            server.set("a", LISTENER, {"kept": message("1")})
            assert server.status("a") == UNSETTLED
            response = await client.read()
            assert list(response.removed_resources) == ["door"]
            await client.acknowledge(response)
            await until(lambda: server.status("a") == SETTLED)
            server.set("a", LISTENER, {})
            response = await client.read()
            changes.clear()
            await client.acknowledge(response)
            await until(lambda: changes == ["a"])
            assert server.status("a") == SETTLED

    play(path, act)


def test_an_owner_of_nothing_is_settled_only_when_envoy_has_nothing_unknown(path: Path) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        changes: list[str] = []
        server.on_change = changes.append
        server.set("rejected", LISTENER, {})
        assert server.status("rejected") == UNSETTLED
        async with a_client(path) as client:
            await client.begin(**{"left by an earlier agent": "1"})
            await until(lambda: server.connected)
            assert server.status("rejected") == UNSETTLED
            server.complete()
            response = await client.read()
            assert list(response.removed_resources) == ["left by an earlier agent"]
            assert server.status("rejected") == UNSETTLED
            changes.clear()
            await client.acknowledge(response)
            await until(lambda: "rejected" in changes)
            assert server.status("rejected") == SETTLED

    play(path, act)


def test_an_envoy_that_has_the_same_version_settles_without_a_push(path: Path) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        server.set("a", LISTENER, {"door": message("1")})
        async with a_client(path) as client:
            await client.begin()
            response = await client.read()
            await client.acknowledge(response)
            await until(lambda: server.status("a") == SETTLED)
        await until(lambda: not server.connected)
        assert server.status("a") == UNSETTLED
        async with a_client(path) as client:
            await client.begin(**version_of(response))
            await until(lambda: server.status("a") == SETTLED)

    play(path, act)


def test_a_crashed_envoy_is_told_everything_again(path: Path) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        server.set("a", LISTENER, {"door": message("1")})
        for _ in range(2):
            async with a_client(path) as client:
                await client.begin()
                response = await client.read()
                assert server.status("a") == UNSETTLED
                await client.acknowledge(response)
                await until(lambda: server.status("a") == SETTLED)
            await until(lambda: not server.connected)

    play(path, act)


def test_a_newer_stream_takes_over_from_an_older_one(path: Path) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        server.set("a", LISTENER, {"door": message("1")})
        async with a_client(path) as older:
            await older.begin()
            await older.acknowledge(await older.read())
            await until(lambda: server.status("a") == SETTLED)
            async with a_client(path) as newer:
                await newer.begin()
                response = await newer.read()
                assert server.status("a") == UNSETTLED
                assert await older.stream.code() is grpc.StatusCode.ABORTED
                await newer.acknowledge(response)
                await until(lambda: server.status("a") == SETTLED)

    play(path, act)


def test_certificates_are_confirmed_when_envoy_has_them_and_nobody_waits_for_those_that_it_does_not_ask_for(
    path: Path,
) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        server.set("balancer/a", CERTIFICATE, {"web": message("one"), "unused": message("two")})
        async with a_client(path) as client:
            await client.begin()
            await client.acknowledge(await client.read())
            await until(lambda: server.status("balancer/a") == SETTLED)
            assert not server.confirmed(CERTIFICATE, ["web"])
            request = DeltaDiscoveryRequest(type_url=CERTIFICATE, resource_names_subscribe=["web"])
            await client.stream.write(request)
            response = await client.read()
            assert set(version_of(response)) == {"web"}
            assert server.status("balancer/a") == UNSETTLED
            await client.acknowledge(response)
            await until(lambda: server.confirmed(CERTIFICATE, ["web"]))
            assert server.status("balancer/a") == SETTLED
            server.set("balancer/a", CERTIFICATE, {"web": message("newer")})
            assert not server.confirmed(CERTIFICATE, ["web"])
            assert set(version_of(await client.read())) == {"web"}

    play(path, act)


def test_two_owners_cannot_want_one_name(path: Path) -> None:
    async def act(server: AdsServer, path: Path) -> None:
        server.set("a", LISTENER, {"door": message("1")})
        with pytest.raises(ValueError, match="a both want"):
            server.set("b", LISTENER, {"door": message("2")})
        server.set("b", CLUSTER, {"door": message("2")})

    play(path, act)
