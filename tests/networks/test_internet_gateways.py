"""Internet gateways: made, attached to one VPC, detached and deleted."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.internet_gateways import (
    attach_internet_gateway,
    create_internet_gateway,
    delete_internet_gateway,
    describe_internet_gateways,
    detach_internet_gateway,
)
from sidedoor.networks.vpcs import create_vpc, delete_vpc
from sidedoor.tags import create_tags, describe_tags

CONSUMER = "222222222222"


@pytest.fixture
def vpc_id(world: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def gateway_id(world: Any) -> str:
    return str(world.ask(create_internet_gateway)["InternetGateway"]["InternetGatewayId"])


def find(world: Any, name: str, value: str) -> list[str]:
    answer = world.ask(describe_internet_gateways, Filters=[{"Name": name, "Values": [value]}])
    return [gateway["InternetGatewayId"] for gateway in answer["InternetGateways"]]


def test_a_gateway_is_described_as_it_was_created(world: Any) -> None:
    tags = [{"ResourceType": "internet-gateway", "Tags": [{"Key": "Name", "Value": "out"}]}]
    created = world.ask(create_internet_gateway, TagSpecifications=tags)["InternetGateway"]
    assert world.ask(describe_internet_gateways)["InternetGateways"] == [created]
    assert (created["Attachments"], created["Tags"]) == ([], [{"Key": "Name", "Value": "out"}])


def test_an_attached_gateway_shows_its_vpc_and_is_held_by_it(world: Any, vpc_id: str, gateway_id: str) -> None:
    world.ask(attach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    (gateway,) = world.ask(describe_internet_gateways, InternetGatewayIds=[gateway_id])["InternetGateways"]
    assert gateway["Attachments"] == [{"State": "available", "VpcId": vpc_id}]
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_internet_gateway, InternetGatewayId=gateway_id)
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_vpc, VpcId=vpc_id)
    world.ask(detach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    world.ask(delete_vpc, VpcId=vpc_id)
    world.ask(delete_internet_gateway, InternetGatewayId=gateway_id)
    with pytest.raises(errors.InternetGatewayNotFound):
        world.ask(delete_internet_gateway, InternetGatewayId=gateway_id)


def test_a_gateway_is_attached_once_and_a_vpc_has_one(world: Any, vpc_id: str, gateway_id: str) -> None:
    world.ask(attach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    with pytest.raises(errors.AlreadyAssociated, match=f"{gateway_id} is already attached to network {vpc_id}"):
        world.ask(attach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    second = world.ask(create_internet_gateway)["InternetGateway"]["InternetGatewayId"]
    with pytest.raises(errors.InvalidParameterValue, match="already has an internet gateway attached"):
        world.ask(attach_internet_gateway, InternetGatewayId=second, VpcId=vpc_id)


def test_what_is_not_attached_cannot_be_detached(world: Any, vpc_id: str, gateway_id: str) -> None:
    with pytest.raises(errors.GatewayNotAttached, match="is not attached to network"):
        world.ask(detach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)


def test_another_accounts_gateway_does_not_exist(world: Any, vpc_id: str, gateway_id: str) -> None:
    for operation in (attach_internet_gateway, detach_internet_gateway):
        with pytest.raises(errors.InternetGatewayNotFound):
            world.ask(operation, account=CONSUMER, InternetGatewayId=gateway_id, VpcId=vpc_id)
    with pytest.raises(errors.InternetGatewayIdMalformed):
        world.ask(describe_internet_gateways, InternetGatewayIds=["vgw-1"])


def test_gateways_are_found_by_filters(world: Any, vpc_id: str, gateway_id: str) -> None:
    world.ask(create_internet_gateway)
    world.ask(attach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    world.ask(create_tags, Resources=[gateway_id], Tags=[{"Key": "Name", "Value": "out"}])
    for name, value in (
        ("attachment.state", "available"), ("attachment.vpc-id", vpc_id), ("internet-gateway-id", gateway_id),
        ("tag:Name", "out"), ("tag-key", "Name"),
    ):  # fmt: skip
        assert find(world, name, value) == [gateway_id]
    assert len(find(world, "owner-id", "111111111111")) == 2
    with pytest.raises(errors.InvalidFilter):
        find(world, "vpc-id", vpc_id)


def test_tags_say_what_kind_their_resource_is(world: Any, vpc_id: str, gateway_id: str) -> None:
    with world.store.read() as tables:
        (table,), (acl,) = tables.route_tables.where(vpc_id=vpc_id), tables.network_acls.where(vpc_id=vpc_id)
    world.ask(create_tags, Resources=[gateway_id, table.id, acl.id], Tags=[{"Key": "Name", "Value": "x"}])
    tagged = {tag["ResourceId"]: tag["ResourceType"] for tag in world.ask(describe_tags)["Tags"]}
    assert tagged == {gateway_id: "internet-gateway", table.id: "route-table", acl.id: "network-acl"}


def test_a_gateway_is_not_attached_to_a_network_that_is_not_there(world: Any) -> None:
    gateway_id = world.ask(create_internet_gateway)["InternetGateway"]["InternetGatewayId"]
    with pytest.raises(errors.GatewayNotAttached):
        world.ask(detach_internet_gateway, InternetGatewayId=gateway_id, VpcId="vpc-0123456789abcdef0")
