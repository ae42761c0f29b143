"""Numbers in: what a source counted in some minutes is added to what is kept, and what is too old is removed.

Rule 1: a flush never holds the one writer's place for long: it is written in transactions of ``AT_ONCE`` hours of series.
Rule 2: a flush that was told twice, through whichever control plane, counts once: ``source`` says whose numbers they are.
Rule 3: nothing is told to the agent, for nothing of this is wanted of it (``store/metric_rows.py``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime

from sidedoor.metrics.model import HOUR, KEPT, MINUTE, Datum, Series, StatisticSet
from sidedoor.metrics.packing import pack
from sidedoor.store.engine import Store
from sidedoor.store.metric_rows import HourRow, SeriesRow

AT_ONCE = 500


def record(store: Store, data: Iterable[Datum], *, source: str, now: datetime) -> None:
    """Keeps what ``source`` counted, but what is older than ``KEPT``, and removes what has become older than that.

    A datum replaces the one that the same source told of the same series and minute; what several sources tell of one is added.
    ``source`` is as lasting as the counters are: an agent's name, not a process's.
    """
    oldest = _hour(now - KEPT)
    told: dict[tuple[int, Series], dict[int, StatisticSet]] = {}
    for datum in data:
        hour, minute = divmod(int(datum.minute.timestamp()) // MINUTE, HOUR // MINUTE)
        if hour >= oldest:
            told.setdefault((hour, datum.series), {})[minute] = datum.statistics
    hours = sorted(told, key=lambda key: key[0])
    for begin in range(0, len(hours), AT_ONCE):
        some = hours[begin : begin + AT_ONCE]
        newest = {one: hour for hour, one in some}
        numbers = {one: series_id(one) for one in newest}
        rows = [HourRow(hour, numbers[one], source, pack(told[hour, one].items())) for hour, one in some]
        with store.write() as tables:
            tables.metrics.note([SeriesRow(numbers[one], one, hour) for one, hour in newest.items()])
            tables.metrics.append(rows)
    purge(store, now)


def purge(store: Store, now: datetime) -> None:
    """Removes what is older than ``KEPT``."""
    before = _hour(now - KEPT)
    with store.read() as tables:
        oldest = tables.metrics.oldest()
    if oldest is None or oldest >= before:
        return
    removed = AT_ONCE
    while removed == AT_ONCE:
        with store.write() as tables:
            removed = tables.metrics.purge(before, AT_ONCE)


def series_id(one: Series) -> int:
    """The series' number: the same wherever and whenever it is made, so that nobody has to look it up."""
    written = json.dumps([one.account, one.region, one.namespace, one.name, one.dimensions, one.unit])
    return int.from_bytes(hashlib.sha256(written.encode()).digest()[:8], signed=True)


def _hour(moment: datetime) -> int:
    return int(moment.timestamp()) // HOUR
