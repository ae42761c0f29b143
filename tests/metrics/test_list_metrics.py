"""ListMetrics: which metrics there are, of whom, and in which pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from metric_samples import NOON, OTHER, OWNER, at, told
from sidedoor import errors
from sidedoor.metrics.model import Datum, Namespace, Series, Unit, series
from sidedoor.metrics.operations import METRICS_A_PAGE, list_metrics
from sidedoor.metrics.record import record
from world import World

BALANCER = "net/front/0123456789abcdef"


def metric(namespace: Namespace, name: str, account: str = OWNER, region: str = "us-east-1", **dimensions: str) -> Series:
    spelled = {key.replace("_", " "): value for key, value in dimensions.items()}
    return series(account, region, namespace, name, spelled, Unit.COUNT)


def listed(world: World, account: str = OWNER, **request: Any) -> list[tuple[str, dict[str, str]]]:
    answer = world.ask(list_metrics, account=account, **request)
    return [(one["MetricName"], {pair["Name"]: pair["Value"] for pair in one["Dimensions"]}) for one in answer["Metrics"]]


def keep(world: World, *several: Series, minute: int = 0) -> None:
    data: list[Datum] = [told(one, minute, 1) for one in several]
    world.now = at(minute + 1)
    record(world.store, data, source="agent", now=world.now)


@pytest.fixture
def several(world: World) -> World:
    flows = {"LoadBalancer": BALANCER, "AvailabilityZone": "us-east-1a"}
    keep(
        world,
        metric(Namespace.LOAD_BALANCERS, "ActiveFlowCount", LoadBalancer=BALANCER),
        metric(Namespace.LOAD_BALANCERS, "ActiveFlowCount", **flows),
        metric(Namespace.LOAD_BALANCERS, "NewFlowCount", LoadBalancer="net/other/1"),
        metric(Namespace.SERVICES, "NewConnections", Service_Id="vpce-svc-1"),
        metric(Namespace.ENDPOINTS, "NewConnections", account=OTHER, VPC_Endpoint_Id="vpce-1"),
        metric(Namespace.SERVICES, "EndpointsCount", region="eu-west-1", Service_Id="vpce-svc-2"),
    )
    return world


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        ({}, ["ActiveFlowCount", "ActiveFlowCount", "NewFlowCount", "NewConnections"]),
        ({"Namespace": "AWS/NetworkELB"}, ["ActiveFlowCount", "ActiveFlowCount", "NewFlowCount"]),
        ({"MetricName": "NewFlowCount"}, ["NewFlowCount"]),
        ({"Namespace": "AWS/NetworkELB", "MetricName": "NewConnections"}, []),
        ({"Dimensions": [{"Name": "LoadBalancer"}]}, ["ActiveFlowCount", "ActiveFlowCount", "NewFlowCount"]),
        ({"Dimensions": [{"Name": "LoadBalancer", "Value": BALANCER}]}, ["ActiveFlowCount", "ActiveFlowCount"]),
        ({"Dimensions": [{"Name": "LoadBalancer"}, {"Name": "AvailabilityZone"}]}, ["ActiveFlowCount"]),
        ({"Dimensions": [{"Name": "Service Id", "Value": "vpce-svc-1"}]}, ["NewConnections"]),
        ({"Dimensions": [{"Name": "Service Id", "Value": "vpce-svc-2"}]}, []),
        (
            {"OwningAccount": OWNER, "RecentlyActive": "PT3H"},
            ["ActiveFlowCount", "ActiveFlowCount", "NewFlowCount", "NewConnections"],
        ),
    ],
)
def test_metrics_are_found_by_what_they_are_called(several: World, request_: dict[str, Any], names: list[str]) -> None:
    assert [name for name, _ in listed(several, **request_)] == names


def test_an_account_sees_its_own_metrics_with_their_dimensions(several: World) -> None:
    assert listed(several, account=OTHER) == [("NewConnections", {"VPC Endpoint Id": "vpce-1"})]


def test_a_metric_in_two_units_is_listed_once(world: World) -> None:
    one, other = (series(OWNER, "us-east-1", Namespace.SERVICES, "X", {}, unit) for unit in (Unit.COUNT, Unit.BYTES))
    keep(world, one, other)
    assert listed(world) == [("X", {})]


def test_what_told_nothing_for_three_hours_is_not_recently_active(world: World) -> None:
    old, fresh = metric(Namespace.SERVICES, "Old"), metric(Namespace.SERVICES, "Fresh")
    keep(world, old, fresh)
    keep(world, fresh, minute=240)
    assert listed(world) == [("Fresh", {}), ("Old", {})]
    assert listed(world, RecentlyActive="PT3H") == [("Fresh", {})]


def test_what_told_nothing_for_fifteen_days_is_not_listed(world: World) -> None:
    keep(world, metric(Namespace.SERVICES, "Old"))
    world.now = NOON + timedelta(days=15, hours=1)
    assert listed(world) == []


def test_pages_together_are_everything(world: World) -> None:
    many = [
        metric(Namespace.SERVICES, "NewConnections", Service_Id=f"vpce-svc-{number}") for number in range(METRICS_A_PAGE + 1)
    ]
    keep(world, *many)
    first = world.ask(list_metrics, account=OWNER, IncludeLinkedAccounts=True)
    keep(world, metric(Namespace.ENDPOINTS, "ComesBetween"))
    second = world.ask(list_metrics, account=OWNER, NextToken=first["NextToken"])
    assert first["OwningAccounts"] == [OWNER] * METRICS_A_PAGE
    assert second["NextToken"] is None
    found = [one["Dimensions"][0]["Value"] for one in (*first["Metrics"], *second["Metrics"])]
    assert sorted(found) == sorted(one.dimensions[0][1] for one in many)
    with pytest.raises(errors.InvalidParameterValue):
        world.ask(list_metrics, account=OTHER, NextToken=first["NextToken"])


@pytest.mark.parametrize(
    "request_", [{"RecentlyActive": "PT4H"}, {"OwningAccount": OTHER}, {"NextToken": "forged"}, {"NextToken": "\u00e9"}]
)
def test_what_cannot_be_is_refused(world: World, request_: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidParameterValue):
        world.ask(list_metrics, account=OWNER, **request_)
