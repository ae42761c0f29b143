"""Numbers out: the minutes of a series that are kept, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator

from sidedoor.metrics.model import HOUR, MINUTE, Series, StatisticSet
from sidedoor.metrics.packing import unpack
from sidedoor.metrics.record import series_id
from sidedoor.store.tables import Tables


def minutes(tables: Tables, one: Series, start: int, end: int) -> Iterator[tuple[int, StatisticSet]]:
    """(beginning of the minute, its statistics) of a series, for the minutes from ``start`` until ``end``.

    Seconds since the epoch. A minute of which several sources told comes several times.
    """
    for hour, points in tables.metrics.hours(series_id(one), range(start // HOUR, -(-end // HOUR))):
        for minute, statistics in unpack(points).items():
            begin = hour * HOUR + minute * MINUTE
            if start <= begin < end:
                yield begin, statistics
