"""Further blocks of a VPC: added, shown, routed, used by subnets, taken away again."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.cidr_blocks import associate_vpc_cidr_block, disassociate_vpc_cidr_block
from sidedoor.networks.internet_gateways import attach_internet_gateway, create_internet_gateway
from sidedoor.networks.route_tables import create_route_table, describe_route_tables
from sidedoor.networks.routes import create_route
from sidedoor.networks.subnets import create_subnet, delete_subnet
from sidedoor.networks.vpcs import create_vpc, describe_vpcs, modify_vpc_tenancy

CONSUMER = "222222222222"


@pytest.fixture
def vpc_id(world: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def add(world: Any, vpc_id: str, cidr: str = "100.64.0.0/16") -> str:
    answer = world.ask(associate_vpc_cidr_block, VpcId=vpc_id, CidrBlock=cidr)
    return str(answer["CidrBlockAssociation"]["AssociationId"])


def blocks(world: Any, vpc_id: str) -> dict[str, str]:
    (vpc,) = world.ask(describe_vpcs, VpcIds=[vpc_id])["Vpcs"]
    return {one["AssociationId"]: one["CidrBlock"] for one in vpc["CidrBlockAssociationSet"]}


def local_routes(world: Any, vpc_id: str) -> list[list[str]]:
    tables = world.ask(describe_route_tables, Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]
    return [[one["DestinationCidrBlock"] for one in table["Routes"] if one["GatewayId"] == "local"] for table in tables]


def test_an_added_block_is_associating_and_then_one_of_the_vpcs(world: Any, vpc_id: str) -> None:
    answer = world.ask(associate_vpc_cidr_block, VpcId=vpc_id, CidrBlock="100.64.7.0/16")
    added = answer["CidrBlockAssociation"]
    assert (answer["VpcId"], added["CidrBlock"], added["CidrBlockState"]) == (vpc_id, "100.64.0.0/16", {"State": "associating"})
    assert list(blocks(world, vpc_id).values()) == ["10.0.0.0/16", "100.64.0.0/16"]
    for name, value in {
        "cidr-block-association.cidr-block": "100.64.*",
        "cidr-block-association.association-id": added["AssociationId"],
    }.items():
        (found,) = world.ask(describe_vpcs, Filters=[{"Name": name, "Values": [value]}])["Vpcs"]
        assert (found["VpcId"], found["CidrBlock"]) == (vpc_id, "10.0.0.0/16")
    assert world.ask(describe_vpcs, Filters=[{"Name": "cidr", "Values": ["100.64.*"]}])["Vpcs"] == []


def test_every_route_table_leads_to_every_block_the_vpc_has(world: Any, vpc_id: str) -> None:
    world.ask(create_route_table, VpcId=vpc_id)
    association = add(world, vpc_id)
    world.ask(create_route_table, VpcId=vpc_id)
    assert local_routes(world, vpc_id) == [["10.0.0.0/16", "100.64.0.0/16"]] * 3
    world.ask(disassociate_vpc_cidr_block, AssociationId=association)
    assert local_routes(world, vpc_id) == [["10.0.0.0/16"]] * 3


def test_a_route_inside_an_added_block_cannot_lead_out_of_the_vpc(world: Any, vpc_id: str) -> None:
    gateway_id = world.ask(create_internet_gateway)["InternetGateway"]["InternetGatewayId"]
    world.ask(attach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    table_id = world.ask(create_route_table, VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    add(world, vpc_id)
    with pytest.raises(errors.InvalidParameterValue, match="more specific"):
        world.ask(create_route, RouteTableId=table_id, GatewayId=gateway_id, DestinationCidrBlock="100.64.1.0/24")


def test_subnets_are_made_in_an_added_block_and_keep_it(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.SubnetRangeInvalid):
        world.ask(create_subnet, VpcId=vpc_id, CidrBlock="100.64.1.0/24")
    association = add(world, vpc_id)
    subnet_id = world.ask(create_subnet, VpcId=vpc_id, CidrBlock="100.64.1.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(errors.CidrInUse, match=f"{vpc_id} currently has a subnet within CIDR block 100.64.0.0/16"):
        world.ask(disassociate_vpc_cidr_block, AssociationId=association)
    world.ask(delete_subnet, SubnetId=subnet_id)
    answer = world.ask(disassociate_vpc_cidr_block, AssociationId=association)
    assert answer["CidrBlockAssociation"]["CidrBlockState"] == {"State": "disassociating"}
    assert list(blocks(world, vpc_id).values()) == ["10.0.0.0/16"]


def test_a_subnet_lies_in_one_block_not_across_two(world: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/24")["Vpc"]["VpcId"]
    add(world, vpc_id, "10.0.1.0/24")
    with pytest.raises(errors.SubnetRangeInvalid):
        world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.0.0/23")


def test_the_first_block_stays(world: Any, vpc_id: str) -> None:
    add(world, vpc_id)
    first = next(iter(blocks(world, vpc_id)))
    with pytest.raises(errors.OperationNotPermitted, match="primary IPv4 CIDR block"):
        world.ask(disassociate_vpc_cidr_block, AssociationId=first)


def test_only_the_owner_takes_a_block_away_and_only_once(world: Any, vpc_id: str) -> None:
    association = add(world, vpc_id)
    with pytest.raises(errors.CidrAssociationNotFound):
        world.ask(disassociate_vpc_cidr_block, account=CONSUMER, AssociationId=association)
    world.ask(disassociate_vpc_cidr_block, AssociationId=association)
    with pytest.raises(errors.CidrAssociationNotFound):
        world.ask(disassociate_vpc_cidr_block, AssociationId=association)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"CidrBlock": "10.0.128.0/17"}, errors.VpcRangeConflict),
        ({"CidrBlock": "10.1.0.0/15"}, errors.VpcRangeInvalid),
        ({"CidrBlock": "10.1.0.0/29"}, errors.VpcRangeInvalid),
        ({"CidrBlock": "elsewhere"}, errors.InvalidParameterValue),
        ({}, errors.MissingParameter),
        ({"AmazonProvidedIpv6CidrBlock": True}, errors.UnsupportedOperation),
    ],
)
def test_what_no_vpc_can_have_is_refused(world: Any, vpc_id: str, asked: dict[str, Any], error: Any) -> None:
    with pytest.raises(error):
        world.ask(associate_vpc_cidr_block, VpcId=vpc_id, **asked)
    assert list(blocks(world, vpc_id).values()) == ["10.0.0.0/16"]


def test_a_vpc_has_five_blocks_at_most(world: Any, vpc_id: str) -> None:
    for number in range(1, 5):
        add(world, vpc_id, f"10.{number}.0.0/16")
    with pytest.raises(errors.CidrLimitExceeded, match="allowed CIDRs: 5"):
        add(world, vpc_id, "10.5.0.0/16")


def test_dedicated_tenancy_can_be_given_up_and_not_taken_up(world: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated")["Vpc"]["VpcId"]
    with pytest.raises(errors.UnsupportedTenancy, match="dedicated is not supported"):
        world.ask(modify_vpc_tenancy, VpcId=vpc_id, InstanceTenancy="dedicated")
    assert world.ask(modify_vpc_tenancy, VpcId=vpc_id, InstanceTenancy="default") == {"ReturnValue": True}
    (vpc,) = world.ask(describe_vpcs, VpcIds=[vpc_id])["Vpcs"]
    assert vpc["InstanceTenancy"] == "default"
