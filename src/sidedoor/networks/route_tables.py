"""Route tables, and which subnets and gateways they are for. Their routes: ``routes``.

Rule 1: one table of each VPC is its main one: it is for every subnet that is associated with no other.
Rule 2: a route table decides nothing in the data plane, where a VPC reaches itself and its endpoints, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered, truth
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import founding, lookup
from sidedoor.networks.model import RouteTable, RouteTableAssociation
from sidedoor.networks.refusals import in_use, refuse
from sidedoor.networks.routes import route_to_wire, targets_of
from sidedoor.paging import page

_ASSOCIATED = {"State": "associated"}


def create_route_table(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html"""
    earlier = call.replayed(request)
    if earlier is None:
        vpc = lookup.owned_vpc(call, request["VpcId"])
        table = founding.add_route_table(call, vpc, tagging.from_specifications(request, "route-table"))
        call.remember_token(request, table.id)
    else:
        table = lookup.owned_route_table(call, earlier)
    (shown,) = _to_wire(call, [table]).values()
    token = {"ClientToken": request["ClientToken"]} if request.get("ClientToken") else {}
    return {"RouteTable": shown, **token}


def describe_route_tables(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRouteTables.html"""
    tables = lookup.chosen(call, call.tables.route_tables, request.get("RouteTableIds"), lookup.owned_route_table)
    wire = _to_wire(call, tables)
    found = filtered(tables, request.get("Filters"), _filters(wire), tags=lambda table: table.tags)
    shown, token = page(call, request, found)
    return {"RouteTables": [wire[table.id] for table in shown], "NextToken": token}


def delete_route_table(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRouteTable.html"""
    table = lookup.owned_route_table(call, request["RouteTableId"])
    for association in call.tables.route_table_associations.where(table_id=table.id):
        raise in_use(call, "routeTable", table.id, association.id)
    call.tables.route_tables.remove(table)
    return {}


# --- associations -------------------------------------------------------------------------------------------------


def associate_route_table(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html"""
    refuse(request, ("PublicIpv4Pool",), "a route table is for a subnet or an internet gateway.")
    table = lookup.owned_route_table(call, request["RouteTableId"])
    whose = _associated(call, table, request)
    for earlier in call.tables.route_table_associations.where(**whose):
        if earlier.table_id == table.id:
            return {"AssociationId": earlier.id, "AssociationState": _ASSOCIATED}
        sentence = f"the specified association for route table {table.id} conflicts with an existing association"
        raise errors.AlreadyAssociated(sentence)
    association = _associate(call, table, **whose)
    return {"AssociationId": association.id, "AssociationState": _ASSOCIATED}


def _associated(call: Call, table: RouteTable, request: Request) -> dict[str, str]:
    """The field of the association that names what the table will be for, which is in the table's VPC."""
    subnet_id, gateway_id = request.get("SubnetId"), request.get("GatewayId")
    if bool(subnet_id) == bool(gateway_id):
        raise errors.InvalidParameterCombination("Specify exactly one of subnetId and gatewayId.")
    if subnet_id:
        vpc_id: str | None = lookup.owned_subnet(call, subnet_id).vpc_id
        whose = {"subnet_id": subnet_id}
    elif str(gateway_id).startswith("igw-"):
        vpc_id = lookup.owned_gateway(call, str(gateway_id)).vpc_id
        whose = {"gateway_id": str(gateway_id)}
    else:
        raise errors.GatewayNotFound(id=gateway_id)
    if vpc_id != table.vpc_id:
        what = "subnet" if subnet_id else "network gateway"
        raise errors.InvalidParameterValue(
            f"route table {table.id} and {what} {subnet_id or gateway_id} belong to different networks"
        )
    return whose


def _associate(
    call: Call, table: RouteTable, subnet_id: str | None = None, gateway_id: str | None = None
) -> RouteTableAssociation:
    return call.tables.route_table_associations.add(
        RouteTableAssociation(
            id=call.new_id("rtbassoc"), account=table.account, region=table.region, vpc_id=table.vpc_id, table_id=table.id,
            created=call.now, subnet_id=subnet_id, gateway_id=gateway_id,
        )
    )  # fmt: skip


def disassociate_route_table(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisassociateRouteTable.html"""
    association = _owned_association(call, request["AssociationId"])
    if association.main:
        raise errors.InvalidParameterValue(f"cannot disassociate the main route table association {association.id}")
    call.tables.route_table_associations.remove(association)
    return {}


def replace_route_table_association(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRouteTableAssociation.html

    The association of a main route table is replaced to make another table the main one.
    """
    association = _owned_association(call, request["AssociationId"])
    table = lookup.owned_route_table(call, request["RouteTableId"])
    if table.vpc_id != association.vpc_id:
        raise errors.InvalidParameterValue(f"route table {table.id} and {association.id} belong to different networks")
    if table.id == association.table_id:
        return {"NewAssociationId": association.id, "AssociationState": _ASSOCIATED}
    call.tables.route_table_associations.remove(association)
    new = _associate(call, table, association.subnet_id, association.gateway_id)
    return {"NewAssociationId": new.id, "AssociationState": _ASSOCIATED}


def _owned_association(call: Call, association_id: str) -> RouteTableAssociation:
    missing = errors.AssociationNotFound
    return lookup.owned(call, call.tables.route_table_associations, association_id, "rtbassoc", missing, missing)


# --- answers ------------------------------------------------------------------------------------------------------


Wire = Mapping[str, Mapping[str, Any]]
"""Route table id -> the table as answers show it."""


def _to_wire(call: Call, tables: Sequence[RouteTable]) -> dict[str, dict[str, Any]]:
    associations: dict[str, list[RouteTableAssociation]] = defaultdict(list)
    for association in _associations(call, tables):
        associations[association.table_id].append(association)
    targets = targets_of(call, tables)
    return {
        table.id: {
            "RouteTableId": table.id,
            "VpcId": table.vpc_id,
            "OwnerId": table.account,
            "Routes": [route_to_wire(route, table.vpc_id, targets) for route in table.routes],
            "Associations": [_association_to_wire(one) for one in associations[table.id]],
            "PropagatingVgws": [],
            "Tags": tagging.to_wire(table.tags),
        }
        for table in tables
    }


def _associations(call: Call, tables: Sequence[RouteTable]) -> list[RouteTableAssociation]:
    if len(tables) == 1:
        return call.tables.route_table_associations.where(table_id=tables[0].id)
    return call.tables.route_table_associations.where(**call.owned)


def _association_to_wire(association: RouteTableAssociation) -> dict[str, Any]:
    wire: dict[str, Any] = {
        "RouteTableAssociationId": association.id,
        "RouteTableId": association.table_id,
        "Main": association.main,
        "AssociationState": _ASSOCIATED,
    }
    if association.subnet_id is not None:
        wire["SubnetId"] = association.subnet_id
    if association.gateway_id is not None:
        wire["GatewayId"] = association.gateway_id
    return wire


def _filters(wire: Wire) -> Mapping[str, Field[RouteTable]]:
    def of(members: str, member: str) -> Field[RouteTable]:
        """A filter's field that looks at one member of all routes or associations of a table."""
        return lambda table: [one[member] for one in wire[table.id][members] if one.get(member)]

    routes: Mapping[str, str] = {
        "destination-cidr-block": "DestinationCidrBlock",
        "destination-ipv6-cidr-block": "DestinationIpv6CidrBlock",
        "destination-prefix-list-id": "DestinationPrefixListId",
        "egress-only-internet-gateway-id": "EgressOnlyInternetGatewayId",
        "gateway-id": "GatewayId",
        "instance-id": "InstanceId",
        "nat-gateway-id": "NatGatewayId",
        "transit-gateway-id": "TransitGatewayId",
        "origin": "Origin",
        "state": "State",
        "vpc-peering-connection-id": "VpcPeeringConnectionId",
    }
    return {
        "association.gateway-id": of("Associations", "GatewayId"),
        "association.route-table-association-id": of("Associations", "RouteTableAssociationId"),
        "association.route-table-id": of("Associations", "RouteTableId"),
        "association.subnet-id": of("Associations", "SubnetId"),
        "association.main": lambda table: [truth(one["Main"]) for one in wire[table.id]["Associations"]],
        "owner-id": lambda table: table.account,
        "route-table-id": lambda table: table.id,
        "vpc-id": lambda table: table.vpc_id,
        **{f"route.{name}": of("Routes", member) for name, member in routes.items()},
    }
