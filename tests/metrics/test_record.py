"""What is recorded can be read, whoever told it and how often, for 15 days and not longer."""

from __future__ import annotations

from datetime import timedelta

from metric_samples import NOON, OTHER, OWNER, REGION, at, bytes_processed, told
from sidedoor.metrics.model import KEPT, Datum, Series, StatisticSet, merged, over_periods, sample
from sidedoor.metrics.reading import minutes
from sidedoor.metrics.record import AT_ONCE, record
from sidedoor.store.engine import Store


def kept(store: Store, one: Series) -> dict[float, StatisticSet]:
    """Minutes after noon -> what is kept of the series."""
    noon = int(NOON.timestamp())
    start, end = noon - 86400, noon + 86400
    with store.read() as tables:
        found = over_periods(minutes(tables, one, start, end), 60, start, end)
    return {(second - noon) / 60: merged(sets) for second, sets in found.items()}


def test_what_is_recorded_is_read(any_store: Store) -> None:
    one, other = bytes_processed("vpce-1"), bytes_processed("vpce-2")
    both = StatisticSet(30.5, 10, 20.5, 2)
    record(any_store, [told(one, 0, 7), told(other, 0, 9), told(one, 59, both), told(one, 61, 0)], source="a", now=at(62))
    record(any_store, [told(one, 62, 8)], source="a", now=at(63))
    assert kept(any_store, one) == {0: sample(7), 59: both, 61: sample(0), 62: sample(8)}
    assert kept(any_store, other) == {0: sample(9)}


def test_a_minute_that_is_told_again_is_replaced(any_store: Store, other_store: Store) -> None:
    """Also through another control plane."""
    one = bytes_processed()
    record(any_store, [told(one, 0, 7), told(one, 1, 1)], source="agent-a", now=at(2))
    record(other_store, [told(one, 0, 7), told(one, 1, 3)], source="agent-a", now=at(2))
    assert kept(any_store, one) == {0: sample(7), 1: sample(3)}


def test_what_two_sources_tell_of_a_minute_is_added(any_store: Store) -> None:
    one = bytes_processed()
    record(any_store, [told(one, 0, 7)], source="agent-a", now=at(1))
    record(any_store, [told(one, 0, 5)], source="agent-b", now=at(1))
    assert kept(any_store, one) == {0: StatisticSet(12, 5, 7, 2)}


def test_fifteen_days_are_kept_and_the_rest_is_removed(any_store: Store) -> None:
    old, fresh = bytes_processed("vpce-1"), bytes_processed("vpce-2")
    record(any_store, [told(old, 0, 1), told(fresh, 0, 1), told(fresh, 60, 2)], source="a", now=at(61))
    record(any_store, [], source="a", now=NOON + KEPT + timedelta(minutes=59))
    assert list(kept(any_store, old)) == [0]
    record(any_store, [], source="a", now=NOON + KEPT + timedelta(minutes=60))
    assert (kept(any_store, old), kept(any_store, fresh)) == ({}, {60: sample(2)})
    with any_store.read() as tables:
        assert [row.series for row in tables.metrics.series(OWNER, REGION, None, None, 0)] == [fresh]


def test_what_comes_too_late_is_not_kept(any_store: Store) -> None:
    one = bytes_processed()
    record(any_store, [told(one, 0, 1), told(one, 60, 2)], source="a", now=NOON + KEPT + timedelta(minutes=60))
    assert kept(any_store, one) == {60: sample(2)}


def test_a_large_flush_is_written_in_parts_that_leave_room_for_other_writers(any_store: Store) -> None:
    many = [bytes_processed(f"vpce-{number}") for number in range(AT_ONCE + 1)]
    transactions = 0
    begin = any_store._writers._begin

    def counted() -> object:
        nonlocal transactions
        transactions += 1
        return begin()

    any_store._writers._begin = counted
    record(any_store, [told(one, 0, number) for number, one in enumerate(many)], source="a", now=at(1))
    assert transactions == 2
    assert [kept(any_store, one) for one in (many[1], many[-1])] == [{0: sample(1)}, {0: sample(AT_ONCE)}]
    record(any_store, [], source="a", now=NOON + KEPT + timedelta(hours=1))
    assert kept(any_store, many[-1]) == {}


def test_metrics_wake_nobody_and_take_no_revision(any_store: Store) -> None:
    woken: list[int] = []
    any_store.watch(woken.append)
    record(any_store, [told(bytes_processed(), 0, 1)], source="a", now=at(1))
    with any_store.read() as tables:
        assert (woken, tables.revision()) == ([], 0)


def test_series_are_an_accounts_own(any_store: Store) -> None:
    data: list[Datum] = [told(bytes_processed(account=OWNER), 0, 1), told(bytes_processed(account=OTHER), 0, 2)]
    record(any_store, data, source="a", now=at(1))
    assert kept(any_store, bytes_processed(account=OTHER)) == {0: sample(2)}
    with any_store.read() as tables:
        assert [row.series.account for row in tables.metrics.series(OTHER, REGION, None, None, 0)] == [OTHER]


def test_a_reset_leaves_no_metrics(any_store: Store) -> None:
    record(any_store, [told(bytes_processed(), 0, 1)], source="a", now=at(1))
    with any_store.write() as tables:
        tables.clear()
    with any_store.read() as tables:
        assert (tables.metrics.oldest(), tables.metrics.series(OWNER, REGION, None, None, 0)) == (None, [])
