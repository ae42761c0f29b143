"""What clients read of a VPC that has only one answer here: DHCP options, ClassicLink, an interface's attributes."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.classic_link import (
    describe_vpc_classic_link,
    describe_vpc_classic_link_dns_support,
    disable_vpc_classic_link,
    disable_vpc_classic_link_dns_support,
    enable_vpc_classic_link,
    enable_vpc_classic_link_dns_support,
)
from sidedoor.networks.dhcp_options import describe_dhcp_options
from sidedoor.networks.interfaces import create_network_interface, describe_network_interface_attribute
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc, describe_vpcs


def test_a_vpc_uses_the_dhcp_options_of_its_account_and_region(world: Any) -> None:
    options_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["DhcpOptionsId"]
    (options,) = world.ask(describe_dhcp_options, DhcpOptionsIds=[options_id])["DhcpOptions"]
    assert options["DhcpConfigurations"] == [
        {"Key": "domain-name", "Values": [{"Value": "ec2.internal"}]},
        {"Key": "domain-name-servers", "Values": [{"Value": "AmazonProvidedDNS"}]},
    ]
    filters = [{"Name": "dhcp-options-id", "Values": [options_id]}]
    assert len(world.ask(describe_vpcs, Filters=filters)["Vpcs"]) == 1
    (elsewhere,) = world.ask(describe_dhcp_options, region="eu-west-1")["DhcpOptions"]
    assert elsewhere["DhcpOptionsId"] != options_id
    assert elsewhere["DhcpConfigurations"][0]["Values"] == [{"Value": "eu-west-1.compute.internal"}]
    with pytest.raises(errors.DhcpOptionsNotFound):
        world.ask(describe_dhcp_options, region="eu-west-1", DhcpOptionsIds=[options_id])


@pytest.mark.parametrize(
    ("name", "value"),
    [("key", "domain-name"), ("value", "AmazonProvidedDNS"), ("owner-id", "111111111111"), ("dhcp-options-id", "dopt-*")],
)
def test_dhcp_options_are_found_by_every_filter(world: Any, name: str, value: str) -> None:
    assert len(world.ask(describe_dhcp_options, Filters=[{"Name": name, "Values": [value]}])["DhcpOptions"]) == 1
    assert world.ask(describe_dhcp_options, Filters=[{"Name": name, "Values": ["nothing"]}])["DhcpOptions"] == []


def test_no_vpc_has_classic_link(world: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    assert world.ask(describe_vpc_classic_link, VpcIds=[vpc_id]) == {
        "Vpcs": [{"VpcId": vpc_id, "ClassicLinkEnabled": False, "Tags": []}]
    }
    enabled = [{"Name": "is-classic-link-enabled", "Values": ["true"]}]
    assert world.ask(describe_vpc_classic_link, Filters=enabled) == {"Vpcs": []}
    (support,) = world.ask(describe_vpc_classic_link_dns_support)["Vpcs"]
    assert support == {"VpcId": vpc_id, "ClassicLinkDnsSupported": False}
    with pytest.raises(errors.VpcNotFound):
        world.ask(describe_vpc_classic_link, VpcIds=["vpc-0123456789abcdef0"])


@pytest.mark.parametrize(
    "operation",
    [
        enable_vpc_classic_link, disable_vpc_classic_link,
        enable_vpc_classic_link_dns_support, disable_vpc_classic_link_dns_support,
    ],
)  # fmt: skip
def test_classic_link_is_not_to_be_had_any_more(world: Any, operation: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    with pytest.raises(errors.UnsupportedOperation, match="not available in this region"):
        world.ask(operation, VpcId=vpc_id)
    with pytest.raises(errors.VpcNotFound):
        world.ask(operation, VpcId="vpc-0123456789abcdef0")


def test_an_interface_is_asked_for_one_attribute(world: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet_id = world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    interface = world.ask(create_network_interface, SubnetId=subnet_id, Description="front")["NetworkInterface"]
    which = {"NetworkInterfaceId": interface["NetworkInterfaceId"]}
    for attribute, shown in {
        "description": {"Description": {"Value": "front"}},
        "groupSet": {"Groups": interface["Groups"]},
        "sourceDestCheck": {"SourceDestCheck": {"Value": True}},
        "associatePublicIpAddress": {"AssociatePublicIpAddress": False},
        "attachment": {},
    }.items():
        assert world.ask(describe_network_interface_attribute, **which, Attribute=attribute) == {**which, **shown}
    with pytest.raises(errors.MissingParameter):
        world.ask(describe_network_interface_attribute, **which)
    with pytest.raises(errors.InvalidParameterValue, match="colour"):
        world.ask(describe_network_interface_attribute, **which, Attribute="colour")
