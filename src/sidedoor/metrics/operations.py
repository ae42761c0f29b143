"""ListMetrics and GetMetricStatistics."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sidedoor import errors
from sidedoor.aws import listing
from sidedoor.call import Answer, Call, Request
from sidedoor.metrics import lookup, reading
from sidedoor.metrics.model import HOUR, KEPT, MINUTE, STATISTICS, Percentile, Series, Statistic, StatisticSet, percentile

METRICS_A_PAGE = 500
MOST_POINTS = 1440
RECENT = {"PT3H": timedelta(hours=3)}


def list_metrics(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html"""
    lookup.check_account(request.get("OwningAccount"), call, "OwningAccount", errors.InvalidParameterValue)
    since = reading.seconds(call.now - _recently(request.get("RecentlyActive"))) // HOUR
    namespace, name = request.get("Namespace"), request.get("MetricName")
    rows = call.tables.metrics.series(**call.owned, namespace=namespace, name=name, since=since)
    wanted = request.get("Dimensions") or ()
    metrics = {_key(row.series): _metric(row.series) for row in rows if _has(row.series, wanted)}
    try:
        page, token = listing.paged(
            sorted(metrics), size=METRICS_A_PAGE, token=request.get("NextToken"), key=str,
            secret=call.settings.paging_secret, scope=f"{call.account}/{call.region}/{call.operation}",
        )  # fmt: skip
    except errors.InvalidNextToken as error:
        raise errors.InvalidParameterValue(error.message) from None  # this operation has no code of its own for it
    answer: Answer = {"Metrics": [metrics[key] for key in page], "NextToken": token}
    if request.get("IncludeLinkedAccounts"):
        answer["OwningAccounts"] = [call.account] * len(page)
    return answer


def _recently(name: str | None) -> timedelta:
    if name is None:
        return KEPT
    if name not in RECENT:
        raise errors.InvalidParameterValue("The parameter RecentlyActive must be a value in the set [ PT3H ].")
    return RECENT[name]


def _key(one: Series) -> str:
    return json.dumps([one.namespace, one.name, one.dimensions])


def _has(one: Series, wanted: Sequence[Mapping[str, str]]) -> bool:
    """Whether a series has all of these dimensions, with the values that are named."""
    dimensions = dict(one.dimensions)
    values = [(dimensions.get(dimension["Name"]), dimension.get("Value")) for dimension in wanted]
    return all(has is not None and has == (has if value is None else value) for has, value in values)


def _metric(one: Series) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in one.dimensions]
    return {"Namespace": one.namespace, "MetricName": one.name, "Dimensions": dimensions}


def get_metric_statistics(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html"""
    start, end, period = request["StartTime"], request["EndTime"], request["Period"]
    lookup.check_unit(request.get("Unit"), "Unit", errors.InvalidParameterValue)
    lookup.check_times(start, end, errors.InvalidParameterValue)
    lookup.check_period(period, "Period", errors.InvalidParameterValue)
    statistics, percentiles = _statistics(request)
    _check_number(start, end, period)
    metric = request["Namespace"], request["MetricName"], request.get("Dimensions") or ()
    points = [
        _point(one, at, sets, statistics, percentiles)
        for one in lookup.found(call, *metric, request.get("Unit"))
        for at, sets in reading.periods(call.tables, one, period, start, end, call.now).items()
    ]
    return {"Label": request["MetricName"], "Datapoints": points}


def _statistics(request: Request) -> tuple[list[Statistic], dict[str, Percentile]]:
    """What the request wants to know: statistics, or percentiles by name."""
    plain, extended = request.get("Statistics") or [], request.get("ExtendedStatistics") or []
    if not plain and not extended:
        raise errors.MissingParameter("At least one of the parameters Statistics and ExtendedStatistics must be specified.")
    if plain and extended:
        message = "At most one of the parameters Statistics and ExtendedStatistics may be specified."
        raise errors.InvalidParameterCombination(message)
    for number, name in enumerate(plain, 1):
        if name not in STATISTICS:
            values = ", ".join(Statistic)
            message = f"The parameter Statistics.member.{number} must be a value in the set [ {values} ]."
            raise errors.InvalidParameterValue(message)
    percentiles: dict[str, Percentile] = {}
    for number, name in enumerate(extended, 1):
        one = percentile(name)
        if one is None:
            message = f"The value for parameter ExtendedStatistics.member.{number} must be a percentile from p0 to p100."
            raise errors.InvalidParameterValue(message)
        percentiles[name] = one
    return [Statistic(name) for name in plain], percentiles


def _check_number(start: datetime, end: datetime, period: int) -> None:
    points = -(-(reading.seconds(end) - reading.seconds(start) // MINUTE * MINUTE) // period)
    if points > MOST_POINTS:
        raise errors.InvalidParameterCombination(
            f"You have requested up to {points} datapoints, which exceeds the limit of {MOST_POINTS}. You may reduce the "
            "datapoints requested by increasing Period, or decreasing the time range."
        )


def _point(
    one: Series, at: int, sets: list[StatisticSet], statistics: list[Statistic], percentiles: Mapping[str, Percentile]
) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(at, UTC), "Unit": one.unit.value}
    point |= {statistic.value: statistic.of(sets) for statistic in statistics}
    found = {name: value for name, one in percentiles.items() if (value := one.of(sets)) is not None}
    return point | ({"ExtendedStatistics": found} if found else {})
