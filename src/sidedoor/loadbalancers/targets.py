"""The operations on targets: register, deregister, and how they are.

Rule: a target's zone is kept by its id; requests and answers have the caller's own name for it.
A deregistered target that may have flows drains for its group's delay; then its record is hidden, and goes a little later
(``draining.py``). One that may have none is gone at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import AddressValueError, IPv4Address, IPv4Network
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.instances.lookup import interface_of, owned_instance
from sidedoor.loadbalancers import health_checks, target_health
from sidedoor.loadbalancers.lookup import owned_target_group, user_of_group
from sidedoor.loadbalancers.model import ANY_ZONE, TARGETS_PER_GROUP, Target, TargetGroup, target_key
from sidedoor.networks.model import InterfaceKind, Subnet
from sidedoor.networks.zones import zone_id, zone_name

_OUTSIDE_RANGES = tuple(IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
"""What an address outside the VPC may be: RFC 1918 and RFC 6598 (CreateTargetGroup, ``TargetType``)."""


def register_targets(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html"""
    group = owned_target_group(call, request["TargetGroupArn"])
    subnets = call.tables.subnets.where(vpc_id=group.vpc_id)
    registered = {target.id: target for target in call.tables.targets.where(target_group_id=group.id)}
    for description in request["Targets"]:
        wanted = _wanted_target(call, group, subnets, description)
        existing = registered.get(wanted.id)
        if existing is None:
            registered[wanted.id] = call.tables.targets.add(wanted)
        else:
            again = replace(existing, zone=wanted.zone, draining_since=None, running=True)
            registered[wanted.id] = call.tables.targets.update(existing, again)
    if sum(one.draining_since is None for one in registered.values()) > TARGETS_PER_GROUP:
        raise errors.TooManyTargets(limit=TARGETS_PER_GROUP)
    return {}


def _wanted_target(call: Call, group: TargetGroup, subnets: Sequence[Subnet], description: Mapping[str, Any]) -> Target:
    target_id = str(description.get("Id") or "")
    if description.get("QuicServerId"):
        raise errors.InvalidConfigurationRequest("QuicServerId cannot be used with target groups with the protocol TCP")
    if group.target_type == "instance":
        address, zone = _instance_place(call, group, target_id, description)
    else:
        ip = _address(target_id)
        address, zone = str(ip), _zone(call, subnets, ip, description.get("AvailabilityZone"))
    port = _port(group, description)
    return Target(
        id=target_key(group.id, target_id, port), account=call.account, region=call.region, target_group_id=group.id,
        target_id=target_id, address=address, port=port, registered=call.now, zone=zone,
    )  # fmt: skip


def _instance_place(call: Call, group: TargetGroup, instance_id: str, description: Mapping[str, Any]) -> tuple[str, str]:
    """The address and the zone of an instance that can be a target: it runs, in the group's VPC. Raises ``InvalidTarget``."""
    if not ids.is_id("i", instance_id):
        raise errors.ValidationError(f"Instance ID '{instance_id}' is not valid")
    if description.get("AvailabilityZone"):
        raise errors.ValidationError("An Availability Zone cannot be specified for targets of the type instance")
    try:
        instance = owned_instance(call, instance_id)
    except errors.InstanceNotFound:
        raise errors.InvalidTarget(f"The following instances do not exist: '{instance_id}'") from None
    interface = interface_of(call, instance)
    if interface is None or not instance.running:
        raise errors.InvalidTarget(
            f"The following targets are not in a running state and cannot be registered: '{instance_id}'"
        )
    if interface.vpc_id != group.vpc_id:
        raise errors.InvalidTarget(f"The following targets are not in the target group VPC '{group.vpc_id}': '{instance_id}'")
    return interface.address, interface.zone_id


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise errors.ValidationError(f"The IP address '{text}' is not a valid IPv4 address") from None


def _port(group: TargetGroup, description: Mapping[str, Any]) -> int:
    port: int | None = description.get("Port")
    if port is None:
        return group.port
    if not 1 <= port <= 65535:
        raise errors.ValidationError(f"Port '{port}' must be a number between 1 and 65535")
    return port


