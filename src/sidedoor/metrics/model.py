"""What a number is: of which series, of which minute; and what many of them come to over a period. Pure.

Rule 1: a datum is a minute's *statistic set*, as CloudWatch calls it: sum, minimum, maximum and number of samples. A longer
period's set follows from its minutes' sets; a percentile only where each minute has samples of one value.
Rule 2: of one minute of one series each source tells once. What it tells again replaces what it told; what another source
tells is added.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

KEPT = timedelta(days=15)
"""CloudWatch keeps "data points with a period of 60 seconds" for 15 days; what it keeps longer is coarser."""

MINUTE = 60
HOUR = 3600


class Namespace(StrEnum):
    """AWS's namespaces that have metrics here."""

    ENDPOINTS = "AWS/PrivateLinkEndpoints"
    SERVICES = "AWS/PrivateLinkServices"
    LOAD_BALANCERS = "AWS/NetworkELB"


class Unit(StrEnum):
    COUNT = "Count"
    BYTES = "Bytes"
    SECONDS = "Seconds"
    MILLISECONDS = "Milliseconds"
    NONE = "None"


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A metric of one thing. ``dimensions`` are (name, value) in the order of the names: make one with ``series``."""

    account: str
    region: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: Unit


def series(account: str, region: str, namespace: str, name: str, dimensions: Mapping[str, str], unit: Unit) -> Series:
    return Series(
        account=account, region=region, namespace=namespace, name=name, dimensions=tuple(sorted(dimensions.items())), unit=unit
    )


@dataclass(frozen=True, slots=True)
class StatisticSet:
    """What samples come to."""

    sum: float
    minimum: float
    maximum: float
    count: float


def sample(value: float) -> StatisticSet:
    """The set of one sample, such as a minute's count of bytes."""
    return StatisticSet(value, value, value, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Datum:
    """A series' samples in the minute that begins at ``minute``."""

    series: Series
    minute: datetime
    statistics: StatisticSet


def merged(sets: Sequence[StatisticSet]) -> StatisticSet:
    """What several sets, at least one, come to."""
    return StatisticSet(
        math.fsum(one.sum for one in sets), min(one.minimum for one in sets), max(one.maximum for one in sets),
        math.fsum(one.count for one in sets),
    )  # fmt: skip


class Statistic(StrEnum):
    """What follows from statistic sets, whatever they are."""

    SAMPLE_COUNT = "SampleCount"
    AVERAGE = "Average"
    SUM = "Sum"
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"

    def of(self, sets: Sequence[StatisticSet]) -> float:
        found = merged(sets)
        match self:
            case Statistic.SAMPLE_COUNT:
                return found.count
            case Statistic.AVERAGE:
                return found.sum / found.count
            case Statistic.SUM:
                return found.sum
            case Statistic.MINIMUM:
                return found.minimum
            case Statistic.MAXIMUM:
                return found.maximum


STATISTICS = frozenset(one.value for one in Statistic)


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile, as in ``p99.9``: the smallest sample that so many per cent of all are not above."""

    percent: float

    def of(self, sets: Sequence[StatisticSet]) -> float | None:
        """None where it does not follow: every set has to be of samples that are alike and not negative (API reference,
        GetMetricStatistics)."""
        if any(one.minimum != one.maximum or one.minimum < 0 for one in sets):
            return None
        rank = self.percent / 100 * merged(sets).count
        passed = 0.0
        for one in sorted(sets, key=lambda one: one.minimum):
            passed += one.count
            if passed >= rank:
                return one.minimum
        return max(one.maximum for one in sets)


Derived = Statistic | Percentile

_PERCENTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,10})?|100)")


def percentile(name: str) -> Percentile | None:
    """The percentile of this name, if it is one's."""
    found = _PERCENTILE.fullmatch(name)
    return Percentile(float(found[1])) if found else None


def derived(name: str) -> Derived | None:
    """The statistic of this name, if it is one that can be derived here."""
    return Statistic(name) if name in STATISTICS else percentile(name)


def over_periods(
    minutes: Iterable[tuple[int, StatisticSet]], period: int, start: int, end: int
) -> dict[int, list[StatisticSet]]:
    """Beginning of a period -> the sets of its minutes, in the order of time, for the minutes from ``start`` until ``end``.

    All times are seconds since the epoch. The first period begins at ``start``; one without a sample is left out.
    """
    found: dict[int, list[StatisticSet]] = {}
    for minute, statistics in minutes:
        if start <= minute < end:
            found.setdefault(minute - (minute - start) % period, []).append(statistics)
    return dict(sorted(found.items()))
