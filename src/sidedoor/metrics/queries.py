"""GetMetricData: several metrics at once, in pages of data points."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sidedoor import errors
from sidedoor.aws import listing
from sidedoor.call import Answer, Call, Request
from sidedoor.metrics import lookup, reading
from sidedoor.metrics.model import Derived, Series, derived

MOST_QUERIES = 500
MOST_POINTS = 100_800

_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_LATEST = 10**12
"""Seconds since the epoch; later than any time."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """One of a request's queries. ``statistic`` is what it wants to know of the ``series``, of which there may be none."""

    id: str
    label: str
    series: list[Series]
    statistic: Derived
    period: int
    returned: bool


@dataclass
class Result:
    """What a page has of a query's data points. ``whole``: that none is left for the pages after it."""

    times: list[datetime] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    whole: bool = True


def get_metric_data(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html"""
    lookup.check_times(request["StartTime"], request["EndTime"], errors.ValidationError)
    _check_order(request.get("ScanBy"))
    queries = [one for one in _queries(call, request) if one.returned]
    size = request.get("MaxDatapoints") or MOST_POINTS
    if size < 0:
        raise errors.ValidationError("The parameter MaxDatapoints must be greater than or equal to 1.")
    results, token = _page(call, request, queries, min(size, MOST_POINTS))
    answers = [_answer(query, result) for query, result in zip(queries, results, strict=True)]
    return {"MetricDataResults": answers, "Messages": [], "NextToken": token}


def _check_order(order: str | None) -> None:
    orders = ("TimestampDescending", "TimestampAscending")
    if order is not None and order not in orders:
        raise errors.ValidationError(f"The parameter ScanBy must be a value in the set [ {', '.join(orders)} ].")


def _queries(call: Call, request: Request) -> Iterator[Query]:
    asked = request["MetricDataQueries"]
    if not 1 <= len(asked) <= MOST_QUERIES:
        raise errors.ValidationError(f"The parameter MetricDataQueries must have from 1 to {MOST_QUERIES} members.")
    known: set[str] = set()
    for number, one in enumerate(asked, 1):
        where = f"MetricDataQueries.member.{number}"
        if not _ID.fullmatch(one["Id"]):
            message = (
                f"The value for parameter {where}.Id must begin with a lowercase letter and hold letters, digits and _ alone."
            )
            raise errors.ValidationError(message)
        if one["Id"] in known:
            raise errors.ValidationError(f"The values for parameter id in MetricDataQueries are not unique: {one['Id']}.")
        known.add(one["Id"])
        yield _query(call, one, where)


def _query(call: Call, one: Request, where: str) -> Query:
    if "Expression" in one:
        raise errors.ValidationError(
            f"The parameter {where}.Expression cannot be used: Sidedoor has no metric math and no Metrics Insights. "
            f"Ask for each metric with {where}.MetricStat."
        )
    stat = one.get("MetricStat")
    if stat is None:
        raise errors.ValidationError(f"The parameter {where}.MetricStat is required.")
    metric = stat["Metric"]
    for name in ("Namespace", "MetricName"):
        if name not in metric:
            raise errors.ValidationError(f"The parameter {where}.MetricStat.Metric.{name} is required.")
    lookup.check_account(one.get("AccountId"), call, f"{where}.AccountId", errors.ValidationError)
    lookup.check_period(stat["Period"], f"{where}.MetricStat.Period", errors.ValidationError)
    lookup.check_unit(stat.get("Unit"), f"{where}.MetricStat.Unit", errors.ValidationError)
    statistic = derived(stat["Stat"])
    if statistic is None:
        raise errors.ValidationError(f"The value for parameter {where}.MetricStat.Stat is not a valid statistic.")
    series = lookup.found(call, metric["Namespace"], metric["MetricName"], metric.get("Dimensions") or (), stat.get("Unit"))
    return Query(
        id=one["Id"], label=one.get("Label") or metric["MetricName"], series=series, statistic=statistic,
        period=stat["Period"], returned=one.get("ReturnData", True),
    )  # fmt: skip


def _page(call: Call, request: Request, queries: list[Query], size: int) -> tuple[list[Result], str | None]:
    """A result for each query, and the token of the next page. What pages before had, and what comes after, is not read.

    A token names the last point that was given: its query's number and its place in the order of that query.
    """
    scope = f"{call.account}/{call.region}/{call.operation}"
    token = request.get("NextToken")
    after = listing.opened(token, call.settings.paging_secret, scope) if token else ""
    results, given, last = [Result() for _ in queries], 0, after
    ascending = request.get("ScanBy") == "TimestampAscending"
    for number, query in enumerate(queries):
        if f"{number:03}~" < after:
            continue
        for at, value in _points(call, request, query, ascending):
            key = f"{number:03} {at if ascending else _LATEST - at:013}"
            if key <= after:
                continue
            if given == size:
                for one in results[number:]:
                    one.whole = False
                return results, listing.seal(last, call.settings.paging_secret, scope)
            results[number].times.append(datetime.fromtimestamp(at, UTC))
            results[number].values.append(value)
            last, given = key, given + 1
    return results, None


def _points(call: Call, request: Request, query: Query, ascending: bool) -> Iterator[tuple[int, float]]:
    """(seconds since the epoch, value) of a query's data points in the order that is asked for."""
    sets: dict[int, list[Any]] = {}
    for one in query.series:
        found = reading.periods(call.tables, one, query.period, request["StartTime"], request["EndTime"], call.now)
        for at, some in found.items():
            sets.setdefault(at, []).extend(some)
    for at in sorted(sets, reverse=not ascending):
        value = query.statistic.of(sets[at])
        if value is not None:
            yield at, value


def _answer(query: Query, result: Result) -> dict[str, Any]:
    return {
        "Id": query.id, "Label": query.label, "Timestamps": result.times, "Values": result.values,
        "StatusCode": "Complete" if result.whole else "PartialData",
    }  # fmt: skip
