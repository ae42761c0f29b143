from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from load_balancer_site import OWNER, STRANGER, SUBNETS, ZONES, Site

from sidedoor import errors
from sidedoor.loadbalancers.model import HealthReason, HealthState, Target, TargetHealth, target_key
from sidedoor.loadbalancers.target_groups import modify_target_group
from sidedoor.loadbalancers.targets import deregister_targets, describe_target_health, register_targets
from sidedoor.networks.zones import zone_name

UNKNOWN = f"arn:aws:elasticloadbalancing:us-east-1:{OWNER}:targetgroup/gone/0123456789abcdef"
ZONE_NAMES = [zone_name(OWNER, "us-east-1", zone) for zone in ZONES]


def register(site: Site, group: dict[str, Any], *targets: dict[str, Any]) -> None:
    assert site.ask(register_targets, TargetGroupArn=group["TargetGroupArn"], Targets=list(targets)) == {}


def deregister(site: Site, group: dict[str, Any], *targets: dict[str, Any]) -> None:
    assert site.ask(deregister_targets, TargetGroupArn=group["TargetGroupArn"], Targets=list(targets)) == {}


def records(site: Site) -> list[Target]:
    with site.world.store.read() as tables:
        return tables.targets.where()


def report(
    site: Site,
    group: dict[str, Any],
    address: str,
    state: HealthState,
    reason: HealthReason | None = None,
    codes: tuple[int, ...] = (),
) -> None:
    """What the agent's report writes."""
    arn = group["TargetGroupArn"]
    target_id = target_key(arn, address, group["Port"])
    with site.world.store.write() as tables:
        tables.target_health.add(TargetHealth(id=target_id, target_group_id=arn, state=state, reason=reason, codes=codes))


# --- register -----------------------------------------------------------------------------------------------------


def test_a_target_in_the_vpc_has_the_zone_of_its_subnet(site: Site) -> None:
    group = site.group()
    register(site, group, {"Id": "10.0.1.20"}, {"Id": "10.0.0.20", "Port": 8080, "AvailabilityZone": ZONE_NAMES[0]})
    assert {(one.target_id, one.address, one.port, one.zone) for one in records(site)} == {
        ("10.0.1.20", "10.0.1.20", 80, ZONES[1]),
        ("10.0.0.20", "10.0.0.20", 8080, ZONES[0]),
    }


def test_one_address_may_stand_at_several_ports(site: Site) -> None:
    group = site.group()
    register(site, group, {"Id": "10.0.0.20"}, {"Id": "10.0.0.20", "Port": 81}, {"Id": "10.0.0.20", "Port": 80})
    assert sorted(one.port for one in records(site)) == [80, 81]


def test_a_private_address_outside_the_vpc_names_all_zones_or_one(site: Site) -> None:
    group = site.group()
    outside = ({"Id": "192.168.7.7", "AvailabilityZone": "all"}, {"Id": "100.64.0.1", "AvailabilityZone": ZONE_NAMES[1]})
    register(site, group, *outside)
    assert {(one.target_id, one.zone) for one in records(site)} == {("192.168.7.7", "all"), ("100.64.0.1", ZONES[1])}


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"Id": "192.168.7.7"}, "select 'all' for all enabled Availability zones"),
        ({"Id": "10.0.9.9"}, "is outside the VPC"),
        ({"Id": "192.168.7.7", "AvailabilityZone": "us-east-1z"}, "must specify a valid Availability Zone"),
        ({"Id": "8.8.8.8", "AvailabilityZone": "all"}, "not in a private range"),
        ({"Id": "10.0.0.20", "AvailabilityZone": "all"}, "cannot have its Availability Zone overridden to 'all' from"),
        ({"Id": "10.0.0.20", "AvailabilityZone": ZONE_NAMES[1]}, f"overridden to '{ZONE_NAMES[1]}' from '{ZONE_NAMES[0]}'"),
        ({"Id": "i-0123456789abcdef0"}, "'i-0123456789abcdef0' is not a valid IPv4 address"),
        ({"Id": "10.0.0.20", "Port": 0}, "between 1 and 65535"),
        ({"Id": "10.0.0.20", "Port": 65536}, "between 1 and 65535"),
    ],
)
def test_a_target_that_cannot_be_is_refused(site: Site, target: dict[str, Any], reason: str) -> None:
    with pytest.raises(errors.ValidationError, match=reason):
        register(site, site.group(), target)


