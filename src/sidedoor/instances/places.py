"""Where a new instance goes: the subnet, groups and address that a request asks for, in either of the two forms that it has.

A request speaks of the interface itself (``NetworkInterfaces``) or of the instance (``SubnetId``, ``SecurityGroupIds``,
``PrivateIpAddress``), never of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidedoor import errors
from sidedoor.call import Call, Request
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.model import Interface, InterfaceKind, Subnet, Vpc
from sidedoor.networks.refusals import refuse
from sidedoor.networks.zones import zone_name, zones

_OF_THE_INSTANCE = ("SubnetId", "SecurityGroupIds", "SecurityGroups", "PrivateIpAddress")
_REFUSED_OF_AN_INTERFACE = (
    "AssociateCarrierIpAddress", "ConnectionTrackingSpecification", "EnaQueueCount", "EnaSrdSpecification",
    "Ipv4PrefixCount", "Ipv4Prefixes", "Ipv6AddressCount", "Ipv6Addresses", "Ipv6PrefixCount", "Ipv6Prefixes",
    "NetworkCardIndex", "PrimaryIpv6", "SecondaryPrivateIpAddressCount",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Place:
    """``interface``: one that is there already and becomes the instance's; else one is made of the other fields."""

    subnet: Subnet
    group_ids: tuple[str, ...] = ()
    address: str | None = None
    description: str = ""
    delete_on_termination: bool = True
    public_address_asked: bool = False
    interface: Interface | None = None


def wanted_place(call: Call, request: Request) -> Place:
    """Where the request wants its instances. Raises what AWS raises for each thing that is not there."""
    specification = _specification(request)
    if specification.get("NetworkInterfaceId"):
        return _existing(call, request, specification)
    subnet = _subnet(call, request, specification)
    return Place(
        subnet=subnet,
        group_ids=_groups(call, request, specification, subnet),
        address=_address(specification),
        description=specification.get("Description") or "",
        delete_on_termination=specification.get("DeleteOnTermination", True),
        public_address_asked=specification.get("AssociatePublicIpAddress", False),
    )


def _specification(request: Request) -> Mapping[str, Any]:
    """What the request says of the one interface, in the form of ``NetworkInterfaces``."""
    listed = request.get("NetworkInterfaces") or ()
    mixed = [name for name in _OF_THE_INSTANCE if request.get(name)]
    if not listed:
        own = {"SubnetId": "SubnetId", "SecurityGroupIds": "Groups", "PrivateIpAddress": "PrivateIpAddress"}
        return {member: request[name] for name, member in own.items() if request.get(name)}
    if mixed:
        raise errors.InvalidParameterCombination(
            f"Network interfaces and an instance-level {mixed[0]} may not be specified on the same request"
        )
    if len(listed) > 1:
        raise errors.UnsupportedOperation("An instance of Sidedoor has one network interface.")
    specification: Mapping[str, Any] = listed[0]
    if specification.get("DeviceIndex", 0) != 0:
        raise errors.InvalidParameterValue("The primary network interface must have the device index 0")
    refuse(specification, _REFUSED_OF_AN_INTERFACE, "an interface has one private IPv4 address.")
    if specification.get("InterfaceType", "interface") != "interface":
        raise errors.UnsupportedOperation(f"The interface type {specification['InterfaceType']} is not supported by Sidedoor.")
    return specification


def _existing(call: Call, request: Request, specification: Mapping[str, Any]) -> Place:
    """The place of an interface that is there: it is nobody's, and one instance can have it."""
    for name in ("SubnetId", "Groups", "PrivateIpAddress", "PrivateIpAddresses", "Description", "AssociatePublicIpAddress"):
        if specification.get(name):
            raise errors.InvalidParameterCombination(f"{name} and NetworkInterfaceId may not be specified together")
    if request["MaxCount"] != 1:
        raise errors.InvalidParameterCombination("A network interface can be given to one instance only.")
    interface = lookup.owned_interface(call, specification["NetworkInterfaceId"])
    if interface.kind is not InterfaceKind.WORKLOAD or interface.attachment is not None:
        raise errors.InterfaceInUse(id=interface.id)
    subnet = lookup.owned_subnet(call, interface.subnet_id)
    _check_zone(call, request, subnet)
    delete = specification.get("DeleteOnTermination", False)
    return Place(subnet=subnet, interface=interface, delete_on_termination=delete)


def _subnet(call: Call, request: Request, specification: Mapping[str, Any]) -> Subnet:
    if not specification.get("SubnetId"):
        return _default_subnet(call, request)
    subnet = lookup.owned_subnet(call, specification["SubnetId"])
    _check_zone(call, request, subnet)
    return subnet


def _check_zone(call: Call, request: Request, subnet: Subnet) -> None:
    asked = _zone_name(call, request)
    own = zone_name(call.account, subnet.region, subnet.zone_id)
    if asked not in (None, own):
        raise errors.InvalidParameterValue(
            f"The availability zone '{asked}' does not match that of the subnet '{subnet.id}', which is '{own}'"
        )


def _zone_name(call: Call, request: Request) -> str | None:
    """The zone that the request names, by its name or its id. Raises ``InvalidParameterValue``."""
    placement = request.get("Placement") or {}
    name, zone_id = placement.get("AvailabilityZone"), placement.get("AvailabilityZoneId")
    if not name and not zone_id:
        return None
    for zone in zones(call.account, call.region):
        if name in (None, zone.name) and zone_id in (None, zone.id):
            return zone.name
    raise errors.InvalidParameterValue(f"Invalid availability zone: [{name or zone_id}]")


def _default_subnet(call: Call, request: Request) -> Subnet:
    """The default VPC's subnet in the zone that the request names, or in the first zone that has one."""
    vpc = _default_vpc(call)
    asked = _zone_name(call, request)
    subnets = {
        zone_name(call.account, one.region, one.zone_id): one
        for one in call.tables.subnets.where(vpc_id=vpc.id, default_for_zone=True)
    }
    found = subnets.get(asked) if asked else next((subnets[name] for name in sorted(subnets)), None)
    if found is None:
        raise errors.DefaultSubnetMissing(vpc_id=vpc.id)
    return found


def _default_vpc(call: Call) -> Vpc:
    vpc = lookup.default_vpc(call)
    if vpc is None:
        raise errors.VpcIdNotSpecified
    return vpc


def _groups(call: Call, request: Request, specification: Mapping[str, Any], subnet: Subnet) -> tuple[str, ...]:
    names: Sequence[str] = request.get("SecurityGroups") or ()
    if names and specification.get("SubnetId"):
        raise errors.InvalidParameterCombination("The parameter groupName cannot be used with the parameter subnet")
    named = [lookup.group_named(call, name).id for name in names]
    return lookup.groups_of_vpc(call, subnet.vpc_id, [*(specification.get("Groups") or ()), *named])


def _address(specification: Mapping[str, Any]) -> str | None:
    """The address that the request wants, in either of the two forms, or None."""
    listed = specification.get("PrivateIpAddresses") or ()
    if len(listed) > 1 or not all(one.get("Primary", False) for one in listed):
        raise errors.UnsupportedOperation("An interface of Sidedoor has no secondary private addresses.")
    named = [specification.get("PrivateIpAddress"), *(one.get("PrivateIpAddress") for one in listed)]
    wanted = {address for address in named if address}
    if len(wanted) > 1:
        raise errors.InvalidParameterCombination("PrivateIpAddress and PrivateIpAddresses name different primary addresses.")
    return cidrs.check_address(wanted.pop(), "privateIpAddress") if wanted else None
