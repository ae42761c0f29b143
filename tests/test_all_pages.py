"""Pages of every operation in the table that has them: whole, sealed, and good after inserts and a restart."""

from __future__ import annotations

import base64
import copy
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import one_of_everything as everything
from api_client import botocore_model
from privatelink_site import Asker
from sidedoor import errors
from sidedoor.api import OPERATIONS
from sidedoor.app.control_plane import ControlPlane
from sidedoor.call import Settings
from sidedoor.store.engine import Store
from world import World

ACCOUNT, OTHER = "111111111111", "222222222222"
TOKENS = {"NextToken": ("NextToken",), "Marker": ("NextMarker", "Marker")}
SIZES = ("MaxResults", "MaxItems", "PageSize")
SMALL = {"MaxResults": 5, "MaxItems": 2, "PageSize": 2, None: None}
SNS_PAGE = 100


def _paging() -> Iterator[tuple[str, str]]:
    for service, operations in OPERATIONS.items():
        for operation in operations:
            shape = botocore_model(service, operation).input_shape
            if shape is not None and any(name in shape.members for name in TOKENS):
                yield service, operation


PAGING = list(_paging())


def members(service: str, operation: str) -> tuple[str, str | None]:
    """(the parameter with the token, the one with the size)."""
    shape = botocore_model(service, operation).input_shape
    token = next(name for name in TOKENS if name in shape.members)
    return token, next((name for name in SIZES if name in shape.members), None)


def answered_token(operation: str, token: str, answer: dict[str, Any]) -> str | None:
    return next((answer[name] for name in TOKENS[token] if answer.get(name)), None)


class Pages:
    def __init__(self, world: Asker, have: dict[str, str]) -> None:
        self.world, self.have = world, have

    def request(self, service: str, operation: str) -> dict[str, Any]:
        shape = botocore_model(service, operation).input_shape
        return everything.request_for(service, operation, shape, self.have)

    def ask(self, service: str, operation: str, *, account: str = ACCOUNT, **more: Any) -> dict[str, Any]:
        request = {**self.request(service, operation), **more}
        return self.world.ask(OPERATIONS[service][operation], account=account, **request)

    def all(self, service: str, operation: str, between: Callable[[], None] = lambda: None) -> list[list[Any]]:
        """The items of each page, with something done between any two."""
        token_name, size_name = members(service, operation)
        size = {size_name: SMALL[size_name]} if size_name else {}
        pages, token = [], {}
        while True:
            answer = self.ask(service, operation, **size, **token)
            pages.append(items(service, operation, answer))
            following = answered_token(operation, token_name, answer)
            if following is None:
                return pages
            assert len(pages) < 300
            token = {token_name: following}
            between()


def items(service: str, operation: str, answer: dict[str, Any]) -> list[Any]:
    """The list in the answer that is paged: its longest."""
    lists = [value for name, value in answer.items() if isinstance(value, list) and name != "ServiceNames"]
    return max(lists, key=len, default=[])


@dataclass(frozen=True)
class Standing:
    """A database in which the account has one of everything, closed, to be copied. ``world``: as it was at the end."""

    database: Path
    world: World
    have: dict[str, str]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Standing:
    database = Path(shutil.copyfile(migrated, tmp_path_factory.mktemp("standing") / "sidedoor.db"))
    with closing(Store(f"sqlite:///{database}")) as store:
        world = World(store)

        def ask(service: str, operation: str, /, **request: Any) -> dict[str, Any]:
            return world.ask(OPERATIONS[service][operation], account=ACCOUNT, **request)

        return Standing(database, world, everything.make(ask, ACCOUNT, "a"))


@pytest.fixture
def pages(standing: Standing, tmp_path: Path) -> Iterator[Pages]:
    database = shutil.copyfile(standing.database, tmp_path / "sidedoor.db")
    with closing(Store(f"sqlite:///{database}")) as store:
        world = World(store, now=standing.world.now, random=copy.deepcopy(standing.world.random))
        yield Pages(world, standing.have)


