"""Reservations in subnets: blocks from which an interface gets an address only where its user names that address."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.model import ReservationType, Subnet, SubnetReservation
from sidedoor.paging import page


def create_subnet_cidr_reservation(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnetCidrReservation.html"""
    subnet = lookup.owned_subnet(call, request["SubnetId"])
    made = call.tables.subnet_reservations.add(
        SubnetReservation(
            id=call.new_id("scr"), account=call.account, region=call.region, subnet_id=subnet.id,
            cidr=_free_block(call, subnet, request["Cidr"]), kind=_kind(request["ReservationType"]), created=call.now,
            description=request.get("Description"), tags=tagging.from_specifications(request, "subnet-cidr-reservation"),
        )
    )  # fmt: skip
    return {"SubnetCidrReservation": _to_wire(made)}


def _kind(name: str) -> ReservationType:
    try:
        return ReservationType(name)
    except ValueError:
        reason = f"Expecting {' or '.join(ReservationType)}."
        raise errors.InvalidParameterValue(value=name, name="reservationType", reason=reason) from None


def _free_block(call: Call, subnet: Subnet, text: str) -> str:
    """The block, which lies in the subnet and overlaps with no other reservation."""
    if cidrs.ipv6_network(text) is not None:
        raise errors.UnsupportedOperation("A subnet of Sidedoor has no IPv6 block to reserve a part of.")
    network = cidrs.ipv4_network(text)
    if network is None or not network.subnet_of(IPv4Network(subnet.cidr)):
        reason = f"Expecting a block inside of {subnet.cidr}, the subnet's own."
        raise errors.InvalidParameterValue(value=text, name="cidr", reason=reason)
    for other in call.tables.subnet_reservations.where(subnet_id=subnet.id):
        if network.overlaps(IPv4Network(other.cidr)):
            reason = f"It overlaps with {other.id} ({other.cidr})."
            raise errors.InvalidParameterValue(value=text, name="cidr", reason=reason)
    return str(network)


def delete_subnet_cidr_reservation(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnetCidrReservation.html"""
    reservation = lookup.owned_subnet_reservation(call, request["SubnetCidrReservationId"])
    call.tables.subnet_reservations.remove(reservation)
    return {"DeletedSubnetCidrReservation": _to_wire(reservation)}


def get_subnet_cidr_reservations(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetSubnetCidrReservations.html"""
    subnet = lookup.owned_subnet(call, request["SubnetId"])
    reservations = call.tables.subnet_reservations.where(subnet_id=subnet.id)
    found = filtered(reservations, request.get("Filters"), _FILTERS, tags=lambda one: one.tags)
    shown, token = page(call, request, found)
    wire = [_to_wire(one) for one in shown]
    return {"SubnetIpv4CidrReservations": wire, "SubnetIpv6CidrReservations": [], "NextToken": token}


def _to_wire(reservation: SubnetReservation) -> dict[str, Any]:
    return {
        "SubnetCidrReservationId": reservation.id,
        "SubnetId": reservation.subnet_id,
        "Cidr": reservation.cidr,
        "ReservationType": reservation.kind.value,
        "OwnerId": reservation.account,
        **({"Description": reservation.description} if reservation.description else {}),
        "Tags": tagging.to_wire(reservation.tags),
    }


_FILTERS: Mapping[str, Field[SubnetReservation]] = {
    "reservationType": lambda one: one.kind.value,
    "subnet-id": lambda one: one.subnet_id,
}
