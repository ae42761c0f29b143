"""ClassicLink, which joined VPCs with EC2-Classic: AWS retired both in 2022, and no VPC has it. Old clients still ask.

Turning it on or off answers what AWS answered where there never was an EC2-Classic (aws-sdk-java, issue 754).
"""

from __future__ import annotations

from collections.abc import Mapping

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import lookup
from sidedoor.networks.model import Vpc
from sidedoor.paging import page


def describe_vpc_classic_link(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcClassicLink.html"""
    vpcs = lookup.chosen(call, call.tables.vpcs, request.get("VpcIds"), lookup.owned_vpc)
    found = filtered(vpcs, request.get("Filters"), _FILTERS, tags=lambda vpc: vpc.tags)
    return {
        "Vpcs": [{"VpcId": vpc.id, "ClassicLinkEnabled": False, "Tags": tagging.to_wire(vpc.tags)} for vpc in found],
    }


def describe_vpc_classic_link_dns_support(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcClassicLinkDnsSupport.html"""
    vpcs = lookup.chosen(call, call.tables.vpcs, request.get("VpcIds"), lookup.owned_vpc)
    shown, token = page(call, request, vpcs)
    return {"Vpcs": [{"VpcId": vpc.id, "ClassicLinkDnsSupported": False} for vpc in shown], "NextToken": token}


_FILTERS: Mapping[str, Field[Vpc]] = {"is-classic-link-enabled": lambda vpc: "false"}


def enable_vpc_classic_link(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableVpcClassicLink.html"""
    return _retired(call, request["VpcId"])


def disable_vpc_classic_link(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableVpcClassicLink.html"""
    return _retired(call, request["VpcId"])


def enable_vpc_classic_link_dns_support(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableVpcClassicLinkDnsSupport.html"""
    return _retired(call, request.get("VpcId"))


def disable_vpc_classic_link_dns_support(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableVpcClassicLinkDnsSupport.html"""
    return _retired(call, request.get("VpcId"))


def _retired(call: Call, vpc_id: str | None) -> Answer:
    if vpc_id:
        lookup.owned_vpc(call, vpc_id)
    raise errors.UnsupportedOperation("The functionality you requested is not available in this region.")
