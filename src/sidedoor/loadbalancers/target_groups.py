"""The operations on target groups: create, describe, modify, delete, and their attributes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.loadbalancers import attributes, choices, draining, health_checks, naming, pages, tags
from sidedoor.loadbalancers.lookup import find_target_group, owned_load_balancer, owned_target_group
from sidedoor.loadbalancers.model import TARGET_GROUPS, HealthCheck, TargetGroup

SUPPORTED_TYPES = ("ip", "instance")
SUPPORTED_PROTOCOLS = ("TCP", "TLS")


def create_target_group(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"""
    name, target_type = request.get("Name") or "", request.get("TargetType") or "instance"
    naming.check_target_group_name(name)
    _check_supported(request, target_type)
    wanted = TargetGroup(
        id=call.arn(naming.SERVICE, naming.target_group_resource(name, ids.hex_digits(16, call.entropy))),
        account=call.account, region=call.region, name=name, protocol=request["Protocol"], port=_port(request),
        vpc_id=_vpc_id(call, request), target_type=target_type, created=call.now,
        health_check=health_checks.new_check(request), tags=tags.of_new(request),
    )  # fmt: skip
    for existing in call.tables.target_groups.where(**call.owned, name=name):
        if not _is_same(existing, wanted):
            raise errors.DuplicateTargetGroupName(name=name)
        return {"TargetGroups": [_to_wire(existing)]}
    if len(call.tables.target_groups.values("id", **call.owned)) >= TARGET_GROUPS:
        raise errors.TooManyTargetGroups(limit=TARGET_GROUPS)
    return {"TargetGroups": [_to_wire(call.tables.target_groups.add(wanted))]}


def _check_supported(request: Request, target_type: str) -> None:
    """Refuses what Sidedoor does not have, with a sentence that says what to use."""
    choices.check("targetType", target_type, choices.TARGET_TYPES)
    choices.check("protocol", request.get("Protocol"), choices.PROTOCOLS)
    choices.check("healthCheckProtocol", request.get("HealthCheckProtocol"), choices.PROTOCOLS)
    choices.check("ipAddressType", request.get("IpAddressType"), ("ipv4", "ipv6"))
    if target_type not in SUPPORTED_TYPES:
        raise errors.InvalidConfigurationRequest(f"The target type {target_type} is not supported; use ip")
    protocol = request.get("Protocol")
    if not protocol:
        raise errors.ValidationError("A protocol must be specified")
    if protocol not in SUPPORTED_PROTOCOLS:
        raise errors.UnsupportedProtocol(f"Target groups with the protocol {protocol} are not supported: use TCP or TLS")
    kind = request.get("IpAddressType") or "ipv4"
    if kind != "ipv4":
        raise errors.InvalidConfigurationRequest(f"The IP address type {kind} is not supported yet; use ipv4")
    for parameter in ("ProtocolVersion", "TargetControlPort"):
        if request.get(parameter):
            raise errors.InvalidConfigurationRequest(f"{parameter} is not supported with the protocol {protocol}")


def _port(request: Request) -> int:
    port: int | None = request.get("Port")
    if port is None:
        raise errors.ValidationError("A port must be specified")
    if not 1 <= port <= 65535:
        raise errors.ValidationError(f"Port '{port}' must be a number between 1 and 65535")
    return port


def _vpc_id(call: Call, request: Request) -> str:
    vpc_id: str | None = request.get("VpcId")
    if not vpc_id:
        raise errors.ValidationError("A VPC ID must be specified")
    vpc = call.tables.vpcs.find(vpc_id)
    if vpc is None or (vpc.account, vpc.region) != (call.account, call.region):
        raise errors.ValidationError(f"The VPC ID '{vpc_id}' is not found")
    return vpc_id


def _is_same(existing: TargetGroup, wanted: TargetGroup) -> bool:
    """Whether a request asks for what is there already; then it succeeds again ("idempotent", CreateTargetGroup)."""

    def settings(group: TargetGroup) -> tuple[str, int, str, str, HealthCheck]:
        return group.protocol, group.port, group.vpc_id, group.target_type, group.health_check

    return settings(existing) == settings(wanted) and wanted.tags.items() <= existing.tags.items()


def describe_target_groups(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html"""
    arns, names, balancer_arn = request.get("TargetGroupArns"), request.get("Names"), request.get("LoadBalancerArn")
    if sum(map(bool, (arns, names, balancer_arn))) > 1:
        raise errors.ValidationError(
            "Target group names, target group ARNs and a load balancer ARN cannot be specified at the same time"
        )
    found = call.tables.target_groups.where(**call.owned)
    if arns:
        asked = {owned_target_group(call, arn).id for arn in arns}
        found = [group for group in found if group.id in asked]
    if names:
        found = [group for group in found if group.name in names]
        if {group.name for group in found} != set(names):
            raise errors.TargetGroupNotFound
    if balancer_arn:
        balancer = owned_load_balancer(call, balancer_arn)
        used = {one.target_group_id for one in call.tables.listeners.where(load_balancer_id=balancer.id)}
        found = [group for group in found if group.id in used]
        if not found:
            raise errors.TargetGroupNotFound
    page, more = pages.page(call, request, found)
    return {**_answer(call, page), **more}


def modify_target_group(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyTargetGroup.html"""
    group = owned_target_group(call, request["TargetGroupArn"])
    check = health_checks.changed(group.health_check, request)
    return _answer(call, [call.tables.target_groups.update(group, replace(group, health_check=check))])


def delete_target_group(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteTargetGroup.html"""
    group = find_target_group(call, request["TargetGroupArn"])
    if group is None:
        return {}
    if call.tables.listeners.where(target_group_id=group.id):
        raise errors.ResourceInUse(f"Target group '{group.id}' is currently in use by a listener or a rule")
    draining.forget(call.tables, call.tables.targets.where(target_group_id=group.id))
    call.tables.target_groups.remove(group)
    return {}


def describe_target_group_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroupAttributes.html"""
    group = owned_target_group(call, request["TargetGroupArn"])
    return {"Attributes": attributes.to_wire(attributes.of_target_group(group))}


def modify_target_group_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyTargetGroupAttributes.html"""
    group = owned_target_group(call, request["TargetGroupArn"])
    changed = attributes.changed_target_group(group, request.get("Attributes") or ())
    draining.forget_drained(call.tables, group, call.now)
    after = call.tables.target_groups.update(group, replace(group, attributes=changed))
    return {"Attributes": attributes.to_wire(attributes.of_target_group(after))}


def _answer(call: Call, groups: Iterable[TargetGroup]) -> Answer:
    """The groups as answers show them, each with the load balancers whose listeners forward to it."""
    groups = list(groups)
    balancers: dict[str, list[str]] = {group.id: [] for group in groups}
    for listener in call.tables.listeners.where(target_group_id=list(balancers)):
        if listener.load_balancer_id not in balancers[listener.target_group_id]:
            balancers[listener.target_group_id].append(listener.load_balancer_id)
    return {"TargetGroups": [_to_wire(group) | {"LoadBalancerArns": balancers[group.id]} for group in groups]}


def _to_wire(group: TargetGroup) -> dict[str, Any]:
    """A group but for its load balancers, which CreateTargetGroup does not list."""
    return {
        "TargetGroupArn": group.id,
        "TargetGroupName": group.name,
        "Protocol": group.protocol,
        "Port": group.port,
        "VpcId": group.vpc_id,
        **health_checks.to_wire(group.health_check),
        "TargetType": group.target_type,
        "IpAddressType": "ipv4",
    }
