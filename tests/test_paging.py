"""The pages of the EC2 operations: their size, their order, their tokens."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.vpcs import create_vpc, delete_vpc, describe_vpcs


def ids(answer: dict[str, Any]) -> list[str]:
    return [vpc["VpcId"] for vpc in answer["Vpcs"]]


@pytest.fixture
def vpc_ids(world: Any) -> list[str]:
    return [world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(12)]


@pytest.mark.parametrize("size", [-1, 0, 4])
def test_a_page_of_fewer_than_five_is_refused(world: Any, size: int) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="MaxResults"):
        world.ask(describe_vpcs, MaxResults=size)


def test_a_page_larger_than_there_is_is_everything(world: Any, vpc_ids: list[str]) -> None:
    answer = world.ask(describe_vpcs, MaxResults=100_000)
    assert (ids(answer), answer["NextToken"]) == (vpc_ids, None)


def test_an_item_that_goes_between_two_pages_hides_no_other(world: Any, vpc_ids: list[str]) -> None:
    first = world.ask(describe_vpcs, MaxResults=5)
    world.ask(delete_vpc, VpcId=vpc_ids[4])
    world.ask(delete_vpc, VpcId=vpc_ids[0])
    second = world.ask(describe_vpcs, MaxResults=5, NextToken=first["NextToken"])
    third = world.ask(describe_vpcs, MaxResults=5, NextToken=second["NextToken"])
    assert ids(first) + ids(second) + ids(third) == vpc_ids
    assert third["NextToken"] is None


def test_a_token_is_good_for_its_account_region_and_operation_only(world: Any, vpc_ids: list[str]) -> None:
    token = world.ask(describe_vpcs, MaxResults=5)["NextToken"]
    for elsewhere in ({"account": "222222222222"}, {"region": "eu-west-1"}):
        with pytest.raises(errors.InvalidNextToken):
            world.ask(describe_vpcs, NextToken=token, **elsewhere)
    with pytest.raises(errors.InvalidNextToken):
        world.ask(describe_vpcs, NextToken="forged")
