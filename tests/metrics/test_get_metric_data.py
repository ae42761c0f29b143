"""GetMetricData: several metrics, in pages of data points."""

from __future__ import annotations

from typing import Any

import pytest

from metric_samples import NOON, OTHER, OWNER, at, bytes_processed, told
from sidedoor import errors
from sidedoor.metrics import queries
from sidedoor.metrics.model import StatisticSet
from sidedoor.metrics.queries import get_metric_data
from sidedoor.metrics.record import record
from world import World

ONE, OTHER_ONE, IDLE = bytes_processed("vpce-1"), bytes_processed("vpce-2"), bytes_processed("vpce-3")
QUERIES = {"one": ONE, "other": OTHER_ONE, "idle": IDLE}


@pytest.fixture
def counted(world: World) -> World:
    world.now = at(10)
    data = [told(ONE, minute, 10 + minute) for minute in range(6)] + [told(OTHER_ONE, minute, 100) for minute in (2, 3)]
    record(world.store, data, source="agent", now=world.now)
    return world


def query(name: str, **changes: Any) -> dict[str, Any]:
    one = QUERIES[name]
    dimensions = [{"Name": key, "Value": value} for key, value in one.dimensions]
    metric = {"Namespace": one.namespace, "MetricName": one.name, "Dimensions": dimensions}
    stat = {"Metric": metric, "Period": 60, "Stat": "Sum"}
    more = {key: changes.pop(key) for key in ("Period", "Stat", "Unit", "Metric") if key in changes}
    return {"Id": name, "MetricStat": {**stat, **more}, **changes}


def ask(world: World, *several: dict[str, Any], account: str = OWNER, **request: Any) -> dict[str, Any]:
    times = {"StartTime": NOON, "EndTime": at(10)}
    return world.ask(get_metric_data, account=account, **{**times, "MetricDataQueries": list(several), **request})


def shown(answer: dict[str, Any]) -> dict[str, dict[float, float]]:
    """Id -> minutes after noon -> value, in the answer's order."""
    return {
        one["Id"]: {
            (when - NOON).total_seconds() / 60: value for when, value in zip(one["Timestamps"], one["Values"], strict=True)
        }
        for one in answer["MetricDataResults"]
    }


def test_each_query_has_its_points_newest_first(counted: World) -> None:
    answer = ask(counted, query("one"), query("other"), query("idle"))
    assert list(shown(answer)["one"].items()) == [(minute, 10 + minute) for minute in (5, 4, 3, 2, 1, 0)]
    assert shown(answer)["other"] == {3: 100, 2: 100}
    assert shown(answer)["idle"] == {}
    assert [one["StatusCode"] for one in answer["MetricDataResults"]] == ["Complete"] * 3
    assert answer["NextToken"] is None


def test_points_come_oldest_first_where_that_is_asked_for(counted: World) -> None:
    answer = ask(counted, query("one"), ScanBy="TimestampAscending")
    assert list(shown(answer)["one"]) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("stat", "values"),
    [("Sum", {0: 33, 3: 42}), ("Average", {0: 11, 3: 14}), ("Maximum", {0: 12, 3: 15}), ("p50", {0: 11, 3: 14})],
)
def test_each_query_has_its_own_period_and_statistic(counted: World, stat: str, values: dict[float, float]) -> None:
    answer = ask(counted, query("one", Period=180, Stat=stat), query("other"))
    assert shown(answer) == {"one": values, "other": {2: 100, 3: 100}}


def test_a_label_is_the_querys_or_the_metrics_name(counted: World) -> None:
    answer = ask(counted, query("one", Label="in bytes"), query("other"))
    assert [one["Label"] for one in answer["MetricDataResults"]] == ["in bytes", "BytesProcessed"]


def test_a_query_that_returns_nothing_is_left_out(counted: World) -> None:
    assert list(shown(ask(counted, query("one", ReturnData=False), query("other")))) == ["other"]


