"""Giving out network interfaces and their addresses, for workloads, endpoints and load balancer nodes alike."""

from __future__ import annotations

from collections.abc import Sequence

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.networks.model import Attachment, Interface, InterfaceKind, Subnet, free_address, is_usable, mac_address


def allocate_interface(
    call: Call,
    subnet: Subnet,
    kind: InterfaceKind,
    *,
    address: str | None = None,
    description: str = "",
    group_ids: Sequence[str] = (),
    holder: str | None = None,
    load_balancer_id: str | None = None,
    attachment: Attachment | None = None,
    tags: dict[str, str] | None = None,
) -> Interface:
    """Makes an interface in a subnet, with a chosen address or the lowest free one.

    Raises ``InvalidIPAddress.InUse``, ``InvalidParameterValue`` (outside the subnet or reserved) or
    ``InsufficientFreeAddressesInSubnet``.
    """
    taken = set(call.tables.interfaces.values("address", subnet_id=subnet.id))
    if address is None:
        address = free_address(subnet.cidr, taken)
        if address is None:
            raise errors.InsufficientFreeAddresses(id=subnet.id)
    elif address in taken:
        raise errors.AddressInUse(address=address)
    elif not is_usable(subnet.cidr, address):
        reason = f"Address is not usable in {subnet.id} ({subnet.cidr})."
        raise errors.InvalidParameterValue(value=address, name="PrivateIpAddress", reason=reason)
    interface_id = call.new_id("eni")
    return call.tables.interfaces.add(
        Interface(
            id=interface_id, account=subnet.account, region=subnet.region, vpc_id=subnet.vpc_id, subnet_id=subnet.id,
            zone_id=subnet.zone_id, address=address, mac=mac_address(interface_id), kind=kind, created=call.now,
            description=description, group_ids=tuple(group_ids), holder=holder, load_balancer_id=load_balancer_id,
            attachment=attachment, tags=tags or {},
        )
    )  # fmt: skip
