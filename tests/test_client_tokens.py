"""ClientToken, for every operation that takes one: a request that is repeated does its work once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from api_client import ApiClient, botocore_model
from api_server import served_here
from privatelink_site import CONSUMER, PROVIDER, Asker, Site
from sidedoor import errors
from sidedoor.api import OPERATIONS
from sidedoor.call import OLD_TOKENS_AT_ONCE, TOKEN_LIFE
from sidedoor.store.engine import Store
from store_dump import differences, dump

TOPIC = f"arn:aws:sns:us-east-1:{CONSUMER}:news"
NFN = "CreateVpcEndpointConnectionNotification"


def _interface_endpoint(site: Site) -> dict[str, Any]:
    service = site.open_service()
    return {
        "VpcEndpointType": "Interface", "VpcId": site.vpc(), "ServiceName": service["ServiceName"],
        "SubnetIds": [site.subnet()],
    }  # fmt: skip


def _notification(site: Site) -> dict[str, Any]:
    endpoint = site.endpoint(site.open_service())
    return {"VpcEndpointId": endpoint["VpcEndpointId"], "ConnectionNotificationArn": TOPIC, "ConnectionEvents": ["Accept"]}


def _service(site: Site) -> dict[str, Any]:
    return {"NetworkLoadBalancerArns": [_balancer_of_consumer(site)], "AcceptanceRequired": True}


def _balancer_of_consumer(site: Site) -> str:
    request = {"Name": "own", "Type": "network", "Scheme": "internal", "Subnets": [site.subnet()]}
    create = OPERATIONS["elbv2"]["CreateLoadBalancer"]
    return site.ask(create, account=CONSUMER, **request)["LoadBalancers"][0]["LoadBalancerArn"]


Ask = Callable[..., dict[str, Any]]


class Case:
    """An operation: its request, its change, the id in its answer, and how what it made is deleted."""

    def __init__(
        self, request: Callable[[Site], dict[str, Any]], other: dict[str, Any], made: Callable[[dict[str, Any]], str],
        delete: Callable[[Ask, str], object], gone: str,
    ) -> None:  # fmt: skip
        self.request, self.other, self.made, self.delete, self.gone = request, other, made, delete, gone


CASES = {
    "CreateVpcEndpoint": Case(
        _interface_endpoint, {"PrivateDnsEnabled": False}, lambda answer: answer["VpcEndpoint"]["VpcEndpointId"],
        lambda ask, made: ask("DeleteVpcEndpoints", VpcEndpointIds=[made]), "InvalidVpcEndpointId.NotFound",
    ),
    "CreateVpcEndpointServiceConfiguration": Case(
        _service, {"AcceptanceRequired": False}, lambda answer: answer["ServiceConfiguration"]["ServiceId"],
        lambda ask, made: ask("DeleteVpcEndpointServiceConfigurations", ServiceIds=[made]),
        "InvalidVpcEndpointServiceId.NotFound",
    ),
    NFN: Case(
        _notification, {"ConnectionEvents": ["Reject"]},
        lambda answer: answer["ConnectionNotification"]["ConnectionNotificationId"],
        lambda ask, made: ask("DeleteVpcEndpointConnectionNotifications", ConnectionNotificationIds=[made]),
        "InvalidConnectionNotification",
    ),
    "CreateNetworkInterface": Case(
        lambda site: {"SubnetId": site.subnet()}, {"Description": "x"},
        lambda answer: answer["NetworkInterface"]["NetworkInterfaceId"],
        lambda ask, made: ask("DeleteNetworkInterface", NetworkInterfaceId=made), "InvalidNetworkInterfaceID.NotFound",
    ),
    "CreateRouteTable": Case(
        lambda site: {"VpcId": site.vpc()}, {"TagSpecifications": [{"ResourceType": "route-table", "Tags": []}]},
        lambda answer: answer["RouteTable"]["RouteTableId"],
        lambda ask, made: ask("DeleteRouteTable", RouteTableId=made), "InvalidRouteTableID.NotFound",
    ),
    "CreateNetworkAcl": Case(
        lambda site: {"VpcId": site.vpc()}, {"TagSpecifications": [{"ResourceType": "network-acl", "Tags": []}]},
        lambda answer: answer["NetworkAcl"]["NetworkAclId"],
        lambda ask, made: ask("DeleteNetworkAcl", NetworkAclId=made), "InvalidNetworkAclID.NotFound",
    ),
    "CreateManagedPrefixList": Case(
        lambda site: {"PrefixListName": "known", "MaxEntries": 3, "AddressFamily": "IPv4"}, {"MaxEntries": 4},
        lambda answer: answer["PrefixList"]["PrefixListId"],
        lambda ask, made: ask("DeleteManagedPrefixList", PrefixListId=made), "InvalidPrefixListID.NotFound",
    ),
    "RunInstances": Case(
        lambda site: {"ImageId": "ami-0123456789abcdef0", "MinCount": 2, "MaxCount": 2, "SubnetId": site.subnet()},
        {"MaxCount": 3},
        lambda answer: answer["ReservationId"], lambda ask, made: None, "",
    ),
}  # fmt: skip


@pytest.fixture
def site(world: Asker) -> Site:
    return Site(world)


def call(world: Asker, operation: str, *, account: str = CONSUMER, **request: Any) -> dict[str, Any]:
    return world.ask(OPERATIONS["ec2"][operation], account=account, **request)


each_operation = pytest.mark.parametrize("operation", sorted(CASES))


def test_every_operation_of_the_table_that_takes_a_client_token_is_tested_here() -> None:
    taking = {
        name
        for service, operations in OPERATIONS.items()
        for name in operations
        if (shape := botocore_model(service, name).input_shape) is not None and "ClientToken" in shape.members
    }
    assert taking == set(CASES)


@each_operation
def test_a_repeated_request_answers_with_the_first_ones_resource_and_writes_nothing(operation: str, site: Site) -> None:
    case, world = CASES[operation], site.world
    request = case.request(site)
    first = call(world, operation, ClientToken="once", **request)
    before = dump(world.store)
    again = call(world, operation, ClientToken="once", **request)
    assert case.made(again) == case.made(first)
    assert again.get("ClientToken") == first.get("ClientToken")
    assert differences(before, dump(world.store)) == {}
    assert case.made(call(world, operation, ClientToken="twice", **request_again(case, site, request))) != case.made(first)


def request_again(case: Case, site: Site, request: dict[str, Any]) -> dict[str, Any]:
    """A request for another one: a load balancer can only be behind one service."""
    if "NetworkLoadBalancerArns" not in request:
        return request
    create = OPERATIONS["elbv2"]["CreateLoadBalancer"]
    other = {"Name": "second", "Type": "network", "Scheme": "internal", "Subnets": [site.subnet()]}
    arn = site.ask(create, account=CONSUMER, **other)["LoadBalancers"][0]["LoadBalancerArn"]
    return {**request, "NetworkLoadBalancerArns": [arn]}


@each_operation
def test_a_token_with_other_parameters_is_refused(operation: str, site: Site) -> None:
    case, world = CASES[operation], site.world
    request = case.request(site)
    call(world, operation, ClientToken="once", **request)
    before = dump(world.store)
    with pytest.raises(errors.IdempotentParameterMismatch):
        call(world, operation, ClientToken="once", **{**request, **case.other})
    assert differences(before, dump(world.store)) == {}


@each_operation
def test_a_token_is_no_longer_than_ec2_takes(operation: str, site: Site) -> None:
    request = CASES[operation].request(site)
    for token in ("x" * 65, "na\u00efve"):
        with pytest.raises(errors.InvalidParameterValue, match="at most 64 ASCII characters"):
            call(site.world, operation, ClientToken=token, **request)
    call(site.world, operation, ClientToken="x" * 64, **request)


@each_operation
def test_a_token_whose_resource_is_gone_says_so_and_makes_no_other(operation: str, site: Site) -> None:
    case, world = CASES[operation], site.world
    if not case.gone:
        pytest.skip("an instance outlives its termination: see tests/instances")
    request = case.request(site)
    made = case.made(call(world, operation, ClientToken="once", **request))
    case.delete(lambda name, **ids: call(world, name, **ids), made)
    if operation == "CreateVpcEndpoint":
        assert call(world, operation, ClientToken="once", **request)["VpcEndpoint"]["State"] == "deleting"
        site.remove({"VpcEndpointId": made})
    before = dump(world.store)
    with pytest.raises(errors.ApiError) as caught:
        call(world, operation, ClientToken="once", **request)
    assert caught.value.code == case.gone
    assert differences(before, dump(world.store)) == {}


@each_operation
def test_a_dry_run_uses_no_token_up(operation: str, site: Site) -> None:
    case, world = CASES[operation], site.world
    request = case.request(site)
    with pytest.raises(errors.DryRunOperation):
        call(world, operation, ClientToken="once", DryRun=True, **request)
    made = case.made(call(world, operation, ClientToken="once", **request))
    with pytest.raises(errors.DryRunOperation):
        call(world, operation, ClientToken="once", DryRun=True, **request)
    assert case.made(call(world, operation, ClientToken="once", DryRun=False, **request)) == made


def test_a_token_is_of_one_account_region_and_operation(world: Asker) -> None:
    """``us-west-2`` has no VPC, so that what a token of another region would have found is an error here."""
    site = Site(world)
    for account in (CONSUMER, PROVIDER):
        for operation in ("CreateRouteTable", "CreateNetworkAcl"):
            call(world, operation, account=account, ClientToken="once", VpcId=site.vpc(account))
    west = world.ask(OPERATIONS["ec2"]["CreateVpc"], account=CONSUMER, region="us-west-2", CidrBlock="10.0.0.0/16")
    request = {"VpcId": west["Vpc"]["VpcId"], "ClientToken": "once"}
    world.ask(OPERATIONS["ec2"]["CreateRouteTable"], account=CONSUMER, region="us-west-2", **request)
    with world.store.read() as tables:
        assert len({one.resource_id for one in tables.client_tokens.where()}) == 5


# --- at once, and after a restart ----------------------------------------------------------------------------------


@each_operation
def test_sixteen_requests_at_once_with_one_token_make_one_resource(operation: str, site: Site) -> None:
    case, world = CASES[operation], site.world
    request = {**case.request(site), "ClientToken": "once"}
    before = dump(world.store)
    starting = threading.Barrier(16)

    with served_here(world.store) as url:
        with ApiClient(url, CONSUMER) as first:
            first.must("ec2", "DescribeVpcs")

        def client(_: int) -> str:
            with ApiClient(url, CONSUMER) as one:
                starting.wait(30)
                return case.made(one.must("ec2", operation, **request))

        with ThreadPoolExecutor(16) as threads:
            made = set(threads.map(client, range(16)))
    after = dump(world.store)
    assert len(made) == 1
    assert len(after["client_tokens"]) - len(before["client_tokens"]) == 1
    fresh = [one for one in after["events"] if one not in before["events"]]
    assert sorted(one.name for one in fresh) == (["Accept", "Connect"] if operation == "CreateVpcEndpoint" else [])


@each_operation
def test_a_token_outlives_the_server(operation: str, site: Site) -> None:
    case, world = CASES[operation], site.world
    request = {**case.request(site), "ClientToken": "once"}
    made = []
    for _ in range(2):
        url_of_database = str(world.store.engine.url)
        with closing(Store(url_of_database)) as store, served_here(store) as url, ApiClient(url, CONSUMER) as client:
            made.append(case.made(client.must("ec2", operation, **request)))
    assert made[0] == made[1]


# --- how long they are kept ----------------------------------------------------------------------------------------


@each_operation
def test_a_token_is_good_for_a_day(operation: str, site: Site) -> None:
    case, world = CASES[operation], site.world
    request = case.request(site)
    made = case.made(call(world, operation, ClientToken="once", **request))
    world.now += TOKEN_LIFE - timedelta(seconds=2)
    assert case.made(call(world, operation, ClientToken="once", **request)) == made
    world.now += timedelta(seconds=2)
    if operation == "RunInstances":  # as long as the instances stand
        assert case.made(call(world, operation, ClientToken="once", **request)) == made
    else:
        fresh = request_again(case, site, request)
        assert case.made(call(world, operation, ClientToken="once", **fresh)) != made


def test_tokens_that_are_spent_go_with_those_that_come_a_few_at_a_time(world: Asker) -> None:
    site = Site(world)
    vpc_id = site.vpc()
    for number in range(OLD_TOKENS_AT_ONCE + 5):
        call(world, "CreateRouteTable", VpcId=vpc_id, ClientToken=f"old-{number}")
    call(world, "RunInstances", ClientToken="stands", **CASES["RunInstances"].request(site))
    assert tokens(world) == OLD_TOKENS_AT_ONCE + 6
    world.now += TOKEN_LIFE
    call(world, "CreateRouteTable", VpcId=vpc_id)
    assert tokens(world) == OLD_TOKENS_AT_ONCE + 6, "a request without a token has no need to look"
    call(world, "CreateRouteTable", VpcId=vpc_id, ClientToken="new-1")
    assert tokens(world) == 5 + 2
    call(world, "CreateRouteTable", VpcId=vpc_id, ClientToken="new-2")
    assert tokens(world) == 1 + 2
    with world.store.read() as tables:
        kept = {one.id.rpartition("/")[2] for one in tables.client_tokens.where()}
    assert kept == {"stands", "new-1", "new-2"}


def tokens(world: Asker) -> int:
    with world.store.read() as tables:
        return len(tables.client_tokens.where())
