"""The books on disk, and how the control plane comes to know what is in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from counted_samples import a_passage, counts
from sidedoor import codec
from sidedoor.counters.model import NONE, Counts, Told
from sidedoor.dataplane import books as books_module
from sidedoor.dataplane.bookkeeper import Bookkeeper, Sources, Survey
from sidedoor.dataplane.books import Books
from sidedoor.dataplane.counting import BEAT_SECONDS
from sidedoor.dataplane.envoy.admin import AdminError

NOON = 12 * 3600.0
ONE = a_passage()


def asked(one: Counts) -> str:
    """Envoy's answer."""
    door = ONE.door
    numbers = {
        f"listener.{door}.downstream_cx_total": one.opened, f"listener.{door}.downstream_cx_destroy": one.closed,
        f"door.{door}.flow.at.TcpUpstreamConnected.client.Normal.target.Normal": one.established,
    }  # fmt: skip
    return "".join(f"{name}: {number}\n" for name, number in numbers.items())


@dataclass
class Hands:
    """A clock that a test moves."""

    now: float = NOON
    sleepers: list[tuple[float, asyncio.Future[None]]] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.now + seconds, woken))
        await woken

    def move(self, seconds: float) -> None:
        self.now += seconds
        for entry in [one for one in self.sleepers if one[0] <= self.now]:
            self.sleepers.remove(entry)
            entry[1].set_result(None)


