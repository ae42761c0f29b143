"""The resolvers of this host's VPCs: one pair of sockets each, inside the VPC, on the address that the VPC's workloads ask."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Collection, Mapping

from sidedoor.dataplane.driver import Driver
from sidedoor.names.server import Forward, Resolver
from sidedoor.names.zone import DOMAINS, find, with_parents

log = logging.getLogger(__name__)


class Resolvers:
    """All resolvers, by VPC. ``forward``: takes names that are none of ours to somebody else; None where they are refused."""

    def __init__(self, driver: Driver, forward: Forward | None = None) -> None:
        self._driver, self._forward = driver, forward
        self._serving: dict[str, tuple[str, Resolver]] = {}
        self._names: dict[str, tuple[Mapping[str, tuple[str, ...]], frozenset[str]]] = {}
        self._places: dict[str, dict[str, str]] = {}

    async def serve(self, vpc_id: str, address: str) -> None:
        """Answers on this address of the VPC, unless it does already. Raises ``OSError``, ``DriverError``, ``KeyError``."""
        if vpc_id in self._serving:
            return
        place = (self._driver.locate(vpc_id, address).address, self._driver.resolver_port)
        with contextlib.ExitStack() as unfinished:
            udp = unfinished.enter_context(self._driver.socket(vpc_id, socket.SOCK_DGRAM))
            tcp = unfinished.enter_context(self._driver.socket(vpc_id, socket.SOCK_STREAM))
            udp.bind(place)
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind(place)
            tcp.listen(64)
            unfinished.pop_all()
        resolver = Resolver(udp, tcp, lambda name: self._lookup(vpc_id, name), lambda: self._known(vpc_id)[1], self._forward)
        await resolver.start()
        self._serving[vpc_id] = (address, resolver)

    def teach(self, vpc_id: str, names: Mapping[str, tuple[str, ...]], private: Collection[str] = ()) -> None:
        """The names that the VPC's resolver answers from now on, with addresses as the VPC has them.

        ``private``: the domains that are ours in this VPC alone. To be called too when addresses have got another place: where
        one stands is asked once and then remembered.
        """
        self._places.pop(vpc_id, None)
        if names:
            domains = DOMAINS.union(private)
            self._names[vpc_id] = (with_parents(names, domains), domains)
        else:
            self._names.pop(vpc_id, None)

    def _known(self, vpc_id: str) -> tuple[Mapping[str, tuple[str, ...]], frozenset[str]]:
        return self._names.get(vpc_id, ({}, DOMAINS))

    def _lookup(self, vpc_id: str, name: str) -> tuple[str, ...] | None:
        addresses = find(name, *self._known(vpc_id))
        if addresses is None:
            return None
        return tuple(place for address in addresses if (place := self._place(vpc_id, address)) is not None)

    def _place(self, vpc_id: str, address: str) -> str | None:
        known = self._places.setdefault(vpc_id, {})
        if address not in known:
            try:
                known[address] = self._driver.locate(vpc_id, address).address
            except KeyError:
                return None  # It may get its place at any moment.
        return known[address]

    async def leave(self, vpc_id: str, keep: str | None = None) -> None:
        """Stops answering for a VPC, unless it is on the address to keep. The names stay for the next to serve."""
        serving = self._serving.get(vpc_id)
        if serving is None or serving[0] == keep:
            return
        del self._serving[vpc_id]
        await serving[1].stop()

    async def close(self) -> None:
        for vpc_id in list(self._serving):
            await self.leave(vpc_id)