def test_one_bad_target_registers_none(site: Site) -> None:
    with pytest.raises(errors.ValidationError):
        register(site, site.group(), {"Id": "10.0.0.20"}, {"Id": "8.8.8.8"})
    assert records(site) == []


def test_registering_again_changes_nothing(site: Site) -> None:
    group = site.group()
    register(site, group, {"Id": "10.0.0.20"})
    before = records(site)
    register(site, group, {"Id": "10.0.0.20"})
    assert records(site) == before


def test_registering_again_ends_draining(site: Site) -> None:
    group = site.group()
    register(site, group, {"Id": "10.0.0.20"})
    (target,) = records(site)
    with site.world.store.write() as tables:
        tables.targets.update(target, replace(target, draining_since=site.world.now))
    register(site, group, {"Id": "10.0.0.20"})
    assert records(site)[0].draining_since is None


def test_a_group_takes_a_thousand_targets(site: Site) -> None:
    group = site.group()
    register(site, group, *({"Id": "10.0.0.20", "Port": port} for port in range(1, 1001)))
    with pytest.raises(errors.TooManyTargets, match="1000"):
        register(site, group, {"Id": "10.0.0.20", "Port": 1001})


def test_a_missing_group_has_no_targets(site: Site) -> None:
    for operation in (register_targets, deregister_targets):
        with pytest.raises(errors.TargetGroupNotFound):
            site.ask(operation, TargetGroupArn=UNKNOWN, Targets=[{"Id": "10.0.0.20"}])
    with pytest.raises(errors.TargetGroupNotFound):
        site.ask(describe_target_health, TargetGroupArn=UNKNOWN)


def test_another_account_cannot_register(site: Site) -> None:
    arn = site.group()["TargetGroupArn"]
    with pytest.raises(errors.ValidationError, match="is not a valid target group ARN"):
        site.ask(register_targets, account=STRANGER, TargetGroupArn=arn, Targets=[{"Id": "10.0.0.20"}])


# --- deregister ---------------------------------------------------------------------------------------------------


def test_deregistering_without_a_port_means_the_groups_port(site: Site) -> None:
    group = site.group()
    register(site, group, {"Id": "10.0.0.20"}, {"Id": "10.0.0.20", "Port": 81})
    deregister(site, group, {"Id": "10.0.0.20"})
    assert [one.port for one in records(site)] == [81]


def test_what_was_found_of_a_target_goes_with_it(site: Site) -> None:
    group = site.group()
    site.listener(site.balancer(), group)
    register(site, group, {"Id": "10.0.0.20"})
    report(site, group, "10.0.0.20", HealthState.HEALTHY)
    deregister(site, group, {"Id": "10.0.0.20"})
    register(site, group, {"Id": "10.0.0.20"})
    assert site.health(group)[0]["TargetHealth"]["State"] == "initial"


def test_deregistering_what_is_not_registered_succeeds(site: Site) -> None:
    deregister(site, site.group(), {"Id": "10.0.0.20"})


# --- health -------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(site: Site) -> Iterator[dict[str, Any]]:
    """A group behind a load balancer in the first zone, with a target there."""
    group = site.group()
    site.listener(site.balancer(), group)
    register(site, group, {"Id": "10.0.0.20"})
    yield group


def test_a_group_without_listener_is_not_in_use(site: Site) -> None:
    group = site.group()
    register(site, group, {"Id": "10.0.0.20"})
    assert site.health(group) == [
        {
            "Target": {"Id": "10.0.0.20", "Port": 80, "AvailabilityZone": ZONE_NAMES[0]},
            "HealthCheckPort": "80",
            "TargetHealth": {
                "State": "unused",
                "Reason": "Target.NotInUse",
                "Description": "Target group is not configured to receive traffic from the load balancer",
            },
        }
    ]


def test_a_target_of_which_nothing_was_reported_is_being_registered(site: Site, served: dict[str, Any]) -> None:
    assert site.health(served)[0]["TargetHealth"] == {
        "State": "initial",
        "Reason": "Elb.RegistrationInProgress",
        "Description": "Target registration is in progress",
    }


