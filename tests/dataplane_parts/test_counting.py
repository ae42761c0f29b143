"""Counters become minutes: nothing twice, and nothing lost that could be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from counted_samples import BALANCER, GROUP, PROVIDER, a_passage, counts
from sidedoor.counters.model import NONE, Counts, Kind, Minute, Passage, Population
from sidedoor.dataplane.counting import BEAT_SECONDS, LONGEST_JUMP, Ledger, Reading

ONE, TWO = a_passage(1), a_passage(2)
NOON = 12 * 3600.0
HEALTHY = Population(kind=Kind.HEALTHY, account=PROVIDER, region="us-east-1", id=BALANCER, group_id=GROUP)


@dataclass
class Counting:
    """A ledger that is read into at its beat, from noon on. ``minutes``: those that it completed."""

    ledger: Ledger = field(default_factory=Ledger)
    at: float = NOON
    life: str = "first"
    passages: tuple[Passage, ...] = (ONE, TWO)
    minutes: list[Minute] = field(default_factory=list)

    def beat(self, *read: Counts, healthy: int = 0, **changes: Any) -> None:
        """A beat later, the doors of the passages have these counts."""
        self.at += BEAT_SECONDS
        self.read(*read, populations={HEALTHY: healthy}, **changes)

    def read(self, *read: Counts, **changes: Any) -> None:
        found = {passage.door: one for passage, one in zip(self.passages, read, strict=False)}
        standing = {passage.door: passage for passage in self.passages}
        values: dict[str, Any] = {"at": self.at, "life": self.life, "counts": found, "passages": standing} | changes
        complete = self.ledger.take(Reading(**values))
        self.minutes += [complete] if complete is not None else []

    @property
    def open(self) -> Minute:
        assert self.ledger.open is not None
        return self.ledger.open.minute()

    def counted(self, passage: Passage = ONE) -> Counts:
        """All that was ever counted of a passage, in all minutes."""
        flows = [flow for minute in (*self.minutes, self.open) for flow in minute.flows if flow.passage == passage]
        return sum((flow.counts for flow in flows), NONE)


def begun() -> Counting:
    counting = Counting()
    counting.beat()
    return counting


def test_what_was_there_before_counting_began_is_not_counted() -> None:
    counting = Counting()
    counting.beat(counts(100, 90))
    assert counting.counted() == NONE
    counting.beat(counts(101, 90))
    assert counting.counted() == counts(1)


def test_a_door_that_opens_later_counts_from_zero() -> None:
    counting = begun()
    counting.beat(counts(3, bytes=10))
    counting.beat(counts(3, bytes=10), counts(5))
    assert counting.counted(ONE) == counts(3, bytes=10)
    assert counting.counted(TWO) == counts(5)


def test_another_envoy_counts_from_zero_though_it_has_come_further() -> None:
    counting = begun()
    counting.beat(counts(3))
    counting.life = "second"
    counting.beat(counts(7))
    assert counting.counted() == counts(10)


def test_counters_that_fell_began_anew() -> None:
    counting = begun()
    counting.beat(counts(3, 1, bytes=500))
    counting.beat(counts(1, 0, bytes=900))
    assert counting.counted() == counts(4, 1, bytes=1400)


def test_a_closed_doors_last_counts_stay_and_one_with_its_name_counts_from_zero() -> None:
    counting = begun()
    counting.beat(counts(3))
    counting.read(counts(4), beat=False)
    counting.beat(passages={})
    assert counting.counted() == counts(4)
    counting.beat(counts(2))
    assert counting.counted() == counts(6)


def test_a_restarted_agent_goes_on_from_its_ledger() -> None:
    counting = begun()
    counting.beat(counts(3))
    counting.ledger = Ledger(life=counting.ledger.life, last=counting.ledger.last)
    counting.beat(counts(5))
    assert counting.counted() == counts(2)


def test_a_minute_is_complete_with_the_first_reading_of_the_next_one() -> None:
    counting = begun()
    for _ in range(5):
        counting.beat(counts(1))
    assert counting.minutes == []
    counting.beat(counts(2))
    (minute,) = counting.minutes
    assert minute.number == NOON // 60
    (flow,) = minute.flows
    assert (flow.counts, flow.open) == (counts(1), (0, 1, 1, 1, 1, 1))
    assert counting.open.number == minute.number + 1
    assert [(flow.counts, flow.open) for flow in counting.open.flows] == [(counts(1), (2,))]


def test_open_connections_are_sampled_at_every_beat_and_only_then() -> None:
    counting = begun()
    counting.beat(counts(4), counts(1), healthy=2)
    counting.read(counts(9, 0), beat=False)
    counting.beat(counts(9, 6), counts(1, 1), healthy=1)
    counting.beat(counts(9, 9), counts(1, 1), healthy=1)
    assert {flow.passage: flow.open for flow in counting.open.flows} == {ONE: (0, 4, 3, 0), TWO: (0, 1, 0, 0)}
    assert [one.numbers for one in counting.open.inhabitants] == [(0, 2, 1, 1)]


def test_standing_is_all_that_was_counted_of_the_doors_that_there_are() -> None:
    counting = begun()
    counting.beat(counts(4, 1), counts(2))
    counting.beat(counts(9, 1), counts(2))
    assert {flow.passage: (flow.counts, flow.open) for flow in counting.ledger.standing().flows} == {
        ONE: (counts(9, 1), (8,)), TWO: (counts(2), (2,)),
    }  # fmt: skip
    counting.passages = (ONE,)
    counting.beat(counts(9, 9))
    assert [(flow.passage, flow.open) for flow in counting.ledger.standing().flows] == [(ONE, (0,))]


def test_a_door_that_leads_elsewhere_counts_there_from_now_on() -> None:
    counting = begun()
    counting.beat(counts(4))
    counting.passages = (a_passage(1, balancer_id="another"),)
    counting.beat(counts(5))
    assert counting.counted(ONE) == counts(4)
    assert counting.counted(counting.passages[0]) == counts(1)


def test_a_clock_that_falls_back_a_little_is_waited_for_and_one_that_falls_far_is_believed() -> None:
    counting = begun()
    counting.at += 3 * 60
    counting.beat(counts(1))
    number = counting.open.number
    counting.at -= 2 * 60
    counting.beat(counts(2))
    assert (counting.open.number, counting.counted()) == (number, counts(2))
    counting.at -= (LONGEST_JUMP + 5) * 60
    counting.beat(counts(3))
    assert counting.open.number < number - LONGEST_JUMP
    assert counting.counted() == counts(3)


def test_numbers_of_nobodys_door_are_nobodys() -> None:
    counting = begun()
    counting.passages = ()
    counting.read(counts={"vpce-unknown/eni-1/80": counts(5)})
    assert counting.open.flows == ()


happenings = st.lists(
    st.sampled_from(["connect", "leave", "beat", "early reading", "new envoy", "door again", "new agent"]), max_size=60
)


@given(happenings)
def test_whatever_ends_and_begins_what_was_read_is_counted_once(happened: list[str]) -> None:
    """``true``: what happened and was read at least once. What happens after the last reading of an Envoy is lost with it."""
    counting, read, unread = begun(), NONE, NONE
    shown = NONE

    def reading(beat: bool) -> None:
        nonlocal read, unread
        read, unread = read + unread, NONE
        counting.at += BEAT_SECONDS if beat else 0
        counting.read(shown, beat=beat)

    for happening in happened:
        match happening:
            case "connect":
                shown, unread = shown + counts(1, bytes=7), unread + counts(1, bytes=7)
            case "leave" if shown.open:
                shown, unread = shown + Counts(closed=1), unread + Counts(closed=1)
            case "beat":
                reading(True)
            case "early reading":
                reading(False)
            case "new envoy":
                counting.life += "+"
                shown, unread = NONE, NONE
            case "door again":
                reading(False)
                shown = NONE
                counting.read(passages={}, beat=False)
            case "new agent":
                ledger = counting.ledger
                counting.ledger = Ledger(ledger.life, ledger.last, ledger.passages, ledger.totals, open=ledger.open)
    reading(True)
    assert counting.counted() == read
    opens: Mapping[Passage, int] = {flow.passage: flow.open[-1] for flow in counting.open.flows if flow.open}
    assert opens.get(ONE, 0) == shown.open