MORE: dict[str, Callable[[Pages, int], Any]] = {
    "DescribeVpcs": lambda pages, n: pages.ask("ec2", "CreateVpc"),
    "DescribeSubnets": lambda pages, n: pages.ask("ec2", "CreateSubnet", CidrBlock=f"10.0.{128 + n}.0/24"),
    "DescribeSecurityGroups": lambda pages, n: pages.ask("ec2", "CreateSecurityGroup", GroupName=f"g{n}"),
    "DescribeSecurityGroupRules": lambda pages, n: pages.ask(
        "ec2", "AuthorizeSecurityGroupIngress",
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1000 + n, "ToPort": 1000 + n, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
    ),
    "DescribeInternetGateways": lambda pages, n: pages.ask("ec2", "CreateInternetGateway"),
    "DescribeNetworkAcls": lambda pages, n: pages.ask("ec2", "CreateNetworkAcl"),
    "DescribeRouteTables": lambda pages, n: pages.ask("ec2", "CreateRouteTable"),
    "DescribeNetworkInterfaces": lambda pages, n: pages.ask("ec2", "CreateNetworkInterface"),
    "DescribeInstances": lambda pages, n: pages.ask("ec2", "RunInstances"),
    "DescribeInstanceStatus": lambda pages, n: pages.ask("ec2", "RunInstances"),
    "DescribeTags": lambda pages, n: pages.ask("ec2", "CreateTags", Tags=[{"Key": f"k{n}", "Value": "v"}]),
    "DescribeVpcEndpoints": lambda pages, n: pages.ask("ec2", "CreateVpcEndpoint"),
    "DescribeVpcEndpointConnections": lambda pages, n: pages.ask("ec2", "CreateVpcEndpoint"),
    "DescribeVpcEndpointConnectionNotifications": lambda pages, n: pages.ask("ec2", "CreateVpcEndpointConnectionNotification"),
    "DescribeVpcEndpointServicePermissions": lambda pages, n: pages.ask(
        "ec2", "ModifyVpcEndpointServicePermissions", AddAllowedPrincipals=[f"arn:aws:iam::{n:012}:root"]
    ),
    "DescribeVpcEndpointServiceConfigurations": lambda pages, n: _service(pages, n),
    "DescribeVpcEndpointServices": lambda pages, n: _service(pages, n),
    "DescribeLoadBalancers": lambda pages, n: pages.ask("elbv2", "CreateLoadBalancer", Name=f"lb-{n}"),
    "DescribeTargetGroups": lambda pages, n: pages.ask("elbv2", "CreateTargetGroup", Name=f"tg-{n}"),
    "ListUsers": lambda pages, n: pages.ask("iam", "CreateUser", UserName=f"u{n}"),
    "ListRoles": lambda pages, n: pages.ask("iam", "CreateRole", RoleName=f"r{n}"),
    "ListInstanceProfiles": lambda pages, n: pages.ask("iam", "CreateInstanceProfile", InstanceProfileName=f"p{n}"),
    "ListPolicies": lambda pages, n: pages.ask("iam", "CreatePolicy", PolicyName=f"p{n}"),
    "ListRolePolicies": lambda pages, n: pages.ask("iam", "PutRolePolicy", PolicyName=f"p{n}"),
    "ListUserPolicies": lambda pages, n: pages.ask("iam", "PutUserPolicy", PolicyName=f"p{n}"),
    "ListRoleTags": lambda pages, n: pages.ask("iam", "TagRole", Tags=[{"Key": f"k{n}", "Value": "v"}]),
    "ListUserTags": lambda pages, n: pages.ask("iam", "TagUser", Tags=[{"Key": f"k{n}", "Value": "v"}]),
    "ListTopics": lambda pages, n: pages.ask("sns", "CreateTopic", Name=f"t{n}"),
    "ListSubscriptions": lambda pages, n: pages.ask("sns", "Subscribe", Endpoint=f"u{n}@example.com"),
    "ListSubscriptionsByTopic": lambda pages, n: pages.ask("sns", "Subscribe", Endpoint=f"u{n}@example.com"),
    "LookupEvents": lambda pages, n: pages.ask("ec2", "CreateVpcEndpoint"),
}  # fmt: skip
"""Operation -> how another item comes into its list."""


