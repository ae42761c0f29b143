"""The routes of a route table: where packets for a destination should go.

They are stored, checked and shown. The data plane has the VPC's own route alone: an internet gateway leads nowhere, and an
interface takes no packets for others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Any

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.model import LOCAL, Interface, InternetGateway, Route, RouteOrigin, RouteTable
from sidedoor.networks.refusals import refuse

MOST_ROUTES = 500
"""Of one table (Amazon VPC quotas, "Routes per route table")."""

_TARGETS = ("GatewayId", "NetworkInterfaceId", "InstanceId")
_ABSENT: Mapping[str, type[errors.ApiError]] = {
    "NatGatewayId": errors.NatGatewayNotFound,
    "TransitGatewayId": errors.TransitGatewayNotFound,
    "VpcPeeringConnectionId": errors.PeeringNotFound,
    "EgressOnlyInternetGatewayId": errors.GatewayNotFound,
}
"""Targets of which Sidedoor has none, so that no id is one."""

_REFUSED = ("VpcEndpointId", "LocalGatewayId", "CarrierGatewayId", "CoreNetworkArn", "OdbNetworkArn")


def create_route(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html"""
    table = lookup.owned_route_table(call, request["RouteTableId"])
    destination = _destination(call, request)
    if _found(table, destination) is not None:
        raise errors.RouteAlreadyExists(destination=destination)
    if len(table.routes) >= MOST_ROUTES:
        raise errors.RouteLimitExceeded(limit=MOST_ROUTES, table_id=table.id)
    route = Route(destination=destination, target=_target(call, table, destination, request))
    call.tables.route_tables.update(table, replace(table, routes=(*table.routes, route)))
    return {"Return": True}


