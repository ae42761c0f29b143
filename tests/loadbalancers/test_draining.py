"""Deregistered targets through the API: how they drain, come back and go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from load_balancer_site import Site

from sidedoor.agents import Agents
from sidedoor.loadbalancers.draining import KEPT
from sidedoor.loadbalancers.listeners import delete_listener
from sidedoor.loadbalancers.model import HealthState, Target, TargetHealth, target_key
from sidedoor.loadbalancers.target_groups import delete_target_group, modify_target_group_attributes
from sidedoor.loadbalancers.targets import deregister_targets, register_targets
from sidedoor.sweeper import Sweeper

DELAY = timedelta(seconds=300)
ADDRESS = "10.0.0.20"
DRAINING = {
    "State": "draining",
    "Reason": "Target.DeregistrationInProgress",
    "Description": "Target deregistration is in progress",
}


def ask_about(site: Site, operation: Any, group: dict[str, Any], address: str = ADDRESS) -> None:
    site.ask(operation, TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": address}])


def set_delay(site: Site, group: dict[str, Any], seconds: int) -> None:
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}
    site.ask(modify_target_group_attributes, TargetGroupArn=group["TargetGroupArn"], Attributes=[attribute])


def records(site: Site) -> list[Target]:
    with site.world.store.read() as tables:
        return tables.targets.where()


def shown(site: Site, group: dict[str, Any]) -> list[dict[str, str]]:
    return [one["TargetHealth"] for one in site.health(group)]


def reasons(site: Site, group: dict[str, Any]) -> list[str]:
    """What the answer says of the target when it is asked for by its name."""
    return [one["TargetHealth"].get("Reason", "") for one in site.health(group, {"Id": ADDRESS})]


def sweep(site: Site, at: datetime) -> int:
    return Sweeper(site.world.store, lambda: at).sweep()


@pytest.fixture
def served(site: Site) -> Iterator[dict[str, Any]]:
    """A group behind a load balancer in the first zone, with a target there."""
    group = site.group()
    group["Listener"] = site.listener(site.balancer(), group)["ListenerArn"]
    ask_about(site, register_targets, group)
    yield group


@pytest.fixture
def deregistered(site: Site, served: dict[str, Any]) -> dict[str, Any]:
    ask_about(site, deregister_targets, served)
    return served


def test_a_deregistered_target_is_draining_for_the_delay_and_not_registered_then(
    site: Site, deregistered: dict[str, Any]
) -> None:
    began = site.world.now
    assert shown(site, deregistered) == [DRAINING]
    site.world.now = began + DELAY - timedelta(seconds=2)
    assert shown(site, deregistered) == [DRAINING]
    assert shown(site, deregistered) == []
    assert reasons(site, deregistered) == ["Target.NotRegistered"]


def test_a_group_may_have_another_delay_or_none(site: Site, served: dict[str, Any]) -> None:
    set_delay(site, served, 3600)
    ask_about(site, deregister_targets, served)
    site.world.now += timedelta(seconds=3590)
    assert shown(site, served) == [DRAINING]
    ask_about(site, register_targets, served)
    set_delay(site, served, 0)
    ask_about(site, deregister_targets, served)
    assert shown(site, served) == []


def test_deregistering_again_does_not_begin_anew(site: Site, deregistered: dict[str, Any]) -> None:
    site.world.now += DELAY - timedelta(seconds=5)
    ask_about(site, deregister_targets, deregistered)
    site.world.now += timedelta(seconds=4)
    assert shown(site, deregistered) == []


def test_registering_again_while_it_drains_brings_it_back_with_its_health_to_be_found_out(
    site: Site, deregistered: dict[str, Any]
) -> None:
    ask_about(site, register_targets, deregistered)
    assert reasons(site, deregistered) == ["Elb.RegistrationInProgress"]
    site.world.now += DELAY * 2
    assert reasons(site, deregistered) == ["Elb.RegistrationInProgress"]


def test_registering_again_after_the_delay_does_the_same(site: Site, deregistered: dict[str, Any]) -> None:
    site.world.now += DELAY
    assert shown(site, deregistered) == []
    ask_about(site, register_targets, deregistered)
    assert reasons(site, deregistered) == ["Elb.RegistrationInProgress"]


def test_a_late_report_about_a_deregistered_target_is_not_taken(site: Site, deregistered: dict[str, Any]) -> None:
    key = target_key(deregistered["TargetGroupArn"], ADDRESS, 80)
    report = {"id": key, "target_group_id": deregistered["TargetGroupArn"], "state": "unhealthy", "codes": []}
    Agents(site.world.store)._take({"targets": [report]})
    ask_about(site, register_targets, deregistered)
    assert reasons(site, deregistered) == ["Elb.RegistrationInProgress"]
    Agents(site.world.store)._take({"targets": [report]})
    assert shown(site, deregistered)[0]["State"] == "unhealthy"


@pytest.mark.parametrize("why", ["group", "zone", "node"])
def test_a_target_that_gets_no_connection_anyway_is_gone_at_once(site: Site, served: dict[str, Any], why: str) -> None:
    address = {"group": ADDRESS, "zone": "10.0.1.20", "node": "10.0.0.4"}[why]
    group = site.group("another") if why == "group" else served
    ask_about(site, register_targets, group, address)
    (found,) = site.health(group, {"Id": address})
    assert found["TargetHealth"]["State"] == "unused"
    ask_about(site, deregister_targets, group, address)
    (found,) = site.health(group, {"Id": address})
    assert found["TargetHealth"]["Reason"] == "Target.NotRegistered"
    assert address not in {one.target_id for one in records(site) if one.target_group_id == group["TargetGroupArn"]}


def test_a_draining_target_keeps_no_other_from_being_registered(site: Site, served: dict[str, Any]) -> None:
    arn = served["TargetGroupArn"]
    thousand = [{"Id": ADDRESS, "Port": port} for port in range(1, 1001)]
    site.ask(register_targets, TargetGroupArn=arn, Targets=thousand)
    site.ask(deregister_targets, TargetGroupArn=arn, Targets=thousand[:1])
    site.ask(register_targets, TargetGroupArn=arn, Targets=[{"Id": ADDRESS, "Port": 1001}])


def test_a_group_with_draining_targets_is_deleted_as_any_other(site: Site, deregistered: dict[str, Any]) -> None:
    site.ask(delete_listener, ListenerArn=deregistered["Listener"])
    assert reasons(site, deregistered) == ["Target.NotInUse"]
    site.ask(delete_target_group, TargetGroupArn=deregistered["TargetGroupArn"])
    assert records(site) == []


# --- the record's end ---------------------------------------------------------------------------------------------


def test_the_record_of_a_drained_target_goes_when_the_data_plane_has_had_its_time(
    site: Site, deregistered: dict[str, Any]
) -> None:
    began = records(site)[0].draining_since
    assert began is not None
    assert sweep(site, began + DELAY + KEPT - timedelta(seconds=1)) == 0
    assert sweep(site, began + DELAY + KEPT) == 1
    assert records(site) == []
    assert sweep(site, began + DELAY + KEPT) == 0


def test_the_sweep_takes_what_was_found_of_the_target_along_and_leaves_those_that_are_registered(
    site: Site, deregistered: dict[str, Any]
) -> None:
    ask_about(site, register_targets, deregistered, "10.0.0.21")
    arn = deregistered["TargetGroupArn"]
    with site.world.store.write() as tables:
        for address in (ADDRESS, "10.0.0.21"):
            key = target_key(arn, address, 80)
            tables.target_health.add(TargetHealth(id=key, target_group_id=arn, state=HealthState.HEALTHY))
    assert sweep(site, site.world.now + timedelta(days=1)) == 1
    with site.world.store.read() as tables:
        kept = [target_key(arn, "10.0.0.21", 80)]
        assert [one.id for one in tables.targets.where()] == [one.id for one in tables.target_health.where()] == kept


def test_a_sweep_without_anything_to_sweep_writes_nothing(site: Site, served: dict[str, Any]) -> None:
    before = site.world.store.version()
    assert sweep(site, site.world.now + timedelta(days=1)) == 0
    assert site.world.store.version() == before


def test_a_longer_delay_does_not_bring_back_what_is_gone(site: Site, deregistered: dict[str, Any]) -> None:
    site.world.now += DELAY
    set_delay(site, deregistered, 3600)
    assert shown(site, deregistered) == []
    assert records(site) == []


def test_a_shorter_delay_counts_for_those_that_drain_already(site: Site, deregistered: dict[str, Any]) -> None:
    set_delay(site, deregistered, 1)
    assert shown(site, deregistered) == []
