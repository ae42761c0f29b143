"""Network interfaces: those that a user makes for a workload, and those that endpoints and load balancers hold.

What an endpoint or a load balancer holds is managed by it: a user sees it and cannot change or delete it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered, truth
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.allocation import allocate_interface
from sidedoor.networks.model import Interface, InterfaceKind
from sidedoor.networks.refusals import refuse
from sidedoor.networks.zones import zone_name
from sidedoor.paging import page

_REFUSED_AT_CREATION = (
    "Ipv4Prefixes", "Ipv4PrefixCount", "Ipv6Prefixes", "Ipv6PrefixCount", "Ipv6Addresses", "Ipv6AddressCount",
    "EnablePrimaryIpv6", "SecondaryPrivateIpAddressCount", "InterfaceType", "ConnectionTrackingSpecification", "Operator",
)  # fmt: skip
_REFUSED_LATER = (
    "Attachment", "EnaSrdSpecification", "EnablePrimaryIpv6", "ConnectionTrackingSpecification", "AssociatePublicIpAddress",
    "AssociatedSubnetIds",
)  # fmt: skip

_REQUESTERS: Mapping[InterfaceKind, str] = {
    InterfaceKind.ENDPOINT: "amazon-aws",
    InterfaceKind.LOAD_BALANCER_NODE: "amazon-elb",
}
"""Who made an interface that no user made."""


def create_network_interface(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html"""
    refuse(request, _REFUSED_AT_CREATION, "an interface has one private IPv4 address.")
    earlier = call.replayed(request)
    if earlier is not None:
        return _created(call, request, lookup.owned_interface(call, earlier))
    subnet = lookup.owned_subnet(call, request["SubnetId"])
    interface = allocate_interface(
        call,
        subnet,
        InterfaceKind.WORKLOAD,
        address=_address(request),
        description=request.get("Description", ""),
        group_ids=lookup.groups_of_vpc(call, subnet.vpc_id, request.get("Groups") or ()),
        tags=tagging.from_specifications(request, "network-interface"),
    )
    call.remember_token(request, interface.id)
    return _created(call, request, interface)


def _created(call: Call, request: Request, interface: Interface) -> Answer:
    token = {"ClientToken": request["ClientToken"]} if request.get("ClientToken") else {}
    return {"NetworkInterface": _to_wire(call, interface, _group_names(call, [interface])), **token}


def _address(request: Request) -> str | None:
    """The address that the request wants, in either of the two forms, or None."""
    listed = request.get("PrivateIpAddresses") or ()
    if len(listed) > 1 or not all(one.get("Primary", False) for one in listed):
        raise errors.UnsupportedOperation("An interface of Sidedoor has no secondary private addresses.")
    named = [request.get("PrivateIpAddress"), *(one.get("PrivateIpAddress") for one in listed)]
    wanted = {address for address in named if address}
    if len(wanted) > 1:
        raise errors.InvalidParameterCombination("PrivateIpAddress and PrivateIpAddresses name different primary addresses.")
    return cidrs.check_address(wanted.pop(), "privateIpAddress") if wanted else None


