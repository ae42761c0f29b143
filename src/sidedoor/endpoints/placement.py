"""Where an endpoint stands: one subnet a zone of its service, an interface in each, and the load balancer behind each.

Rule 1: an interface is served by one load balancer, chosen at random when the interface is made and then kept (PrivateLink
guide, "Create an endpoint service"); it is chosen again only where that one has left the service.
Rule 2: an endpoint can only be where its service is: zones are compared by their ids, since names differ by account.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sidedoor import errors
from sidedoor.call import Call, Request
from sidedoor.endpoints.model import Endpoint
from sidedoor.networks import cidrs
from sidedoor.networks.allocation import allocate_interface
from sidedoor.networks.lookup import groups_of_vpc, owned_subnet
from sidedoor.networks.model import Interface, InterfaceKind, Subnet
from sidedoor.services.model import Service


@dataclass(frozen=True, slots=True)
class Place:
    """Where an endpoint gets an interface: a subnet, and the address in it if one was asked for."""

    subnet: Subnet
    address: str | None = None


def addresses(request: Request) -> dict[str, str | None]:
    """Subnet id -> the address that ``SubnetConfigurations`` asks for in it."""
    found: dict[str, str | None] = {}
    for one in request.get("SubnetConfigurations") or ():
        subnet_id, address = one.get("SubnetId"), one.get("Ipv4")
        if not subnet_id:
            raise errors.MissingParameter(name="SubnetConfiguration.SubnetId")
        if one.get("Ipv6"):
            raise errors.InvalidParameter("IPv6 addresses are not supported by Sidedoor.")
        if subnet_id in found:
            raise errors.InvalidParameter(f"The subnet {subnet_id} has more than one subnet configuration.")
        found[subnet_id] = cidrs.check_address(address, "SubnetConfiguration.Ipv4") if address else None
    return found


def places(
    call: Call,
    vpc_id: str,
    service: Service,
    wanted: Mapping[str, str | None],
    occupied: Collection[str] = (),
) -> list[Place]:
    """The places that a request wants, each checked.

    ``wanted``: subnet id -> address; ``occupied``: ids of the zones in which the endpoint is already. Raises
    ``InvalidSubnetID.NotFound``, ``DuplicateSubnetsInSameZone`` and ``InvalidParameter``.
    """
    subnets = [owned_subnet(call, subnet_id) for subnet_id in wanted]
    zones = set(occupied)
    for subnet in subnets:
        if subnet.vpc_id != vpc_id:
            raise errors.DifferentNetworks(id=subnet.id)
        if subnet.zone_id in zones:
            raise errors.DuplicateSubnetsInSameZone(subnet_id=subnet.id)
        zones.add(subnet.zone_id)
    for subnet in subnets:
        if subnet.zone_id not in service.zone_ids:
            raise errors.ZoneNotSupported(service=service.name, subnet_id=subnet.id)
    return [Place(subnet, wanted[subnet.id]) for subnet in subnets]


def settle(call: Call, endpoint_id: str, service: Service, place: Place, group_ids: Sequence[str]) -> Interface:
    """Makes the endpoint's interface in a place. It stays, with its address, until the endpoint leaves the subnet."""
    return allocate_interface(
        call,
        place.subnet,
        InterfaceKind.ENDPOINT,
        address=place.address,
        description=f"VPC Endpoint Interface {endpoint_id}",
        group_ids=group_ids,
        holder=endpoint_id,
        load_balancer_id=_choose(call, service, place.subnet.zone_id, place.subnet.id),
    )


def groups(call: Call, vpc_id: str, asked: Sequence[str]) -> tuple[str, ...]:
    """The security groups of a new endpoint: those asked for, or the VPC's group ``default`` where it has one."""
    if asked:
        return groups_of_vpc(call, vpc_id, asked)
    return tuple(group.id for group in call.tables.security_groups.where(vpc_id=vpc_id, name="default"))


def served_again(call: Call, endpoint: Endpoint, service: Service) -> list[tuple[Interface, Interface]]:
    """(as it is, as it has to be) for each interface whose load balancer is no longer one of the service's.

    Raises ``InvalidParameter`` where none of the present ones is in the interface's zone.
    """
    interfaces = call.tables.interfaces.where(holder=endpoint.id)
    orphans = [one for one in interfaces if one.load_balancer_id not in service.load_balancer_ids]
    return [(one, replace(one, load_balancer_id=_choose(call, service, one.zone_id, one.subnet_id))) for one in orphans]


def _choose(call: Call, service: Service, zone_id: str, subnet_id: str) -> str:
    """One of the service's load balancers with a node in this zone."""
    balancers = call.tables.load_balancers.where(id=service.load_balancer_ids)
    candidates = [one.id for one in balancers if zone_id in one.zone_ids]
    if not candidates:
        raise errors.ZoneNotSupported(service=service.name, subnet_id=subnet_id)
    return candidates[int.from_bytes(call.entropy(8)) % len(candidates)]
