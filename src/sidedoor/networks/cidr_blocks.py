"""The blocks of a VPC: the one that it was made with and keeps, and those that are added to it and taken from it.

Each block has its route ``local`` in every route table of the VPC, and subnets may be made in each.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.founding import local_route
from sidedoor.networks.model import CidrAssociation, Vpc
from sidedoor.networks.refusals import refuse

MOST_BLOCKS = 5
"""Of one VPC (Amazon VPC quotas, "IPv4 CIDR blocks per VPC")."""

_REFUSED = (
    "AmazonProvidedIpv6CidrBlock", "Ipv6CidrBlock", "Ipv6Pool", "Ipv6IpamPoolId", "Ipv6NetmaskLength",
    "Ipv6CidrBlockNetworkBorderGroup", "Ipv4IpamPoolId", "Ipv4NetmaskLength",
)  # fmt: skip


def associate_vpc_cidr_block(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateVpcCidrBlock.html"""
    refuse(request, _REFUSED, "a VPC has the IPv4 blocks that CidrBlock names.")
    vpc = lookup.owned_vpc(call, request["VpcId"])
    block = str(_free_block(vpc, request))
    association = CidrAssociation(id=call.new_id("vpc-cidr-assoc"), cidr=block)
    call.tables.vpcs.update(vpc, replace(vpc, secondary=(*vpc.secondary, association)))
    local = local_route(block)
    for table in call.tables.route_tables.where(vpc_id=vpc.id):
        others = tuple(route for route in table.routes if route.destination != block)
        call.tables.route_tables.update(table, replace(table, routes=(*others, local)))
    return {"VpcId": vpc.id, "CidrBlockAssociation": to_wire(association, "associating")}


def _free_block(vpc: Vpc, request: Request) -> IPv4Network:
    """The requested block, which overlaps with none of the VPC's."""
    text = request.get("CidrBlock")
    if not text:
        raise errors.MissingParameter(name="CidrBlock")
    network = cidrs.block(text)
    if not cidrs.has_size(network):
        raise errors.VpcRangeInvalid(cidr=text)
    for block in vpc.blocks:
        if network.overlaps(IPv4Network(block)):
            raise errors.VpcRangeConflict(cidr=text, other=block)
    if len(vpc.blocks) >= MOST_BLOCKS:
        raise errors.CidrLimitExceeded(vpc_id=vpc.id, limit=MOST_BLOCKS)
    return network


def disassociate_vpc_cidr_block(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateVpcCidrBlock.html"""
    vpc, association = _owned_association(call, request["AssociationId"])
    if association not in vpc.secondary:
        raise errors.OperationNotPermitted(
            f"The vpc CIDR block with association ID {association.id} may not be disassociated. "
            "It is the primary IPv4 CIDR block of the VPC"
        )
    block = IPv4Network(association.cidr)
    if any(IPv4Network(subnet.cidr).subnet_of(block) for subnet in call.tables.subnets.where(vpc_id=vpc.id)):
        raise errors.CidrInUse(vpc_id=vpc.id, cidr=association.cidr)
    call.tables.vpcs.update(vpc, replace(vpc, secondary=tuple(one for one in vpc.secondary if one != association)))
    for table in call.tables.route_tables.where(vpc_id=vpc.id):
        routes = tuple(route for route in table.routes if route != local_route(association.cidr))
        call.tables.route_tables.update(table, replace(table, routes=routes))
    return {"VpcId": vpc.id, "CidrBlockAssociation": to_wire(association, "disassociating")}


def _owned_association(call: Call, association_id: str) -> tuple[Vpc, CidrAssociation]:
    """Raises ``InvalidVpcCidrBlockAssociationIdError.NotFound``."""
    for vpc in call.tables.vpcs.where(**call.owned):
        for association in of_vpc(vpc):
            if association.id == association_id:
                return vpc, association
    raise errors.CidrAssociationNotFound(id=association_id)


def of_vpc(vpc: Vpc) -> tuple[CidrAssociation, ...]:
    """All blocks of a VPC with their association; the id of the first one's follows from the VPC's."""
    first = CidrAssociation(id=f"vpc-cidr-assoc-{vpc.id.removeprefix('vpc-')}", cidr=vpc.cidr)
    return (first, *vpc.secondary)


def to_wire(association: CidrAssociation, state: str) -> dict[str, Any]:
    return {
        "AssociationId": association.id,
        "CidrBlock": association.cidr,
        "CidrBlockState": {"State": state},
    }
