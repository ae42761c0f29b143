"""The resolvers of VPCs: where an address stands is asked once, and again when there is something new to know."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.message

from sidedoor.dataplane.desired import Network, Segment
from sidedoor.dataplane.driver import Place
from sidedoor.dataplane.memory import MemoryDriver
from sidedoor.dataplane.plan import plan
from sidedoor.dataplane.resolvers import Resolvers

VPC, NAME = "vpc-0000000000000000a", "one.vpce.amazonaws.com"
SEGMENT = Segment(subnet_id="subnet-0", cidr="10.0.0.0/24", gateway="10.0.0.1", addresses=("10.0.0.10",), workloads=())
NETWORK = Network(vpc_id=VPC, cidr="10.0.0.0/16", resolver="10.0.0.2", segments=(SEGMENT,))


class Moving(MemoryDriver):
    """The addresses of endpoints stand where one says. ``asked``: how often somebody wanted to know."""

    asked = 0
    place: str | None = "127.0.0.7"
    resolver: socket.socket

    def locate(self, vpc_id: str, address: str) -> Place:
        if address == NETWORK.resolver:
            return super().locate(vpc_id, address)
        self.asked += 1
        if self.place is None:
            raise KeyError(address)
        return Place(self.place, None)

    def socket(self, vpc_id: str, kind: socket.SocketKind) -> socket.socket:
        made = super().socket(vpc_id, kind)
        if kind is socket.SOCK_DGRAM:
            self.resolver = made
        return made


@contextlib.asynccontextmanager
async def a_resolver(driver: Moving) -> AsyncIterator[Resolvers]:
    driver.apply(plan(NETWORK, None))
    resolvers = Resolvers(driver)
    resolvers.teach(VPC, {NAME: ("10.0.0.10",)})
    await resolvers.serve(VPC, "10.0.0.2")
    try:
        yield resolvers
    finally:
        await resolvers.close()


async def resolve(driver: Moving) -> list[str]:
    port = driver.resolver.getsockname()[1]
    reply = await dns.asyncquery.udp(dns.message.make_query(NAME, "A"), "127.0.0.1", 5, port)
    return [str(address) for answer in reply.answer for address in answer]


def test_where_an_address_stands_is_asked_once_until_names_are_taught_anew() -> None:
    async def act() -> None:
        driver = Moving()
        async with a_resolver(driver) as resolvers:
            assert [await resolve(driver) for _ in range(3)] == [["127.0.0.7"]] * 3
            assert driver.asked == 1
            driver.place = "127.0.0.8"
            resolvers.teach(VPC, {NAME: ("10.0.0.10",)})
            assert await resolve(driver) == ["127.0.0.8"]

    asyncio.run(act())


def test_an_address_that_stands_nowhere_yet_is_asked_for_again() -> None:
    async def act() -> None:
        driver = Moving()
        driver.place = None
        async with a_resolver(driver):
            assert await resolve(driver) == []
            driver.place = "127.0.0.9"
            assert await resolve(driver) == ["127.0.0.9"]

    asyncio.run(act())
