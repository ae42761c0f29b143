"""A load balancer's nodes: one interface in each zone that is enabled for it.

Rule: EC2's errors about subnets, groups and addresses are told here in ELBv2's words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from sidedoor import errors
from sidedoor.call import Call, Request
from sidedoor.loadbalancers import naming
from sidedoor.loadbalancers.model import Node
from sidedoor.networks.allocation import allocate_interface
from sidedoor.networks.model import InterfaceKind, Subnet


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request wants a node: a subnet, and the address in it if it names one."""

    subnet: Subnet
    address: str | None


def wanted_places(call: Call, request: Request, scheme: str) -> tuple[Place, ...]:
    """The places that ``Subnets`` or ``SubnetMappings`` name: one a zone, all in one VPC."""
    subnets, mappings = request.get("Subnets") or (), request.get("SubnetMappings") or ()
    if subnets and mappings:
        raise errors.ValidationError("You must specify either subnets or subnet mappings, but not both")
    if not subnets and not mappings:
        raise errors.ValidationError("At least one subnet must be specified")
    if mappings:
        places = tuple(_place(call, mapping, scheme) for mapping in mappings)
    else:
        places = tuple(Place(_owned_subnet(call, subnet_id), None) for subnet_id in subnets)
    if len({place.subnet.zone_id for place in places}) < len(places):
        raise errors.InvalidConfigurationRequest(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
        )
    if len({place.subnet.vpc_id for place in places}) > 1:
        raise errors.InvalidConfigurationRequest("All subnets must belong to the same VPC")
    return places


def _place(call: Call, mapping: Mapping[str, Any], scheme: str) -> Place:
    subnet_id, address = str(mapping.get("SubnetId") or ""), mapping.get("PrivateIPv4Address")
    if mapping.get("AllocationId"):
        raise errors.AllocationIdNotFound(id=mapping["AllocationId"])
    if mapping.get("IPv6Address") or mapping.get("SourceNatIpv6Prefix"):
        raise errors.InvalidConfigurationRequest("IPv6 is not supported yet; use the IP address type ipv4")
    if address is not None and scheme != "internal":
        raise errors.InvalidConfigurationRequest("A private IPv4 address can be specified only for an internal load balancer")
    if address is not None:
        _check_address(address)
    return Place(_owned_subnet(call, subnet_id), address)


def _check_address(address: str) -> None:
    try:
        IPv4Address(address)
    except AddressValueError:
        raise errors.ValidationError(f"The IP address '{address}' is not a valid IPv4 address") from None


def _owned_subnet(call: Call, subnet_id: str) -> Subnet:
    subnet = call.tables.subnets.find(subnet_id)
    if subnet is None or (subnet.account, subnet.region) != (call.account, call.region):
        raise errors.ElbSubnetNotFound(id=subnet_id)
    return subnet


def groups_in_vpc(call: Call, group_ids: Sequence[str], vpc_id: str) -> tuple[str, ...]:
    """The security groups that a request names, each once. Raises ELBv2's errors where one is not there or elsewhere."""
    for group_id in group_ids:
        group = call.tables.security_groups.find(group_id)
        if group is None or (group.account, group.region) != (call.account, call.region):
            raise errors.InvalidSecurityGroup(id=group_id)
        if group.vpc_id != vpc_id:
            raise errors.InvalidConfigurationRequest(f"The security group '{group_id}' is not in the VPC '{vpc_id}'")
    return tuple(dict.fromkeys(group_ids))


def add_nodes(call: Call, balancer_id: str, places: Iterable[Place], group_ids: Sequence[str]) -> tuple[Node, ...]:
    """Gives a load balancer an interface in each place."""
    return tuple(_add_node(call, balancer_id, place, group_ids) for place in places)


def _add_node(call: Call, balancer_id: str, place: Place, group_ids: Sequence[str]) -> Node:
    try:
        interface = allocate_interface(
            call, place.subnet, InterfaceKind.LOAD_BALANCER_NODE, address=place.address,
            description=naming.node_description(balancer_id), group_ids=group_ids, holder=balancer_id,
        )  # fmt: skip
    except errors.InsufficientFreeAddresses as error:
        raise errors.InvalidSubnet(error.message) from None
    except (errors.AddressInUse, errors.InvalidParameterValue) as error:
        raise errors.InvalidConfigurationRequest(error.message) from None
    return Node(
        zone_id=place.subnet.zone_id, subnet_id=place.subnet.id, interface_id=interface.id, address=interface.address,
        address_chosen=place.address is not None,
    )  # fmt: skip


def remove_nodes(call: Call, nodes: Iterable[Node]) -> None:
    """Takes the interfaces of these nodes away."""
    interfaces = call.tables.interfaces
    interfaces.remove_all(interfaces.where(id=[node.interface_id for node in nodes]))
