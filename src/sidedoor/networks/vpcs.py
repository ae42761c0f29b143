"""Virtual private clouds: each is a network of its own, whose CIDR block may overlap with any other's.

A VPC goes last: what stands in it holds it. What it is born with goes with it: ``founding``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered, truth
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidr_blocks, cidrs, defaults, dhcp_options, founding, lookup
from sidedoor.networks.model import Vpc
from sidedoor.networks.refusals import in_use, refuse
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
    vpc = founding.add_vpc(call, str(network), tenancy=tenancy, tags=tagging.from_specifications(request, "vpc"))
    return {"Vpc": {**_to_wire(vpc), "State": "pending"}}


def create_default_vpc(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateDefaultVpc.html"""
    if lookup.default_vpc(call) is not None:
        raise errors.DefaultVpcAlreadyExists
    return {"Vpc": {**_to_wire(defaults.add_default_vpc(call)), "State": "pending"}}


def describe_vpcs(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html"""
    vpcs = lookup.chosen(call, call.tables.vpcs, request.get("VpcIds"), lookup.owned_vpc)
    found = filtered(vpcs, request.get("Filters"), _FILTERS, tags=lambda vpc: vpc.tags)
    shown, token = page(call, request, found)
    return {"Vpcs": [_to_wire(vpc) for vpc in shown], "NextToken": token}


def delete_vpc(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html"""
    vpc = lookup.owned_vpc(call, request["VpcId"])
    dependent = founding.dependent_of_vpc(call, vpc)
    if dependent is not None:
        raise in_use(call, "vpc", vpc.id, dependent)
    founding.remove_vpc(call, vpc)
    return {}


def modify_vpc_tenancy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcTenancy.html"""
    vpc = lookup.owned_vpc(call, request["VpcId"])
    tenancy = request["InstanceTenancy"]
    if tenancy != "default":
        raise errors.UnsupportedTenancy(tenancy=tenancy)
    call.tables.vpcs.update(vpc, replace(vpc, tenancy=tenancy))
    return {"ReturnValue": True}


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


def _dhcp_options_id(vpc: Vpc) -> str:
    return vpc.dhcp_options_id or dhcp_options.default_options_id(vpc.account, vpc.region)


def _to_wire(vpc: Vpc) -> dict[str, Any]:
    return {
        "VpcId": vpc.id,
        "OwnerId": vpc.account,
        "State": "available",
        "CidrBlock": vpc.cidr,
        "CidrBlockAssociationSet": [cidr_blocks.to_wire(one, "associated") for one in cidr_blocks.of_vpc(vpc)],
        "Ipv6CidrBlockAssociationSet": [],
        "DhcpOptionsId": _dhcp_options_id(vpc),
        "InstanceTenancy": vpc.tenancy,
        "IsDefault": vpc.is_default,
        "Tags": tagging.to_wire(vpc.tags),
    }


_FILTERS: Mapping[str, Field[Vpc]] = {
    "cidr": lambda vpc: vpc.cidr,
    "cidr-block": lambda vpc: vpc.cidr,  # undocumented here, as for subnets; Ansible's ec2_vpc_net looks for a VPC by it
    "cidr-block-association.cidr-block": lambda vpc: vpc.blocks,
    "cidr-block-association.association-id": lambda vpc: [one.id for one in cidr_blocks.of_vpc(vpc)],
    "cidr-block-association.state": lambda vpc: "associated",
    "dhcp-options-id": _dhcp_options_id,
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
