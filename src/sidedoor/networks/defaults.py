"""The default VPC with which every account begins in every region (VPC user guide, "Default VPCs").

It is made in the first call that may need it, once: an account that deletes its default VPC has none, until it calls
CreateDefaultVpc. It costs a few records: the agent places no VPC before something stands in it.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

from sidedoor import errors
from sidedoor.call import Access, Answer, Call, Request, perform
from sidedoor.networks import founding, lookup
from sidedoor.networks.model import InternetGateway, Route, Subnet, Vpc
from sidedoor.networks.zones import zone_name, zones
from sidedoor.store.engine import Store
from sidedoor.store.schema import Setting

CIDR = "172.31.0.0/16"
SUBNET_BITS = 20
EVERYWHERE = "0.0.0.0/0"


class DefaultVpcs:
    """Sees to it that an account has had its default VPC in a region before it does anything there.

    Safe to use from several threads and processes: whether an account has begun is written in the database, and writers are
    serial. What this process has seen there once, it does not ask again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun: set[tuple[str, str]] = set()

    def ensure(self, access: Access) -> None:
        """Makes the default VPC of the caller's account in this region, unless the account had one before."""
        begun, here = self._begun, (access.caller.account, access.region)
        if here not in begun:
            perform(self._store, access, "CreateDefaultVpc", _begin, {})
            begun.add(here)

    def knows(self, account: str, region: str) -> bool:
        """Whether ``ensure`` has nothing to do for this account and region, not even to read."""
        return (account, region) in self._begun

    def forget(self) -> None:
        """To be called after the database was emptied.

        Who began before that adds itself to the set that is thrown away here, and so begins again.
        """
        self._begun = set()


def _begin(call: Call, _: Request) -> Answer:
    begun = f"default-vpc/{call.account}/{call.region}"
    if zones(call.account, call.region) and call.tables.settings.find(begun) is None:
        vpc = lookup.default_vpc(call) or add_default_vpc(call)
        call.tables.settings.add(Setting(id=begun, value=vpc.id))
    return {}


def add_default_vpc(call: Call) -> Vpc:
    """A default VPC: a default subnet a zone, and the way to an internet gateway in the main route table."""
    vpc = founding.add_vpc(call, CIDR, is_default=True)
    for zone in zones(call.account, call.region):
        add_default_subnet(call, zone.id)
    gateway = call.tables.internet_gateways.add(
        InternetGateway(
            id=call.new_id("igw"), account=call.account, region=call.region, created=call.now, vpc_id=vpc.id
        )
    )  # fmt: skip
    table = lookup.owned_route_table(call, lookup.main_association(call, vpc.id).table_id)
    out = Route(destination=EVERYWHERE, target=gateway.id)
    call.tables.route_tables.update(table, replace(table, routes=(*table.routes, out)))
    return vpc


def add_default_subnet(call: Call, zone_id: str) -> Subnet:
    """A default subnet of the default VPC in this zone, with the first free block of its size.

    Raises ``DefaultVpcDoesNotExist``, ``DefaultSubnetAlreadyExistsInAvailabilityZone`` and, where the VPC is full,
    ``InvalidSubnet.Conflict``.
    """
    vpc = lookup.default_vpc(call)
    if vpc is None:
        raise errors.DefaultVpcDoesNotExist
    others = call.tables.subnets.where(vpc_id=vpc.id)
    for other in others:
        if other.default_for_zone and other.zone_id == zone_id:
            zone = zone_name(call.account, call.region, zone_id)
            raise errors.DefaultSubnetAlreadyExists(subnet_id=other.id, zone=zone)
    taken = [IPv4Network(other.cidr) for other in others]
    for block in IPv4Network(vpc.cidr).subnets(new_prefix=SUBNET_BITS):
        if not any(block.overlaps(one) for one in taken):
            return founding.add_subnet(call, vpc, str(block), zone_id, default=True)
    raise errors.SubnetConflict(cidr=vpc.cidr)
