"""What a number is: of which series, of which minute; and what many of them come to over a period. Pure.

Rule 1: a datum is a minute's *statistic set*, as CloudWatch calls it: sum, minimum, maximum and number of samples. A longer
period's set follows from its minutes' sets; percentiles do not, and are refused.
Rule 2: of one minute of one series each source tells once. What it tells again replaces what it told; what another source
tells is added.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    unit: str


def series(account: str, region: str, namespace: str, name: str, dimensions: Mapping[str, str], unit: str) -> Series:
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

    def __add__(self, other: StatisticSet) -> StatisticSet:
        return StatisticSet(
            self.sum + other.sum, min(self.minimum, other.minimum), max(self.maximum, other.maximum), self.count + other.count
        )


def sample(value: float) -> StatisticSet:
    """The set of one sample, such as a minute's count of bytes."""
    return StatisticSet(value, value, value, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Datum:
    """A series' samples in the minute that begins at ``minute``."""

    series: Series
    minute: datetime
    statistics: StatisticSet


class Statistic(StrEnum):
    """What can be derived from statistic sets."""

    SAMPLE_COUNT = "SampleCount"
    AVERAGE = "Average"
    SUM = "Sum"
    MINIMUM = "Minimum"
    MAXIMUM = "Maximum"

    def of(self, found: StatisticSet) -> float:
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


def over_periods(minutes: Iterable[tuple[int, StatisticSet]], period: int, start: int, end: int) -> dict[int, StatisticSet]:
    """Beginning of a period -> what its minutes come to, in the order of time, for the minutes from ``start`` until ``end``.

    All times are seconds since the epoch. Periods begin at its multiples of theirs, and one without a sample is left out.
    """
    found: dict[int, StatisticSet] = {}
    for minute, statistics in minutes:
        if start <= minute < end:
            begin = minute - minute % period
            found[begin] = found[begin] + statistics if begin in found else statistics
    return dict(sorted(found.items()))
