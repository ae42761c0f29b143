"""The set of DHCP options that each account has in each region, and that all of its VPCs use; there are no others.

Its id follows from account and region, so that nothing has to be stored (VPC user guide, "DHCP option sets": "a default DHCP
option set").
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sidedoor import errors
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.paging import page


def default_options_id(account: str, region: str) -> str:
    """The id of the account's one set in this region."""
    return f"dopt-0{hashlib.sha256(f'{account}/{region}'.encode()).hexdigest()[:16]}"


def describe_dhcp_options(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeDhcpOptions.html"""
    only = default_options_id(call.account, call.region)
    for options_id in request.get("DhcpOptionsIds") or ():
        if options_id != only:
            raise errors.DhcpOptionsNotFound(id=options_id)
    found = filtered([only], request.get("Filters"), _filters(call), tags=lambda _: {})
    shown, token = page(call, request, found, key=str)
    return {"DhcpOptions": [_to_wire(call, options_id) for options_id in shown], "NextToken": token}


def _values(region: str) -> Mapping[str, str]:
    """The options of the set (VPC user guide, "DHCP options"): us-east-1 is older than the names of the others."""
    domain = "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
    return {"domain-name": domain, "domain-name-servers": "AmazonProvidedDNS"}


def _to_wire(call: Call, options_id: str) -> dict[str, Any]:
    values = _values(call.region)
    return {
        "DhcpOptionsId": options_id,
        "OwnerId": call.account,
        "DhcpConfigurations": [{"Key": key, "Values": [{"Value": value}]} for key, value in values.items()],
        "Tags": [],
    }


def _filters(call: Call) -> Mapping[str, Field[str]]:
    values = _values(call.region)
    return {
        "dhcp-options-id": lambda options_id: options_id,
        "key": lambda _: list(values),
        "owner-id": lambda _: call.account,
        "value": lambda _: list(values.values()),
    }
