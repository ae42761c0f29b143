"""Numbers out: the minutes of a series that are kept, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sidedoor.metrics.model import HOUR, KEPT, MINUTE, Series, StatisticSet, over_periods
from sidedoor.metrics.packing import unpack
from sidedoor.metrics.record import series_id
from sidedoor.store.tables import Tables

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minutes(tables: Tables, one: Series, start: int, end: int) -> Iterator[tuple[int, StatisticSet]]:
    """(beginning of the minute, its statistics) of a series, for the minutes from ``start`` until ``end``.

    Seconds since the epoch. A minute of which several sources told comes several times.
    """
    for hour, points in tables.metrics.hours(series_id(one), range(start // HOUR, -(-end // HOUR))):
        for minute, statistics in unpack(points).items():
            begin = hour * HOUR + minute * MINUTE
            if start <= begin < end:
                yield begin, statistics


def periods(
    tables: Tables, one: Series, period: int, start: datetime, end: datetime, now: datetime
) -> dict[int, list[StatisticSet]]:
    """Beginning of a period, in seconds since the epoch -> the sets of its minutes, for the kept minutes of a time.

    ``start`` is rounded down to its minute, and there the first period begins.
    """
    first, last = seconds(start) // MINUTE * MINUTE, seconds(end)
    kept, newest = seconds(now - KEPT), seconds(now) + HOUR
    return over_periods(minutes(tables, one, max(first, kept), min(last, newest)), period, first, last)


def seconds(moment: datetime) -> int:
    """A time in seconds since the epoch, also one long before it."""
    return int((moment - EPOCH).total_seconds())
