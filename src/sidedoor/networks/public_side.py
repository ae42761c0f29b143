"""The public side of an interface as answers show it. Pure.

There is no public address here, and none is made up. That a launch asked for one is kept and shown all the same, as an
association without an address: whoever compares what is with what was asked (Terraform does) finds it as it was asked.
"""

from __future__ import annotations

from typing import Any

from sidedoor.networks.model import Interface

OWNER = "amazon"
"""``IpOwnerId`` of an address that comes with a launch and that no account has allocated."""


def address_owner(interface: Interface) -> str | None:
    """Whose the public address would be that the interface's launch asked for; None where it asked for none."""
    asked = interface.attachment is not None and interface.attachment.public_address_asked
    return OWNER if asked else None


def association(interface: Interface) -> dict[str, Any]:
    """``Association`` of an interface whose launch asked for a public address; empty for any other."""
    owner = address_owner(interface)
    return {"Association": {"IpOwnerId": owner, "PublicDnsName": ""}} if owner else {}
