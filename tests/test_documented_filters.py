"""Every filter that AWS documents for a describing operation is one of ours, and no other is.

botocore's models carry the documentation: a list of ``<li><p><code>name</code> - what it means``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Any

import botocore.session

from privatelink_site import CONSUMER, PROVIDER, Site
from sidedoor import errors
from sidedoor.api import OPERATIONS
from sidedoor.instances.launch import run_instances
from sidedoor.networks.dhcp_options import create_dhcp_options
from sidedoor.networks.interfaces import create_network_interface
from sidedoor.networks.internet_gateways import attach_internet_gateway, create_internet_gateway
from sidedoor.networks.network_acls import create_network_acl
from sidedoor.networks.prefix_lists import create_managed_prefix_list
from sidedoor.networks.subnet_reservations import create_subnet_cidr_reservation
from sidedoor.tags import create_tags

MODEL = botocore.session.get_session().get_service_model("ec2")
ITEM = re.compile(r"<ul>|</ul>|<li>\s*<p>\s*<code>([^<]*)</code>", re.DOTALL)
ALIASES = {
    "DescribeNetworkInterfaces": {"group-name"},
    "DescribeSubnets": {"availability-zone-id", "availability-zone", "cidr", "cidr-block", "default-for-az"},
    "DescribeVpcs": {"cidr-block", "is-default"},
}
"""Spellings that the documentation mentions elsewhere, or mentioned once."""

UNTAGGED = {
    "DescribeAvailabilityZones", "DescribeInstanceCreditSpecifications", "DescribeInstanceStatus", "DescribeInstanceTypes",
    "DescribePrefixLists", "DescribeRegions", "DescribeVpcEndpointAssociations",
    "DescribeVpcEndpointConnectionNotifications", "DescribeVpcEndpointConnections", "DescribeVpcEndpointServicePermissions",
}  # fmt: skip
"""What these describe is not found by tags. Everything else is, documented or not."""


def documented(operation: str) -> list[str]:
    """The filters that AWS documents for this operation, in the order of its documentation."""
    shape = MODEL.operation_model(operation).input_shape
    text = shape.members["Filters"].documentation if "Filters" in shape.members else ""
    names: list[str] = []
    depth = 0  # inside of a filter's own list stand its values
    for item in ITEM.finditer(text):
        depth += {"<ul>": 1, "</ul>": -1}.get(item[0], 0)
        if item[1] is not None and depth == 1:
            names.append(html.unescape(item[1]).strip())
    return ["tag:Name" if name == "tag" or name.startswith("tag:") else name for name in names]


FILTERING = [name for name in sorted(OPERATIONS["ec2"]) if "Filters" in MODEL.operation_model(name).input_shape.members]


def furnished(world: Any) -> tuple[str, dict[str, dict[str, Any]]]:
    """Something of everything that can be described. Answers (whose it is, what an operation needs besides filters)."""
    site = Site(world)
    service = site.open_service(AcceptanceRequired=True)
    site.endpoint(service)
    subnet, vpc = site.subnet(account=PROVIDER), site.vpc(PROVIDER)
    entry = {"PrefixListName": "p", "MaxEntries": 1, "AddressFamily": "IPv4", "Entries": [{"Cidr": "10.0.0.0/8"}]}
    world.ask(create_managed_prefix_list, **entry)
    world.ask(create_dhcp_options, DhcpConfigurations=[{"Key": "domain-name", "Values": ["a.example"]}])
    world.ask(create_network_acl, VpcId=vpc)
    world.ask(create_network_interface, SubnetId=subnet, SecondaryPrivateIpAddressCount=1)
    gateway_id = world.ask(create_internet_gateway)["InternetGateway"]["InternetGatewayId"]
    world.ask(attach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc)
    world.ask(create_subnet_cidr_reservation, SubnetId=subnet, Cidr="10.0.0.128/28", ReservationType="prefix")
    world.ask(run_instances, ImageId="ami-0123456789abcdef0", SubnetId=subnet, MinCount=1, MaxCount=1)
    world.ask(create_tags, Resources=[vpc, subnet, service["ServiceId"]], Tags=[{"Key": "Name", "Value": "x"}])
    needs = {
        "DescribeVpcEndpointServicePermissions": {"ServiceId": service["ServiceId"]},
        "GetSecurityGroupsForVpc": {"VpcId": vpc},
        "GetSubnetCidrReservations": {"SubnetId": subnet},
    }
    return PROVIDER, needs


def test_the_documentation_is_read() -> None:
    """Else nothing below would be looked at."""
    assert documented("DescribePrefixLists") == ["prefix-list-id", "prefix-list-name"]
    assert {"isDefault"}.isdisjoint(documented("DescribeVpcs"))
    assert "tag:Name" in documented("DescribeVpcs")
    assert sum(len(documented(name)) for name in FILTERING) > 500
    assert {name for name in FILTERING if not documented(name)} == set()


def accepted(world: Any, operation: str, names: Iterable[str], account: str, needs: dict[str, Any]) -> set[str]:
    """Those of the filters' names that an operation does not refuse."""
    found = set()
    for name in names:
        filters = [{"Name": name, "Values": ["sg-no-such-value"]}]
        try:
            world.ask(OPERATIONS["ec2"][operation], account=account, Filters=filters, **needs)
        except errors.InvalidFilter:
            continue
        found.add(name)
    return found


def test_every_documented_filter_is_accepted_and_every_other_one_refused(world: Any) -> None:
    account, needs = furnished(world)
    every = {"", "no-such-filter", *(name for operation in FILTERING for name in documented(operation))}
    wrong: dict[str, set[str]] = {}
    for operation in FILTERING:
        allowed = set(documented(operation)) | ALIASES.get(operation, set())
        if operation not in UNTAGGED:
            allowed |= {"tag-key", "tag:Name"}
        wrong[operation] = accepted(world, operation, every, account, needs.get(operation, {})) ^ (allowed & every)
    assert {operation: names for operation, names in wrong.items() if names} == {}


def test_whoever_has_only_an_endpoint_can_filter_it_too(world: Any) -> None:
    """The fields of a consumer's things are looked at, which a provider does not have."""
    _, needs = furnished(world)
    wrong = {}
    for operation in set(FILTERING) - set(needs):
        names = set(documented(operation))
        wrong[operation] = names - accepted(world, operation, names, CONSUMER, {})
    assert {operation: names for operation, names in wrong.items() if names} == {}
