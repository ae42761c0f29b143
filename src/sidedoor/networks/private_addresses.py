"""The private addresses of an interface: its primary one, which it keeps, and secondary ones, which come and go.

A secondary address is kept for the interface in its subnet. Using it is up to what runs there, as on AWS: it adds the address
to its own side (``ip address add``), and the subnet carries it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.allocation import choose_addresses
from sidedoor.networks.model import Interface
from sidedoor.networks.refusals import refuse

MOST_ADDRESSES = 50
"""Of one interface, on the largest instance types (EC2 user guide, "Maximum IP addresses per network interface")."""


def assign_private_ip_addresses(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssignPrivateIpAddresses.html"""
    refuse(request, ("Ipv4Prefixes", "Ipv4PrefixCount"), "an interface has single private IPv4 addresses.")
    interface = lookup.changeable_interface(call, request["NetworkInterfaceId"])
    named = [cidrs.check_address(one, "privateIpAddress") for one in request.get("PrivateIpAddresses") or ()]
    count = request.get("SecondaryPrivateIpAddressCount")
    if named and count:
        raise errors.InvalidParameterCombination("Specify PrivateIpAddresses or SecondaryPrivateIpAddressCount, not both.")
    if not named and (count is None or count < 1):
        raise errors.MissingParameter("The request must name addresses or say how many there are to be.")
    if request.get("AllowReassignment"):
        _take_away(call, interface, named)
    new: list[str | None] = [address for address in dict.fromkeys(named) if address not in interface.secondary]
    new += [None] * (count or 0)
    _check_count(interface.id, len(interface.addresses) + len(new))
    chosen = choose_addresses(call, lookup.owned_subnet(call, interface.subnet_id), new)
    call.tables.interfaces.update(interface, replace(interface, secondary=(*interface.secondary, *chosen)))
    assigned = [{"PrivateIpAddress": address} for address in named or chosen]
    return {"NetworkInterfaceId": interface.id, "AssignedPrivateIpAddresses": assigned}


def _take_away(call: Call, interface: Interface, addresses: Sequence[str]) -> None:
    """Takes these from the other interfaces of the subnet that have them as secondary ones."""
    for other in call.tables.interfaces.where(subnet_id=interface.subnet_id):
        left = tuple(one for one in other.secondary if one not in addresses)
        if other.id != interface.id and left != other.secondary:
            call.tables.interfaces.update(other, replace(other, secondary=left))


def _check_count(name: str, count: int) -> None:
    if count > MOST_ADDRESSES:
        raise errors.AddressLimitExceeded(limit=MOST_ADDRESSES, id=name)


def unassign_private_ip_addresses(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UnassignPrivateIpAddresses.html"""
    refuse(request, ("Ipv4Prefixes",), "an interface has single private IPv4 addresses.")
    interface = lookup.changeable_interface(call, request["NetworkInterfaceId"])
    named = request.get("PrivateIpAddresses") or ()
    if not named:
        raise errors.MissingParameter(name="privateIpAddress")
    if interface.address in named:
        raise errors.InvalidParameterValue(f"The primary address {interface.address} of {interface.id} stays.")
    strangers = [address for address in named if address not in interface.secondary]
    if strangers:
        raise errors.InvalidParameterValue(f"Some of [{', '.join(strangers)}] are not assigned to interface {interface.id}")
    left = tuple(address for address in interface.secondary if address not in named)
    call.tables.interfaces.update(interface, replace(interface, secondary=left))
    return {}


def wanted_addresses(request: Mapping[str, Any]) -> tuple[str | None, list[str | None]]:
    """The primary address, or None, and the secondary ones, None for any, that a new interface is to have."""
    listed = request.get("PrivateIpAddresses") or ()
    count = request.get("SecondaryPrivateIpAddressCount") or 0
    if listed and count:
        raise errors.InvalidParameterCombination("Specify PrivateIpAddresses or SecondaryPrivateIpAddressCount, not both.")
    named = [request.get("PrivateIpAddress"), *(one.get("PrivateIpAddress") for one in listed if one.get("Primary"))]
    primary = {address for address in named if address}
    if len(primary) > 1:
        raise errors.InvalidParameterCombination("PrivateIpAddress and PrivateIpAddresses name different primary addresses.")
    others = [one.get("PrivateIpAddress") for one in listed if not one.get("Primary")]
    _check_count("the interface", 1 + len(others) + count)
    secondary = [cidrs.check_address(one, "privateIpAddress") if one else None for one in (*others, *[None] * count)]
    return (cidrs.check_address(primary.pop(), "privateIpAddress") if primary else None), secondary
