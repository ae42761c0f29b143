"""Which series a request means, and what is wrong with its times and periods. Every operation on metrics asks here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.metrics.model import MINUTE, Series, Unit
from sidedoor.metrics.record import series_id

_DATA = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits")
UNITS = (
    *("Seconds", "Microseconds", "Milliseconds", *_DATA, "Percent", "Count"),
    *(f"{one}/Second" for one in _DATA),
    *("Count/Second", "None"),
)
"""The units that CloudWatch knows (API reference, MetricDatum)."""

Refusal = type[errors.InvalidParameterValue] | type[errors.ValidationError]
"""The code with which an operation refuses a value: GetMetricData has ``ValidationError`` for what elsewhere is
``InvalidParameterValue``."""


def found(call: Call, namespace: str, name: str, dimensions: Sequence[Mapping[str, str]], unit: str | None) -> list[Series]:
    """The caller's series of this metric with exactly these dimensions: one for each unit in which it is counted."""
    pairs = tuple(sorted((one["Name"], one["Value"]) for one in dimensions))
    possible = [
        Series(account=call.account, region=call.region, namespace=namespace, name=name, dimensions=pairs, unit=one)
        for one in Unit
        if unit is None or one == unit
    ]
    there = call.tables.metrics.which(series_id(one) for one in possible)
    return [one for one in possible if series_id(one) in there]


def check_unit(unit: str | None, parameter: str, refusal: Refusal) -> None:
    if unit is not None and unit not in UNITS:
        raise refusal(f"The parameter {parameter} must be a value in the set [ {', '.join(UNITS)} ].")


def check_times(start: datetime, end: datetime, refusal: Refusal) -> None:
    if start == end:
        raise refusal("The parameter StartTime must not equal parameter EndTime.")
    if start > end:
        raise refusal("The parameter StartTime must be less than the parameter EndTime.")


def check_period(period: int, parameter: str, refusal: Refusal) -> None:
    if period % MINUTE:
        raise refusal(f"The parameter {parameter} must be a multiple of {MINUTE}: metrics here have one point a minute.")


def check_account(account: Any, call: Call, parameter: str, refusal: Refusal) -> None:
    """There are no monitoring accounts: everybody sees the metrics of one account alone."""
    if account is not None and account != call.account:
        raise refusal(f"The parameter {parameter} must be your own account: {call.account} is linked with no other.")
