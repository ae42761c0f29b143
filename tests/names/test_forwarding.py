"""Names that are none of ours, taken to other servers: whose answer counts, how long it may take, and what waits for nobody."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest

from dns_authority import Authority, authority
from sidedoor.names import forwarding, outside, server
from sidedoor.names.forwarding import Forwarder, Server
from sidedoor.names.outside import Outside, OutsideEnded
from sidedoor.names.server import Forward, Resolver

OURS, OTHERS = "one.vpce.amazonaws.com", "www.example.net"
LONG = [f"{'x' * 200}{number}" for number in range(5)]


def question(name: str = OTHERS, kind: str = "TXT", **more: object) -> dns.message.Message:
    return dns.message.make_query(name, kind, **more)


def texts(reply: dns.message.Message) -> list[str]:
    return sorted(record.strings[0].decode() for answer in reply.answer for record in answer)


def run(act: Callable[[Authority], Awaitable[None]]) -> None:
    """With a server that knows one name of somebody else's."""

    async def scenario() -> None:
        async with authority() as upstream:
            upstream.texts[OTHERS] = ["hello"]
            await act(upstream)

    asyncio.run(scenario())


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.002)


def to(*servers: Server) -> Forwarder:
    return Forwarder(lambda: servers)


def local(upstream: Authority) -> Server:
    return "127.0.0.1", upstream.port


async def asked(forwarder: Forwarder, query: dns.message.Message) -> dns.message.Message | None:
    found = await forwarder.ask(query.to_wire())
    return None if found is None else dns.message.from_wire(found)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "TRY_SECONDS", 0.2)
    monkeypatch.setattr(forwarding, "SECONDS", 2.0)


# --- the other servers --------------------------------------------------------------------------------------------


def test_a_servers_answer_is_passed_on_as_it_is_with_the_number_of_the_question() -> None:
    async def act(upstream: Authority) -> None:
        for name, rcode in ((OTHERS, dns.rcode.NOERROR), ("gone.example.net", dns.rcode.NXDOMAIN)):
            query = question(name)
            reply = await asked(to(local(upstream)), query)
            assert reply is not None
            assert query.is_response(reply)
            assert reply.rcode() == rcode

    run(act)


def test_an_answer_that_does_not_fit_is_fetched_over_tcp() -> None:
    async def act(upstream: Authority) -> None:
        upstream.texts[OTHERS] = [*LONG]
        reply = await asked(to(local(upstream)), question())
        assert reply is not None
        assert texts(reply) == LONG
        assert upstream.over_tcp == [OTHERS]

    run(act)


def test_a_server_that_is_silent_refuses_or_is_not_there_is_not_the_last_word(hasty: None) -> None:
    async def act(upstream: Authority) -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone,
        ):
            silent.bind(("127.0.0.1", 0))
            gone.bind(("127.0.0.1", 0))
            servers = [silent.getsockname(), gone.getsockname()]
            gone.close()
            async with authority() as failing:
                failing.rcodes[OTHERS] = dns.rcode.SERVFAIL
                reply = await asked(to(*servers, local(failing), local(upstream)), question())
                assert reply is not None
                assert texts(reply) == ["hello"]
                last = await asked(to(local(failing)), question())
                assert last is not None
                assert last.rcode() == dns.rcode.SERVFAIL

    run(act)


def test_where_no_server_answers_the_question_ends_in_time(hasty: None) -> None:
    async def act(upstream: Authority) -> None:
        upstream.silent.add(OTHERS)
        async with asyncio.timeout(3):
            assert await asked(to(local(upstream)), question()) is None
        assert await asked(to(), question()) is None

    run(act)


def test_an_answer_that_nobody_asked_for_does_not_count(hasty: None) -> None:
    """Another number, another question, or a question again: the true answer comes last and is the one that counts."""

    async def act(upstream: Authority) -> None:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
            liar.bind(("127.0.0.1", 0))
            liar.setblocking(False)
            asking = asyncio.create_task(asked(to(liar.getsockname()), question()))
            wire, client = await loop.sock_recvfrom(liar, 1000)
            true = await upstream.reply(wire, stream=False)
            assert true is not None
            number = (int.from_bytes(true[:2], "big") + 1) % 65536
            other = await upstream.reply(
                question("bad.example.net", id=int.from_bytes(true[:2], "big")).to_wire(), stream=False
            )
            for reply in (number.to_bytes(2, "big") + true[2:], wire, other, true[:11], true):
                liar.sendto(reply or b"", client)
            found = await asking
            assert found is not None
            assert texts(found) == ["hello"]

    run(act)


def test_one_question_too_many_has_no_answer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarding, "MOST_QUESTIONS", 2)

    async def act(upstream: Authority) -> None:
        upstream.gates[OTHERS] = asyncio.Event()
        forwarder = to(local(upstream))
        waiting = [asyncio.create_task(asked(forwarder, question())) for _ in range(2)]
        await until(lambda: len(upstream.asked) == 2)
        assert await asked(forwarder, question()) is None
        upstream.gates[OTHERS].set()
        assert all(await asyncio.gather(*waiting))
        assert await asked(forwarder, question()) is not None

    run(act)