def _zone(call: Call, subnets: Sequence[Subnet], address: IPv4Address, asked: str | None) -> str:
    """The zone from whose node a target is reached: its subnet's, or for one outside the VPC what the request says."""
    for subnet in subnets:
        if address in IPv4Network(subnet.cidr):
            own = zone_name(call.account, call.region, subnet.zone_id)
            if asked not in (None, own):
                raise errors.ValidationError(
                    f"The IP address '{address}' is within the VPC, and cannot have its Availability Zone overridden to "
                    f"'{asked}' from '{own}'"
                )
            return subnet.zone_id
    if not any(address in network for network in _OUTSIDE_RANGES):
        raise errors.ValidationError(
            f"The IP address '{address}' is outside the VPC and not in a private range (RFC 1918, RFC 6598)"
        )
    found = asked if asked == ANY_ZONE else zone_id(call.account, call.region, asked or "")
    if found is None:
        raise errors.ValidationError(
            "You must specify a valid Availability Zone or select 'all' for all enabled Availability zones, since the IP "
            f"address '{address}' is outside the VPC"
        )
    return found


def deregister_targets(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html"""
    group = owned_target_group(call, request["TargetGroupArn"])
    asked = {_key(group, description) for description in request["Targets"]}
    targets = call.tables.targets
    balancer, of_nodes = user_of_group(call, group.id), _addresses_of_nodes(call, group)
    for target in targets.where(id=asked):
        if not target_health.is_used(target, balancer, is_node=target.address in of_nodes):
            targets.remove(target)
        elif target.draining_since is None:
            targets.update(target, replace(target, draining_since=call.now))
    call.tables.target_health.remove_all(call.tables.target_health.where(id=asked))
    return {}


def _addresses_of_nodes(call: Call, group: TargetGroup) -> set[str]:
    """The addresses of the VPC's load balancers, which cannot be targets."""
    nodes = call.tables.interfaces.where(vpc_id=group.vpc_id, kind=InterfaceKind.LOAD_BALANCER_NODE)
    return {interface.address for interface in nodes}


def _key(group: TargetGroup, description: Mapping[str, Any]) -> str:
    """The record that a request names; without a port it is the one at the group's port."""
    return target_key(group.id, str(description.get("Id") or ""), description.get("Port", group.port))


def describe_target_health(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html"""
    group = owned_target_group(call, request["TargetGroupArn"])
    balancer = user_of_group(call, group.id)
    observed = {one.id: one for one in call.tables.target_health.where(target_group_id=group.id)}
    of_nodes = _addresses_of_nodes(call, group)
    descriptions = {
        target.id: _description(
            group,
            target,
            target_health.shown(target, balancer, observed.get(target.id), is_node=target.address in of_nodes),
        )
        for target in call.tables.targets.where(target_group_id=group.id)
        if not target.is_drained(group, call.now)
    }
    if not request.get("Targets"):
        return {"TargetHealthDescriptions": list(descriptions.values())}
    return {
        "TargetHealthDescriptions": [
            descriptions.get(_key(group, asked)) or _not_registered(group, asked) for asked in request["Targets"]
        ]
    }


def _description(group: TargetGroup, target: Target, health: Mapping[str, str]) -> dict[str, Any]:
    zone = ANY_ZONE if target.zone == ANY_ZONE else zone_name(target.account, target.region, target.zone)
    of_address = {"AvailabilityZone": zone} if group.target_type == "ip" else {}
    return {
        "Target": {"Id": target.target_id, "Port": target.port, **of_address},
        "HealthCheckPort": health_checks.port_of(group.health_check, target.port),
        "TargetHealth": dict(health),
    }


def _not_registered(group: TargetGroup, asked: Mapping[str, Any]) -> dict[str, Any]:
    port = asked.get("Port", group.port)
    return {
        "Target": {"Id": asked.get("Id"), "Port": port},
        "HealthCheckPort": health_checks.port_of(group.health_check, port),
        "TargetHealth": target_health.not_registered(),
    }
