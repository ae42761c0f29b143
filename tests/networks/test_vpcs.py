"""VPCs: their blocks, their default group, their attributes and what keeps them from going."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.interfaces import create_network_interface
from sidedoor.networks.security_groups import create_security_group, delete_security_group, describe_security_groups
from sidedoor.networks.subnets import create_subnet, delete_subnet
from sidedoor.networks.vpcs import create_vpc, delete_vpc, describe_vpc_attribute, describe_vpcs, modify_vpc_attribute

CONSUMER = "222222222222"


def new_vpc(world: Any, cidr: str = "10.0.0.0/16", **more: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock=cidr, **more)["Vpc"]["VpcId"])


def vpc_ids(answer: dict[str, Any]) -> list[str]:
    return [vpc["VpcId"] for vpc in answer["Vpcs"]]


def test_a_vpc_is_described_as_it_was_created(world: Any) -> None:
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "main"}]}]
    created = world.ask(create_vpc, CidrBlock="10.0.0.0/16", TagSpecifications=tags)["Vpc"]
    (described,) = world.ask(describe_vpcs, VpcIds=[created["VpcId"]])["Vpcs"]
    assert (created["State"], described) == ("pending", {**created, "State": "available"})
    assert (described["CidrBlock"], described["State"], described["IsDefault"]) == ("10.0.0.0/16", "available", False)
    assert described["CidrBlockAssociationSet"][0]["CidrBlock"] == "10.0.0.0/16"
    assert described["Tags"] == [{"Key": "Name", "Value": "main"}]


def test_host_bits_of_a_block_are_cleared(world: Any) -> None:
    assert world.ask(create_vpc, CidrBlock="10.0.5.1/16")["Vpc"]["CidrBlock"] == "10.0.0.0/16"


@pytest.mark.parametrize("cidr", ["10.0.0.0/15", "10.0.0.0/29", "0.0.0.0/0"])
def test_a_block_must_be_of_16_to_28_bits(world: Any, cidr: str) -> None:
    with pytest.raises(errors.VpcRangeInvalid):
        world.ask(create_vpc, CidrBlock=cidr)


@pytest.mark.parametrize(
    "cidr", ["10.0.0.0", "10.0.0/16", "10.0.0.0/255.255.0.0", "fd00::/56", "x", "10.0.0.0/33", "010.0.0.0/16"]
)
def test_what_is_no_block_is_an_invalid_value(world: Any, cidr: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="valid CIDR"):
        world.ask(create_vpc, CidrBlock=cidr)


def test_a_block_is_required(world: Any) -> None:
    with pytest.raises(errors.MissingParameter, match="CidrBlock"):
        world.ask(create_vpc)


@pytest.mark.parametrize("asked", [{"AmazonProvidedIpv6CidrBlock": True}, {"Ipv4IpamPoolId": "ipam-pool-1"}])
def test_what_sidedoor_does_not_have_is_refused_and_not_left_out(world: Any, asked: dict[str, Any]) -> None:
    with pytest.raises(errors.UnsupportedOperation, match=next(iter(asked))):
        world.ask(create_vpc, CidrBlock="10.0.0.0/16", **asked)
    assert world.ask(describe_vpcs)["Vpcs"] == []


def test_asking_for_no_ipv6_is_no_request_for_ipv6(world: Any) -> None:
    assert new_vpc(world, AmazonProvidedIpv6CidrBlock=False)


def test_an_unknown_tenancy_is_an_invalid_value(world: Any) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="InstanceTenancy"):
        world.ask(create_vpc, CidrBlock="10.0.0.0/16", InstanceTenancy="host")


def test_a_vpc_is_born_with_a_default_group_open_to_itself_and_outwards(world: Any) -> None:
    vpc_id = new_vpc(world)
    (group,) = world.ask(describe_security_groups, Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["SecurityGroups"]
    assert (group["GroupName"], group["Description"]) == ("default", "default VPC security group")
    (ingress,), (egress,) = group["IpPermissions"], group["IpPermissionsEgress"]
    assert ingress["UserIdGroupPairs"] == [{"GroupId": group["GroupId"], "UserId": "111111111111"}]
    assert egress["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    assert ingress["IpProtocol"] == egress["IpProtocol"] == "-1"
    assert "FromPort" not in ingress


def test_two_vpcs_may_have_the_same_block(world: Any) -> None:
    assert new_vpc(world) != new_vpc(world)


def test_an_account_sees_only_its_own_vpcs(world: Any) -> None:
    mine = new_vpc(world)
    assert vpc_ids(world.ask(describe_vpcs, account=CONSUMER)) == []
    for operation in (delete_vpc, modify_vpc_attribute):
        with pytest.raises(errors.VpcNotFound):
            world.ask(operation, account=CONSUMER, VpcId=mine, EnableDnsSupport={"Value": False})
    with pytest.raises(errors.VpcNotFound):
        world.ask(describe_vpcs, account=CONSUMER, VpcIds=[mine])


def test_a_vpc_is_there_in_its_own_region_only(world: Any) -> None:
    mine = new_vpc(world)
    assert vpc_ids(world.ask(describe_vpcs, region="eu-west-1")) == []
    with pytest.raises(errors.VpcNotFound):
        world.ask(delete_vpc, region="eu-west-1", VpcId=mine)


def test_an_id_of_another_kind_is_malformed(world: Any) -> None:
    with pytest.raises(errors.VpcIdMalformed, match='"subnet-12345678"'):
        world.ask(describe_vpcs, VpcIds=["subnet-12345678"])


def test_a_dry_run_says_that_it_would_have_worked_and_changes_nothing(world: Any) -> None:
    with pytest.raises(errors.DryRunOperation):
        world.ask(create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
    assert world.ask(describe_vpcs)["Vpcs"] == []
    with pytest.raises(errors.VpcRangeInvalid):
        world.ask(create_vpc, CidrBlock="10.0.0.0/8", DryRun=True)


@pytest.mark.parametrize(
    ("name", "value", "matches"),
    [
        ("cidr", "10.1.0.0/16", True),
        ("cidr", "10.1.*", True),
        ("cidr", "10.2.0.0/16", False),
        ("cidr-block", "10.1.0.0/16", True),
        ("cidr-block", "10.2.0.0/16", False),
        ("cidr-block-association.cidr-block", "10.1.0.0/16", True),
        ("is-default", "false", True),
        ("is-default", "true", False),
        ("isDefault", "false", True),
        ("state", "available", True),
        ("owner-id", "111111111111", True),
        ("owner-id", CONSUMER, False),
        ("ipv6-cidr-block-association.state", "associated", False),
        ("tag:Name", "one", True),
        ("tag:Name", "two", False),
        ("tag-key", "Name", True),
    ],
)
def test_vpcs_can_be_filtered(world: Any, name: str, value: str, matches: bool) -> None:
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "one"}]}]
    vpc_id = new_vpc(world, "10.1.0.0/16", TagSpecifications=tags)
    found = vpc_ids(world.ask(describe_vpcs, Filters=[{"Name": name, "Values": [value]}]))
    assert found == ([vpc_id] if matches else [])


def test_an_unknown_filter_is_an_error(world: Any) -> None:
    with pytest.raises(errors.InvalidFilter, match="vpcid"):
        world.ask(describe_vpcs, Filters=[{"Name": "vpcid", "Values": ["x"]}])


def test_pages_follow_each_other_oldest_first(world: Any) -> None:
    ids = [new_vpc(world) for _ in range(7)]
    first = world.ask(describe_vpcs, MaxResults=5)
    second = world.ask(describe_vpcs, MaxResults=5, NextToken=first["NextToken"])
    assert vpc_ids(first) + vpc_ids(second) == ids
    assert second["NextToken"] is None


def test_dns_hostnames_need_dns_support(world: Any) -> None:
    vpc_id = new_vpc(world)
    world.ask(modify_vpc_attribute, VpcId=vpc_id, EnableDnsSupport={"Value": False})
    with pytest.raises(errors.InvalidParameterCombination):
        world.ask(modify_vpc_attribute, VpcId=vpc_id, EnableDnsHostnames={"Value": True})


@pytest.mark.parametrize(
    ("attribute", "member", "at_first"),
    [
        ("enableDnsSupport", "EnableDnsSupport", True),
        ("enableDnsHostnames", "EnableDnsHostnames", False),
        ("enableNetworkAddressUsageMetrics", "EnableNetworkAddressUsageMetrics", False),
    ],
)
def test_an_attribute_can_be_changed_and_read(world: Any, attribute: str, member: str, at_first: bool) -> None:
    vpc_id = new_vpc(world)
    expected = {"VpcId": vpc_id, member: {"Value": at_first}}
    assert world.ask(describe_vpc_attribute, VpcId=vpc_id, Attribute=attribute) == expected
    world.ask(modify_vpc_attribute, VpcId=vpc_id, **{member: {"Value": not at_first}})
    expected = {"VpcId": vpc_id, member: {"Value": not at_first}}
    assert world.ask(describe_vpc_attribute, VpcId=vpc_id, Attribute=attribute) == expected


def test_an_unknown_attribute_is_an_invalid_value(world: Any) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="Attribute"):
        world.ask(describe_vpc_attribute, VpcId=new_vpc(world), Attribute="enableDns")


@pytest.mark.parametrize("attributes", [{}, {"EnableDnsSupport": {"Value": True}, "EnableDnsHostnames": {"Value": True}}])
def test_one_attribute_is_changed_at_a_time(world: Any, attributes: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidParameterCombination):
        world.ask(modify_vpc_attribute, VpcId=new_vpc(world), **attributes)


def test_a_deleted_vpc_takes_its_default_group_along(world: Any) -> None:
    vpc_id = new_vpc(world)
    world.ask(delete_vpc, VpcId=vpc_id)
    assert world.ask(describe_vpcs)["Vpcs"] == []
    assert world.ask(describe_security_groups)["SecurityGroups"] == []
    with world.store.read() as tables:
        assert tables.security_group_rules.where() == []
    with pytest.raises(errors.VpcNotFound):
        world.ask(delete_vpc, VpcId=vpc_id)


def test_a_subnet_and_a_group_keep_a_vpc_from_going(world: Any) -> None:
    vpc_id = new_vpc(world)
    subnet_id = world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_vpc, VpcId=vpc_id)
    world.ask(delete_subnet, SubnetId=subnet_id)
    group_id = world.ask(create_security_group, VpcId=vpc_id, GroupName="web", Description="web")["GroupId"]
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_vpc, VpcId=vpc_id)
    world.ask(delete_security_group, GroupId=group_id)
    world.ask(delete_vpc, VpcId=vpc_id)


def test_an_interface_keeps_its_subnet_from_going(world: Any) -> None:
    subnet_id = world.ask(create_subnet, VpcId=new_vpc(world), CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    world.ask(create_network_interface, SubnetId=subnet_id)
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_subnet, SubnetId=subnet_id)


def test_what_keeps_a_vpc_stands_in_the_log_and_not_in_the_answer(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    vpc_id = new_vpc(world)
    subnet_id = world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    with (
        caplog.at_level("INFO", "sidedoor.api"),
        pytest.raises(errors.DependencyViolation, match=f"^The vpc '{vpc_id}' has dependencies and cannot be deleted.$"),
    ):
        world.ask(delete_vpc, VpcId=vpc_id)
    assert f"{vpc_id} cannot go before {subnet_id}" in caplog.text
