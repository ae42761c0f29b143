"""What of this host is put into which subnet (``sidedoor attach``), and what that takes. Pure.

Rule 1: one thing is attached in one way: an interface to one namespace or one link of the host's, a subnet to one bridge.
Rule 2: what is attached is wanted state of this host. It is no record of AWS's API, and no other host hears of it.
Rule 3: an attached interface stands where it is attached, and nowhere else: not in a namespace of its own besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sidedoor.dataplane.wanted import Wanted
from sidedoor.networks.model import Interface, InterfaceKind, gateway_address, resolver_address

DEFAULT_LINK = "eth0"

LONGEST_PLACE = 128
"""What is attached stands in the mark of a link, which has 255 characters (IFALIASZ)."""


class Kind(StrEnum):
    """``netns``: an interface inside somebody's network namespace. ``veth``: a link of the host's as an interface's port.

    ``bridge``: a bridge of the host's as part of a subnet.
    """

    NETNS = "netns"
    VETH = "veth"
    BRIDGE = "bridge"


class AttachError(Exception):
    """An attachment cannot stand now. The message is one sentence with what is missing; it is tried again."""


class NotYet(AttachError):
    """What is missing is on its way, or only does not answer: what stands already is left standing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """``id``: the interface, or for a bridge the subnet. ``place``: the namespace (see ``whereabouts``), the link, the bridge.

    ``link``: how the interface is called inside the namespace. Without ``default_route`` only the VPC is reached through it;
    without ``resolver`` the names that a container asks for are not the VPC's.
    """

    id: str
    kind: Kind
    place: str
    link: str = DEFAULT_LINK
    default_route: bool = True
    resolver: bool = True

    def __str__(self) -> str:
        return f"{self.id} {self.kind} {self.place}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Joint:
    """An attachment with all that its subnet and its interface have to say. A bridge has no address and no MAC of ours."""

    attachment: Attachment
    vpc_id: str
    subnet_id: str
    cidr: str
    gateway: str
    blocks: tuple[str, ...]
    resolver: str | None
    address: str
    mac: str


def joint(wanted: Wanted, attachment: Attachment) -> Joint:
    """What an attachment takes. Raises ``AttachError`` where it cannot stand."""
    interface = None if attachment.kind is Kind.BRIDGE else _interface(wanted, attachment.id)
    subnet_id = attachment.id if interface is None else interface.subnet_id
    subnet = wanted.subnets.get(subnet_id)
    vpc = None if subnet is None else wanted.vpcs.get(subnet.vpc_id)
    if subnet is None or vpc is None:
        raise AttachError(f"There is no subnet {subnet_id}: `sidedoor detach {attachment.id}` gives this up.")
    return Joint(
        attachment=attachment, vpc_id=vpc.id, subnet_id=subnet.id, cidr=subnet.cidr, gateway=gateway_address(subnet.cidr),
        blocks=vpc.blocks, resolver=resolver_address(vpc.cidr) if vpc.dns_support else None,
        address=interface.address if interface else "", mac=interface.mac if interface else "",
    )  # fmt: skip


def _interface(wanted: Wanted, interface_id: str) -> Interface:
    interface = wanted.interfaces.get(interface_id)
    if interface is None or interface.kind is not InterfaceKind.WORKLOAD:
        raise AttachError(f"There is no interface {interface_id}: `sidedoor detach {interface_id}` gives this up.")
    if interface.attachment is not None and not interface.attachment.running:
        raise AttachError(f"{interface.attachment.instance_id}, whose interface {interface_id} is, does not run.")
    return interface


def rivals(attachments: Mapping[str, Attachment]) -> dict[str, str]:
    """Id of an attachment -> id of the one that has what only one can have: a bridge in two subnets would make one of them."""
    holders: dict[tuple[str, ...], str] = {}
    found: dict[str, str] = {}
    for one in attachments.values():
        key = (one.kind, one.place, *((one.link,) if one.kind is Kind.NETNS else ()))
        if holders.setdefault(key, one.id) != one.id:
            found[one.id] = holders[key]
    return found
