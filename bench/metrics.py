"""What keeping metrics costs: flushes of many series, how long each keeps other writers waiting, bytes on disk, and reading.

    python bench/metrics.py [--endpoints 1000] [--minutes 61]

Each endpoint has ten series, with a value in every minute: a third of them 0, a third small, a third large. Bounded: it writes
so many minutes, and fifteen days of ten series to be read, into a temporary directory, and stops.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from sidedoor.metrics.model import HOUR, KEPT, Datum, Namespace, Series, Unit, sample, series
from sidedoor.metrics.queries import get_metric_data
from sidedoor.metrics.record import record
from sidedoor.store.engine import Store
from world import World

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
ACCOUNT, REGION = "111111111111", "us-east-1"
NAMES = [f"Metric{number}" for number in range(10)]


def series_of(endpoint: int) -> list[Series]:
    dimensions = {
        "VPC Endpoint Id": f"vpce-{endpoint:017x}", "VPC Id": "vpc-0123456789abcdef0", "Endpoint Type": "Interface",
        "Service Name": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
    }  # fmt: skip
    return [series(ACCOUNT, REGION, Namespace.ENDPOINTS, name, dimensions, Unit.COUNT) for name in NAMES]


def data(several: list[Series], minute: datetime, dice: Random) -> list[Datum]:
    values = (lambda: 0, lambda: dice.randrange(100), lambda: dice.randrange(10**7))
    return [Datum(series=one, minute=minute, statistics=sample(dice.choice(values)())) for one in several]


def size(store: Store) -> int:
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(str(store.engine.url.database)).stat().st_size


@contextmanager
def timed_turns(store: Store) -> Iterator[list[float]]:
    """A list that grows with the milliseconds of each write transaction."""
    write, turns = store.write, []

    @contextmanager
    def timed() -> Iterator[Any]:
        began = time.perf_counter()
        with write() as tables:
            yield tables
        turns.append((time.perf_counter() - began) * 1000)

    store.write = timed  # type: ignore[method-assign]
    yield turns
    store.write = write  # type: ignore[method-assign]


def flushes(store: Store, endpoints: int, minutes: int) -> None:
    several, dice = [one for endpoint in range(endpoints) for one in series_of(endpoint)], Random(1)
    took, before = [], size(store)
    with timed_turns(store) as turns:
        for number in range(minutes):
            minute = BEGIN + timedelta(minutes=number)
            told = data(several, minute, dice)
            began = time.process_time()
            record(store, told, source="bench", now=minute)
            took.append(time.process_time() - began)
    grown = size(store) - before
    print(f"{len(several)} series, {minutes} minutes: {statistics.median(took):.2f} s of CPU a flush")
    middle, last = statistics.median(turns), sorted(turns)[int(len(turns) * 0.99)]
    print(f"{len(turns)} transactions: {middle:.0f} ms at the median, {last:.0f} ms at p99, at most {max(turns):.0f}")
    days = grown / minutes * KEPT.total_seconds() / 60
    print(f"{grown / 1e6:.1f} MB, {grown / minutes / len(several):.1f} bytes a point: {days / 1e9:.2f} GB in 15 days")


def reading(store: Store) -> None:
    several, dice, now = series_of(10**6), Random(1), BEGIN + KEPT
    for day in range(KEPT.days):
        minutes = (BEGIN + timedelta(days=day, minutes=minute) for minute in range(86400 // 60))
        record(store, [one for minute in minutes for one in data(several, minute, dice)], source="bench", now=now)
    world = World(store, now=now)
    dimensions = [{"Name": name, "Value": value} for name, value in several[0].dimensions]
    metrics = [{"Namespace": one.namespace, "MetricName": one.name, "Dimensions": dimensions} for one in several]
    for hours in (3, 24, 15 * 24):
        period = max(60, hours * HOUR // 1440 // 60 * 60)
        stats = [{"Metric": metric, "Period": period, "Stat": "Sum"} for metric in metrics]
        queries = [{"Id": f"m{number}", "MetricStat": stat} for number, stat in enumerate(stats)]
        began, worked = time.perf_counter(), time.process_time()
        start = now - timedelta(hours=hours)
        answer = world.ask(get_metric_data, account=ACCOUNT, MetricDataQueries=queries, StartTime=start, EndTime=now)
        points = sum(len(result["Values"]) for result in answer["MetricDataResults"])
        took, worked = time.perf_counter() - began, time.process_time() - worked
        print(f"ten metrics over {hours} hours, period {period}: {points} points in {took:.2f} s, {worked:.2f} of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--endpoints", type=int, default=1000)
    parser.add_argument("--minutes", type=int, default=61)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, closing(Store(f"sqlite:///{directory}/sidedoor.db")) as store:
        store.migrate()
        flushes(store, options.endpoints, options.minutes)
        reading(store)


if __name__ == "__main__":
    main()