@pytest.mark.parametrize(
    ("state", "reason", "shown"),
    [
        (HealthState.HEALTHY, None, {"State": "healthy"}),
        (
            HealthState.UNHEALTHY,
            HealthReason.FAILED_CHECKS,
            {"State": "unhealthy", "Reason": "Target.FailedHealthChecks", "Description": "Health checks failed"},
        ),
        (
            HealthState.UNHEALTHY,
            HealthReason.TIMEOUT,
            {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"},
        ),
        (
            HealthState.INITIAL,
            HealthReason.INITIAL_CHECKS,
            {"State": "initial", "Reason": "Elb.InitialHealthChecking", "Description": "Initial health checks in progress"},
        ),
    ],
)
def test_what_the_agent_found_is_shown(
    site: Site, served: dict[str, Any], state: HealthState, reason: HealthReason | None, shown: dict[str, str]
) -> None:
    report(site, served, "10.0.0.20", state, reason)
    assert site.health(served)[0]["TargetHealth"] == shown


@pytest.mark.parametrize(("codes", "shown"), [((500,), "[500]"), ((404, 503), "[404, 503]")])
def test_a_status_that_the_matcher_does_not_have_is_shown(
    site: Site, served: dict[str, Any], codes: tuple[int, ...], shown: str
) -> None:
    report(site, served, "10.0.0.20", HealthState.UNHEALTHY, HealthReason.MISMATCH, codes)
    assert site.health(served)[0]["TargetHealth"] == {
        "State": "unhealthy",
        "Reason": "Target.ResponseCodeMismatch",
        "Description": f"Health checks failed with these codes: {shown}",
    }


def test_a_target_in_a_zone_that_is_not_enabled_is_not_in_use(site: Site, served: dict[str, Any]) -> None:
    register(site, served, {"Id": "10.0.1.20"})
    report(site, served, "10.0.1.20", HealthState.HEALTHY)
    (found,) = site.health(served, {"Id": "10.0.1.20"})
    assert found["Target"]["AvailabilityZone"] == ZONE_NAMES[1]
    assert found["TargetHealth"] == {
        "State": "unused",
        "Reason": "Target.NotInUse",
        "Description": "Target is in an Availability Zone that is not enabled for the load balancer",
    }


def test_a_target_of_all_zones_is_in_use(site: Site, served: dict[str, Any]) -> None:
    register(site, served, {"Id": "192.168.7.7", "AvailabilityZone": "all"})
    (found,) = site.health(served, {"Id": "192.168.7.7"})
    assert (found["Target"]["AvailabilityZone"], found["TargetHealth"]["State"]) == ("all", "initial")


def test_a_draining_target_is_shown_as_such(site: Site, served: dict[str, Any]) -> None:
    (target,) = records(site)
    with site.world.store.write() as tables:
        tables.targets.update(target, replace(target, draining_since=site.world.now))
    assert site.health(served)[0]["TargetHealth"]["Reason"] == "Target.DeregistrationInProgress"


def test_the_address_of_a_load_balancers_node_is_no_target(site: Site, served: dict[str, Any]) -> None:
    register(site, served, {"Id": "10.0.0.4"})
    (found,) = site.health(served, {"Id": "10.0.0.4"})
    assert (found["TargetHealth"]["State"], found["TargetHealth"]["Reason"]) == ("unused", "Target.IpUnusable")


def test_targets_that_are_asked_for_come_in_that_order_and_missing_ones_are_not_registered(
    site: Site, served: dict[str, Any]
) -> None:
    register(site, served, {"Id": "10.0.0.21"})
    asked = ({"Id": "10.0.0.21"}, {"Id": "10.0.0.20", "Port": 81}, {"Id": "10.0.0.20", "Port": 80})
    found = site.health(served, *asked)
    assert [one["TargetHealth"].get("Reason") for one in found] == [
        "Elb.RegistrationInProgress",
        "Target.NotRegistered",
        "Elb.RegistrationInProgress",
    ]
    assert found[1]["Target"] == {"Id": "10.0.0.20", "Port": 81}
    assert found[1]["TargetHealth"]["Description"] == "Target is not registered to the target group"


def test_the_probed_port_is_shown(site: Site, served: dict[str, Any]) -> None:
    register(site, served, {"Id": "10.0.0.20", "Port": 8080})
    assert [one["HealthCheckPort"] for one in site.health(served)] == ["80", "8080"]
    site.ask(modify_target_group, TargetGroupArn=served["TargetGroupArn"], HealthCheckPort="9000")
    assert [one["HealthCheckPort"] for one in site.health(served)] == ["9000", "9000"]


def test_a_second_zone_brings_its_targets_into_use(site: Site) -> None:
    group = site.group()
    site.listener(site.balancer(Subnets=list(SUBNETS[:2])), group)
    register(site, group, {"Id": "10.0.1.20"})
    assert site.health(group)[0]["TargetHealth"]["State"] == "initial"