def replace_route(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ReplaceRoute.html"""
    table = lookup.owned_route_table(call, request["RouteTableId"])
    destination = _destination(call, request)
    route = _found(table, destination)
    if route is None:
        sentence = f"There is no route defined for '{destination}' in the route table. Use CreateRoute instead."
        raise errors.InvalidParameterValue(sentence)
    target = _local_target(request, route) if request.get("LocalTarget") else _target(call, table, destination, request)
    routes = tuple(replace(one, target=target) if one == route else one for one in table.routes)
    call.tables.route_tables.update(table, replace(table, routes=routes))
    return {}


def delete_route(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRoute.html"""
    table = lookup.owned_route_table(call, request["RouteTableId"])
    destination = _destination(call, request)
    route = _found(table, destination)
    if route is None:
        raise errors.RouteNotFound(destination=destination, table_id=table.id)
    if route.origin is RouteOrigin.TABLE:
        raise errors.InvalidParameterValue(f"cannot remove local route {destination} in route table {table.id}")
    call.tables.route_tables.update(table, replace(table, routes=tuple(one for one in table.routes if one != route)))
    return {}


def _found(table: RouteTable, destination: str) -> Route | None:
    return next((route for route in table.routes if route.destination == destination), None)


def _destination(call: Call, request: Request) -> str:
    """The one block, in canonical form, or prefix list that a request names as destination."""
    prefix_list_id = request.get("DestinationPrefixListId")
    cidr, cidr6 = request.get("DestinationCidrBlock"), request.get("DestinationIpv6CidrBlock")
    if sum(map(bool, (prefix_list_id, cidr, cidr6))) > 1:
        raise errors.InvalidParameterCombination(
            "Specify one of destinationCidrBlock, destinationIpv6CidrBlock and destinationPrefixListId."
        )
    if prefix_list_id:
        return lookup.owned_prefix_list(call, prefix_list_id).id
    if not cidr and not cidr6:
        raise errors.MissingParameter(name="destinationCidrBlock")
    network = cidrs.ipv4_network(cidr) if cidr else cidrs.ipv6_network(cidr6 or "")
    if network is None:
        name = "destinationCidrBlock" if cidr else "destinationIpv6CidrBlock"
        raise errors.InvalidParameterValue(value=cidr or cidr6, name=name, reason="This is not a valid CIDR block.")
    return str(network)


# --- targets ------------------------------------------------------------------------------------------------------


def _target(call: Call, table: RouteTable, destination: str, request: Request) -> str:
    """The id of the gateway or interface that a request names as target: one that the table's VPC can reach."""
    refuse(request, _REFUSED, "a route leads to an internet gateway, an interface or an instance.")
    asked = [name for name in (*_TARGETS, *_ABSENT) if request.get(name)]
    if not asked:
        raise errors.MissingParameter(f"The request must contain exactly one of {', '.join((*_TARGETS, *_ABSENT))}")
    if len(asked) > 1:
        raise errors.InvalidParameterCombination(f"A route has one target: {' and '.join(asked)} are two.")
    (name,) = asked
    target: str = request[name]
    if name in _ABSENT:
        raise _ABSENT[name](id=target)
    if name == "GatewayId":
        return _gateway(call, table, destination, target)
    if name == "InstanceId":
        return _interface_of_instance(call, table, target)
    interface = lookup.owned_interface(call, target)
    if interface.vpc_id != table.vpc_id:
        raise errors.InvalidParameterValue(f"route table {table.id} and interface {target} belong to different networks")
    return interface.id


def _local_target(request: Request, route: Route) -> str:
    """The VPC itself, to which only the route that came with the table can be set back."""
    if route.origin is not RouteOrigin.TABLE:
        raise errors.InvalidParameterValue("LocalTarget can only be set for the route that came with the route table.")
    if any(request.get(name) for name in (*_TARGETS, *_ABSENT, *_REFUSED)):
        raise errors.InvalidParameterCombination("LocalTarget cannot be used together with another target.")
    return LOCAL


def _gateway(call: Call, table: RouteTable, destination: str, gateway_id: str) -> str:
    if not gateway_id.startswith("igw-"):
        raise errors.GatewayNotFound(id=gateway_id)
    gateway = lookup.owned_gateway(call, gateway_id)
    if gateway.vpc_id != table.vpc_id:
        sentence = f"route table {table.id} and network gateway {gateway.id} belong to different networks"
        raise errors.InvalidParameterValue(sentence)
    inside = cidrs.ipv4_network(destination)
    blocks = [IPv4Network(block) for block in lookup.owned_vpc(call, table.vpc_id).blocks]
    if inside is not None and any(inside.subnet_of(block) for block in blocks):
        raise errors.InvalidParameterValue(
            f"The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR blocks. "
            "This route can target only an interface or an instance."
        )
    return gateway.id


def _interface_of_instance(call: Call, table: RouteTable, instance_id: str) -> str:
    for interface in call.tables.interfaces.where(vpc_id=table.vpc_id):
        attachment = interface.attachment
        if attachment is not None and (attachment.instance_id, attachment.device_index) == (instance_id, 0):
            return interface.id
    raise errors.InstanceNotFound(id=instance_id)


@dataclass(frozen=True)
class Targets:
    """The gateways and interfaces, by id, that some routes lead to, as they are now."""

    gateways: Mapping[str, InternetGateway]
    interfaces: Mapping[str, Interface]


def targets_of(call: Call, tables: Sequence[RouteTable]) -> Targets:
    ids = {route.target for table in tables for route in table.routes if route.target != LOCAL}
    gateways = call.tables.internet_gateways.where(id={one for one in ids if one.startswith("igw-")})
    interfaces = call.tables.interfaces.where(id={one for one in ids if one.startswith("eni-")})
    return Targets({one.id: one for one in gateways}, {one.id: one for one in interfaces})


def route_to_wire(route: Route, vpc_id: str, targets: Targets) -> dict[str, Any]:
    """A route as answers show it: a black hole where its target is gone or was detached."""
    wire: dict[str, Any] = {"Origin": route.origin.value, "State": "active"}
    wire[_member_of_destination(route.destination)] = route.destination
    if not route.target.startswith("eni-"):
        gateway = targets.gateways.get(route.target)
        wire["GatewayId"] = route.target
        if route.target != LOCAL and (gateway is None or gateway.vpc_id != vpc_id):
            wire["State"] = "blackhole"
        return wire
    wire["NetworkInterfaceId"] = route.target
    interface = targets.interfaces.get(route.target)
    if interface is None or (interface.attachment is not None and not interface.attachment.running):
        wire["State"] = "blackhole"
    if interface is not None and interface.attachment is not None:
        wire["InstanceId"], wire["InstanceOwnerId"] = interface.attachment.instance_id, interface.account
    return wire


def _member_of_destination(destination: str) -> str:
    if destination.startswith("pl-"):
        return "DestinationPrefixListId"
    return "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
