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
from sidedoor.networks import lookup, wire
from sidedoor.networks.allocation import allocate_interface
from sidedoor.networks.model import Attachment, Interface, InterfaceKind, private_dns_name
from sidedoor.networks.private_addresses import wanted_addresses
from sidedoor.networks.public_side import address_owner, association
from sidedoor.networks.refusals import refuse
from sidedoor.networks.zones import zone_name
from sidedoor.paging import page

_REFUSED_AT_CREATION = (
    "Ipv4Prefixes", "Ipv4PrefixCount", "Ipv6Prefixes", "Ipv6PrefixCount", "Ipv6Addresses", "Ipv6AddressCount",
    "EnablePrimaryIpv6", "InterfaceType", "ConnectionTrackingSpecification", "Operator",
)  # fmt: skip
_REFUSED_LATER = (
    "EnaSrdSpecification", "EnablePrimaryIpv6", "ConnectionTrackingSpecification", "AssociatePublicIpAddress",
    "AssociatedSubnetIds",
)  # fmt: skip


def create_network_interface(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html"""
    refuse(request, _REFUSED_AT_CREATION, "an interface has single private IPv4 addresses.")
    earlier = call.replayed(request)
    if earlier is not None:
        return _created(call, request, lookup.owned_interface(call, earlier))
    subnet = lookup.owned_subnet(call, request["SubnetId"])
    address, secondary = wanted_addresses(request)
    interface = allocate_interface(
        call,
        subnet,
        InterfaceKind.WORKLOAD,
        address=address,
        secondary=secondary,
        description=request.get("Description", ""),
        group_ids=lookup.groups_of_vpc(call, subnet.vpc_id, request.get("Groups") or ()),
        tags=tagging.from_specifications(request, "network-interface"),
    )
    call.remember_token(request, interface.id)
    return _created(call, request, interface)


def _created(call: Call, request: Request, interface: Interface) -> Answer:
    token = {"ClientToken": request["ClientToken"]} if request.get("ClientToken") else {}
    return {"NetworkInterface": _to_wire(call, interface, _group_names(call, [interface])), **token}


def describe_network_interfaces(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html"""
    if request.get("NetworkInterfaceIds") and request.get("MaxResults") is not None:
        raise errors.InvalidParameterCombination(
            "The parameter networkInterfaceIds cannot be used with the parameter maxResults"
        )
    interfaces = lookup.chosen(call, call.tables.interfaces, request.get("NetworkInterfaceIds"), lookup.owned_interface)
    found = filtered(interfaces, request.get("Filters"), _filters(call), tags=lambda interface: interface.tags)
    shown, token = page(call, request, found)
    names = _group_names(call, shown)
    return {"NetworkInterfaces": [_to_wire(call, interface, names) for interface in shown], "NextToken": token}


def delete_network_interface(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteNetworkInterface.html"""
    interface = lookup.changeable_interface(call, request["NetworkInterfaceId"])
    if interface.attachment is not None:
        raise errors.InterfaceInUse(id=interface.id)
    call.tables.interfaces.remove(interface)
    return {}


def modify_network_interface_attribute(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html"""
    interface = lookup.changeable_interface(call, request["NetworkInterfaceId"])
    refuse(request, _REFUSED_LATER, "an interface has a description and security groups.")
    if not request.get("SourceDestCheck", {}).get("Value", True):
        raise errors.UnsupportedOperation("An interface of Sidedoor sends and receives only for its own address.")
    changes: dict[str, Any] = {}
    if "Description" in request:
        changes["description"] = request["Description"].get("Value", "")
    if request.get("Groups"):
        changes["group_ids"] = lookup.groups_of_vpc(call, interface.vpc_id, request["Groups"])
    if request.get("Attachment"):
        changes["attachment"] = _changed_attachment(interface, request["Attachment"])
    call.tables.interfaces.update(interface, replace(interface, **changes))
    return {}


def describe_network_interface_attribute(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaceAttribute.html"""
    interface = lookup.owned_interface(call, request["NetworkInterfaceId"])
    shown = _to_wire(call, interface, _group_names(call, [interface]))
    values: Mapping[str, dict[str, Any]] = {
        "associatePublicIpAddress": {"AssociatePublicIpAddress": bool(association(interface))},
        "attachment": {"Attachment": shown["Attachment"]} if "Attachment" in shown else {},
        "description": {"Description": {"Value": shown["Description"]}},
        "groupSet": {"Groups": shown["Groups"]},
        "sourceDestCheck": {"SourceDestCheck": {"Value": shown["SourceDestCheck"]}},
    }
    name = request.get("Attribute")
    if not name:
        raise errors.MissingParameter(name="attribute")
    if name not in values:
        raise errors.InvalidParameterValue(value=name, name="attribute", reason="Unknown attribute.")
    return {"NetworkInterfaceId": interface.id, **values[name]}


def _changed_attachment(interface: Interface, asked: Mapping[str, Any]) -> Attachment:
    """The interface's attachment as the request wants it. Raises ``InvalidAttachmentID.NotFound``."""
    attachment = interface.attachment
    if attachment is None or attachment.id != asked.get("AttachmentId"):
        raise errors.AttachmentNotFound(id=asked.get("AttachmentId"))
    delete = asked.get("DeleteOnTermination", attachment.delete_on_termination)
    return replace(attachment, delete_on_termination=delete)


def _group_names(call: Call, interfaces: Sequence[Interface]) -> dict[str, str]:
    """Group id -> name of all groups that these interfaces carry."""
    group_ids = {group_id for interface in interfaces for group_id in interface.group_ids}
    return {group.id: group.name for group in call.tables.security_groups.where(id=group_ids)}


def _attachment(interface: Interface) -> dict[str, Any]:
    """``Attachment`` of what an instance, an endpoint or a load balancer has; empty for any other interface."""
    if interface.requester_managed:
        return {
            "AttachmentId": f"ela-attach-{interface.id.removeprefix('eni-')}",
            "DeleteOnTermination": False,
            "DeviceIndex": 1,
            "InstanceOwnerId": "amazon-aws",
            "Status": "attached",
        }
    if interface.attachment is None:
        return {}
    return {
        "AttachmentId": interface.attachment.id,
        "AttachTime": interface.attachment.attached,
        "DeleteOnTermination": interface.attachment.delete_on_termination,
        "DeviceIndex": interface.attachment.device_index,
        "NetworkCardIndex": 0,
        "InstanceId": interface.attachment.instance_id,
        "InstanceOwnerId": interface.account,
        "Status": "attached",
    }


def _attached(member: str) -> Field[Interface]:
    """A filter on a member of ``Attachment``."""

    def look(interface: Interface) -> str | None:
        value = _attachment(interface).get(member)
        return None if value is None else truth(value) if isinstance(value, bool) else str(value)

    return look


def _attach_time(interface: Interface) -> str | None:
    attachment = interface.attachment
    return None if attachment is None else attachment.attached.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _private_dns_name(interface: Interface) -> str | None:
    """The name that an instance's interface has; the VPC's resolver knows it."""
    return None if interface.attachment is None else private_dns_name(interface.region, interface.address)


def _requester(interface: Interface) -> str:
    """Who made it: an alias of AWS's, or the account whose user did."""
    return lookup.REQUESTERS.get(interface.kind, interface.account)


def _status(interface: Interface) -> str:
    return "in-use" if _attachment(interface) else "available"


def _to_wire(call: Call, interface: Interface, group_names: Mapping[str, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
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
        "PrivateIpAddresses": wire.private_addresses(interface),
        "Ipv6Addresses": [],
        "Groups": [{"GroupId": one, "GroupName": group_names[one]} for one in interface.group_ids],
        "RequesterId": _requester(interface),
        "RequesterManaged": interface.requester_managed,
        "SourceDestCheck": True,
        "Status": _status(interface),
        **association(interface),
        "TagSet": tagging.to_wire(interface.tags),
    }
    attachment, name = _attachment(interface), _private_dns_name(interface)
    if attachment:
        shown["Attachment"] = attachment
    if name is not None:
        shown["PrivateDnsName"] = name
    return shown


_FILTERS: Mapping[str, Field[Interface]] = {
    "addresses.primary": lambda interface: ["true", "false"] if interface.secondary else "true",
    "addresses.private-ip-address": lambda interface: interface.addresses,
    "association.ip-owner-id": address_owner,
    "attachment.attach-time": _attach_time,
    "attachment.attachment-id": _attached("AttachmentId"),
    "attachment.delete-on-termination": _attached("DeleteOnTermination"),
    "attachment.device-index": _attached("DeviceIndex"),
    "attachment.instance-id": _attached("InstanceId"),
    "attachment.instance-owner-id": _attached("InstanceOwnerId"),
    "attachment.status": _attached("Status"),
    "availability-zone-id": lambda interface: interface.zone_id,
    "description": lambda interface: interface.description,
    "group-id": lambda interface: interface.group_ids,
    "interface-type": lambda interface: interface.kind.value,
    "mac-address": lambda interface: interface.mac,
    "network-interface-id": lambda interface: interface.id,
    "operator.managed": lambda interface: "false",
    "owner-id": lambda interface: interface.account,
    "private-dns-name": _private_dns_name,
    "private-ip-address": lambda interface: interface.addresses,
    "requester-id": _requester,
    "requester-managed": lambda interface: truth(interface.requester_managed),
    "source-dest-check": lambda interface: "true",
    "status": _status,
    "subnet-id": lambda interface: interface.subnet_id,
    "vpc-id": lambda interface: interface.vpc_id,
}

_NEVER: Sequence[str] = (
    "addresses.association.owner-id", "addresses.association.public-ip", "association.allocation-id",
    "association.association-id", "association.public-dns-name", "association.public-ip",
    "ipv6-addresses.ipv6-address", "operator.principal",
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
