"""Instances as targets: what can be registered, and what becomes of it when the instance stops or goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from load_balancer_site import HOME, STRANGER, SUBNET_ELSEWHERE, SUBNETS, ZONES, Site

from sidedoor import errors
from sidedoor.instances.launch import run_instances
from sidedoor.instances.operations import start_instances, stop_instances, terminate_instances
from sidedoor.loadbalancers.model import HealthState, Target, TargetHealth
from sidedoor.loadbalancers.targets import deregister_targets, describe_target_health, register_targets
from sidedoor.networks.model import SecurityGroup

UNKNOWN = "i-0123456789abcdef0"


@pytest.fixture
def group(site: Site) -> dict[str, Any]:
    return site.group(TargetType="instance")


def launch(site: Site, subnet: str = SUBNETS[1]) -> str:
    with site.world.store.write() as tables:
        vpc_id = tables.subnets.where(id=subnet)[0].vpc_id
        if not tables.security_groups.where(vpc_id=vpc_id, name="default"):
            owned = {"account": "111111111111", "region": "us-east-1", "created": site.world.now}
            tables.security_groups.add(SecurityGroup(id=f"sg-{vpc_id}", vpc_id=vpc_id, name="default", description="", **owned))
    request = {"ImageId": "ami-12345678", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet}
    return str(site.world.ask(run_instances, **request)["Instances"][0]["InstanceId"])


def register(site: Site, group: dict[str, Any], *targets: dict[str, Any]) -> None:
    assert site.ask(register_targets, TargetGroupArn=group["TargetGroupArn"], Targets=list(targets)) == {}


def records(site: Site) -> list[Target]:
    with site.world.store.read() as tables:
        return tables.targets.where()


def health(site: Site, group: dict[str, Any]) -> list[dict[str, Any]]:
    answer = site.ask(describe_target_health, TargetGroupArn=group["TargetGroupArn"])
    found: list[dict[str, Any]] = answer["TargetHealthDescriptions"]
    return found


def in_use(site: Site, group: dict[str, Any], instance_id: str) -> None:
    """A load balancer uses the group, and the agent has found the target healthy."""
    site.listener(site.balancer(Subnets=[SUBNETS[0], SUBNETS[1]]), group)
    (target,) = [one for one in records(site) if one.target_id == instance_id]
    with site.world.store.write() as tables:
        tables.target_health.add(TargetHealth(id=target.id, target_group_id=group["TargetGroupArn"], state=HealthState.HEALTHY))


def test_an_instance_is_registered_with_its_address_and_zone(site: Site, group: dict[str, Any]) -> None:
    instance_id = launch(site)
    register(site, group, {"Id": instance_id}, {"Id": instance_id, "Port": 8080})
    assert {(one.target_id, one.address, one.zone, one.port, one.running) for one in records(site)} == {
        (instance_id, "10.0.1.4", ZONES[1], 80, True),
        (instance_id, "10.0.1.4", ZONES[1], 8080, True),
    }
    assert health(site, group)[0]["Target"] == {"Id": instance_id, "Port": 80}


def test_an_instance_that_is_not_there_is_no_target(site: Site, group: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidTarget, match=f"The following instances do not exist: '{UNKNOWN}'"):
        register(site, group, {"Id": UNKNOWN})
    with pytest.raises(errors.ValidationError, match=r"Instance ID '10\.0\.0\.20' is not valid"):
        register(site, group, {"Id": "10.0.0.20"})


def test_another_accounts_instance_is_no_target(site: Site) -> None:
    instance_id = launch(site)
    with site.world.store.write() as tables:
        (instance,) = tables.instances.where()
        tables.instances.remove(instance)
        tables.instances.add(replace(instance, account=STRANGER))
    with pytest.raises(errors.InvalidTarget, match="do not exist"):
        register(site, site.group(TargetType="instance"), {"Id": instance_id})


def test_an_instance_of_another_vpc_is_no_target(site: Site, group: dict[str, Any]) -> None:
    instance_id = launch(site, SUBNET_ELSEWHERE)
    with pytest.raises(errors.InvalidTarget, match=f"not in the target group VPC '{HOME}': '{instance_id}'"):
        register(site, group, {"Id": instance_id})


@pytest.mark.parametrize("end", [stop_instances, terminate_instances])
def test_an_instance_that_does_not_run_cannot_be_registered(site: Site, group: dict[str, Any], end: Any) -> None:
    instance_id = launch(site)
    site.world.ask(end, InstanceIds=[instance_id])
    with pytest.raises(errors.InvalidTarget, match=f"not in a running state and cannot be registered: '{instance_id}'"):
        register(site, group, {"Id": instance_id})


def test_an_instance_has_the_zone_of_its_subnet_and_no_other(site: Site, group: dict[str, Any]) -> None:
    with pytest.raises(errors.ValidationError, match="Availability Zone cannot be specified"):
        register(site, group, {"Id": launch(site), "AvailabilityZone": "all"})


@pytest.mark.parametrize("end", [stop_instances, terminate_instances])
def test_a_target_that_stops_running_leaves_routing_and_says_why(site: Site, group: dict[str, Any], end: Any) -> None:
    instance_id, other = launch(site), launch(site, SUBNETS[0])
    register(site, group, {"Id": instance_id}, {"Id": other})
    in_use(site, group, instance_id)
    site.world.ask(end, InstanceIds=[instance_id])
    assert {one.target_id: one.running for one in records(site)} == {instance_id: False, other: True}
    states = {one["Target"]["Id"]: one["TargetHealth"] for one in health(site, group)}
    assert states[instance_id] == {
        "State": "unused",
        "Reason": "Target.InvalidState",
        "Description": "Target is in the stopped or terminated state",
    }
    assert states[other]["State"] == "initial"


def test_a_target_that_starts_again_is_routed_to_again(site: Site, group: dict[str, Any]) -> None:
    instance_id = launch(site)
    register(site, group, {"Id": instance_id})
    in_use(site, group, instance_id)
    site.world.ask(stop_instances, InstanceIds=[instance_id])
    site.world.ask(start_instances, InstanceIds=[instance_id])
    assert [one.running for one in records(site)] == [True]
    assert health(site, group)[0]["TargetHealth"] == {"State": "healthy"}


def test_a_terminated_instance_can_be_deregistered(site: Site, group: dict[str, Any]) -> None:
    instance_id = launch(site)
    register(site, group, {"Id": instance_id})
    site.world.ask(terminate_instances, InstanceIds=[instance_id])
    site.ask(deregister_targets, TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": instance_id}])
    assert records(site) == []


def test_a_forgotten_instance_is_no_target_any_more(site: Site, group: dict[str, Any]) -> None:
    instance_id = launch(site)
    register(site, group, {"Id": instance_id})
    in_use(site, group, instance_id)
    site.world.ask(terminate_instances, InstanceIds=[instance_id])
    site.world.now += timedelta(hours=1)
    launch(site)
    assert health(site, group) == []
    with site.world.store.read() as tables:
        assert tables.target_health.where() == []
