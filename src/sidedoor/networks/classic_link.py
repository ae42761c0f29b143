"""ClassicLink, which joined VPCs with EC2-Classic: AWS retired both in 2022, and no VPC has it. Old clients still ask."""

from __future__ import annotations

from collections.abc import Mapping

from sidedoor import tagging
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