def describe_network_interfaces(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html"""
    interfaces = lookup.chosen(call, call.tables.interfaces, request.get("NetworkInterfaceIds"), lookup.owned_interface)
    found = filtered(interfaces, request.get("Filters"), _filters(call), tags=lambda interface: interface.tags)
    shown, token = page(call, request, found)
    names = _group_names(call, shown)
    return {"NetworkInterfaces": [_to_wire(call, interface, names) for interface in shown], "NextToken": token}


def delete_network_interface(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkInterface.html"""
    interface = _changeable(call, request["NetworkInterfaceId"])
    call.tables.interfaces.remove(interface)
    return {}


def modify_network_interface_attribute(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html"""
    interface = _changeable(call, request["NetworkInterfaceId"])
    refuse(request, _REFUSED_LATER, "an interface has a description and security groups.")
    if not request.get("SourceDestCheck", {}).get("Value", True):
        raise errors.UnsupportedOperation("An interface of Sidedoor sends and receives only for its own address.")
    changes: dict[str, Any] = {}
    if "Description" in request:
        changes["description"] = request["Description"].get("Value", "")
    if request.get("Groups"):
        changes["group_ids"] = lookup.groups_of_vpc(call, interface.vpc_id, request["Groups"])
    call.tables.interfaces.update(interface, replace(interface, **changes))
    return {}


def _changeable(call: Call, interface_id: str) -> Interface:
    """The caller's interface, unless an endpoint or a load balancer holds it: then ``OperationNotPermitted``."""
    interface = lookup.owned_interface(call, interface_id)
    if interface.requester_managed:
        sentence = f"The network interface '{interface.id}' is managed by {interface.holder or _REQUESTERS[interface.kind]}."
        raise errors.OperationNotPermitted(sentence)
    return interface


def _group_names(call: Call, interfaces: Sequence[Interface]) -> dict[str, str]:
    """Group id -> name of all groups that these interfaces carry."""
    group_ids = {group_id for interface in interfaces for group_id in interface.group_ids}
    return {group.id: group.name for group in call.tables.security_groups.where(id=group_ids)}


def _attachment_id(interface: Interface) -> str | None:
    return f"ela-attach-{interface.id.removeprefix('eni-')}" if interface.requester_managed else None


def _status(interface: Interface) -> str:
    """A workload's interface is never attached: Sidedoor has no instances."""
    return "in-use" if interface.requester_managed else "available"


def _to_wire(call: Call, interface: Interface, group_names: Mapping[str, str]) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "NetworkInterfaceId": interface.id,
        "OwnerId": interface.account,
        "VpcId": interface.vpc_id,
        "SubnetId": interface.subnet_id,
        "AvailabilityZone": zone_name(call.account, interface.region, interface.zone_id),
        "AvailabilityZoneId": interface.zone_id,
        "Description": interface.description,
        "InterfaceType": interface.kind.value,
        "MacAddress": interface.mac,
        "PrivateIpAddress": interface.address,
        "PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": interface.address}],
        "Ipv6Addresses": [],
        "Groups": [{"GroupId": one, "GroupName": group_names[one]} for one in interface.group_ids],
        "RequesterManaged": interface.requester_managed,
        "SourceDestCheck": True,
        "Status": _status(interface),
        "TagSet": tagging.to_wire(interface.tags),
    }
    if interface.requester_managed:
        wire["RequesterId"] = _REQUESTERS[interface.kind]
        wire["Attachment"] = {
            "AttachmentId": _attachment_id(interface),
            "DeleteOnTermination": False,
            "DeviceIndex": 1,
            "InstanceOwnerId": "amazon-aws",
            "Status": "attached",
        }
    return wire


def _managed(value: str) -> Field[Interface]:
    """A filter's field that only a managed interface has."""
    return lambda interface: value if interface.requester_managed else None


_FILTERS: Mapping[str, Field[Interface]] = {
    "addresses.primary": lambda interface: "true",
    "addresses.private-ip-address": lambda interface: interface.address,
    "attachment.attachment-id": _attachment_id,
    "attachment.delete-on-termination": _managed("false"),
    "attachment.device-index": _managed("1"),
    "attachment.instance-owner-id": _managed("amazon-aws"),
    "attachment.status": _managed("attached"),
    "availability-zone-id": lambda interface: interface.zone_id,
    "description": lambda interface: interface.description,
    "group-id": lambda interface: interface.group_ids,
    "interface-type": lambda interface: interface.kind.value,
    "mac-address": lambda interface: interface.mac,
    "network-interface-id": lambda interface: interface.id,
    "operator.managed": lambda interface: "false",
    "owner-id": lambda interface: interface.account,
    "private-ip-address": lambda interface: interface.address,
    "requester-id": lambda interface: _REQUESTERS.get(interface.kind),
    "requester-managed": lambda interface: truth(interface.requester_managed),
    "source-dest-check": lambda interface: "true",
    "status": _status,
    "subnet-id": lambda interface: interface.subnet_id,
    "vpc-id": lambda interface: interface.vpc_id,
}

_NEVER: Sequence[str] = (
    "addresses.association.owner-id", "addresses.association.public-ip", "association.allocation-id",
    "association.association-id", "association.ip-owner-id", "association.public-dns-name", "association.public-ip",
    "attachment.attach-time", "attachment.instance-id", "ipv6-addresses.ipv6-address", "operator.principal",
    "private-dns-name",
)  # fmt: skip
"""Filters of AWS on what no interface here has."""


def _filters(call: Call) -> Mapping[str, Field[Interface]]:
    def zone(interface: Interface) -> str:
        return zone_name(call.account, interface.region, interface.zone_id)

    def group_names(interface: Interface) -> list[str]:
        return list(_group_names(call, [interface]).values())

    nothing: Field[Interface] = lambda interface: None  # noqa: E731
    return {
        **dict.fromkeys(_NEVER, nothing),
        **_FILTERS,
        "availability-zone": zone,
        "group-name": group_names,
    }
