"""Sets of DHCP options: what a VPC's instances would be told of name servers, domains and clocks. Stored and shown.

An account has one set in each region that all its VPCs use at first. Its id follows from account and region, so that nothing
has to be stored for it (VPC user guide, "DHCP option sets": "a default DHCP option set").
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidrs, lookup
from sidedoor.networks.model import DhcpConfiguration, DhcpOptions
from sidedoor.networks.refusals import in_use
from sidedoor.paging import page, record_key

NO_SET = "default"
"""What a request and an answer call it when a VPC uses no set."""

AMAZON_DNS = "AmazonProvidedDNS"
_SERVERS = frozenset({"domain-name-servers", "ntp-servers", "netbios-name-servers"})
_MOST_SERVERS = 4
_NODE_TYPES = frozenset({"1", "2", "4", "8"})


def default_options_id(account: str, region: str) -> str:
    """The id of the account's own set in this region."""
    return f"dopt-0{hashlib.sha256(f'{account}/{region}'.encode()).hexdigest()[:16]}"


def _default(call: Call) -> DhcpOptions:
    """The account's own set (VPC user guide, "DHCP options"): us-east-1 is older than the names of the others."""
    domain = "ec2.internal" if call.region == "us-east-1" else f"{call.region}.compute.internal"
    configurations = (
        DhcpConfiguration(key="domain-name", values=(domain,)),
        DhcpConfiguration(key="domain-name-servers", values=(AMAZON_DNS,)),
    )
    return DhcpOptions(
        id=default_options_id(call.account, call.region), account=call.account, region=call.region,
        created=datetime(1970, 1, 1, tzinfo=UTC), configurations=configurations,
    )  # fmt: skip


def _owned(call: Call, options_id: str) -> DhcpOptions:
    """Raises ``InvalidDhcpOptionID.NotFound`` and ``InvalidDhcpOptionsId.Malformed``."""
    default = _default(call)
    return default if options_id == default.id else lookup.owned_dhcp_options(call, options_id)


def create_dhcp_options(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateDhcpOptions.html"""
    options = call.tables.dhcp_options.add(
        DhcpOptions(
            id=call.new_id("dopt"), account=call.account, region=call.region, created=call.now,
            configurations=_configurations(request), tags=tagging.from_specifications(request, "dhcp-options"),
        )
    )  # fmt: skip
    return {"DhcpOptions": _to_wire(options)}


def _configurations(request: Request) -> tuple[DhcpConfiguration, ...]:
    found: dict[str, DhcpConfiguration] = {}
    for asked in request["DhcpConfigurations"]:
        key = str(asked.get("Key") or "")
        if key in found:
            raise errors.InvalidParameterValue(f"The option {key} is specified more than once.")
        found[key] = DhcpConfiguration(key=key, values=_values(key, tuple(asked.get("Values") or ())))
    if not found:
        raise errors.MissingParameter(name="dhcpConfiguration")
    return tuple(found.values())


def _values(key: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """The values of an option, if it may have them (EC2 API reference, ``CreateDhcpOptions``)."""
    if key in _SERVERS:
        if not 1 <= len(values) <= _MOST_SERVERS:
            raise errors.InvalidParameterValue(f"The option {key} has 1 to {_MOST_SERVERS} addresses.")
        return tuple(value if (key, value) == ("domain-name-servers", AMAZON_DNS) else _server(value) for value in values)
    if len(values) != 1:
        raise errors.InvalidParameterValue(f"The option {key} has one value.")
    if key == "netbios-node-type" and values[0] not in _NODE_TYPES:
        raise errors.InvalidParameterValue(value=values[0], name="value", reason="Invalid netbios node type")
    if key == "ipv6-address-preferred-lease-time" and not (values[0].isdecimal() and 140 <= int(values[0]) <= 2147483647):
        raise errors.InvalidParameterValue(value=values[0], name="value", reason="Expecting 140 to 2147483647 seconds.")
    if key not in ("domain-name", "netbios-node-type", "ipv6-address-preferred-lease-time"):
        raise errors.InvalidParameterValue(value=key, name="name", reason="Unknown DHCP option")
    return values


def _server(value: str) -> str:
    return value if cidrs.ipv6_network(f"{value}/128") is not None else cidrs.check_address(value, "value")


def associate_dhcp_options(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateDhcpOptions.html"""
    vpc = lookup.owned_vpc(call, request["VpcId"])
    options_id = request["DhcpOptionsId"]
    chosen = options_id if options_id == NO_SET else _owned(call, options_id).id
    call.tables.vpcs.update(vpc, replace(vpc, dhcp_options_id=chosen))
    return {}


def delete_dhcp_options(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteDhcpOptions.html"""
    options = _owned(call, request["DhcpOptionsId"])
    if options == _default(call):
        raise errors.OperationNotPermitted(f"The dhcpOptions '{options.id}' came with the account and cannot be deleted.")
    for vpc in call.tables.vpcs.where(**call.owned, dhcp_options_id=options.id):
        raise in_use(call, "dhcpOptions", options.id, vpc.id)
    call.tables.dhcp_options.remove(options)
    return {}


def describe_dhcp_options(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeDhcpOptions.html"""
    asked = request.get("DhcpOptionsIds")
    if asked:
        options = sorted((_owned(call, options_id) for options_id in dict.fromkeys(asked)), key=record_key)
    else:
        options = [_default(call), *call.tables.dhcp_options.where(**call.owned)]
    found = filtered(options, request.get("Filters"), _FILTERS, tags=lambda one: one.tags)
    shown, token = page(call, request, found)
    return {"DhcpOptions": [_to_wire(one) for one in shown], "NextToken": token}


def _to_wire(options: DhcpOptions) -> dict[str, Any]:
    return {
        "DhcpOptionsId": options.id,
        "OwnerId": options.account,
        "DhcpConfigurations": [
            {"Key": one.key, "Values": [{"Value": value} for value in one.values]} for one in options.configurations
        ],
        "Tags": tagging.to_wire(options.tags),
    }


_FILTERS: Mapping[str, Field[DhcpOptions]] = {
    "dhcp-options-id": lambda options: options.id,
    "key": lambda options: [one.key for one in options.configurations],
    "owner-id": lambda options: options.account,
    "value": lambda options: [value for one in options.configurations for value in one.values],
}
