"""From readings of counters that only grow, until they begin anew, to minutes and totals. Pure.

Rule 1: nothing that happened is counted twice. A counter that fell began anew at zero; one that was never read before counts
from zero, but for the first reading of all, which only says where counting begins.
Rule 2: a minute is what was read in it, to the half beat; it is complete when a reading of a later one has come, and then it
does not change. Minutes only go forward, also where the clock does not.
Rule 3: how many connections are open is sampled: once a beat, of everything at one time, so that sums over doors have a
maximum too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sidedoor.counters.model import NONE, Counts, Flow, Inhabitants, Minute, Passage, Population, Standing

BEAT_SECONDS = 10.0
MINUTE_SECONDS = 60

LONGEST_JUMP = 10
"""Minutes by which the clock may fall back and be waited for. Beyond that it is taken at its word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was read at one time. ``life``: names the Envoy that counted. ``beat``: whether it came at its time, or in between.

    ``passages``: those of the doors that stand, by the door's name.
    """

    at: float
    life: str
    counts: Mapping[str, Counts]
    passages: Mapping[str, Passage]
    populations: Mapping[Population, int] = field(default_factory=dict)
    beat: bool = True


@dataclass(slots=True)
class Open:
    """A minute that is not over. ``beats``: how many samples were taken."""

    number: int
    beats: int = 0
    counts: dict[Passage, Counts] = field(default_factory=dict)
    samples: dict[Passage, list[int]] = field(default_factory=dict)
    populations: dict[Population, list[int]] = field(default_factory=dict)

    def add(self, passage: Passage, growth: Counts) -> None:
        if growth != NONE:
            self.counts[passage] = self.counts.get(passage, NONE) + growth

    def sample(self, now: Mapping[Passage, int], populations: Mapping[Population, int]) -> None:
        """Takes in a beat's samples. A passage that is not named had nothing open."""
        for passage in {*self.samples, *now}:
            self.samples.setdefault(passage, [0] * self.beats).append(now.get(passage, 0))
        for population, number in populations.items():
            self.populations.setdefault(population, []).append(number)
        self.beats += 1

    def minute(self) -> Minute:
        """What is known of it by now."""
        nothing = [0] * self.beats
        flows = (
            Flow(passage=one, counts=self.counts.get(one, NONE), open=tuple(self.samples.get(one, nothing)))
            for one in sorted({*self.counts, *self.samples}, key=lambda passage: passage.door)
        )
        return Minute(number=self.number, flows=tuple(flows), inhabitants=_inhabitants(self.populations.items()))


@dataclass(slots=True)
class Ledger:
    """All that has to be remembered from one reading to the next. ``last``: door -> its counts as they were last read.

    ``totals``: of the passages that there are, since each was first seen; ``now``: connections open at the last beat.
    """

    life: str | None = None
    last: dict[str, Counts] = field(default_factory=dict)
    passages: dict[str, Passage] = field(default_factory=dict)
    totals: dict[Passage, Counts] = field(default_factory=dict)
    now: dict[Passage, int] = field(default_factory=dict)
    populations: dict[Population, int] = field(default_factory=dict)
    open: Open | None = None

    def take(self, reading: Reading, beat: float = BEAT_SECONDS) -> Minute | None:
        """Takes in a reading. Returns the minute that it completes, if it does."""
        minute, complete = self._turn(int((reading.at - beat / 2) // MINUTE_SECONDS))
        self.passages |= reading.passages
        for door, counts in reading.counts.items():
            passage = self.passages.get(door)
            if passage is not None:
                growth = self._growth(reading, door, counts)
                self.totals[passage] = self.totals.get(passage, NONE) + growth
                minute.add(passage, growth)
        if reading.beat:
            open_ones = ((self.passages[door], one.open) for door, one in reading.counts.items() if door in self.passages)
            self.now = {passage: number for passage, number in open_ones if number}
            self.populations = dict(reading.populations)
            minute.sample(self.now, self.populations)
        self.life, self.last = reading.life, dict(reading.counts)
        self._forget(reading)
        return complete

    def standing(self) -> Standing:
        flows = (
            Flow(passage=one, counts=counts, open=(self.now.get(one, 0),))
            for one, counts in sorted(self.totals.items(), key=lambda item: item[0].door)
        )
        populations = {population: [number] for population, number in self.populations.items()}
        return Standing(flows=tuple(flows), inhabitants=_inhabitants(populations.items()))

    def _turn(self, number: int) -> tuple[Open, Minute | None]:
        """The minute to count in, and the one that was open, where this is another."""
        before = self.open
        if before is not None and before.number - LONGEST_JUMP <= number <= before.number:
            return before, None
        self.open = Open(number)
        return self.open, before.minute() if before is not None else None

    def _growth(self, reading: Reading, door: str, counts: Counts) -> Counts:
        if self.life is None:
            return NONE
        return counts.since(self.last.get(door, NONE)) if reading.life == self.life else counts

    def _forget(self, reading: Reading) -> None:
        """Forgets the passages whose doors neither stand nor count any more, or lead elsewhere now."""
        self.passages = {door: one for door, one in self.passages.items() if door in reading.passages or door in reading.counts}
        there = set(self.passages.values())
        self.totals = {passage: counts for passage, counts in self.totals.items() if passage in there}
        self.now = {passage: number for passage, number in self.now.items() if passage in there}


def _inhabitants(populations: Iterable[tuple[Population, list[int]]]) -> tuple[Inhabitants, ...]:
    return tuple(Inhabitants(population=population, numbers=tuple(numbers)) for population, numbers in populations)
