"""How Sidedoor's links are called, and how a name leads back to the id. Pure.

A link's name has room for 15 characters (IFNAMSIZ), so it carries the end of the id; the whole id is the link's mark (its
``ifalias``). Where a link is, what it is called and what its mark says:

==========  ================  ==========================================  ============
namespace   link              what                                        mark
==========  ================  ==========================================  ============
fabric      ``br-<subnet>``   the subnet's bridge                         subnet id
fabric      ``gw-<subnet>``   the bridge's end of the router's leg        subnet id
fabric      ``wl-<eni>``      the bridge's end of a workload's interface  interface id
fabric      ``at-<eni>``      an attached interface's port                id, what it is
fabric      ``up-<subnet>``   the end of an attached bridge               id, what it is
VPC         ``lo``            the resolver's address                      VPC id, CIDR
VPC         ``sn-<subnet>``   the router's leg: gateway and addresses     subnet id
workload    ``eth0``          the interface                               interface id
somebody's  as they like      an attached interface                       interface id
host        ``sd-<subnet>``   the other end of ``up-<subnet>``            subnet id
==========  ================  ==========================================  ============

Besides the last two, which only ``sidedoor attach`` makes, nothing stands outside of our own namespaces.
"""

from __future__ import annotations

BRIDGE, GATEWAY, LEG, WORKLOAD = "br", "gw", "sn", "wl"
ATTACHED, UPLINK, DOWNLINK = "at", "up", "sd"
INSIDE = "eth0"
LOOPBACK = "lo"
FABRIC = "fabric"

_DIGITS = 12


def link_name(kind: str, record_id: str) -> str:
    """``br-9f1c0a7be2d4`` for ``subnet-0a1b29f1c0a7be2d4``."""
    return f"{kind}-{record_id.rpartition('-')[2][-_DIGITS:]}"


def is_kind(kind: str, name: str) -> bool:
    return name.startswith(f"{kind}-")


def record_id(prefix: str, mark: str, name: str) -> str:
    """The id in a link's mark. A link that never got its mark answers to the short id with which its name can be made again."""
    return mark or f"{prefix}-{name.partition('-')[2]}"


def leg_mac(subnet_id: str) -> str:
    """The router's MAC address in a subnet: always the same, so that neighbours need not learn it anew."""
    digits = subnet_id.rpartition("-")[2].rjust(10, "0")[-10:]
    return "02:" + ":".join(digits[index : index + 2] for index in range(0, 10, 2))
