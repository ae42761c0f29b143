"""Founds VPCs and subnets, and dissolves them: with everything that AWS makes and removes along with them.

Rule 1: a VPC is born with its default security group, its main route table and its default network ACL.
Rule 2: a subnet has one network ACL at all times, at first the VPC's default one (VPC user guide, "Network ACL basics").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sidedoor.call import Call
from sidedoor.endpoints.model import State
from sidedoor.networks import lookup
from sidedoor.networks.model import (
    LOCAL,
    AclEntry,
    NetworkAcl,
    NetworkAclAssociation,
    Route,
    RouteOrigin,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Vpc,
)

LAST_ENTRY = 32767
"""The number of a network ACL's last entry, which denies what no other entry matched and cannot be changed."""

DENY_ALL = tuple(
    AclEntry(number=LAST_ENTRY, egress=egress, protocol="-1", action="deny", cidr="0.0.0.0/0") for egress in (True, False)
)
ALLOW_ALL = tuple(
    AclEntry(number=100, egress=egress, protocol="-1", action="allow", cidr="0.0.0.0/0") for egress in (True, False)
)


def add_vpc(
    call: Call, cidr: str, *, tenancy: str = "default", is_default: bool = False, tags: Mapping[str, str] | None = None
) -> Vpc:
    """A VPC and what it is born with. DNS names for its interfaces are on from the start only in the default VPC."""
    vpc = call.tables.vpcs.add(
        Vpc(
            id=call.new_id("vpc"), account=call.account, region=call.region, cidr=cidr, created=call.now, tenancy=tenancy,
            is_default=is_default, dns_hostnames=is_default, tags=dict(tags or {}),
        )
    )  # fmt: skip
    _add_default_group(call, vpc)
    _add_main_table(call, vpc)
    call.tables.network_acls.add(
        NetworkAcl(
            id=call.new_id("acl"), account=vpc.account, region=vpc.region, vpc_id=vpc.id, created=call.now, is_default=True,
            entries=(*ALLOW_ALL, *DENY_ALL),
        )
    )  # fmt: skip
    return vpc


def _add_default_group(call: Call, vpc: Vpc) -> None:
    """The group whose members may talk to each other and to everybody (VPC user guide, "Default security groups")."""
    group = call.tables.security_groups.add(
        SecurityGroup(
            id=call.new_id("sg"), account=vpc.account, region=vpc.region, vpc_id=vpc.id, name="default",
            description="default VPC security group", created=call.now,
        )
    )  # fmt: skip
    for egress in (False, True):
        call.tables.security_group_rules.add(
            SecurityGroupRule(
                id=call.new_id("sgr"), account=vpc.account, region=vpc.region, group_id=group.id, egress=egress,
                protocol="-1", from_port=-1, to_port=-1, cidr="0.0.0.0/0" if egress else None,
                referenced_group_id=None if egress else group.id, created=call.now,
            )
        )  # fmt: skip


def _add_main_table(call: Call, vpc: Vpc) -> None:
    table = add_route_table(call, vpc, {})
    call.tables.route_table_associations.add(
        RouteTableAssociation(
            id=call.new_id("rtbassoc"), account=vpc.account, region=vpc.region, vpc_id=vpc.id, table_id=table.id,
            created=call.now,
        )
    )  # fmt: skip


def local_route(block: str) -> Route:
    """The route that every table of a VPC has for each of the VPC's blocks."""
    return Route(destination=block, target=LOCAL, origin=RouteOrigin.TABLE)


def add_route_table(call: Call, vpc: Vpc, tags: Mapping[str, str]) -> RouteTable:
    """A route table, which keeps the VPC's own traffic in the VPC."""
    local = tuple(local_route(block) for block in vpc.blocks)
    return call.tables.route_tables.add(
        RouteTable(
            id=call.new_id("rtb"), account=vpc.account, region=vpc.region, vpc_id=vpc.id, created=call.now, routes=local,
            tags=dict(tags),
        )
    )  # fmt: skip


def add_subnet(
    call: Call, vpc: Vpc, cidr: str, zone_id: str, *, default: bool = False, tags: Mapping[str, str] | None = None
) -> Subnet:
    """A subnet with the VPC's default network ACL. Instances of a default subnet ask for public addresses."""
    subnet = call.tables.subnets.add(
        Subnet(
            id=call.new_id("subnet"), account=call.account, region=call.region, vpc_id=vpc.id, cidr=cidr, zone_id=zone_id,
            created=call.now, default_for_zone=default, map_public_ip=default, tags=dict(tags or {}),
        )
    )  # fmt: skip
    call.tables.network_acl_associations.add(
        NetworkAclAssociation(
            id=call.new_id("aclassoc"), account=call.account, region=call.region, vpc_id=vpc.id,
            acl_id=lookup.default_acl(call, vpc.id).id, subnet_id=subnet.id, created=call.now,
        )
    )  # fmt: skip
    return subnet


def remove_subnet(call: Call, subnet: Subnet) -> None:
    """The subnet and its associations; nothing may stand in it any more."""
    tables = call.tables
    tables.route_table_associations.remove_all(tables.route_table_associations.where(subnet_id=subnet.id))
    tables.network_acl_associations.remove_all(tables.network_acl_associations.where(subnet_id=subnet.id))
    tables.subnet_reservations.remove_all(tables.subnet_reservations.where(subnet_id=subnet.id))
    tables.subnets.remove(subnet)


def remove_vpc(call: Call, vpc: Vpc) -> None:
    """The VPC and what it was born with; nothing else may depend on it (``dependent_of_vpc``)."""
    tables = call.tables
    group = lookup.default_group(call, vpc.id)
    tables.security_group_rules.remove_all(tables.security_group_rules.where(group_id=group.id))
    tables.security_groups.remove(group)
    tables.route_table_associations.remove_all(tables.route_table_associations.where(vpc_id=vpc.id))
    tables.route_tables.remove_all(tables.route_tables.where(vpc_id=vpc.id))
    tables.network_acls.remove_all(tables.network_acls.where(vpc_id=vpc.id))
    tables.vpcs.remove(vpc)


def dependent_of_vpc(call: Call, vpc: Vpc) -> str | None:
    """The id of something that keeps the VPC from going, or None."""
    return next(iter(_dependents(call, vpc)), None)


def _dependents(call: Call, vpc: Vpc) -> Iterable[str]:
    tables = call.tables
    born_with = {
        lookup.default_group(call, vpc.id).id,
        lookup.default_acl(call, vpc.id).id,
        lookup.main_association(call, vpc.id).table_id,
    }
    yield from (subnet.id for subnet in tables.subnets.where(vpc_id=vpc.id))
    yield from (interface.id for interface in tables.interfaces.where(vpc_id=vpc.id))
    yield from (endpoint.id for endpoint in tables.endpoints.where(vpc_id=vpc.id) if endpoint.state is not State.DELETED)
    yield from (gateway.id for gateway in tables.internet_gateways.where(vpc_id=vpc.id))
    for records in (tables.security_groups, tables.route_tables, tables.network_acls):
        yield from (one.id for one in records.where(vpc_id=vpc.id) if one.id not in born_with)
