"""VPCs, subnets, security groups and network interfaces; how addresses and zones are given out.

Rule 1: no I/O, no clock, no randomness: all of it is passed in.
Rule 2: a zone is stored by its id (``use1-az1``), the same for all accounts; a zone's name is a view of one account.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network

BEFORE = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class CidrAssociation:
    """A block that was added to a VPC, and the id of its belonging there."""

    id: str
    cidr: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Vpc:
    """``cidr`` is the block that it was made with and keeps; ``secondary``: those that were added to it.

    ``dhcp_options_id``: None for the account's own set of this region, ``default`` for no set at all.
    """

    id: str
    version: int = 0
    account: str
    region: str
    cidr: str
    created: datetime
    is_default: bool = False
    dns_support: bool = True
    dns_hostnames: bool = False
    address_usage_metrics: bool = False
    tenancy: str = "default"
    secondary: tuple[CidrAssociation, ...] = ()
    dhcp_options_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def blocks(self) -> tuple[str, ...]:
        """All its blocks, the first one first."""
        return (self.cidr, *(one.cidr for one in self.secondary))


@dataclass(frozen=True, kw_only=True, slots=True)
class DhcpConfiguration:
    """One option of a set and its values."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class DhcpOptions:
    """A set of DHCP options."""

    id: str
    version: int = 0
    account: str
    region: str
    created: datetime
    configurations: tuple[DhcpConfiguration, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefixEntry:
    """One block of a prefix list."""

    cidr: str
    description: str | None = None


class AddressFamily(StrEnum):
    """The wire's ``AddressFamily``: of which kind all entries of a prefix list are."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"


@dataclass(frozen=True, kw_only=True, slots=True)
class PrefixList:
    """A managed prefix list. ``earlier``: the entries of its earlier versions, the first version's first.

    ``modified``: whether it was changed since it was made; ``failure``: why it was not deleted when somebody asked.
    """

    id: str
    version: int = 0
    account: str
    region: str
    created: datetime
    name: str
    family: AddressFamily
    max_entries: int
    entries: tuple[PrefixEntry, ...] = ()
    earlier: tuple[tuple[PrefixEntry, ...], ...] = ()
    modified: bool = False
    failure: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Its current version as the wire counts it."""
        return len(self.earlier) + 1

    @property
    def state(self) -> str:
        """The wire's ``State``."""
        if self.failure is not None:
            return "delete-failed"
        return "modify-complete" if self.modified else "create-complete"

    def entries_of(self, number: int) -> tuple[PrefixEntry, ...] | None:
        """The entries of one of its versions, or None where there is none of this number."""
        versions = (*self.earlier, self.entries)
        return versions[number - 1] if 1 <= number <= len(versions) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Subnet:
    id: str
    version: int = 0
    account: str
    region: str
    vpc_id: str
    cidr: str
    zone_id: str
    created: datetime
    default_for_zone: bool = False
    map_public_ip: bool = False
    tags: dict[str, str] = field(default_factory=dict)


class ReservationType(StrEnum):
    """The wire's ``ReservationType``."""

    PREFIX = "prefix"
    EXPLICIT = "explicit"


@dataclass(frozen=True, kw_only=True, slots=True)
class SubnetReservation:
    """A block of a subnet from which no interface gets an address unless its user names it."""

    id: str
    version: int = 0
    account: str
    region: str
    subnet_id: str
    cidr: str
    kind: ReservationType
    created: datetime
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityGroup:
    id: str
    version: int = 0
    account: str
    region: str
    vpc_id: str
    name: str
    description: str
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityGroupRule:
    """One permission of one group. ``from_port``/``to_port`` are -1 for all. Exactly one of the sources is set.

    ``created`` is what answers order rules by; a rule that is older than this field has none worth the name.
    """

    id: str
    version: int = 0
    account: str
    region: str
    group_id: str
    egress: bool
    protocol: str
    from_port: int
    to_port: int
    cidr: str | None = None
    cidr6: str | None = None
    referenced_group_id: str | None = None
    prefix_list_id: str | None = None
    description: str | None = None
    created: datetime = BEFORE
    tags: dict[str, str] = field(default_factory=dict)


class InterfaceKind(StrEnum):
    """The wire's ``InterfaceType``."""

    WORKLOAD = "interface"
    ENDPOINT = "vpc_endpoint"
    LOAD_BALANCER_NODE = "network_load_balancer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """How an interface belongs to an instance. ``running``: the instance runs, so that its interface stands in the network.

    ``device_index``: its place among the instance's interfaces; the one at 0 is there as long as the instance.
    ``public_address_asked``: its launch asked for a public address, which nothing here has.
    """

    id: str
    instance_id: str
    attached: datetime
    delete_on_termination: bool = True
    running: bool = True
    device_index: int = 0
    public_address_asked: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    """A network interface. ``holder`` is the endpoint's id or the load balancer's ARN that it belongs to, if any;
    ``attachment`` says which instance it is. ``secondary``: further addresses that are kept for it in its subnet.

    ``load_balancer_id``: for an endpoint's interface, which of its service's load balancers serves it. Chosen once ("each
    endpoint network interface is associated with one load balancer", PrivateLink guide), so that it stays over restarts.
    """

    id: str
    version: int = 0
    account: str
    region: str
    vpc_id: str
    subnet_id: str
    zone_id: str
    address: str
    mac: str
    kind: InterfaceKind
    created: datetime
    description: str = ""
    group_ids: tuple[str, ...] = ()
    holder: str | None = None
    load_balancer_id: str | None = None
    attachment: Attachment | None = None
    secondary: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def addresses(self) -> tuple[str, ...]:
        """All its addresses, the primary one first."""
        return (self.address, *self.secondary)

    @property
    def requester_managed(self) -> bool:
        return self.kind is not InterfaceKind.WORKLOAD


class RouteOrigin(StrEnum):
    """Who made a route: the route table itself, or a user."""

    TABLE = "CreateRouteTable"
    USER = "CreateRoute"


LOCAL = "local"
"""The target of the route that every table has: the VPC itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Where packets for a destination should go. ``target``: ``local``, or a gateway's or an interface's id."""

    destination: str
    target: str
    origin: RouteOrigin = RouteOrigin.USER


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteTable:
    id: str
    version: int = 0
    account: str
    region: str
    vpc_id: str
    created: datetime
    routes: tuple[Route, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteTableAssociation:
    """What a route table is for: a subnet, a gateway, or all subnets of its VPC that have no table of their own."""

    id: str
    version: int = 0
    account: str
    region: str
    vpc_id: str
    table_id: str
    created: datetime
    subnet_id: str | None = None
    gateway_id: str | None = None

    @property
    def main(self) -> bool:
        return self.subnet_id is None and self.gateway_id is None


@dataclass(frozen=True, kw_only=True, slots=True)
class AclEntry:
    """A numbered rule of a network ACL. ``protocol`` is a number, -1 for all; exactly one of the two blocks is set."""

    number: int
    egress: bool
    protocol: str
    action: str
    cidr: str | None = None
    cidr6: str | None = None
    from_port: int | None = None
    to_port: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkAcl:
    id: str
    version: int = 0
    account: str
    region: str
    vpc_id: str
    created: datetime
    is_default: bool = False
    entries: tuple[AclEntry, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkAclAssociation:
    """Which network ACL a subnet has: each has one at all times."""

    id: str
    version: int = 0
    account: str
    region: str
    vpc_id: str
    acl_id: str
    subnet_id: str
    created: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class InternetGateway:
    """``vpc_id``: the VPC that it is attached to, if any."""

    id: str
    version: int = 0
    account: str
    region: str
    created: datetime
    vpc_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


RESERVED_ADDRESSES = 5
"""A subnet's first four addresses and its last one are AWS's own."""


def gateway_address(subnet_cidr: str) -> str:
    """The router's address in a subnet: base + 1."""
    return str(IPv4Network(subnet_cidr).network_address + 1)


def resolver_address(vpc_cidr: str) -> str:
    """The address of a VPC's resolver: the VPC's base + 2."""
    return str(IPv4Network(vpc_cidr).network_address + 2)


def usable_addresses(subnet_cidr: str) -> int:
    """How many addresses of a subnet interfaces can have."""
    return IPv4Network(subnet_cidr).num_addresses - RESERVED_ADDRESSES


def is_usable(subnet_cidr: str, address: str) -> bool:
    """Whether an interface may have this address: inside the subnet and not reserved."""
    network, ip = IPv4Network(subnet_cidr), IPv4Address(address)
    return ip in network and network.network_address + 4 <= ip < network.broadcast_address


def free_address(subnet_cidr: str, taken: Collection[str], reserved: Collection[IPv4Network] = ()) -> str | None:
    """The lowest free address of a subnet outside of what is reserved in it, or None when there is none."""
    network = IPv4Network(subnet_cidr)
    for number in range(int(network.network_address) + 4, int(network.broadcast_address)):
        address = f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        if address not in taken and not any(IPv4Address(number) in block for block in reserved):
            return address
    return None


def mac_address(interface_id: str) -> str:
    """A locally administered MAC address, the same for the same interface on every host."""
    digits = interface_id.removeprefix("eni-").rjust(10, "0")[-10:]
    return "0a:" + ":".join(digits[index : index + 2] for index in range(0, 10, 2))


def private_dns_name(region: str, address: str) -> str:
    """The name that an instance has inside its VPC (VPC user guide, "DNS hostnames")."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return f"ip-{address.replace('.', '-')}.{domain}"
