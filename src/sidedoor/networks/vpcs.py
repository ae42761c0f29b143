"""Virtual private clouds: each is a network of its own, whose CIDR block may overlap with any other's.

Rule 1: a VPC is born with its default security group and takes it along when it goes.
Rule 2: a VPC goes last: subnets, interfaces, other groups and endpoints hold it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered, truth
from sidedoor.call import Answer, Call, Request
from sidedoor.endpoints.model import State
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.model import SecurityGroup, SecurityGroupRule, Vpc
from sidedoor.networks.refusals import refuse
from sidedoor.paging import page

_REFUSED = (
    "AmazonProvidedIpv6CidrBlock", "Ipv6CidrBlock", "Ipv6Pool", "Ipv6IpamPoolId", "Ipv6NetmaskLength",
    "Ipv6CidrBlockNetworkBorderGroup", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "VpcEncryptionControl",
)  # fmt: skip


def create_vpc(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html"""
    refuse(request, _REFUSED, "a VPC has the one IPv4 block of CidrBlock.")
    if not request.get("CidrBlock"):
        raise errors.MissingParameter(name="CidrBlock")
    network = cidrs.block(request["CidrBlock"])
    if not cidrs.has_size(network):
        raise errors.VpcRangeInvalid(cidr=request["CidrBlock"])
    tenancy = request.get("InstanceTenancy", "default")
    if tenancy not in ("default", "dedicated"):
        reason = "Expecting default or dedicated."
        raise errors.InvalidParameterValue(value=tenancy, name="InstanceTenancy", reason=reason)
    vpc = call.tables.vpcs.add(
        Vpc(
            id=call.new_id("vpc"), account=call.account, region=call.region, cidr=str(network), created=call.now,
            tenancy=tenancy, tags=tagging.from_specifications(request, "vpc"),
        )
    )  # fmt: skip
    _add_default_group(call, vpc)
    return {"Vpc": _to_wire(vpc)}


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
                referenced_group_id=None if egress else group.id,
            )
        )  # fmt: skip


def describe_vpcs(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html"""
    vpcs = lookup.chosen(call, call.tables.vpcs, request.get("VpcIds"), lookup.owned_vpc)
    found = filtered(vpcs, request.get("Filters"), _FILTERS, tags=lambda vpc: vpc.tags)
    shown, token = page(call, request, found)
    return {"Vpcs": [_to_wire(vpc) for vpc in shown], "NextToken": token}


def delete_vpc(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html"""
    vpc = lookup.owned_vpc(call, request["VpcId"])
    group = lookup.default_group(call, vpc.id)
    dependent = _dependent(call, vpc, group)
    if dependent is not None:
        raise errors.DependencyViolation(resource=vpc.id, dependent=dependent)
    call.tables.security_group_rules.remove_all(call.tables.security_group_rules.where(group_id=group.id))
    call.tables.security_groups.remove(group)
    call.tables.vpcs.remove(vpc)
    return {}


def _dependent(call: Call, vpc: Vpc, default_group: SecurityGroup) -> str | None:
    """The id of something that keeps the VPC from going, or None."""
    tables = call.tables
    holders = [
        *(subnet.id for subnet in tables.subnets.where(vpc_id=vpc.id)),
        *(interface.id for interface in tables.interfaces.where(vpc_id=vpc.id)),
        *(group.id for group in tables.security_groups.where(vpc_id=vpc.id) if group.id != default_group.id),
        *(endpoint.id for endpoint in tables.endpoints.where(vpc_id=vpc.id) if endpoint.state is not State.DELETED),
    ]
    return next(iter(holders), None)


_ATTRIBUTES: Mapping[str, tuple[str, str]] = {
    "enableDnsSupport": ("EnableDnsSupport", "dns_support"),
    "enableDnsHostnames": ("EnableDnsHostnames", "dns_hostnames"),
    "enableNetworkAddressUsageMetrics": ("EnableNetworkAddressUsageMetrics", "address_usage_metrics"),
}
"""Attribute as DescribeVpcAttribute names it -> (member of requests and answers, field of the record)."""


def modify_vpc_attribute(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html"""
    vpc = lookup.owned_vpc(call, request["VpcId"])
    asked: dict[str, Any] = {
        field: bool(request[member].get("Value")) for member, field in _ATTRIBUTES.values() if member in request
    }
    if len(asked) != 1:
        raise errors.InvalidParameterCombination("Specify exactly one attribute to modify; use separate requests for several.")
    if asked.get("dns_hostnames") and not vpc.dns_support:
        raise errors.InvalidParameterCombination("You can only enable DNS hostnames if you've enabled DNS support.")
    call.tables.vpcs.update(vpc, replace(vpc, **asked))
    return {}


def describe_vpc_attribute(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcAttribute.html"""
    vpc = lookup.owned_vpc(call, request["VpcId"])
    name = request["Attribute"]
    if name not in _ATTRIBUTES:
        reason = f"Expecting one of {', '.join(_ATTRIBUTES)}."
        raise errors.InvalidParameterValue(value=name, name="Attribute", reason=reason)
    member, field = _ATTRIBUTES[name]
    return {"VpcId": vpc.id, member: {"Value": getattr(vpc, field)}}


def _association_id(vpc: Vpc) -> str:
    return f"vpc-cidr-assoc-{vpc.id.removeprefix('vpc-')}"


def _to_wire(vpc: Vpc) -> dict[str, Any]:
    association = {
        "AssociationId": _association_id(vpc),
        "CidrBlock": vpc.cidr,
        "CidrBlockState": {"State": "associated"},
    }
    return {
        "VpcId": vpc.id,
        "OwnerId": vpc.account,
        "State": "available",
        "CidrBlock": vpc.cidr,
        "CidrBlockAssociationSet": [association],
        "Ipv6CidrBlockAssociationSet": [],
        "DhcpOptionsId": "default",
        "InstanceTenancy": vpc.tenancy,
        "IsDefault": vpc.is_default,
        "Tags": tagging.to_wire(vpc.tags),
    }


_FILTERS: Mapping[str, Field[Vpc]] = {
    "cidr": lambda vpc: vpc.cidr,
    "cidr-block-association.cidr-block": lambda vpc: vpc.cidr,
    "cidr-block-association.association-id": _association_id,
    "cidr-block-association.state": lambda vpc: "associated",
    "dhcp-options-id": lambda vpc: "default",
    "ipv6-cidr-block-association.ipv6-cidr-block": lambda vpc: None,
    "ipv6-cidr-block-association.ipv6-pool": lambda vpc: None,
    "ipv6-cidr-block-association.association-id": lambda vpc: None,
    "ipv6-cidr-block-association.state": lambda vpc: None,
    "is-default": lambda vpc: truth(vpc.is_default),
    "isDefault": lambda vpc: truth(vpc.is_default),
    "owner-id": lambda vpc: vpc.account,
    "state": lambda vpc: "available",
    "vpc-id": lambda vpc: vpc.id,
}
