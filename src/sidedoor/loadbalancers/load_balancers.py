"""The operations on network load balancers: create, describe, delete, and their subnets, groups and attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.kept_certificates import settle_use
from sidedoor.loadbalancers import attributes, choices, naming, nodes, pages, tags
from sidedoor.loadbalancers.lookup import find_load_balancer, is_behind_service, owned_load_balancer
from sidedoor.loadbalancers.model import LIMITS, LOAD_BALANCERS, LoadBalancer, LoadBalancerState, Node
from sidedoor.loadbalancers.nodes import Place
from sidedoor.networks.zones import zone_name

SCHEMES = ("internet-facing", "internal")
_NOT_SUPPORTED = ("CustomerOwnedIpv4Pool", "IpamPools")


def create_load_balancer(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html"""
    _check_supported(request)
    name, scheme = request.get("Name") or "", request.get("Scheme") or "internet-facing"
    naming.check_load_balancer_name(name)
    if scheme not in SCHEMES:
        raise errors.InvalidScheme(scheme=scheme)
    places = nodes.wanted_places(call, request, scheme)
    vpc_id = places[0].subnet.vpc_id
    group_ids = nodes.groups_in_vpc(call, request.get("SecurityGroups") or (), vpc_id)
    asked_tags = tags.of_new(request)
    for existing in call.tables.load_balancers.where(**call.owned, name=name):
        if not _is_same(existing, scheme, places, group_ids, asked_tags):
            raise errors.DuplicateLoadBalancerName(name=name)
        return {"LoadBalancers": [_to_wire(existing)]}
    if len(call.tables.load_balancers.values("id", **call.owned)) >= LOAD_BALANCERS:
        raise errors.TooManyLoadBalancers(limit=LOAD_BALANCERS)
    suffix = ids.hex_digits(16, call.entropy)
    balancer_id = call.arn(naming.SERVICE, naming.load_balancer_resource(name, suffix))
    balancer = call.tables.load_balancers.add(
        LoadBalancer(
            id=balancer_id, account=call.account, region=call.region, name=name, scheme=scheme, vpc_id=vpc_id,
            dns_name=naming.dns_name(name, suffix, call.region), state=LoadBalancerState.PROVISIONING, created=call.now,
            nodes=nodes.add_nodes(call, balancer_id, places, group_ids), group_ids=group_ids, tags=asked_tags,
        )
    )  # fmt: skip
    return {"LoadBalancers": [_to_wire(balancer)]}


def _check_supported(request: Request) -> None:
    """Refuses what Sidedoor does not have, with a sentence that says what to use."""
    kind = request.get("Type")
    choices.check("type", kind, choices.LOAD_BALANCER_TYPES)
    if kind is None:
        raise errors.InvalidConfigurationRequest("The default type, application, is not supported; use the type network")
    if kind != "network":
        raise errors.InvalidConfigurationRequest(f"Load balancers of the type {kind} are not supported; use the type network")
    _check_ip_address_type(request)
    for parameter in _NOT_SUPPORTED:
        if request.get(parameter):
            raise errors.InvalidConfigurationRequest(f"{parameter} is not supported with load balancers of the type network")


def _check_ip_address_type(request: Request) -> None:
    kind = request.get("IpAddressType") or "ipv4"
    choices.check("ipAddressType", kind, choices.IP_ADDRESS_TYPES)
    if kind != "ipv4":
        raise errors.InvalidConfigurationRequest(f"The IP address type {kind} is not supported yet; use ipv4")
    if (request.get("EnablePrefixForIpv6SourceNat") or "off") != "off":
        raise errors.InvalidConfigurationRequest("EnablePrefixForIpv6SourceNat needs the IP address type dualstack")


def _is_same(
    existing: LoadBalancer, scheme: str, places: Sequence[Place], group_ids: Sequence[str], asked_tags: dict[str, str]
) -> bool:
    """Whether a request asks for what is there already; then it succeeds again ("idempotent", CreateLoadBalancer)."""
    addresses = {node.subnet_id: node.address if node.address_chosen else None for node in existing.nodes}
    return (
        existing.scheme == scheme
        and addresses == {place.subnet.id: place.address for place in places}
        and set(existing.group_ids) == set(group_ids)
        and asked_tags.items() <= existing.tags.items()
    )


