"""The default VPC that every account has in every region from the start: what it is, and that it is made once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import boto3
import httpx
import pytest
import sqlalchemy as sa
from botocore.config import Config

from api_server import served_here
from sidedoor import errors
from sidedoor.call import Access
from sidedoor.identity.model import Caller, CallerKind, root_arn
from sidedoor.networks.defaults import DefaultVpcs
from sidedoor.networks.internet_gateways import describe_internet_gateways, detach_internet_gateway
from sidedoor.networks.network_acls import describe_network_acls
from sidedoor.networks.places import describe_account_attributes
from sidedoor.networks.route_tables import describe_route_tables
from sidedoor.networks.security_groups import create_security_group, describe_security_groups
from sidedoor.networks.subnets import create_default_subnet, create_subnet, delete_subnet, describe_subnets
from sidedoor.networks.vpcs import create_default_vpc, create_vpc, delete_vpc, describe_vpc_attribute, describe_vpcs

ACCOUNT = "111111111111"
ARN = root_arn(ACCOUNT)
ROOT = Caller(
    account=ACCOUNT, arn=ARN, user_id=ACCOUNT, principal=ARN, kind=CallerKind.ROOT, access_key_id=f"key-of-{ACCOUNT}"
)  # fmt: skip


def access(world: Any, region: str = "us-east-1") -> Access:
    return Access(
        caller=ROOT, region=region, now=world.now, request_id="req-1", entropy=os.urandom, settings=world.settings
    )  # fmt: skip


@pytest.fixture
def vpc(world: Any) -> Any:
    """The account's default VPC, as it is there before the first call."""
    DefaultVpcs(world.store).ensure(access(world))
    (found,) = world.ask(describe_vpcs)["Vpcs"]
    return found


def delete_default_vpc(world: Any, vpc_id: str) -> None:
    """As AWS's console does it, one call after the other."""
    for subnet in world.ask(describe_subnets)["Subnets"]:
        world.ask(delete_subnet, SubnetId=subnet["SubnetId"])
    for gateway in world.ask(describe_internet_gateways)["InternetGateways"]:
        world.ask(detach_internet_gateway, InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc_id)
    world.ask(delete_vpc, VpcId=vpc_id)


def test_the_default_vpc_is_as_on_aws(world: Any, vpc: Any) -> None:
    assert (vpc["CidrBlock"], vpc["IsDefault"]) == ("172.31.0.0/16", True)
    names = world.ask(describe_vpc_attribute, VpcId=vpc["VpcId"], Attribute="enableDnsHostnames")
    assert names["EnableDnsHostnames"] == {"Value": True}
    attributes = world.ask(describe_account_attributes, AttributeNames=["default-vpc"])["AccountAttributes"]
    assert attributes[0]["AttributeValues"] == [{"AttributeValue": vpc["VpcId"]}]


def test_each_zone_has_a_default_subnet(world: Any, vpc: Any) -> None:
    subnets = world.ask(describe_subnets)["Subnets"]
    assert {(one["VpcId"], one["DefaultForAz"], one["MapPublicIpOnLaunch"]) for one in subnets} == {(vpc["VpcId"], True, True)}
    blocks = {one["AvailabilityZone"]: one["CidrBlock"] for one in subnets}
    assert blocks == {f"us-east-1{zone}": f"172.31.{16 * index}.0/20" for index, zone in enumerate("abcdef")}
    assert {one["AvailableIpAddressCount"] for one in subnets} == {4091}


def test_it_has_what_terraform_reads_of_a_vpc(world: Any, vpc: Any) -> None:
    def filters(**wanted: str) -> list[dict[str, Any]]:
        return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in wanted.items()]

    vpc_id = vpc["VpcId"]
    (acl,) = world.ask(describe_network_acls, Filters=filters(default="true", vpc_id=vpc_id))["NetworkAcls"]
    assert len(acl["Associations"]) == 6
    main = [{"Name": "association.main", "Values": ["true"]}]
    (table,) = world.ask(describe_route_tables, Filters=[*main, *filters(vpc_id=vpc_id)])["RouteTables"]
    (group,) = world.ask(describe_security_groups, Filters=filters(group_name="default", vpc_id=vpc_id))["SecurityGroups"]
    (gateway,) = world.ask(describe_internet_gateways)["InternetGateways"]
    assert [(one["DestinationCidrBlock"], one["GatewayId"], one["State"]) for one in table["Routes"]] == [
        ("172.31.0.0/16", "local", "active"),
        ("0.0.0.0/0", gateway["InternetGatewayId"], "active"),
    ]
    assert gateway["Attachments"] == [{"State": "available", "VpcId": vpc_id}]
    assert group["VpcId"] == vpc_id


def test_a_group_without_a_vpc_is_made_in_the_default_one(world: Any, vpc: Any) -> None:
    group_id = world.ask(create_security_group, GroupName="web", Description="web")["GroupId"]
    (group,) = world.ask(describe_security_groups, GroupIds=[group_id])["SecurityGroups"]
    assert group["VpcId"] == vpc["VpcId"]


def test_another_vpc_is_not_the_default_one(world: Any, vpc: Any) -> None:
    other = world.ask(create_vpc, CidrBlock="172.31.0.0/16")["Vpc"]
    assert (other["IsDefault"], vpc["IsDefault"]) == (False, True)
    with pytest.raises(errors.DefaultVpcAlreadyExists):
        world.ask(create_default_vpc)


