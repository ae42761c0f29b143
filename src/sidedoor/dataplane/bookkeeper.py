"""Reads Envoy's counters at a fixed beat, keeps the books, and tells the control plane.

Rule 1: at least once: a minute is told until the control plane has taken it. It takes the same minute of the same source
as often as it comes, and counts it once.
Rule 2: nobody waits for this: an Envoy or a control plane that does not answer costs a beat, and no connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from sidedoor import codec
from sidedoor.counters.model import Passage, Population, Told
from sidedoor.dataplane.books import Books
from sidedoor.dataplane.counting import BEAT_SECONDS, Reading
from sidedoor.dataplane.envoy import tally
from sidedoor.dataplane.envoy.admin import AdminError

MINUTES_AT_ONCE = 60
"""What a message may hold of a backlog."""

RECENT_SECONDS = 1.0
"""A reading this young is good enough before something is closed: many doors that close together share one."""

PATIENCE_SECONDS = 1.0
"""How long a closing door waits for its last reading."""

FIRST_PAUSE = 0.2

log = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Clock(Protocol):
    def time(self) -> float:
        """Seconds since the epoch."""

    async def sleep(self, seconds: float) -> None:
        """Comes back after that many seconds."""


class WallClock:
    """The real one."""

    def time(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Survey:
    """What there is to count: the doors that stand, by name, and how many there are of what is counted by the head."""

    passages: Mapping[str, Passage]
    populations: Mapping[Population, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """Where the numbers come from. ``ask``: Envoy's counters as text; raises ``AdminError``. ``life``: names the Envoy that
    runs now, None where none does."""

    ask: Callable[[], Awaitable[str]]
    life: Callable[[], str | None]
    survey: Callable[[], Survey]


class Bookkeeper:
    def __init__(
        self, books: Books, sources: Sources, send: Send, *, beat: float = BEAT_SECONDS, clock: Clock | None = None
    ) -> None:
        self._books, self._sources, self._send = books, sources, send
        self._beat = beat
        self._clock = clock or WallClock()
        self._reading, self._closing = asyncio.Lock(), asyncio.Lock()
        self._books_open = threading.Lock()
        self._numbers, self._entered = itertools.count(1), 0
        self._read_at = 0.0
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Counts and tells for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._count_for_ever(), name="count")
            tasks.create_task(self._tell_for_ever(), name="tell")

    async def read(self, *, beat: bool = True) -> bool:
        """Takes in what Envoy has counted by now. Returns whether it answered."""
        async with self._reading:
            number, life = next(self._numbers), self._sources.life()
            if life is None:
                return False
            try:
                text = await self._sources.ask()
            except AdminError as error:
                log.debug("%s", error, extra={"action": "counts.unread"})
                return False
            if self._sources.life() != life:
                return False  # Envoy was started anew in between: whose numbers these are is not known.
            now, survey = self._clock.time(), self._sources.survey()
            await asyncio.to_thread(self._enter, number, text, now, life, survey, beat)
            self._read_at = now
        self._news.set()
        return True

    def _enter(self, number: int, text: str, now: float, life: str, survey: Survey, beat: bool) -> None:
        """Takes what was read into the books. On a thread: of thousands of doors it is a tenth of a second's work.

        Whoever waited for it may have been cancelled, so the next one may be here too: an older reading is not entered after a
        newer one, whose counters would look as if they had fallen.
        """
        reading = Reading(
            at=now, life=life, counts=tally.read(text), passages=survey.passages, populations=survey.populations, beat=beat
        )
        with self._books_open:
            if number > self._entered:
                self._entered = number
                self._books.keep(self._books.ledger.take(reading, self._beat))

    async def catch_up(self) -> None:
        """To be called before a door closes, for its counters go with it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS), self._closing:
                if not 0 <= self._clock.time() - self._read_at < RECENT_SECONDS:
                    await self.read(beat=False)

    async def tell(self, *, also_open: bool = False) -> bool:
        """Tells what is, and the minutes that nobody was told of. Returns whether it was heard.

        ``also_open``: and the minute that is not over. It will be told again.
        """
        while True:
            numbers, document = await asyncio.to_thread(self._document, also_open)
            try:
                await self._send({"counters": document})
            except httpx.HTTPError as error:
                log.debug("what was counted cannot be told: %s", error, extra={"action": "counts.untold"})
                return False
            await asyncio.to_thread(self._drop, numbers)
            if len(numbers) < MINUTES_AT_ONCE:
                return True

    async def end(self) -> None:
        """Tells all that there is, where there is somebody who listens."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * PATIENCE_SECONDS):
                await self.read(beat=False)
                await self.tell(also_open=True)

    def _document(self, also_open: bool) -> tuple[list[int], dict[str, Any]]:
        """What to tell, and the numbers of the minutes in it that need not be told again."""
        with self._books_open:
            ledger, untold = self._books.ledger, self._books.untold(MINUTES_AT_ONCE)
            standing, open_minute = ledger.standing(), ledger.open.minute() if ledger.open is not None else None
        minutes = [document for _, document in untold]
        if also_open and open_minute is not None and len(untold) < MINUTES_AT_ONCE:
            minutes.append(codec.to_document(open_minute))
        told = Told(source=self._books.source, at=self._clock.time(), standing=standing, minutes=())
        return [number for number, _ in untold], codec.to_document(told) | {"minutes": minutes}

    def _drop(self, numbers: list[int]) -> None:
        with self._books_open:
            self._books.drop(numbers)

    async def _count_for_ever(self) -> None:
        while not await self.read():
            await self._clock.sleep(FIRST_PAUSE)
        while True:
            await self._clock.sleep(self._beat - self._clock.time() % self._beat)
            await self.read()

    async def _tell_for_ever(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self.tell()
