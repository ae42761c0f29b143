"""Whose numbers are whose, and how many there are of what is counted by the head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from records import (
    BALANCER,
    CONSUMER,
    DOORS,
    ENDPOINT,
    ENDPOINT_RECORD,
    GROUP,
    NODES,
    PROVIDER,
    SERVICE,
    VPC_C,
    ZONES,
    change,
    wanted,
)

from sidedoor.counters.model import Kind, Population
from sidedoor.dataplane import census, desired
from sidedoor.dataplane.health import TargetReport
from sidedoor.endpoints.model import State
from sidedoor.loadbalancers.model import HealthState

HEALTHY, UNHEALTHY, INITIAL = HealthState.HEALTHY, HealthState.UNHEALTHY, HealthState.INITIAL


def population(kind: Kind, identity: str, group: str | None = None, zone: str | None = None) -> Population:
    owner = {"account": PROVIDER["account"], "region": "us-east-1"}
    return Population(kind=kind, **owner, id=identity, group_id=group, zone_id=zone)


def no_findings(_: str) -> Iterator[TargetReport]:
    return iter(())


def no_states(_: str) -> Mapping[str, HealthState]:
    return {}


def test_a_doors_numbers_are_the_endpoints_the_services_and_the_load_balancers() -> None:
    told = wanted()
    doors = desired.doors(told, ENDPOINT)
    found = census.passages(told, doors)
    assert {name: (one.subnet_id, one.zone_id) for name, one in found.items()} == {
        f"{ENDPOINT}/{door.id}/443": (door.subnet_id, zone) for door, zone in zip(DOORS, ZONES, strict=True)
    }
    one = found[f"{ENDPOINT}/{DOORS[0].id}/443"]
    assert (one.account, one.endpoint_id, one.vpc_id) == (CONSUMER["account"], ENDPOINT, VPC_C)
    assert (one.service_account, one.service_id) == (PROVIDER["account"], SERVICE)
    assert one.service_name == f"com.amazonaws.vpce.us-east-1.{SERVICE}"
    assert (one.balancer_account, one.balancer_id) == (PROVIDER["account"], BALANCER)


def test_a_door_of_which_not_everything_is_known_is_nobodys() -> None:
    for kind, record_id in (("endpoints", ENDPOINT), ("services", SERVICE), ("load_balancers", BALANCER)):
        told = wanted()
        doors = desired.doors(told, ENDPOINT)
        assert len(doors) == 2
        told.drop(kind, record_id)
        assert census.passages(told, doors) == {}


def test_a_service_has_the_endpoints_that_are_available() -> None:
    told = wanted()
    endpoints = population(Kind.ENDPOINTS, SERVICE)
    told.put("endpoints", replace(ENDPOINT_RECORD, id="vpce-0fffffffffffffff1", state=State.PENDING_ACCEPTANCE))
    assert census.populations(told, no_findings, no_states)[endpoints] == 1
    change(told, "endpoints", ENDPOINT, state=State.REJECTED)
    assert census.populations(told, no_findings, no_states)[endpoints] == 0


def test_targets_are_counted_as_each_node_finds_them_and_as_people_are_told() -> None:
    told = wanted()
    first, second = sorted(told.ids("targets"))
    seen = {
        NODES[0].id: {first: HEALTHY, second: HEALTHY},
        NODES[1].id: {first: HEALTHY, second: HealthState.UNHEALTHY_DRAINING},
    }
    reports = [
        TargetReport(target_id=first, target_group_id=GROUP, state=HEALTHY, reason=None),
        TargetReport(target_id=second, target_group_id=GROUP, state=UNHEALTHY, reason=None),
    ]
    found = census.populations(told, lambda one: reports if one == BALANCER else (), lambda node: seen[node])
    assert {key: number for key, number in found.items() if key.kind is not Kind.ENDPOINTS} == {
        population(Kind.HEALTHY, BALANCER, GROUP): 1,
        population(Kind.UNHEALTHY, BALANCER, GROUP): 1,
        population(Kind.HEALTHY, BALANCER, GROUP, ZONES[0]): 2,
        population(Kind.UNHEALTHY, BALANCER, GROUP, ZONES[0]): 0,
        population(Kind.HEALTHY, BALANCER, GROUP, ZONES[1]): 1,
        population(Kind.UNHEALTHY, BALANCER, GROUP, ZONES[1]): 1,
    }


def test_a_target_that_is_in_no_state_yet_is_in_neither_number() -> None:
    told = wanted()
    (first, _) = sorted(told.ids("targets"))
    found = census.populations(told, no_findings, lambda _: {first: INITIAL, "gone": HEALTHY})
    assert {number for key, number in found.items() if key.kind is not Kind.ENDPOINTS} == {0}
