"""Giving out network interfaces and their addresses, for workloads, endpoints and load balancer nodes alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.networks.model import Attachment, Interface, InterfaceKind, Subnet, free_address, is_usable, mac_address


def allocate_interface(
    call: Call,
    subnet: Subnet,
    kind: InterfaceKind,
    *,
    address: str | None = None,
    secondary: Sequence[str | None] = (),
    description: str = "",
    group_ids: Sequence[str] = (),
    holder: str | None = None,
    load_balancer_id: str | None = None,
    attachment: Attachment | None = None,
    tags: dict[str, str] | None = None,
) -> Interface:
    """Makes an interface in a subnet, with a chosen address or the lowest free one; likewise for its secondary addresses.

    Raises what ``choose_addresses`` does.
    """
    primary, *others = choose_addresses(call, subnet, [address, *secondary])
    interface_id = call.new_id("eni")
    return call.tables.interfaces.add(
        Interface(
            id=interface_id, account=subnet.account, region=subnet.region, vpc_id=subnet.vpc_id, subnet_id=subnet.id,
            zone_id=subnet.zone_id, address=primary, secondary=tuple(others), mac=mac_address(interface_id), kind=kind,
            created=call.now, description=description, group_ids=tuple(group_ids), holder=holder,
            load_balancer_id=load_balancer_id, attachment=attachment, tags=tags or {},
        )
    )  # fmt: skip


def taken_addresses(call: Call, subnet_id: str) -> set[str]:
    """The addresses of a subnet that some interface has."""
    found = call.tables.interfaces.pairs("address", "secondary", subnet_id=subnet_id)
    return {address for primary, secondary in found for address in (primary, *secondary)}


def choose_addresses(call: Call, subnet: Subnet, wanted: Iterable[str | None]) -> list[str]:
    """An address for each that is wanted: the one that is named, or the lowest free one, which no reservation keeps.

    Raises ``InvalidIPAddress.InUse``, ``InvalidParameterValue`` (outside the subnet or reserved) or
    ``InsufficientFreeAddressesInSubnet``.
    """
    wanted, taken = list(wanted), taken_addresses(call, subnet.id)
    for address in wanted:
        if address is not None:
            _check_free(subnet, address, taken)
            taken.add(address)
    reserved = [IPv4Network(one.cidr) for one in call.tables.subnet_reservations.where(subnet_id=subnet.id)]
    chosen: list[str] = []
    for address in wanted:
        found = address or free_address(subnet.cidr, taken, reserved)
        if found is None:
            raise errors.InsufficientFreeAddresses(id=subnet.id)
        taken.add(found)
        chosen.append(found)
    return chosen


def _check_free(subnet: Subnet, address: str, taken: set[str]) -> None:
    if address in taken:
        raise errors.AddressInUse(address=address)
    if not is_usable(subnet.cidr, address):
        reason = f"Address is not usable in {subnet.id} ({subnet.cidr})."
        raise errors.InvalidParameterValue(value=address, name="PrivateIpAddress", reason=reason)
