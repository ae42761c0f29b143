"""GetMetricStatistics: what a metric came to, over periods."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from metric_samples import NOON, OTHER, OWNER, at, bytes_processed, told
from sidedoor import errors
from sidedoor.metrics.model import KEPT, StatisticSet, Unit, series
from sidedoor.metrics.operations import get_metric_statistics
from sidedoor.metrics.record import record
from world import World

ONE = bytes_processed()
DIMENSIONS = [{"Name": name, "Value": value} for name, value in reversed(ONE.dimensions)]


@pytest.fixture
def counted(world: World) -> World:
    """A world a quarter past noon, in which something was counted in five of the minutes since."""
    world.now = at(15)
    values = {0: 100, 1: 50, 5: StatisticSet(90, 20, 40, 3), 6: 10, 14: 7}
    record(world.store, [told(ONE, minute, value) for minute, value in values.items()], source="agent", now=world.now)
    return world


def ask(world: World, **request: Any) -> dict[str, Any]:
    usual = {
        "Namespace": ONE.namespace, "MetricName": ONE.name, "Dimensions": DIMENSIONS, "StartTime": NOON, "EndTime": at(15),
        "Period": 300, **({} if "ExtendedStatistics" in request else {"Statistics": ["Sum"]}),
    }  # fmt: skip
    return world.ask(get_metric_statistics, **{"account": OWNER, **usual, **request})


def points(world: World, name: str = "Sum", **request: Any) -> dict[float, float]:
    """Minutes after noon -> the value."""
    found = ask(world, **request)["Datapoints"]
    return {(one["Timestamp"] - NOON).total_seconds() / 60: one[name] for one in found}


def test_minutes_are_put_together_by_period(counted: World) -> None:
    assert points(counted) == {0: 150, 5: 100, 10: 7}
    assert points(counted, Period=60) == {0: 100, 1: 50, 5: 90, 6: 10, 14: 7}
    assert points(counted, Period=86400) == {0: 257}


def test_all_statistics_of_a_period_are_shown_together(counted: World) -> None:
    every = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]
    answer = ask(counted, Statistics=every, StartTime=at(5), EndTime=at(10))
    wanted = {"SampleCount": 4, "Average": 25, "Sum": 100, "Minimum": 10, "Maximum": 40}
    assert answer == {"Label": "BytesProcessed", "Datapoints": [{"Timestamp": at(5), "Unit": "Bytes", **wanted}]}


def test_the_start_is_inclusive_and_rounded_down_and_the_end_exclusive(counted: World) -> None:
    assert points(counted, StartTime=at(1.9), EndTime=at(6)) == {1: 140}
    assert points(counted, StartTime=at(1.9), EndTime=at(6) + timedelta(seconds=1)) == {1: 140, 6: 10}


def test_percentiles_are_shown_where_they_follow(counted: World) -> None:
    answer = ask(counted, ExtendedStatistics=["p0", "p100"])
    assert [one.get("ExtendedStatistics") for one in answer["Datapoints"]] == [
        {"p0": 50, "p100": 100},
        None,
        {"p0": 7, "p100": 7},
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"Dimensions": DIMENSIONS[:1]}, {"Dimensions": []}, {"MetricName": "bytesprocessed"}, {"Namespace": "AWS/EC2"},
        {"Unit": "Count"}, {"account": OTHER}, {"region": "eu-west-1"},
    ],
)  # fmt: skip
def test_another_metric_has_no_points(counted: World, other: dict[str, Any]) -> None:
    assert points(counted, Unit="Bytes")
    assert points(counted, **other) == {}


def test_each_unit_has_points_of_its_own(counted: World) -> None:
    counts = series(OWNER, "us-east-1", ONE.namespace, ONE.name, dict(ONE.dimensions), Unit.COUNT)
    record(counted.store, [told(counts, 0, 3)], source="agent", now=counted.now)
    found = ask(counted, Period=900)["Datapoints"]
    assert {one["Unit"]: one["Sum"] for one in found} == {"Bytes": 257, "Count": 3}


def test_what_is_older_than_fifteen_days_is_not_shown(counted: World) -> None:
    counted.now = NOON + KEPT + timedelta(seconds=30)
    assert points(counted) == {0: 50, 5: 100, 10: 7}


@pytest.mark.parametrize("start", [datetime.min.replace(tzinfo=NOON.tzinfo), NOON - timedelta(days=365)])
def test_a_start_before_everything_is_no_mistake(counted: World, start: datetime) -> None:
    assert sum(points(counted, StartTime=start, Period=86400 * 5000).values()) == 257


@pytest.mark.parametrize(
    ("request_", "error", "message"),
    [
        ({"EndTime": NOON}, errors.InvalidParameterValue, "The parameter StartTime must not equal parameter EndTime."),
        ({"EndTime": at(-1)}, errors.InvalidParameterValue, "The parameter StartTime must be less than the parameter EndTime."),
        ({"Period": 90}, errors.InvalidParameterValue, "The parameter Period must be a multiple of 60"),
        ({"Unit": "Bites"}, errors.InvalidParameterValue, "The parameter Unit must be a value in the set [ Seconds, "),
        ({"Statistics": ["Sum", "Median"]}, errors.InvalidParameterValue, "The parameter Statistics.member.2 must be a value"),
        ({"ExtendedStatistics": ["tm90"]}, errors.InvalidParameterValue, "The value for parameter ExtendedStatistics.member.1"),
        ({"Statistics": []}, errors.MissingParameter, "At least one of the parameters Statistics and ExtendedStatistics"),
        (
            {"Statistics": ["Sum"], "ExtendedStatistics": ["p99"]},
            errors.InvalidParameterCombination, "At most one of the parameters Statistics and ExtendedStatistics",
        ),
        (
            {"Period": 60, "EndTime": NOON + timedelta(days=1, minutes=1)}, errors.InvalidParameterCombination,
            "You have requested up to 1441 datapoints, which exceeds the limit of 1440.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(counted: World, request_: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        ask(counted, **request_)
    assert str(caught.value).startswith(message)


def test_a_day_of_minutes_is_one_call(counted: World) -> None:
    assert len(points(counted, Period=60, EndTime=NOON + timedelta(days=1))) == 5