# --- the resolver -------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def resolver(forward: Forward | None) -> AsyncIterator[int]:
    """A resolver that knows one name of ours; gives its port."""
    tcp = socket.create_server(("127.0.0.1", 0))
    port: int = tcp.getsockname()[1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", port))
    running = Resolver(udp, tcp, {OURS: ("10.0.0.10",)}.get, forward=forward)
    await running.start()
    try:
        yield port
    finally:
        await running.stop()


async def over_udp(port: int, query: dns.message.Message) -> dns.message.Message:
    return await dns.asyncquery.udp(query, "127.0.0.1", 5, port)


async def over_tcp(port: int, query: dns.message.Message) -> dns.message.Message:
    return await dns.asyncquery.tcp(query, "127.0.0.1", 5, port)


def test_what_is_not_ours_is_answered_by_others_over_both_transports() -> None:
    async def act(upstream: Authority) -> None:
        async with resolver(to(local(upstream)).ask) as port:
            for reply in (await over_udp(port, question()), await over_tcp(port, question())):
                assert texts(reply) == ["hello"]
            assert (await over_udp(port, question("gone.example.net"))).rcode() == dns.rcode.NXDOMAIN

    run(act)


def test_without_anybody_to_ask_it_is_refused() -> None:
    async def act(_: Authority) -> None:
        async with resolver(None) as port:
            assert (await over_udp(port, question())).rcode() == dns.rcode.REFUSED

    run(act)


def test_what_is_ours_and_what_asks_for_no_search_is_taken_nowhere() -> None:
    async def act(upstream: Authority) -> None:
        async with resolver(to(local(upstream)).ask) as port:
            assert (await over_udp(port, question(OURS, "A"))).answer
            for ours in ("gone.vpce.amazonaws.com", "5.0.0.10.in-addr.arpa"):
                assert (await over_udp(port, question(ours, "A"))).rcode() == dns.rcode.NXDOMAIN
            unsearched = question()
            unsearched.flags &= ~dns.flags.RD
            transfer = question()
            transfer.question[0].rdtype = dns.rdatatype.AXFR
            for query in (unsearched, transfer, question(rdclass=dns.rdataclass.CH)):
                assert (await over_udp(port, query)).rcode() == dns.rcode.REFUSED
        assert upstream.asked == upstream.over_tcp == []

    run(act)


def test_a_long_answer_is_cut_over_udp_and_whole_over_tcp() -> None:
    async def act(upstream: Authority) -> None:
        upstream.texts[OTHERS] = [*LONG]
        async with resolver(to(local(upstream)).ask) as port:
            cut = await over_udp(port, question())
            assert cut.flags & dns.flags.TC
            assert not cut.answer
            assert texts(await over_tcp(port, question())) == LONG
            roomy = await over_udp(port, question(use_edns=0, payload=1232))
            assert texts(roomy) == LONG

    run(act)


def test_our_own_answers_wait_for_nobody_and_no_answer_is_a_failure() -> None:
    async def act(_: Authority) -> None:
        gate, waiting = asyncio.Event(), 0

        async def forward(_: bytes) -> bytes | None:
            nonlocal waiting
            waiting += 1
            await gate.wait()
            return None

        async with resolver(forward) as port:
            later = [asyncio.create_task(over_udp(port, question())) for _ in range(server.MOST_FORWARDED)]
            await until(lambda: waiting == server.MOST_FORWARDED)
            assert (await over_udp(port, question(OURS, "A"))).answer
            assert (await over_udp(port, question())).rcode() == dns.rcode.SERVFAIL, "one too many is told so at once"
            gate.set()
            replies = await asyncio.gather(*later)
            assert {reply.rcode() for reply in replies} == {dns.rcode.SERVFAIL}

    run(act)


# --- the process outside ------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def an_outside(*servers: str) -> AsyncIterator[Outside]:
    started = Outside()
    started.start(servers)
    try:
        yield started
    finally:
        await started.close()


def test_a_process_outside_brings_answers_and_ends_when_nobody_needs_it() -> None:
    async def act(upstream: Authority) -> None:
        async with an_outside(f"127.0.0.1 {upstream.port}") as asked_outside:
            query = question()
            found = await asked_outside.ask(query.to_wire())
            assert found is not None
            assert query.is_response(dns.message.from_wire(found))
            pid = asked_outside.pid or 0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert await asked_outside.ask(query.to_wire()) is None

    run(act)


def test_a_process_outside_that_was_killed_answers_nothing_and_holds_nobody_up() -> None:
    async def act(upstream: Authority) -> None:
        upstream.silent.add("silent.example.net")
        async with an_outside(f"127.0.0.1 {upstream.port}") as asked_outside:
            waiting = asyncio.create_task(asked_outside.ask(question("silent.example.net").to_wire()))
            await until(lambda: upstream.asked)
            os.kill(asked_outside.pid or 0, signal.SIGKILL)
            assert await waiting is None
            with pytest.raises(OutsideEnded, match="start this one again"):
                await asked_outside.run()
            assert await asked_outside.ask(question().to_wire()) is None

    run(act)


def test_the_hosts_servers_are_those_of_its_resolv_conf(monkeypatch: pytest.MonkeyPatch) -> None:
    found = forwarding.servers_of_host()
    assert all(port == 53 for _, port in found)
    monkeypatch.setattr("dns.resolver.BaseResolver.read_resolv_conf", _unreadable)
    assert forwarding.servers_of_host() == ()
    assert outside.HOST == "host"


def _unreadable(*_: object) -> None:
    raise OSError("no such file")
