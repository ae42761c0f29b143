"""Questions for texts, put to a real DNS server on loopback: what it has, what it has not, and what it does not say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import dns.rcode
import dns.resolver
import pytest

from dns_authority import Authority, authority
from sidedoor.names.model import Unanswered
from sidedoor.names.txt import TxtResolver

NAME = "_proof.example.com"
Scenario = Callable[[Authority, TxtResolver], Awaitable[None]]


def play(scenario: Scenario, seconds: float = 5.0) -> None:
    async def run() -> None:
        async with authority() as server:
            await scenario(server, TxtResolver(("127.0.0.1", server.port), seconds=seconds))

    asyncio.run(run())


def test_the_texts_of_a_name_are_all_of_its_records() -> None:
    async def scenario(server: Authority, resolver: TxtResolver) -> None:
        server.texts[NAME] = ["vpce:One", "v=spf1 -all"]
        assert sorted(await resolver.texts(NAME)) == [b"v=spf1 -all", b"vpce:One"]

    play(scenario)


def test_the_parts_of_a_record_are_one_text() -> None:
    async def scenario(server: Authority, resolver: TxtResolver) -> None:
        server.texts[NAME] = [("vpce:", "Left", "Right")]
        assert await resolver.texts(NAME) == (b"vpce:LeftRight",)

    play(scenario)


@pytest.mark.parametrize("exists", [False, True])
def test_a_name_that_is_missing_or_has_no_text_has_none(exists: bool) -> None:
    async def scenario(server: Authority, resolver: TxtResolver) -> None:
        server.others |= {NAME} if exists else set()
        assert await resolver.texts(NAME) == ()

    play(scenario)


def test_an_alias_is_followed_where_the_server_does_not() -> None:
    async def scenario(server: Authority, resolver: TxtResolver) -> None:
        server.aliases |= {NAME: "one.example.net", "one.example.net": "two.example.org"}
        server.texts["two.example.org"] = ["vpce:far"]
        assert await resolver.texts(NAME) == (b"vpce:far",)
        server.texts.clear()
        assert await resolver.texts(NAME) == ()

    play(scenario)


def test_aliases_in_a_circle_are_no_answer() -> None:
    async def scenario(server: Authority, resolver: TxtResolver) -> None:
        server.aliases |= {NAME: "other.example.com", "other.example.com": NAME}
        with pytest.raises(Unanswered, match="from alias to alias"):
            await resolver.texts(NAME)

    play(scenario)


def test_what_does_not_fit_into_a_datagram_is_asked_for_over_tcp() -> None:
    async def scenario(server: Authority, resolver: TxtResolver) -> None:
        server.texts[NAME] = [f"{number:03}{'x' * 200}" for number in range(10)]
        assert len(await resolver.texts(NAME)) == 10
        assert server.over_tcp == [NAME]

    play(scenario)


@pytest.mark.parametrize("rcode", [dns.rcode.SERVFAIL, dns.rcode.REFUSED])
def test_a_server_that_fails_has_not_said_that_there_is_none(rcode: dns.rcode.Rcode) -> None:
    async def scenario(server: Authority, resolver: TxtResolver) -> None:
        server.rcodes[NAME] = rcode
        with pytest.raises(Unanswered):
            await resolver.texts(NAME)

    play(scenario)


def test_a_server_that_is_silent_costs_a_fixed_time() -> None:
    async def scenario(server: Authority, resolver: TxtResolver) -> None:
        server.silent.add(NAME)
        with pytest.raises(Unanswered):
            await asyncio.wait_for(resolver.texts(NAME), 10)
        assert set(server.asked) == {NAME}

    play(scenario, seconds=0.2)


def test_a_port_without_a_server_is_no_answer() -> None:
    async def run() -> None:
        async with authority() as server:
            port = server.port
        with pytest.raises(Unanswered):
            await TxtResolver(("127.0.0.1", port), seconds=0.5).texts(NAME)

    asyncio.run(run())


def test_the_hosts_servers_are_those_of_its_file_at_that_moment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file, read = tmp_path / "resolv.conf", dns.resolver.BaseResolver.read_resolv_conf

    async def scenario(server: Authority, _: TxtResolver) -> None:
        def read_ours(resolver: dns.resolver.BaseResolver, _: str) -> None:
            read(resolver, str(file))
            resolver.port = server.port  # such a file cannot name a port

        monkeypatch.setattr(dns.resolver.BaseResolver, "read_resolv_conf", read_ours)
        server.texts[NAME] = ["vpce:One"]
        resolver = TxtResolver()
        with pytest.raises(Unanswered):
            await resolver.texts(NAME)  # no such file: a host without DNS
        file.write_text("search elsewhere.example.net\nnameserver 127.0.0.1\n")
        assert await resolver.texts(NAME) == (b"vpce:One",)
        assert server.asked == [NAME]

    play(scenario)