@pytest.mark.parametrize("order", ["TimestampAscending", "TimestampDescending"])
def test_pages_together_are_everything_whatever_comes_between(counted: World, order: str) -> None:
    several = [query("one"), query("idle"), query("other")]
    found: dict[str, list[float]] = {one["Id"]: [] for one in several}
    sizes, statuses, more = [], [], {}
    while True:
        answer = ask(counted, *several, MaxDatapoints=3, ScanBy=order, **more)
        page = shown(answer)
        for name, values in page.items():
            found[name] += list(values)
        sizes.append(sum(map(len, page.values())))
        statuses.append([one["StatusCode"] for one in answer["MetricDataResults"]])
        if answer["NextToken"] is None:
            break
        more = {"NextToken": answer["NextToken"]}
        first = 0 if order == "TimestampAscending" else 5
        record(counted.store, [told(ONE, first, 1)], source="another agent", now=counted.now)  # in a page that was given
    down = order == "TimestampDescending"
    assert found == {"one": sorted(range(6), reverse=down), "idle": [], "other": sorted((2, 3), reverse=down)}
    assert sizes == [3, 3, 2]
    partial, whole = "PartialData", "Complete"
    assert statuses == [[partial] * 3, [whole, whole, partial], [whole] * 3]


def test_a_token_is_good_for_its_account_alone(counted: World) -> None:
    token = ask(counted, query("one"), MaxDatapoints=1)["NextToken"]
    for account, forged in ((OTHER, token), (OWNER, "forged"), (OWNER, token[:-4])):
        with pytest.raises(errors.InvalidNextToken):
            ask(counted, query("one"), account=account, NextToken=forged)


def test_a_page_is_never_larger_than_awss(counted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_POINTS", 4)
    answer = ask(counted, query("one"), MaxDatapoints=1000)
    assert len(shown(answer)["one"]) == 4
    assert answer["NextToken"] is not None


def test_a_percentile_that_does_not_follow_is_left_out(counted: World) -> None:
    record(counted.store, [told(ONE, 7, StatisticSet(6, 1, 5, 2))], source="agent", now=counted.now)
    assert shown(ask(counted, query("one", Stat="p99"), StartTime=at(5)))["one"] == {5: 15}


def test_another_accounts_metric_has_no_points(counted: World) -> None:
    assert shown(ask(counted, query("one"), account=OTHER)) == {"one": {}}


MISTAKES: list[tuple[list[dict[str, Any]], dict[str, Any], str]] = [
    ([query("one"), query("one")], {}, "The values for parameter id in MetricDataQueries are not unique"),
    ([query("one", Id="One")], {}, "The value for parameter MetricDataQueries.member.1.Id must begin with a lowercase"),
    (
        [query("one"), query("other", Stat="tm90")],
        {},
        "The value for parameter MetricDataQueries.member.2.MetricStat.Stat is not",
    ),
    ([query("one", Period=30)], {}, "The parameter MetricDataQueries.member.1.MetricStat.Period must be a multiple of 60"),
    ([query("one", Unit="Bites")], {}, "The parameter MetricDataQueries.member.1.MetricStat.Unit must be a value in the set"),
    ([query("one", Metric={"MetricName": "x"})], {}, "The parameter MetricDataQueries.member.1.MetricStat.Metric.Namespace is"),
    ([query("one", AccountId=OTHER)], {}, "The parameter MetricDataQueries.member.1.AccountId must be your own account"),
    ([{"Id": "e", "Expression": "SUM(METRICS())"}], {}, "The parameter MetricDataQueries.member.1.Expression cannot be used"),
    ([{"Id": "e"}], {}, "The parameter MetricDataQueries.member.1.MetricStat is required"),
    ([], {}, "The parameter MetricDataQueries must have from 1 to 500 members"),
    ([query("one", Id=f"q{number}") for number in range(501)], {}, "The parameter MetricDataQueries must have from 1 to 500"),
    ([query("one")], {"ScanBy": "Timestamp"}, "The parameter ScanBy must be a value in the set"),
    ([query("one")], {"EndTime": NOON}, "The parameter StartTime must not equal parameter EndTime"),
    ([query("one")], {"MaxDatapoints": -1}, "The parameter MaxDatapoints must be greater"),
]


@pytest.mark.parametrize(("several", "request_", "message"), MISTAKES, ids=[message[-40:] for *_, message in MISTAKES])
def test_what_cannot_be_is_refused(
    counted: World, several: list[dict[str, Any]], request_: dict[str, Any], message: str
) -> None:
    with pytest.raises(errors.ValidationError) as caught:
        ask(counted, *several, **request_)
    assert str(caught.value).startswith(message)
