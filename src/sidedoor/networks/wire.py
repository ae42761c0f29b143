"""What several answers show of an interface. Pure."""

from __future__ import annotations

from typing import Any

from sidedoor.networks.model import Interface, private_dns_name


def private_addresses(interface: Interface) -> list[dict[str, Any]]:
    """``PrivateIpAddresses``: an instance's have names."""
    wire: list[dict[str, Any]] = []
    for address in interface.addresses:
        one: dict[str, Any] = {"Primary": address == interface.address, "PrivateIpAddress": address}
        if interface.attachment is not None:
            one["PrivateDnsName"] = private_dns_name(interface.region, address)
        wire.append(one)
    return wire
