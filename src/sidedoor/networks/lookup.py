"""Finds a network record that the caller owns in the call's region, or raises the error that AWS has for its absence.

Another account's record does not exist for the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.networks.model import (
    DhcpOptions,
    Interface,
    InterfaceKind,
    InternetGateway,
    NetworkAcl,
    PrefixList,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    SubnetReservation,
    Vpc,
)
from sidedoor.paging import record_key
from sidedoor.store.tables import Records


class Owned(Protocol):
    """What every record that belongs to an account in a region has."""

    @property
    def id(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def region(self) -> str: ...


R = TypeVar("R", bound=Owned)


def owned_vpc(call: Call, vpc_id: str) -> Vpc:
    return owned(call, call.tables.vpcs, vpc_id, "vpc", errors.VpcNotFound, errors.VpcIdMalformed)


def owned_dhcp_options(call: Call, options_id: str) -> DhcpOptions:
    not_found, malformed = errors.DhcpOptionsNotFound, errors.DhcpOptionsIdMalformed
    return owned(call, call.tables.dhcp_options, options_id, "dopt", not_found, malformed)


def owned_prefix_list(call: Call, list_id: str) -> PrefixList:
    return owned(call, call.tables.prefix_lists, list_id, "pl", errors.PrefixListNotFound, errors.PrefixListIdMalformed)


def owned_subnet(call: Call, subnet_id: str) -> Subnet:
    return owned(call, call.tables.subnets, subnet_id, "subnet", errors.SubnetNotFound, errors.SubnetIdMalformed)


def owned_subnet_reservation(call: Call, reservation_id: str) -> SubnetReservation:
    not_found, malformed = errors.SubnetReservationNotFound, errors.SubnetReservationIdMalformed
    return owned(call, call.tables.subnet_reservations, reservation_id, "scr", not_found, malformed)


def owned_group(call: Call, group_id: str) -> SecurityGroup:
    return owned(call, call.tables.security_groups, group_id, "sg", errors.GroupNotFound, errors.GroupIdMalformed)


def owned_rule(call: Call, rule_id: str) -> SecurityGroupRule:
    not_found, malformed = errors.GroupRuleNotFound, errors.GroupRuleIdMalformed
    return owned(call, call.tables.security_group_rules, rule_id, "sgr", not_found, malformed)


def owned_interface(call: Call, interface_id: str) -> Interface:
    return owned(call, call.tables.interfaces, interface_id, "eni", errors.InterfaceNotFound, errors.InterfaceIdMalformed)


REQUESTERS: Mapping[InterfaceKind, str] = {
    InterfaceKind.ENDPOINT: "amazon-aws",
    InterfaceKind.LOAD_BALANCER_NODE: "amazon-elb",
}
"""Who made an interface that no user made."""


def changeable_interface(call: Call, interface_id: str) -> Interface:
    """The caller's interface, unless an endpoint or a load balancer holds it: then ``OperationNotPermitted``."""
    interface = owned_interface(call, interface_id)
    if interface.requester_managed:
        sentence = f"The network interface '{interface.id}' is managed by {interface.holder or REQUESTERS[interface.kind]}."
        raise errors.OperationNotPermitted(sentence)
    return interface


def owned_route_table(call: Call, table_id: str) -> RouteTable:
    return owned(call, call.tables.route_tables, table_id, "rtb", errors.RouteTableNotFound, errors.RouteTableIdMalformed)


def owned_acl(call: Call, acl_id: str) -> NetworkAcl:
    return owned(call, call.tables.network_acls, acl_id, "acl", errors.NetworkAclNotFound, errors.NetworkAclIdMalformed)


def owned_gateway(call: Call, gateway_id: str) -> InternetGateway:
    not_found, malformed = errors.InternetGatewayNotFound, errors.InternetGatewayIdMalformed
    return owned(call, call.tables.internet_gateways, gateway_id, "igw", not_found, malformed)


def main_association(call: Call, vpc_id: str) -> RouteTableAssociation:
    """What makes one of the VPC's route tables its main one."""
    (association,) = call.tables.route_table_associations.where(vpc_id=vpc_id, subnet_id=None, gateway_id=None)
    return association


def default_acl(call: Call, vpc_id: str) -> NetworkAcl:
    """The network ACL that came with the VPC and that stays as long as the VPC."""
    (acl,) = call.tables.network_acls.where(vpc_id=vpc_id, is_default=True)
    return acl


def groups_of_vpc(call: Call, vpc_id: str, group_ids: Sequence[str]) -> tuple[str, ...]:
    """The ids of the groups that a new interface gets: those asked for, or the VPC's default group.

    Raises ``InvalidGroup.NotFound`` and, for a group of another VPC, ``InvalidParameter``.
    """
    if not group_ids:
        return (default_group(call, vpc_id).id,)
    for group in [owned_group(call, group_id) for group_id in group_ids]:
        if group.vpc_id != vpc_id:
            raise errors.DifferentNetworks(id=group.id)
    return tuple(dict.fromkeys(group_ids))


def default_group(call: Call, vpc_id: str) -> SecurityGroup:
    """The group that came with the VPC and that stays as long as the VPC."""
    (group,) = call.tables.security_groups.where(vpc_id=vpc_id, name="default")
    return group


def default_vpc(call: Call) -> Vpc | None:
    """The VPC in which a request that names none takes place; an account may have none."""
    return next(iter(call.tables.vpcs.where(**call.owned, is_default=True)), None)


def group_named(call: Call, name: str) -> SecurityGroup:
    """The group that a request names by ``GroupName``, which AWS looks for in the default VPC alone."""
    vpc = default_vpc(call)
    found = call.tables.security_groups.where(vpc_id=vpc.id, name=name) if vpc else []
    if not found:
        where = vpc.id if vpc else "none"
        raise errors.GroupNotFound(f"The security group '{name}' does not exist in default VPC '{where}'")
    return found[0]


def chosen(call: Call, records: Records[R], record_ids: Sequence[str] | None, find: Callable[[Call, str], R]) -> list[R]:
    """What a describe operation looks at: the records with these ids, or all that the caller owns; oldest first.

    Raises the error of ``find`` for an id that is not the caller's.
    """
    if not record_ids:
        return records.where(**call.owned)
    return sorted((find(call, record_id) for record_id in dict.fromkeys(record_ids)), key=record_key)


def owned(
    call: Call,
    records: Records[R],
    record_id: str,
    prefix: str,
    not_found: type[errors.ApiError],
    malformed: type[errors.ApiError],
) -> R:
    """The caller's record with this id."""
    if not record_id.startswith(f"{prefix}-"):
        raise malformed(id=record_id)
    record = records.find(record_id)
    if record is None or (record.account, record.region) != (call.account, call.region):
        raise not_found(id=record_id)
    return record
