"""The pages of the EC2 operations: their size, their order, their tokens."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from sidedoor import errors
from sidedoor.api import OPERATIONS
from sidedoor.endpoints.operations import describe_vpc_endpoints
from sidedoor.networks.prefix_lists import describe_managed_prefix_lists
from sidedoor.networks.route_tables import describe_route_tables
from sidedoor.networks.vpcs import create_vpc, delete_vpc, describe_vpcs
from sidedoor.paging import BOUNDS


def ids(answer: dict[str, Any]) -> list[str]:
    return [vpc["VpcId"] for vpc in answer["Vpcs"]]


@pytest.fixture
def vpc_ids(world: Any) -> list[str]:
    return [world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"] for _ in range(12)]


@pytest.mark.parametrize("size", [-1, 0, 4])
def test_a_page_of_fewer_than_five_is_refused(world: Any, size: int) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="maxResults"):
        world.ask(describe_vpcs, MaxResults=size)


def bounds_of_the_models() -> dict[str, tuple[int, int]]:
    """Operation -> the bounds of its MaxResults, of those operations of ours whose model has any."""
    model = botocore.session.get_session().get_service_model("ec2")
    found: dict[str, tuple[int, int]] = {}
    for name in OPERATIONS["ec2"]:
        shape = model.operation_model(name).input_shape
        limits = shape.members["MaxResults"].metadata if "MaxResults" in shape.members else {}
        if "max" in limits:
            found[name] = (limits["min"], limits["max"])
    return found


def test_each_operation_has_the_bounds_of_its_own_model() -> None:
    assert bounds_of_the_models() == BOUNDS


@pytest.mark.parametrize(("operation", "fewest", "most"), [
    (describe_managed_prefix_lists, 1, 100), (describe_route_tables, 5, 100), (describe_vpcs, 5, 1000),
])  # fmt: skip
def test_a_size_out_of_the_bounds_is_an_error_and_one_at_them_is_none(
    world: Any, operation: Any, fewest: int, most: int
) -> None:
    for size in (fewest, most):
        world.ask(operation, MaxResults=size)
    for size, wanted in ((fewest - 1, f"greater than or equal to {fewest}"), (most + 1, f"less than or equal to {most}")):
        with pytest.raises(errors.InvalidParameterValue, match=rf"Value \( {size} \) for parameter maxResults .* {wanted}"):
            world.ask(operation, MaxResults=size)


def test_an_operation_without_bounds_of_its_own_gives_a_larger_request_the_largest_page(world: Any) -> None:
    assert world.ask(describe_vpc_endpoints, MaxResults=100_000)["VpcEndpoints"] == []


def test_a_page_larger_than_there_is_is_everything(world: Any, vpc_ids: list[str]) -> None:
    answer = world.ask(describe_vpcs, MaxResults=1000)
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
