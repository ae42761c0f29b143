"""Internet gateways: a VPC's way out, on paper. Sidedoor stores them and carries no packet to the internet.

A gateway is attached to one VPC at most, and a VPC has one gateway at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import lookup
from sidedoor.networks.model import InternetGateway
from sidedoor.networks.refusals import in_use
from sidedoor.paging import page

_ATTACHED = "available"
"""What EC2 really says of an attachment; its service model has ``attached``, which it uses for other gateways."""


def create_internet_gateway(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html"""
    gateway = call.tables.internet_gateways.add(
        InternetGateway(
            id=call.new_id("igw"), account=call.account, region=call.region, created=call.now,
            tags=tagging.from_specifications(request, "internet-gateway"),
        )
    )  # fmt: skip
    return {"InternetGateway": _to_wire(gateway)}


def describe_internet_gateways(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInternetGateways.html"""
    gateways = lookup.chosen(call, call.tables.internet_gateways, request.get("InternetGatewayIds"), lookup.owned_gateway)
    found = filtered(gateways, request.get("Filters"), _FILTERS, tags=lambda gateway: gateway.tags)
    shown, token = page(call, request, found)
    return {"InternetGateways": [_to_wire(gateway) for gateway in shown], "NextToken": token}


def attach_internet_gateway(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachInternetGateway.html"""
    gateway = lookup.owned_gateway(call, request["InternetGatewayId"])
    vpc = lookup.owned_vpc(call, request["VpcId"])
    if gateway.vpc_id is not None:
        raise errors.AlreadyAssociated(f"resource {gateway.id} is already attached to network {gateway.vpc_id}")
    if call.tables.internet_gateways.where(vpc_id=vpc.id):
        raise errors.InvalidParameterValue(f"Network {vpc.id} already has an internet gateway attached")
    call.tables.internet_gateways.update(gateway, replace(gateway, vpc_id=vpc.id))
    return {}


def detach_internet_gateway(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachInternetGateway.html"""
    gateway = lookup.owned_gateway(call, request["InternetGatewayId"])
    if gateway.vpc_id != request["VpcId"]:
        raise errors.GatewayNotAttached(id=gateway.id, vpc_id=request["VpcId"])
    for association in call.tables.route_table_associations.where(gateway_id=gateway.id):
        raise in_use(call, "internetGateway", gateway.id, association.table_id)
    call.tables.internet_gateways.update(gateway, replace(gateway, vpc_id=None))
    return {}


def delete_internet_gateway(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteInternetGateway.html"""
    gateway = lookup.owned_gateway(call, request["InternetGatewayId"])
    if gateway.vpc_id is not None:
        raise in_use(call, "internetGateway", gateway.id, gateway.vpc_id)
    call.tables.internet_gateways.remove(gateway)
    return {}


def _to_wire(gateway: InternetGateway) -> dict[str, Any]:
    return {
        "InternetGatewayId": gateway.id,
        "OwnerId": gateway.account,
        "Attachments": [{"State": _ATTACHED, "VpcId": gateway.vpc_id}] if gateway.vpc_id else [],
        "Tags": tagging.to_wire(gateway.tags),
    }


_FILTERS: Mapping[str, Field[InternetGateway]] = {
    "attachment.state": lambda gateway: _ATTACHED if gateway.vpc_id else None,
    "attachment.vpc-id": lambda gateway: gateway.vpc_id,
    "internet-gateway-id": lambda gateway: gateway.id,
    "owner-id": lambda gateway: gateway.account,
}
