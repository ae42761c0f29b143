"""Security groups: making, describing and deleting them."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.interfaces import create_network_interface, delete_network_interface
from sidedoor.networks.security_group_rules import authorize_security_group_ingress, revoke_security_group_ingress
from sidedoor.networks.security_groups import (
    create_security_group,
    delete_security_group,
    describe_security_groups,
    get_security_groups_for_vpc,
)
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc

PROVIDER, CONSUMER = "111111111111", "222222222222"


@pytest.fixture
def vpc_id(world: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def new_group(world: Any, vpc_id: str, name: str = "web", **more: Any) -> str:
    return str(world.ask(create_security_group, VpcId=vpc_id, GroupName=name, Description="of a test", **more)["GroupId"])


def default_group_id(world: Any, vpc_id: str) -> str:
    filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = world.ask(describe_security_groups, Filters=filters)["SecurityGroups"]
    return str(group["GroupId"])


def test_a_new_group_lets_everything_out_and_nothing_in(world: Any, vpc_id: str) -> None:
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "a", "Value": "b"}]}]
    group_id = new_group(world, vpc_id, TagSpecifications=tags)
    (group,) = world.ask(describe_security_groups, GroupIds=[group_id])["SecurityGroups"]
    assert group["IpPermissions"] == []
    (egress,) = group["IpPermissionsEgress"]
    assert (egress["IpProtocol"], egress["IpRanges"]) == ("-1", [{"CidrIp": "0.0.0.0/0"}])
    assert (group["GroupName"], group["VpcId"], group["OwnerId"]) == ("web", vpc_id, PROVIDER)
    assert group["SecurityGroupArn"] == f"arn:aws:ec2:us-east-1:{PROVIDER}:security-group/{group_id}"
    assert group["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_name_is_unique_in_a_vpc(world: Any, vpc_id: str) -> None:
    new_group(world, vpc_id)
    with pytest.raises(errors.GroupDuplicate, match="web"):
        new_group(world, vpc_id)
    assert new_group(world, world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def test_the_name_default_is_reserved(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.GroupReserved):
        new_group(world, vpc_id, "default")


@pytest.mark.parametrize("name", ["sg-web", "wéb", "", "x" * 256, "a|b"])
def test_a_name_that_aws_does_not_take_is_refused(world: Any, vpc_id: str, name: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="GroupName"):
        new_group(world, vpc_id, name)


def test_without_a_default_vpc_a_group_needs_one(world: Any) -> None:
    with pytest.raises(errors.VpcIdNotSpecified):
        world.ask(create_security_group, GroupName="web", Description="web")
    with pytest.raises(errors.GroupNotFound, match="default VPC 'none'"):
        world.ask(describe_security_groups, GroupNames=["web"])


def test_the_default_group_cannot_be_deleted(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.CannotDelete):
        world.ask(delete_security_group, GroupId=default_group_id(world, vpc_id))


def test_a_group_that_an_interface_carries_cannot_be_deleted(world: Any, vpc_id: str) -> None:
    group_id = new_group(world, vpc_id)
    subnet_id = world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    interface = world.ask(create_network_interface, SubnetId=subnet_id, Groups=[group_id])["NetworkInterface"]
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_security_group, GroupId=group_id)
    world.ask(delete_network_interface, NetworkInterfaceId=interface["NetworkInterfaceId"])
    assert world.ask(delete_security_group, GroupId=group_id) == {"Return": True, "GroupId": group_id}


def test_a_group_that_another_groups_rule_names_cannot_be_deleted(world: Any, vpc_id: str) -> None:
    inner, outer = new_group(world, vpc_id, "inner"), new_group(world, vpc_id, "outer")
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": outer}]}
    world.ask(authorize_security_group_ingress, GroupId=inner, IpPermissions=[permission])
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_security_group, GroupId=outer)
    world.ask(revoke_security_group_ingress, GroupId=inner, IpPermissions=[permission])
    world.ask(delete_security_group, GroupId=outer)


def test_a_group_whose_rule_names_itself_can_be_deleted_and_takes_its_rules_along(world: Any, vpc_id: str) -> None:
    group_id = new_group(world, vpc_id)
    permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group_id}]}
    world.ask(authorize_security_group_ingress, GroupId=group_id, IpPermissions=[permission])
    world.ask(delete_security_group, GroupId=group_id)
    with world.store.read() as tables:
        assert tables.security_group_rules.where(group_id=group_id) == []
    with pytest.raises(errors.GroupNotFound):
        world.ask(describe_security_groups, GroupIds=[group_id])


def test_a_group_to_delete_must_be_named(world: Any) -> None:
    with pytest.raises(errors.MissingParameter):
        world.ask(delete_security_group)


def test_another_accounts_group_does_not_exist(world: Any, vpc_id: str) -> None:
    group_id = new_group(world, vpc_id)
    assert world.ask(describe_security_groups, account=CONSUMER)["SecurityGroups"] == []
    with pytest.raises(errors.GroupNotFound):
        world.ask(delete_security_group, account=CONSUMER, GroupId=group_id)
    with pytest.raises(errors.GroupIdMalformed):
        world.ask(delete_security_group, GroupId="web")


@pytest.mark.parametrize(
    ("name", "value", "matches"),
    [
        ("description", "of a *", True),
        ("group-name", "web", True),
        ("ip-permission.cidr", "10.0.0.0/8", True),
        ("ip-permission.cidr", "0.0.0.0/0", False),
        ("egress.ip-permission.cidr", "0.0.0.0/0", True),
        ("ip-permission.from-port", "443", True),
        ("ip-permission.to-port", "444", False),
        ("ip-permission.protocol", "tcp", True),
        ("egress.ip-permission.protocol", "-1", True),
        ("ip-permission.group-name", "peer", True),
        ("ip-permission.user-id", PROVIDER, True),
        ("egress.ip-permission.user-id", PROVIDER, False),
        ("ip-permission.ipv6-cidr", "::/0", False),
        ("owner-id", CONSUMER, False),
    ],
)
def test_groups_can_be_filtered_by_their_rules(world: Any, vpc_id: str, name: str, value: str, matches: bool) -> None:
    group_id, peer = new_group(world, vpc_id), new_group(world, vpc_id, "peer")
    port = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    sources = {"IpRanges": [{"CidrIp": "10.0.0.0/8"}], "UserIdGroupPairs": [{"GroupId": peer}]}
    world.ask(authorize_security_group_ingress, GroupId=group_id, IpPermissions=[{**port, **sources}])
    filters = [{"Name": name, "Values": [value]}, {"Name": "group-id", "Values": [group_id]}]
    found = world.ask(describe_security_groups, Filters=filters)["SecurityGroups"]
    assert [group["GroupId"] for group in found] == ([group_id] if matches else [])


def test_the_groups_of_one_vpc_are_listed(world: Any) -> None:
    first, second = (world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(2))
    group_id = world.ask(create_security_group, GroupName="web", Description="front", VpcId=first)["GroupId"]
    world.ask(create_security_group, GroupName="web", Description="front", VpcId=second)
    groups = world.ask(get_security_groups_for_vpc, VpcId=first)["SecurityGroupForVpcs"]
    assert [group["GroupName"] for group in groups] == ["default", "web"]
    assert groups[1] == {
        "GroupId": group_id, "GroupName": "web", "Description": "front", "OwnerId": "111111111111", "PrimaryVpcId": first,
        "Tags": [],
    }  # fmt: skip
    for name, value in {"group-id": group_id, "group-name": "w*", "description": "front"}.items():
        answer = world.ask(get_security_groups_for_vpc, VpcId=first, Filters=[{"Name": name, "Values": [value]}])
        assert answer["SecurityGroupForVpcs"] == groups[1:]
    with pytest.raises(errors.VpcNotFound):
        world.ask(get_security_groups_for_vpc, account="222222222222", VpcId=first)


def test_a_group_needs_a_description(world: Any) -> None:
    with pytest.raises(errors.MissingParameter, match="GroupDescription"):
        world.ask(create_security_group, GroupName="web", Description="")
