"""The resolver on real sockets of the loopback interface, asked by dnspython's own client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import dns.asyncquery
import dns.message
import dns.query
import dns.rcode
import pytest

from sidedoor.names import server
from sidedoor.names.server import Resolver
from sidedoor.names.zone import Lookup

NAME = "vpce-0aaaaaaaaaaaaaaaa-abcd1234.vpce-svc-0123456789abcdef0.us-east-1.vpce.amazonaws.com"


@contextlib.asynccontextmanager
async def resolver(lookup: Lookup) -> AsyncIterator[int]:
    """A running resolver; gives its port, the same one for UDP and TCP."""
    tcp = socket.create_server(("127.0.0.1", 0))
    port: int = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))
    running = Resolver(udp, tcp, lookup)
    await running.start()
    try:
        yield port
    finally:
        await running.stop()


async def over_udp(port: int, name: str = NAME, kind: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    return await asyncio.to_thread(dns.query.udp, query, "127.0.0.1", timeout=5, port=port)


async def over_tcp(port: int, name: str = NAME, kind: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, kind)
    return await asyncio.to_thread(dns.query.tcp, query, "127.0.0.1", timeout=5, port=port)


def first_address(reply: dns.message.Message) -> str:
    address: str = reply.answer[0][0].address
    return address


def test_both_transports_answer() -> None:
    async def scenario() -> None:
        async with resolver({NAME: ("10.0.0.10",)}.get) as port:
            assert first_address(await over_udp(port)) == "10.0.0.10"
            assert first_address(await over_tcp(port)) == "10.0.0.10"

    asyncio.run(scenario())


def test_the_addresses_take_turns() -> None:
    async def scenario() -> None:
        async with resolver({NAME: ("10.0.0.10", "10.0.1.10")}.get) as port:
            seen = [first_address(await over_udp(port)) for _ in range(4)]
            assert seen[0] != seen[1]
            assert seen[:2] == seen[2:]

    asyncio.run(scenario())


def test_a_new_name_is_answered_at_once_and_a_removed_one_no_longer() -> None:
    async def scenario() -> None:
        table: dict[str, tuple[str, ...]] = {}
        async with resolver(table.get) as port:
            assert (await over_udp(port)).rcode() == dns.rcode.NXDOMAIN
            table[NAME] = ("10.0.0.10",)
            assert first_address(await over_udp(port)) == "10.0.0.10"
            del table[NAME]
            assert (await over_udp(port)).rcode() == dns.rcode.NXDOMAIN

    asyncio.run(scenario())


def test_a_client_of_udp_comes_back_over_tcp_for_an_answer_that_was_cut() -> None:
    async def scenario() -> None:
        many = tuple(f"10.0.1.{n}" for n in range(200))
        async with resolver({NAME: many}.get) as port:
            query = dns.message.make_query(NAME, "A")
            reply, used_tcp = await asyncio.to_thread(dns.query.udp_with_fallback, query, "127.0.0.1", timeout=5, port=port)
            assert used_tcp
            assert {rdata.address for rdata in reply.answer[0]} == set(many)

    asyncio.run(scenario())


def test_garbage_is_dropped_and_the_next_question_is_answered() -> None:
    async def scenario() -> None:
        async with resolver({NAME: ("10.0.0.10",)}.get) as port:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                for garbage in (b"", b"\xff", b"\xff" * 700, bytes(4096)):
                    client.sendto(garbage, ("127.0.0.1", port))
            assert first_address(await over_udp(port)) == "10.0.0.10"

    asyncio.run(scenario())


def test_one_connection_carries_several_questions() -> None:
    async def scenario() -> None:
        async with resolver({NAME: ("10.0.0.10",)}.get) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            queries = [dns.message.make_query(NAME, "A", id=n) for n in range(1, 4)]
            writer.write(b"".join(query.to_wire(prepend_length=True) for query in queries))
            for query in queries:
                length = int.from_bytes(await reader.readexactly(2), "big")
                assert query.is_response(dns.message.from_wire(await reader.readexactly(length)))
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())


def test_a_connection_with_garbage_is_closed() -> None:
    async def scenario() -> None:
        async with resolver({}.get) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x00\x03abc")
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())


def test_a_silent_connection_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TCP_SECONDS", 0.01)

    async def scenario() -> None:
        async with resolver({}.get) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())


def test_a_client_beyond_the_limit_waits_for_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TCP_CLIENTS", 2)
    asked: list[str] = []

    async def scenario() -> None:
        async with resolver(asked.append) as port:
            clients = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            for number, (_, writer) in enumerate(clients):
                writer.write(dns.message.make_query(f"client-{number}", "A").to_wire(prepend_length=True))
            for reader, _ in clients[:2]:
                await reader.readexactly(2)
            for _ in range(5):
                await over_udp(port)
            assert "client-2" not in asked
            for _, writer in clients[:2]:
                writer.close()
                await writer.wait_closed()
            reader, writer = clients[2]
            await asyncio.wait_for(reader.readexactly(2), 5)
            assert "client-2" in asked
            writer.close()
            await writer.wait_closed()

    asyncio.run(scenario())


def test_stop_ends_connections_and_frees_the_port() -> None:
    async def scenario() -> None:
        async with resolver({NAME: ("10.0.0.10",)}.get) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(dns.message.make_query(NAME, "A").to_wire(prepend_length=True))
            await reader.readexactly(2)
        await reader.read()
        writer.close()
        await writer.wait_closed()
        with socket.create_server(("127.0.0.1", port)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", port))

    asyncio.run(scenario())
