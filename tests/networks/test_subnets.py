"""Subnets: their zone, their block inside the VPC's, their attributes."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.interfaces import create_network_interface
from sidedoor.networks.subnets import create_subnet, delete_subnet, describe_subnets, modify_subnet_attribute
from sidedoor.networks.vpcs import create_vpc
from sidedoor.networks.zones import zones

PROVIDER, CONSUMER = "111111111111", "222222222222"


@pytest.fixture
def vpc_id(world: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def new_subnet(world: Any, vpc_id: str, cidr: str = "10.0.1.0/24", **more: Any) -> dict[str, Any]:
    subnet: dict[str, Any] = world.ask(create_subnet, VpcId=vpc_id, CidrBlock=cidr, **more)["Subnet"]
    return subnet


def test_a_subnet_is_described_as_it_was_created(world: Any, vpc_id: str) -> None:
    created = new_subnet(world, vpc_id, TagSpecifications=[{"ResourceType": "subnet", "Tags": [{"Key": "a", "Value": "b"}]}])
    (described,) = world.ask(describe_subnets, SubnetIds=[created["SubnetId"]])["Subnets"]
    assert described == created
    assert described["SubnetArn"] == f"arn:aws:ec2:us-east-1:{PROVIDER}:subnet/{created['SubnetId']}"
    assert (described["CidrBlock"], described["AvailableIpAddressCount"]) == ("10.0.1.0/24", 251)


def test_a_subnet_stands_in_the_first_zone_unless_told_otherwise(world: Any, vpc_id: str) -> None:
    subnet = new_subnet(world, vpc_id)
    first = zones(PROVIDER, "us-east-1")[0]
    assert (subnet["AvailabilityZone"], subnet["AvailabilityZoneId"]) == (first.name, first.id) == ("us-east-1a", first.id)


def test_a_zone_can_be_named_by_the_accounts_name_or_by_its_id(world: Any, vpc_id: str) -> None:
    zone = zones(PROVIDER, "us-east-1")[2]
    assert new_subnet(world, vpc_id, AvailabilityZone=zone.name)["AvailabilityZoneId"] == zone.id
    assert new_subnet(world, vpc_id, "10.0.2.0/24", AvailabilityZoneId=zone.id)["AvailabilityZone"] == zone.name


@pytest.mark.parametrize("asked", [{"AvailabilityZone": "us-east-1z"}, {"AvailabilityZoneId": "use2-az1"}])
def test_an_unknown_zone_is_refused_with_the_zones_that_there_are(world: Any, vpc_id: str, asked: dict[str, str]) -> None:
    with pytest.raises(errors.ZoneNotFound, match="Subnets can currently only be created in") as caught:
        new_subnet(world, vpc_id, **asked)
    assert caught.value.code == "InvalidParameterValue"
    assert ("us-east-1a" if "AvailabilityZone" in asked else "use1-az1") in caught.value.message


def test_a_zone_is_named_once(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.InvalidParameterCombination):
        new_subnet(world, vpc_id, AvailabilityZone="us-east-1a", AvailabilityZoneId="use1-az1")


@pytest.mark.parametrize("cidr", ["10.1.0.0/24", "10.0.0.0/15", "10.0.0.0/29", "0.0.0.0/24"])
def test_a_subnet_lies_in_its_vpcs_block_and_has_a_size_that_aws_allows(world: Any, vpc_id: str, cidr: str) -> None:
    with pytest.raises(errors.SubnetRangeInvalid):
        new_subnet(world, vpc_id, cidr)


@pytest.mark.parametrize("cidr", ["10.0.1.0/24", "10.0.1.128/25", "10.0.0.0/20"])
def test_subnets_do_not_overlap(world: Any, vpc_id: str, cidr: str) -> None:
    new_subnet(world, vpc_id, "10.0.1.0/24")
    with pytest.raises(errors.SubnetConflict):
        new_subnet(world, vpc_id, cidr)


def test_a_block_is_free_again_after_its_subnet_is_deleted(world: Any, vpc_id: str) -> None:
    world.ask(delete_subnet, SubnetId=new_subnet(world, vpc_id)["SubnetId"])
    assert world.ask(describe_subnets)["Subnets"] == []
    assert new_subnet(world, vpc_id)


def test_a_block_is_required(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.MissingParameter):
        world.ask(create_subnet, VpcId=vpc_id)


def test_ipv6_is_refused(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.UnsupportedOperation, match="Ipv6CidrBlock"):
        new_subnet(world, vpc_id, Ipv6CidrBlock="fd00::/64")


def test_another_accounts_vpc_does_not_exist(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.VpcNotFound):
        world.ask(create_subnet, account=CONSUMER, VpcId=vpc_id, CidrBlock="10.0.1.0/24")


def test_another_accounts_subnet_does_not_exist(world: Any, vpc_id: str) -> None:
    subnet_id = new_subnet(world, vpc_id)["SubnetId"]
    assert world.ask(describe_subnets, account=CONSUMER)["Subnets"] == []
    for operation in (delete_subnet, modify_subnet_attribute, create_network_interface):
        with pytest.raises(errors.SubnetNotFound):
            world.ask(operation, account=CONSUMER, SubnetId=subnet_id)
    with pytest.raises(errors.SubnetIdMalformed):
        world.ask(delete_subnet, SubnetId="vpc-12345678")


def test_an_interface_takes_one_of_the_free_addresses(world: Any, vpc_id: str) -> None:
    subnet_id = new_subnet(world, vpc_id, "10.0.1.0/28")["SubnetId"]
    world.ask(create_network_interface, SubnetId=subnet_id)
    (subnet,) = world.ask(describe_subnets)["Subnets"]
    assert subnet["AvailableIpAddressCount"] == 10
    few = [{"Name": "available-ip-address-count", "Values": ["10"]}]
    assert world.ask(describe_subnets, Filters=few)["Subnets"] == [subnet]


def test_public_addresses_at_launch_are_remembered(world: Any, vpc_id: str) -> None:
    subnet_id = new_subnet(world, vpc_id)["SubnetId"]
    world.ask(modify_subnet_attribute, SubnetId=subnet_id, MapPublicIpOnLaunch={"Value": True})
    assert world.ask(describe_subnets)["Subnets"][0]["MapPublicIpOnLaunch"] is True


def test_an_attribute_that_is_fixed_may_be_asked_for_as_it_is(world: Any, vpc_id: str) -> None:
    subnet_id = new_subnet(world, vpc_id)["SubnetId"]
    same = {"EnableDns64": {"Value": False}, "PrivateDnsHostnameTypeOnLaunch": "ip-name"}
    world.ask(modify_subnet_attribute, SubnetId=subnet_id, **same)
    for other in ({"EnableDns64": {"Value": True}}, {"PrivateDnsHostnameTypeOnLaunch": "resource-name"}):
        with pytest.raises(errors.UnsupportedOperation, match=next(iter(other))):
            world.ask(modify_subnet_attribute, SubnetId=subnet_id, **other)
    with pytest.raises(errors.UnsupportedOperation, match="CustomerOwnedIpv4Pool"):
        world.ask(modify_subnet_attribute, SubnetId=subnet_id, CustomerOwnedIpv4Pool="ipv4pool-coip-1")


@pytest.mark.parametrize(
    ("name", "value", "matches"),
    [
        ("availability-zone", "us-east-1a", True),
        ("availabilityZone", "us-east-1b", False),
        ("cidr-block", "10.0.1.0/24", True),
        ("cidr", "10.0.2.0/24", False),
        ("default-for-az", "false", True),
        ("map-public-ip-on-launch", "true", False),
        ("state", "available", True),
        ("outpost-arn", "*", False),
        ("subnet-arn", "*:subnet/subnet-*", True),
        ("owner-id", PROVIDER, True),
    ],
)
def test_subnets_can_be_filtered(world: Any, vpc_id: str, name: str, value: str, matches: bool) -> None:
    subnet = new_subnet(world, vpc_id)
    found = world.ask(describe_subnets, Filters=[{"Name": name, "Values": [value]}])["Subnets"]
    assert found == ([subnet] if matches else [])
    of_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": name, "Values": [value]}]
    assert world.ask(describe_subnets, Filters=of_vpc)["Subnets"] == found


def test_a_subnet_without_ipv4_is_refused_for_the_reason_that_aws_would_give_first(world: Any) -> None:
    asked: dict[str, Any] = {"VpcId": world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"], "Ipv6Native": True}
    with pytest.raises(errors.MissingParameter, match="'ipv6CidrBlock' or 'ipv6IpamPoolId'"):
        world.ask(create_subnet, **asked, CidrBlock="10.0.0.0/24")
    six = {"Ipv6CidrBlock": "2001:db8::/64"}
    with pytest.raises(errors.InvalidParameterCombination, match="cannot set ipv6Native"):
        world.ask(create_subnet, **asked, **six, CidrBlock="10.0.0.0/24")
    with pytest.raises(errors.UnsupportedOperation):
        world.ask(create_subnet, **asked, **six)