def test_a_deleted_default_vpc_stays_deleted_until_it_is_asked_for(world: Any, vpc: Any) -> None:
    delete_default_vpc(world, vpc["VpcId"])
    DefaultVpcs(world.store).ensure(access(world))
    assert world.ask(describe_vpcs)["Vpcs"] == []
    with pytest.raises(errors.DefaultVpcDoesNotExist):
        world.ask(create_default_subnet, AvailabilityZone="us-east-1a")
    new = world.ask(create_default_vpc)["Vpc"]
    assert (new["IsDefault"], new["CidrBlock"], new["VpcId"] != vpc["VpcId"]) == (True, "172.31.0.0/16", True)
    assert len(world.ask(describe_subnets)["Subnets"]) == 6


def test_a_zone_gets_its_default_subnet_back_in_the_first_free_block(world: Any, vpc: Any) -> None:
    with pytest.raises(errors.DefaultSubnetAlreadyExists, match="us-east-1b"):
        world.ask(create_default_subnet, AvailabilityZone="us-east-1b")
    lost = {one["AvailabilityZone"]: one for one in world.ask(describe_subnets)["Subnets"]}["us-east-1b"]
    world.ask(delete_subnet, SubnetId=lost["SubnetId"])
    world.ask(create_subnet, VpcId=vpc["VpcId"], CidrBlock="172.31.16.0/24")
    found = world.ask(create_default_subnet, AvailabilityZone="us-east-1b")["Subnet"]
    assert (found["CidrBlock"], found["DefaultForAz"]) == ("172.31.96.0/20", True)
    with pytest.raises(errors.MissingParameter):
        world.ask(create_default_subnet)


def test_a_full_default_vpc_has_no_room_for_a_default_subnet(world: Any, vpc: Any) -> None:
    zone = world.ask(describe_subnets)["Subnets"][0]
    world.ask(delete_subnet, SubnetId=zone["SubnetId"])
    taken = {one["CidrBlock"] for one in world.ask(describe_subnets)["Subnets"]}
    for index in range(16):
        if f"172.31.{16 * index}.0/20" not in taken:
            world.ask(create_subnet, VpcId=vpc["VpcId"], CidrBlock=f"172.31.{16 * index}.0/28")
    with pytest.raises(errors.SubnetConflict):
        world.ask(create_default_subnet, AvailabilityZoneId=zone["AvailabilityZoneId"])


def test_each_region_has_its_own_and_an_unknown_one_has_none(world: Any) -> None:
    defaults = DefaultVpcs(world.store)
    for region in ("us-east-1", "us-west-1", "moon-1"):
        defaults.ensure(access(world, region))
    assert len(world.ask(describe_subnets, region="us-west-1")["Subnets"]) == 2
    assert world.ask(describe_vpcs, region="moon-1")["Vpcs"] == []


def test_many_first_calls_at_once_make_one(world: Any) -> None:
    processes = [DefaultVpcs(world.store) for _ in range(4)]
    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda number: processes[number % 4].ensure(access(world)), range(32)))
    assert len(world.ask(describe_vpcs)["Vpcs"]) == 1
    assert len(world.ask(describe_subnets)["Subnets"]) == 6


def test_what_was_seen_once_is_not_asked_again(world: Any) -> None:
    transactions: list[object] = []
    defaults = DefaultVpcs(world.store)
    defaults.ensure(access(world))
    sa.event.listen(world.store.engine, "checkout", lambda *seen: transactions.append(seen))
    defaults.ensure(access(world))
    assert transactions == []
    DefaultVpcs(world.store).ensure(access(world))
    assert transactions


# --- in the control plane -----------------------------------------------------------------------------------------


@contextmanager
def client(endpoint: str, service: str, account: str = ACCOUNT) -> Iterator[Any]:
    made = boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    with closing(made):
        yield made


def vpcs_of(endpoint: str, account: str = ACCOUNT) -> Any:
    with client(endpoint, "ec2", account) as ec2:
        return ec2.describe_vpcs()["Vpcs"]


def test_the_first_call_to_ec2_sees_it_and_a_restart_changes_nothing(world: Any) -> None:
    with served_here(world.store) as endpoint:
        with client(endpoint, "sts") as sts:
            sts.get_caller_identity()
        with world.store.read() as tables:
            assert tables.vpcs.where() == []
        (vpc,) = vpcs_of(endpoint)
        (other,) = vpcs_of(endpoint, "222222222222")
    assert vpc["IsDefault"]
    assert (vpc["OwnerId"], other["OwnerId"]) == (ACCOUNT, "222222222222")
    with served_here(world.store) as endpoint:
        assert vpcs_of(endpoint) == [vpc]


def test_a_reset_begins_anew(world: Any) -> None:
    with served_here(world.store) as endpoint:
        (before,) = vpcs_of(endpoint)
        assert httpx.post(f"{endpoint}/_sidedoor/reset").status_code == 200
        (after,) = vpcs_of(endpoint)
    assert after["VpcId"] != before["VpcId"]


def test_terraform_reads_of_it_over_the_wire(world: Any) -> None:
    with served_here(world.store) as endpoint, client(endpoint, "ec2") as ec2:
        vpc_id = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
        own = {"Name": "vpc-id", "Values": [vpc_id]}
        (acl,) = ec2.describe_network_acls(Filters=[{"Name": "default", "Values": ["true"]}, own])["NetworkAcls"]
        (table,) = ec2.describe_route_tables(Filters=[{"Name": "association.main", "Values": ["true"]}, own])["RouteTables"]
        (group,) = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["default"]}, own])["SecurityGroups"]
    assert {entry["RuleNumber"] for entry in acl["Entries"]} == {100, 32767}
    assert [association["Main"] for association in table["Associations"]] == [True]
    assert group["GroupName"] == "default"