def _service(pages: Pages, number: int) -> None:
    balancer = pages.ask("elbv2", "CreateLoadBalancer", Name=f"lb-{number}")["LoadBalancers"][0]["LoadBalancerArn"]
    pages.ask("ec2", "CreateVpcEndpointServiceConfiguration", NetworkLoadBalancerArns=[balancer])


def fill(pages: Pages, service: str, operation: str) -> int:
    """More than one page. Returns how many were added."""
    count = SNS_PAGE if service == "sns" else 7
    for number in range(count):
        MORE[operation](pages, number)
    return count


each_that_can_grow = pytest.mark.parametrize(("service", "operation"), [one for one in PAGING if one[1] in MORE])


@each_that_can_grow
def test_the_pages_together_are_everything_whatever_comes_between_them(service: str, operation: str, pages: Pages) -> None:
    """What is there from the first page to the last is shown once, and what comes between two pages at most once."""
    count = fill(pages, service, operation)
    whole = items(service, operation, pages.ask(service, operation))
    first = [one for page in pages.all(service, operation) for one in page]
    if service != "sns":
        assert first == whole
    numbers = iter(range(count, count + 10))
    shown = [
        one for page in pages.all(service, operation, lambda: MORE[operation](pages, next(numbers))) for one in page
    ]  # fmt: skip
    assert [one for one in shown if one in first] == first
    assert all(shown.count(one) == 1 for one in shown)


@each_that_can_grow
def test_a_token_is_sealed_and_outlives_a_restart(service: str, operation: str, pages: Pages) -> None:
    fill(pages, service, operation)
    token_name, size_name = members(service, operation)
    size = {size_name: SMALL[size_name]} if size_name else {}
    world = pages.world
    with closing(Store(str(world.store.engine.url))) as store:
        secret = ControlPlane(store, dev=True)._settings.paging_secret
    world.settings = Settings(paging_secret=secret)
    token = answered_token(operation, token_name, pages.ask(service, operation, **size))
    assert token is not None
    second = items(service, operation, pages.ask(service, operation, **size, **{token_name: token}))
    assert second
    for position in range(0, len(token), 7):
        forged = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
        refused(pages, service, operation, token_name, forged)
    for forged in (
        token[:-1],
        token + "A",
        token + "=",
        token[4:],
        "x",
        base64.urlsafe_b64encode(b"0" * 40).decode(),
        " " + token,
    ):
        refused(pages, service, operation, token_name, forged)
    with closing(Store(str(world.store.engine.url))) as store:
        world.settings = Settings(paging_secret=ControlPlane(store, dev=True)._settings.paging_secret)
    assert items(service, operation, pages.ask(service, operation, **size, **{token_name: token})) == second


@pytest.mark.parametrize(("service", "operation"), PAGING)
def test_a_token_that_is_none_is_refused_by_every_operation_that_has_pages(service: str, operation: str, pages: Pages) -> None:
    refused(pages, service, operation, members(service, operation)[0], "bm9uZSBvZiBvdXJz")


def refused(pages: Pages, service: str, operation: str, token_name: str, token: str) -> None:
    with pytest.raises(errors.ApiError) as caught:
        pages.ask(service, operation, **{token_name: token})
    codes = {
        "ec2": "InvalidNextToken", "elbv2": "ValidationError", "iam": "ValidationError", "sns": "InvalidParameter",
        "cloudtrail": "InvalidNextTokenException",
    }  # fmt: skip
    code = {"GetMetricData": "InvalidNextToken", "ListMetrics": "InvalidParameterValue"}.get(operation) or codes[service]
    assert (caught.value.code, caught.value.status) == (code, 400)
