"""The delta ADS server that one Envoy asks: whole wanted sets go in by owner, and what Envoy acknowledged comes out.

Rule 1: an owner is settled when Envoy has acknowledged exactly what the owner wants, and has given up what it wants no longer.
Rule 2: nothing that Envoy has is removed before ``complete()``.
Rule 3: a version is a hash of the resource, so an Envoy that outlived the agent is told only what differs.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from sidedoor.dataplane.envoy.exchange import BY_NAME, TYPES, Exchange, Resource
from sidedoor.dataplane.envoy.packing import packed
from sidedoor.dataplane.envoy.resources import CERTIFICATE

log = logging.getLogger(__name__)

SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
METHOD = "DeltaAggregatedResources"


@dataclass(frozen=True, slots=True)
class Status:
    """``settled``: Envoy has exactly what the owner wants. ``refusal``: what Envoy said to a resource that it did not take."""

    settled: bool
    refusal: str | None = None


@dataclass(slots=True)
class Owner:
    """``leaving``: what Envoy may still have and the owner wants no longer. What Envoy asks for by name leaves with what
    names it.
    """

    wanted: dict[str, set[str]] = field(default_factory=lambda: {type_url: set() for type_url in TYPES})
    leaving: set[tuple[str, str]] = field(default_factory=set)

    def wants(self) -> Iterable[tuple[str, str]]:
        return ((type_url, name) for type_url, names in self.wanted.items() for name in names)

    def wants_nothing(self) -> bool:
        return not any(self.wanted.values())


class AdsServer:
    """All methods run on the event loop. ``on_change(owner)`` is called, soon, when an owner's status may have changed."""

    def __init__(self, path: Path, on_change: Callable[[str], None] = lambda _: None) -> None:
        self.on_change = on_change
        self._path = path
        self._server: Any = None
        self._resources: dict[str, dict[str, Resource]] = {type_url: {} for type_url in TYPES}
        self._owners: dict[str, Owner] = {}
        self._owner_of: dict[tuple[str, str], str] = {}
        self._complete = False
        self._exchange: Exchange | None = None
        self._stream: asyncio.Task[None] | None = None
        self._work = asyncio.Event()

    # --- the server -----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Answers on the unix socket. Raises ``RuntimeError`` where that cannot be bound."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = grpc.stream_stream_rpc_method_handler(
            self._converse,
            request_deserializer=DeltaDiscoveryRequest.FromString,
            response_serializer=DeltaDiscoveryResponse.SerializeToString,
        )
        # An Envoy with thousands of resources names them all in its first request: more than gRPC's 4 MiB.
        self._server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler})])
        self._server.add_insecure_port(f"unix:{self._path}")
        await self._server.start()

    async def stop(self) -> None:
        """Ends the stream. Envoy keeps what it has."""
        if self._server is not None:
            await self._server.stop(grace=None)
            self._server = None

    @property
    def connected(self) -> bool:
        return self._exchange is not None

    # --- what is wanted -------------------------------------------------------------------------------------------

    def set(self, owner: str, type_url: str, resources: Mapping[str, Any]) -> None:
        """All that this owner wants of one type, by name. Raises ``ValueError`` where another owner has one of the names."""
        for name in resources:
            holder = self._owner_of.get((type_url, name), owner)
            if holder != owner:
                raise ValueError(f"{owner} and {holder} both want the {type_url} {name}")
        changed = self._take_in(owner, type_url, {name: _resource(message) for name, message in resources.items()})
        if changed and self._exchange is not None:
            self._exchange.changed(type_url, sorted(changed))
            self._work.set()
        self._forget_what_left(owner)

    def _take_in(self, owner_name: str, type_url: str, resources: Mapping[str, Resource]) -> AbstractSet[str]:
        owner = self._owners.setdefault(owner_name, Owner())
        table = self._resources[type_url]
        dropped = owner.wanted[type_url] - resources.keys()
        changed = {name for name, resource in resources.items() if table.get(name) != resource}
        for name in dropped:
            del table[name]
            if type_url in BY_NAME:
                del self._owner_of[type_url, name]
            else:
                owner.leaving.add((type_url, name))
        for name in resources:
            self._owner_of[type_url, name] = owner_name
            owner.leaving.discard((type_url, name))
        table.update(resources)
        owner.wanted[type_url] = set(resources)
        return changed | dropped

    def complete(self) -> None:
        """The first whole wanted set was given: from now on what nobody wants is removed from Envoy."""
        if self._complete:
            return
        self._complete = True
        if self._exchange is not None:
            self._exchange.allow_removals()
            self._work.set()
        self._notify(list(self._owners))

    def retry(self, owner: str) -> None:
        """Asks Envoy again about what it refused: the port that was taken may be free now."""
        if self._exchange is not None and owner in self._owners:
            for type_url, name in self._owners[owner].wants():
                self._exchange.retry(type_url, name)
            self._work.set()

    # --- what is ---------------------------------------------------------------------------------------------------

    def status(self, owner: str) -> Status:
        exchange, known = self._exchange, self._owners.get(owner) or Owner()
        if exchange is None:
            return Status(settled=False)
        settled = all(exchange.gone(type_url, name) for type_url, name in known.leaving)
        if known.wants_nothing():
            return Status(settled=settled and self._complete and not exchange.has_strangers())
        for type_url, name in known.wants():
            version = self._resources[type_url][name].version
            refused = exchange.refusal(type_url, name)
            if refused is not None and refused.version == version:
                return Status(settled=False, refusal=refused.message.strip())
            if type_url != CERTIFICATE or exchange.asked(type_url, name):
                settled = settled and exchange.confirmed(type_url, name) == version
        return Status(settled=settled)

    def confirmed(self, type_url: str, names: Iterable[str]) -> bool:
        """Whether Envoy has acknowledged these resources as they are wanted.

        A listener is acknowledged before Envoy asks for the secrets that it names.
        """
        table, exchange = self._resources[type_url], self._exchange
        return exchange is not None and all(
            name in table and exchange.confirmed(type_url, name) == table[name].version for name in names
        )

    def _notify(self, owners: Iterable[str]) -> None:
        loop = asyncio.get_running_loop()
        for owner in sorted(owners):
            self._forget_what_left(owner)
            loop.call_soon(self.on_change, owner)

    def _forget_what_left(self, owner_name: str) -> None:
        owner = self._owners[owner_name]
        if self._exchange is None:
            return
        for type_url, name in [one for one in owner.leaving if self._exchange.gone(*one)]:
            owner.leaving.discard((type_url, name))
            del self._owner_of[type_url, name]
        if owner.wants_nothing() and self.status(owner_name).settled:
            del self._owners[owner_name]

    # --- the stream -------------------------------------------------------------------------------------------------

    async def _converse(self, requests: AsyncIterator[Any], context: Any) -> None:
        """One stream's whole life. A newer stream takes over from an older one: there is one Envoy."""
        if self._stream is not None:
            self._stream.cancel()
        self._stream = asyncio.current_task()
        self._exchange = exchange = Exchange(self._resources, removals=self._complete)
        self._work = work = asyncio.Event()
        log.info("Envoy connected", extra={"action": "ads.connected"})
        self._notify(list(self._owners))
        try:
            await self._talk(exchange, work, requests, context)
        except asyncio.CancelledError:
            if exchange is self._exchange:
                raise
            await context.abort(grpc.StatusCode.ABORTED, "a newer stream took over")
        finally:
            self._lose(exchange)

    async def _talk(self, exchange: Exchange, work: asyncio.Event, requests: AsyncIterator[Any], context: Any) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(_write(exchange, work, context))
                async for request in requests:
                    self._hear(exchange, request)
                    work.set()
                writer.cancel()
        except* grpc.aio.BaseError as error:
            log.debug("the stream to Envoy broke: %s", error.exceptions, extra={"action": "ads.broken"})

    def _hear(self, exchange: Exchange, request: Any) -> None:
        had_strangers = exchange.has_strangers()
        touched = exchange.receive(request)
        if request.error_detail.code:
            log.warning("Envoy refused: %s", request.error_detail.message.strip(), extra={"action": "ads.refused"})
        if exchange is not self._exchange:
            return
        if touched is None or had_strangers != exchange.has_strangers():
            self._notify(list(self._owners))
        else:
            owners = {self._owner_of.get((request.type_url, name)) for name in touched}
            self._notify(one for one in owners if one is not None)

    def _lose(self, exchange: Exchange) -> None:
        if exchange is self._exchange:
            log.info("Envoy disconnected", extra={"action": "ads.disconnected"})
            self._exchange = self._stream = None
            self._notify(list(self._owners))


async def _write(exchange: Exchange, work: asyncio.Event, context: Any) -> None:
    """Sends what there is to send whenever there may be something."""
    while True:
        await work.wait()
        work.clear()
        while (response := exchange.next_response()) is not None:
            await context.write(response)


def _resource(message: Any) -> Resource:
    body = packed(message)
    return Resource(version=hashlib.sha256(body.value).hexdigest()[:16], body=body)
