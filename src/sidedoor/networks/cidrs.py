"""Reads CIDR blocks as AWS does: the host bits are cleared, "10.0.5.1/16" means 10.0.0.0/16. Pure."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from sidedoor import errors

LARGEST, SMALLEST = 16, 28
"""VPCs and subnets are of /16 to /28 (VPC user guide, "VPC CIDR blocks")."""


def block(text: str) -> IPv4Network:
    """The block of a VPC or subnet. Raises ``InvalidParameterValue`` for what is no block; its size is not judged."""
    network = ipv4_network(text)
    if network is None:
        raise errors.InvalidParameterValue(value=text, name="cidrBlock", reason="This is not a valid CIDR block.")
    return network


def has_size(network: IPv4Network) -> bool:
    """Whether a VPC or a subnet may be as large, or as small, as this."""
    return LARGEST <= network.prefixlen <= SMALLEST


def ipv4_network(text: str) -> IPv4Network | None:
    """The block that ``text`` means, or None."""
    try:
        return IPv4Network(text, strict=False) if _has_prefix(text) else None
    except ValueError:
        return None


def ipv6_network(text: str) -> IPv6Network | None:
    """The block that ``text`` means, or None."""
    try:
        return IPv6Network(text, strict=False) if _has_prefix(text) else None
    except ValueError:
        return None


def _has_prefix(text: str) -> bool:
    """Python's own reader also takes no prefix at all and netmasks, which AWS does not."""
    return re.search(r"/\d{1,3}$", text) is not None


def check_address(text: str, parameter: str) -> str:
    """An IPv4 address, or ``InvalidParameterValue``."""
    try:
        return str(IPv4Address(text))
    except ValueError:
        reason = "This is not a valid IPv4 address."
        raise errors.InvalidParameterValue(value=text, name=parameter, reason=reason) from None
