"""What follows from the health of targets: whose flows end, which zones leave the names, and whom a node sends to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from records import AT, BALANCER, GROUP, GROUP_RECORD, LISTENER_RECORD, NODES, SERVERS, VPC_P, ZONES, change, target, wanted

from sidedoor.dataplane import desired, failover
from sidedoor.dataplane.desired import Cluster
from sidedoor.dataplane.failover import Flows
from sidedoor.dataplane.wanted import Wanted
from sidedoor.loadbalancers.model import HealthState, Minimum

HEALTHY, UNHEALTHY, INITIAL = HealthState.HEALTHY, HealthState.UNHEALTHY, HealthState.INITIAL
DRAINING = HealthState.UNHEALTHY_DRAINING
PORTS = (80, 81, 82, 83)
AFTER = AT + timedelta(days=1)
ENDS_UNHEALTHY = "target_health_state.unhealthy.connection_termination.enabled"
INTERVAL = "target_health_state.unhealthy.draining_interval_seconds"
ENDS_DEREGISTERED = {"deregistration_delay.connection_termination.enabled": "true"}


def told_of(**attributes: str) -> Wanted:
    """Four targets in the first zone and none in the second."""
    told = wanted()
    told.drop("targets", target(1).id)
    for port in PORTS:
        told.put("targets", target(0, port))
    change(told, "target_groups", GROUP, attributes={key.replace("__", "."): value for key, value in attributes.items()})
    return told


def minimums(action: str, **of: str) -> dict[str, str]:
    return {f"target_group_health.{action}.minimum_healthy_targets.{name}": value for name, value in of.items()}


def states(*found: HealthState) -> dict[str, HealthState]:
    return {target(0, port).id: state for port, state in zip(PORTS, found, strict=True)}


def first(told: Wanted) -> Cluster:
    return desired.clusters(told, BALANCER)[0]


def ports_to_end(told: Wanted, found: Mapping[str, HealthState], now: datetime = AFTER) -> set[int]:
    ending = failover.flows_to_end(desired.clusters(told, BALANCER), lambda _: found, now)
    assert {(one.vpc_id, one.source, one.address) for one in ending} <= {(VPC_P, NODES[0].address, SERVERS[0].address)}
    return {one.port for one in ending}


# --- whom a node sends to -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minimum", "found", "ports"),
    [
        pytest.param({}, (HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY), {80}, id="one is enough"),
        pytest.param({}, (UNHEALTHY,) * 4, set(PORTS), id="none is not"),
        pytest.param({}, (DRAINING, HEALTHY, INITIAL, UNHEALTHY), {81}, id="neither new nor draining ones are healthy"),
        pytest.param({"count": "2"}, (HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY), {80, 81}, id="two of two"),
        pytest.param({"count": "2"}, (HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY), set(PORTS), id="one of two"),
        pytest.param({"percentage": "50"}, (HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY), {80, 81}, id="half of half"),
        pytest.param({"percentage": "51"}, (HEALTHY, HEALTHY, UNHEALTHY, UNHEALTHY), set(PORTS), id="half of more"),
        pytest.param({"count": "3", "percentage": "25"}, (HEALTHY, HEALTHY, INITIAL, UNHEALTHY), set(PORTS), id="either"),
    ],
)
def test_below_the_minimum_a_node_sends_to_all_targets(
    minimum: dict[str, str], found: tuple[HealthState, ...], ports: set[int]
) -> None:
    cluster = first(told_of(**minimums("unhealthy_state_routing", **minimum)))
    assert {one.port for one in desired.hosts(cluster, states(*found))} == ports


@pytest.mark.parametrize(
    ("minimum", "healthy", "total", "met"),
    [
        (Minimum(), 1, 4, True),
        (Minimum(), 0, 0, False),
        (Minimum(count=None), 0, 4, True),
        (Minimum(count=None, percentage=1), 0, 4, False),
        (Minimum(count=None, percentage=100), 4, 4, True),
        (Minimum(count=None, percentage=34), 1, 3, False),
        (Minimum(count=None, percentage=33), 1, 3, True),
        (Minimum(count=2, percentage=10), 1, 4, False),
    ],
)
def test_a_minimum_is_met_when_neither_of_its_numbers_is_missed(minimum: Minimum, healthy: int, total: int, met: bool) -> None:
    assert minimum.is_met(healthy, total) is met


# --- zones --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minimum", "found", "out"),
    [
        pytest.param({}, (HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY), {ZONES[1]}, id="a zone without targets is out"),
        pytest.param({}, (UNHEALTHY,) * 4, set(ZONES), id="so is one without healthy ones"),
        pytest.param({}, (DRAINING,) * 4, set(ZONES), id="unhealthy.draining is unhealthy"),
        pytest.param({}, (INITIAL,) * 4, {ZONES[1]}, id="what is not known yet leads nobody away"),
        pytest.param({"count": "off"}, (UNHEALTHY,) * 4, set(), id="off"),
        pytest.param({"count": "2"}, (HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY), set(ZONES), id="count"),
        pytest.param({"count": "off", "percentage": "50"}, (HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY), {ZONES[0]}, id="part"),
    ],
)
def test_a_zone_with_too_few_healthy_targets_leaves_the_names(
    minimum: dict[str, str], found: tuple[HealthState, ...], out: set[str]
) -> None:
    told = told_of(**minimums("dns_failover", **minimum))
    assert failover.zones_out(desired.clusters(told, BALANCER), lambda _: states(*found)) == out


def test_with_cross_zone_a_zone_without_targets_of_its_own_stays() -> None:
    told = told_of(load_balancing__cross_zone__enabled="true")
    assert failover.zones_out(desired.clusters(told, BALANCER), lambda _: {}) == frozenset()


def test_one_target_group_without_healthy_targets_is_enough_to_leave() -> None:
    told = told_of()
    empty = replace(GROUP_RECORD, id=f"{GROUP}-empty")
    told.put("target_groups", empty)
    told.put("listeners", replace(LISTENER_RECORD, id="arn:another", port=444, target_group_id=empty.id))
    assert failover.zones_out(desired.clusters(told, BALANCER), lambda _: {}) == set(ZONES)


def test_a_load_balancer_without_listeners_says_nothing_of_its_zones() -> None:
    told = told_of()
    told.drop("listeners", LISTENER_RECORD.id)
    assert failover.zones_out(desired.clusters(told, BALANCER), lambda _: {}) == frozenset()


# --- flows of unhealthy targets -----------------------------------------------------------------------------------


def test_an_unhealthy_target_loses_its_flows_and_no_other_does() -> None:
    assert ports_to_end(told_of(), states(HEALTHY, UNHEALTHY, INITIAL, UNHEALTHY)) == {81, 83}


def test_a_target_whose_failure_makes_the_node_fail_open_keeps_them() -> None:
    assert ports_to_end(told_of(), states(UNHEALTHY, UNHEALTHY, INITIAL, UNHEALTHY)) == set()
    needs_two = told_of(**minimums("unhealthy_state_routing", count="2"))
    assert ports_to_end(needs_two, states(HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY)) == set()


def test_without_termination_flows_to_unhealthy_targets_stay() -> None:
    assert ports_to_end(told_of(**{ENDS_UNHEALTHY: "false"}), states(HEALTHY, UNHEALTHY, UNHEALTHY, UNHEALTHY)) == set()


def test_with_an_interval_they_stay_while_the_target_drains_and_end_with_it() -> None:
    told = told_of(**{ENDS_UNHEALTHY: "false", INTERVAL: "60"})
    assert ports_to_end(told, states(HEALTHY, DRAINING, DRAINING, UNHEALTHY)) == {83}


# --- flows of deregistered targets --------------------------------------------------------------------------------


def test_a_deregistered_target_gets_nothing_new_and_keeps_what_it_has() -> None:
    told = told_of()
    change(told, "targets", target(0, 81).id, draining_since=AT)
    assert [one.port for one in first(told).candidates] == [80, 82, 83]
    assert [one.host.port for one in first(told).leaving] == [81]
    assert ports_to_end(told, {}) == set()
    assert failover.next_end(desired.clusters(told, BALANCER), AT) is None


def test_with_termination_its_flows_end_with_the_delay_and_not_before() -> None:
    told = told_of(**ENDS_DEREGISTERED, deregistration_delay__timeout_seconds="60")
    change(told, "targets", target(0, 81).id, draining_since=AT)
    end = AT + timedelta(seconds=60)
    assert ports_to_end(told, {}, end - timedelta(milliseconds=1)) == set()
    assert ports_to_end(told, {}, end) == ports_to_end(told, {}, end + timedelta(hours=1)) == {81}
    clusters = desired.clusters(told, BALANCER)
    assert failover.next_end(clusters, AT) == end
    assert failover.next_end(clusters, end) is None


def test_the_next_end_is_the_earliest() -> None:
    told = told_of(**ENDS_DEREGISTERED)
    for port, minutes in ((80, 3), (81, 1), (82, 2)):
        change(told, "targets", target(0, port).id, draining_since=AT + timedelta(minutes=minutes))
    assert failover.next_end(desired.clusters(told, BALANCER), AT) == AT + timedelta(minutes=6)


def test_a_target_of_another_zone_is_not_this_nodes_to_end() -> None:
    told = told_of(**ENDS_DEREGISTERED)
    change(told, "targets", target(0, 81).id, draining_since=AT)
    assert [[one.host.port for one in cluster.leaving] for cluster in desired.clusters(told, BALANCER)] == [[81], []]


def test_a_place_that_another_group_still_uses_keeps_its_flows() -> None:
    """The same address and port in two groups behind one node: nobody can tell whose a flow is."""
    told = told_of(**ENDS_DEREGISTERED)
    change(told, "targets", target(0, 81).id, draining_since=AT)
    second = replace(GROUP_RECORD, id=f"{GROUP}-second", attributes=ENDS_DEREGISTERED)
    also = replace(target(0, 81), id="also", target_group_id=second.id)
    for kind, record in (
        ("target_groups", second),
        ("targets", also),
        ("listeners", replace(LISTENER_RECORD, id="arn:another", port=444, target_group_id=second.id)),
    ):
        told.put(kind, record)
    assert ports_to_end(told, {}) == set()
    told.put("targets", replace(also, draining_since=AT))
    assert ports_to_end(told, {}) == {81}


def test_flows_say_from_where_to_where() -> None:
    ending = failover.flows_to_end(
        desired.clusters(told_of(), BALANCER), lambda _: states(HEALTHY, UNHEALTHY, HEALTHY, HEALTHY), AT
    )
    assert ending == {Flows(vpc_id=VPC_P, source=NODES[0].address, address=SERVERS[0].address, port=81)}