def describe_load_balancers(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html"""
    arns, names = request.get("LoadBalancerArns") or (), request.get("Names") or ()
    if arns and names:
        raise errors.ValidationError("Load balancer names and load balancer ARNs cannot be specified at the same time")
    found = call.tables.load_balancers.where(**call.owned)
    if arns:
        asked = {owned_load_balancer(call, arn).id for arn in arns}
        found = [balancer for balancer in found if balancer.id in asked]
    if names:
        found = [balancer for balancer in found if balancer.name in names]
        missing = [name for name in dict.fromkeys(names) if name not in {balancer.name for balancer in found}]
        if missing:
            raise errors.LoadBalancerNotFound(f"Load balancers '[{', '.join(missing)}]' not found")
    page, more = pages.page(call, request, found)
    return {"LoadBalancers": [_to_wire(balancer) for balancer in page], **more}


def delete_load_balancer(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html"""
    balancer = find_load_balancer(call, request["LoadBalancerArn"])
    if balancer is None:
        return {}
    if balancer.deletion_protection:
        raise errors.OperationNotPermitted(
            f"Load balancer '{balancer.id}' cannot be deleted because deletion protection is enabled"
        )
    if is_behind_service(call, balancer):
        raise errors.ResourceInUse(
            f"Load balancer '{balancer.id}' cannot be deleted because it is currently associated with another service"
        )
    listeners = call.tables.listeners.where(load_balancer_id=balancer.id)
    call.tables.listeners.remove_all(listeners)
    settle_use(call.tables, call.account, (certificate for one in listeners for certificate in one.certificate_ids))
    nodes.remove_nodes(call, balancer.nodes)
    call.tables.load_balancers.remove(balancer)
    return {}


def set_subnets(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSubnets.html"""
    balancer = owned_load_balancer(call, request["LoadBalancerArn"])
    _check_ip_address_type(request)
    places = nodes.wanted_places(call, request, balancer.scheme)
    if places[0].subnet.vpc_id != balancer.vpc_id:
        raise errors.InvalidConfigurationRequest(f"All subnets must belong to the load balancer's VPC '{balancer.vpc_id}'")
    present = {node.subnet_id: node for node in balancer.nodes}
    _check_addresses_stay(places, present)
    gone = [node for node in balancer.nodes if node.subnet_id not in {place.subnet.id for place in places}]
    if gone and is_behind_service(call, balancer):
        raise errors.ResourceInUse(
            f"Subnets cannot be removed from load balancer '{balancer.id}' because the load balancer is currently associated "
            "with another service"
        )
    nodes.remove_nodes(call, gone)
    new = nodes.add_nodes(call, balancer.id, [one for one in places if one.subnet.id not in present], balancer.group_ids)
    kept = tuple(node for node in balancer.nodes if node not in gone)
    after = call.tables.load_balancers.update(balancer, replace(balancer, nodes=kept + new))
    return {"AvailabilityZones": _zones(after), "IpAddressType": "ipv4"}


def _check_addresses_stay(places: Sequence[Place], present: dict[str, Node]) -> None:
    for place in places:
        node = present.get(place.subnet.id)
        if node is not None and place.address not in (None, node.address):
            raise errors.InvalidConfigurationRequest(
                f"The address {node.address} of the enabled subnet '{node.subnet_id}' cannot be changed"
            )


def set_security_groups(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetSecurityGroups.html"""
    balancer = owned_load_balancer(call, request["LoadBalancerArn"])
    if not balancer.group_ids:
        raise errors.InvalidConfigurationRequest(
            "You cannot set security groups on a Network Load Balancer which was created without any security groups."
        )
    group_ids = nodes.groups_in_vpc(call, request.get("SecurityGroups") or (), balancer.vpc_id)
    if not group_ids:
        raise errors.InvalidConfigurationRequest("You cannot remove all security groups from a Network Load Balancer")
    enforce = request.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic") or _on_or_off(balancer)
    if enforce not in ("on", "off"):
        raise errors.ValidationError(
            f"EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic must be 'on' or 'off', not '{enforce}'"
        )
    changed = replace(balancer, group_ids=group_ids, enforce_private_link_rules=enforce == "on")
    after = call.tables.load_balancers.update(balancer, changed)
    for interface in call.tables.interfaces.where(holder=balancer.id):
        call.tables.interfaces.update(interface, replace(interface, group_ids=group_ids))
    return {
        "SecurityGroupIds": list(after.group_ids),
        "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic": _on_or_off(after),
    }


def set_ip_address_type(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_SetIpAddressType.html"""
    owned_load_balancer(call, request["LoadBalancerArn"])
    _check_ip_address_type(request)
    return {"IpAddressType": "ipv4"}


def describe_load_balancer_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancerAttributes.html"""
    balancer = owned_load_balancer(call, request["LoadBalancerArn"])
    return {"Attributes": attributes.to_wire(attributes.of_load_balancer(balancer))}


def modify_load_balancer_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ModifyLoadBalancerAttributes.html"""
    balancer = owned_load_balancer(call, request["LoadBalancerArn"])
    changed = attributes.changed_load_balancer(balancer, request.get("Attributes") or ())
    after = call.tables.load_balancers.update(balancer, replace(balancer, attributes=changed))
    return {"Attributes": attributes.to_wire(attributes.of_load_balancer(after))}


def describe_capacity_reservation(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeCapacityReservation.html

    Sidedoor reserves no capacity, so that a load balancer never has a reservation to show.
    """
    owned_load_balancer(call, request["LoadBalancerArn"])
    return {"CapacityReservationState": []}


def describe_account_limits(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeAccountLimits.html"""
    nothing_more: list[LoadBalancer] = []
    pages.page(call, request, nothing_more)  # all fit on one page, so that no marker is one of ours
    return {"Limits": [{"Name": name, "Max": str(most)} for name, most in LIMITS.items()]}


def _to_wire(balancer: LoadBalancer) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "LoadBalancerArn": balancer.id,
        "DNSName": balancer.dns_name,
        "CanonicalHostedZoneId": naming.HOSTED_ZONES[balancer.region],
        "CreatedTime": balancer.created,
        "LoadBalancerName": balancer.name,
        "Scheme": balancer.scheme,
        "VpcId": balancer.vpc_id,
        "State": {"Code": balancer.state.value},
        "Type": "network",
        "AvailabilityZones": _zones(balancer),
        "IpAddressType": "ipv4",
        "EnablePrefixForIpv6SourceNat": "off",
    }
    if balancer.group_ids:
        shown["SecurityGroups"] = list(balancer.group_ids)
        shown["EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic"] = _on_or_off(balancer)
    return shown


def _zones(balancer: LoadBalancer) -> list[dict[str, Any]]:
    return [
        {
            "ZoneName": zone_name(balancer.account, balancer.region, node.zone_id),
            "SubnetId": node.subnet_id,
            "LoadBalancerAddresses": [{"PrivateIPv4Address": node.address}] if node.address_chosen else [],
        }
        for node in balancer.nodes
    ]


def _on_or_off(balancer: LoadBalancer) -> str:
    return "on" if balancer.enforce_private_link_rules else "off"