class Desk:
    """A bookkeeper, and what it deals with. ``shown``: what Envoy answers; ``told``: what the control plane heard."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Hands()
        self.life: str | None = "first"
        self.shown: Counts | None = NONE
        self.reachable = True
        self.told: list[Told] = []
        self.asked = 0
        self.agent()

    def agent(self) -> None:
        """What a started agent makes."""
        self.books = Books(self.directory / "counts")
        sources = Sources(ask=self._ask, life=lambda: self.life, survey=lambda: Survey({ONE.door: ONE}, {}))
        self.keeper = Bookkeeper(self.books, sources, self._send, clock=self.clock)

    async def _ask(self) -> str:
        self.asked += 1
        if self.shown is None:
            raise AdminError("no answer")
        return asked(self.shown)

    async def _send(self, body: dict[str, Any]) -> None:
        if not self.reachable:
            raise httpx.ConnectError("nobody listens")
        self.told.append(codec.from_document(body["counters"], Told))

    async def beat(self, seconds: float = BEAT_SECONDS) -> None:
        self.clock.now += seconds
        await self.keeper.read()

    def heard(self) -> dict[int, Counts]:
        """Minute after noon -> what the control plane has of it: the last that it was told."""
        minutes = (minute for told in self.told for minute in told.minutes)
        noon = int(NOON) // 60
        return {one.number - noon: sum((flow.counts for flow in one.flows), NONE) for one in minutes}


def at_desk(tmp_path: Path, act: Callable[[Desk], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(act(Desk(tmp_path)))


def test_a_minute_is_told_once_it_is_over_and_then_no_more(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.beat()
        desk.shown = counts(3)
        await desk.beat()
        assert await desk.keeper.tell()
        assert desk.heard() == {}
        await desk.beat(60)
        assert await desk.keeper.tell()
        assert desk.heard() == {0: counts(3)}
        assert await desk.keeper.tell()
        assert [len(told.minutes) for told in desk.told] == [0, 1, 0]
        assert [told.standing.flows[0].counts for told in desk.told] == [counts(3)] * 3

    at_desk(tmp_path, act)


def test_while_nobody_listens_minutes_are_kept_also_by_the_next_agent(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        desk.reachable = False
        await desk.beat()
        for connections in (1, 2, 5):
            desk.shown = counts(connections)
            await desk.beat(60)
            assert not await desk.keeper.tell()
        source = desk.books.source
        desk.agent()
        desk.reachable, desk.shown = True, counts(9)
        await desk.beat(60)
        await desk.keeper.tell()
        assert desk.heard() == {0: NONE, 1: counts(1), 2: counts(1), 3: counts(3)}
        assert {told.source for told in desk.told} == {source}
        assert [path.name for path in (tmp_path / "counts").iterdir()] == ["ledger.json"]

    at_desk(tmp_path, act)


def test_an_agent_that_was_killed_within_a_minute_goes_on_with_it(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.beat()
        desk.shown = counts(2)
        await desk.beat()
        desk.agent()
        desk.shown = counts(5, 1)
        await desk.beat()
        await desk.beat(60)
        await desk.keeper.tell()
        assert desk.heard() == {0: counts(5, 1)}
        (minute,) = desk.told[-1].minutes
        assert [flow.open for flow in minute.flows] == [(0, 2, 4)]
        assert desk.told[-1].standing.flows[0].counts == counts(5, 1)

    at_desk(tmp_path, act)


def test_an_agent_that_ends_tells_the_minute_that_is_not_over_and_the_next_tells_it_whole(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.beat()
        desk.shown = counts(2)
        await desk.keeper.end()
        assert desk.heard() == {0: counts(2)}
        desk.agent()
        desk.shown = counts(3)
        await desk.beat()
        await desk.beat(60)
        await desk.keeper.tell()
        assert desk.heard() == {0: counts(3)}

    at_desk(tmp_path, act)


def test_an_envoy_that_is_gone_or_is_replaced_while_it_is_read_costs_a_beat(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.beat()
        desk.shown = None
        assert not await desk.keeper.read()
        desk.life = None
        assert not await desk.keeper.read()
        lives = iter(["first", "second", "second", "second"])
        desk.keeper._sources = Sources(
            ask=desk._ask, life=lambda: next(lives), survey=lambda: Survey({ONE.door: ONE}, {})
        )  # fmt: skip
        desk.shown = counts(4)
        assert not await desk.keeper.read()
        assert await desk.keeper.read()
        assert desk.books.ledger.totals == {ONE: counts(4)}

    at_desk(tmp_path, act)


def test_doors_that_close_together_share_their_last_reading(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.beat()
        desk.clock.now += 5
        await asyncio.gather(*(desk.keeper.catch_up() for _ in range(50)))
        assert desk.asked == 2
        desk.shown = None
        desk.clock.now += 5
        await desk.keeper.catch_up()

    at_desk(tmp_path, act)


def test_it_reads_at_the_clocks_beats_and_tells_each_time(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        desk.clock.now = NOON + 3
        running = asyncio.create_task(desk.keeper.run())
        try:
            for at in (NOON + 3, NOON + 10, NOON + 20):
                async with asyncio.timeout(10):
                    while not (desk.told and desk.told[-1].at == at and desk.clock.sleepers):  # noqa: ASYNC110
                        await asyncio.sleep(0)
                (due, _), *others = desk.clock.sleepers
                assert not others
                desk.clock.move(due - desk.clock.now)
        finally:
            running.cancel()
            await asyncio.wait([running])
        assert [told.at for told in desk.told][:3] == [NOON + 3, NOON + 10, NOON + 20]

    at_desk(tmp_path, act)


def test_of_a_backlog_that_grows_too_large_the_oldest_minutes_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(books_module, "MOST_MINUTES", 3)

    async def act(desk: Desk) -> None:
        await desk.beat()
        for connections in range(1, 7):
            desk.shown = counts(connections)
            await desk.beat(60)
        await desk.keeper.tell()
        assert sorted(desk.heard()) == [3, 4, 5]
        assert "is forgotten" in caplog.text

    at_desk(tmp_path, act)


def test_a_disk_that_cannot_be_written_stops_no_counting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def act(desk: Desk) -> None:
        (tmp_path / "counts").write_text("a file stands where the directory should be")
        await desk.beat()
        desk.shown = counts(2)
        await desk.beat(60)
        await desk.beat(60)
        await desk.keeper.tell()
        assert desk.heard() == {0: NONE, 1: counts(2)}
        assert caplog.text.count("cannot be written down") == 1

    at_desk(tmp_path, act)


def test_books_that_cannot_be_read_are_begun_anew_under_another_name(tmp_path: Path) -> None:
    async def act(desk: Desk) -> None:
        await desk.beat()
        source = desk.books.source
        (tmp_path / "counts" / "ledger.json").write_text('{"source": 1')
        desk.agent()
        desk.shown = counts(7)
        await desk.beat()
        assert desk.books.source != source
        assert desk.books.ledger.totals == {ONE: NONE}

    at_desk(tmp_path, act)
