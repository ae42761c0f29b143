"""CreateTags, DeleteTags and DescribeTags over everything that may have tags."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors, tags
from sidedoor.endpoints.model import Endpoint, State
from sidedoor.networks.interfaces import create_network_interface, describe_network_interfaces
from sidedoor.networks.security_groups import create_security_group
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc, describe_vpcs
from sidedoor.services.model import Permission, PrincipalType, Service, ServiceState
from sidedoor.tags import create_tags, delete_tags, describe_tags

PROVIDER, CONSUMER = "111111111111", "222222222222"
OWNED = {"region": "us-east-1"}


@pytest.fixture
def vpc_id(world: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def wire(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def described(world: Any, **request: Any) -> list[tuple[str, str, str, str]]:
    found = world.ask(describe_tags, **request)["Tags"]
    return [(tag["ResourceType"], tag["ResourceId"], tag["Key"], tag["Value"]) for tag in found]


def shared_service(world: Any) -> None:
    """A service of the provider's with a permission, to which the consumer has a connection."""
    with world.store.write() as tables:
        tables.services.add(
            Service(
                id="vpce-svc-0a", account=PROVIDER, load_balancer_ids=(), zone_ids=(), acceptance_required=True,
                state=ServiceState.AVAILABLE, created=world.now, **OWNED,
            )
        )  # fmt: skip
        tables.permissions.add(
            Permission(
                id="vpce-svc-perm-0a", account=PROVIDER, service_id="vpce-svc-0a", principal="*",
                principal_type=PrincipalType.ALL, created=world.now, **OWNED,
            )
        )  # fmt: skip
        tables.endpoints.add(
            Endpoint(
                id="vpce-0a", account=CONSUMER, service_id="vpce-svc-0a", service_region="us-east-1",
                connection_id="vpce-con-0a", vpc_id="vpc-0a", subnet_ids=(), interface_ids=(), group_ids=(),
                state=State.AVAILABLE, created=world.now, dns_suffix="abcdefgh", **OWNED,
            )
        )  # fmt: skip


def test_tags_are_put_over_those_that_are_there(world: Any, vpc_id: str) -> None:
    world.ask(create_tags, Resources=[vpc_id], Tags=wire(a="1", b="2"))
    world.ask(create_tags, Resources=[vpc_id], Tags=wire(b="3"))
    (vpc,) = world.ask(describe_vpcs)["Vpcs"]
    assert vpc["Tags"] == wire(a="1", b="3")


def test_every_kind_of_network_record_takes_tags(world: Any, vpc_id: str) -> None:
    subnet_id = world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group_id = world.ask(create_security_group, VpcId=vpc_id, GroupName="web", Description="web")["GroupId"]
    interface_id = world.ask(create_network_interface, SubnetId=subnet_id)["NetworkInterface"]["NetworkInterfaceId"]
    with world.store.read() as tables:
        rule_id = tables.security_group_rules.where(group_id=group_id)[0].id
    ids = [vpc_id, subnet_id, group_id, rule_id, interface_id]
    world.ask(create_tags, Resources=ids, Tags=wire(a="1"))
    types = ["vpc", "subnet", "security-group", "security-group-rule", "network-interface"]
    assert sorted(described(world)) == sorted((kind, one, "a", "1") for kind, one in zip(types, ids, strict=True))
    assert world.ask(describe_network_interfaces)["NetworkInterfaces"][0]["TagSet"] == wire(a="1")


def test_a_service_and_its_permission_take_tags_from_their_owner_only(world: Any) -> None:
    shared_service(world)
    world.ask(create_tags, Resources=["vpce-svc-0a", "vpce-svc-perm-0a"], Tags=wire(a="1"))
    assert described(world) == [
        ("vpc-endpoint-service", "vpce-svc-0a", "a", "1"),
        ("vpc-endpoint-service-permission", "vpce-svc-perm-0a", "a", "1"),
    ]
    with pytest.raises(errors.ServiceIdNotFound):
        world.ask(create_tags, account=CONSUMER, Resources=["vpce-svc-0a"], Tags=wire(a="1"))
    with pytest.raises(errors.InvalidID):
        world.ask(create_tags, account=CONSUMER, Resources=["vpce-svc-perm-0a"], Tags=wire(a="1"))


def test_an_endpoints_tags_are_the_consumers_and_its_connections_the_providers(world: Any) -> None:
    shared_service(world)
    world.ask(create_tags, account=CONSUMER, Resources=["vpce-0a"], Tags=wire(mine="1"))
    world.ask(create_tags, Resources=["vpce-con-0a"], Tags=wire(theirs="2"))
    assert described(world, account=CONSUMER) == [("vpc-endpoint", "vpce-0a", "mine", "1")]
    assert described(world) == [("vpc-endpoint-connection", "vpce-con-0a", "theirs", "2")]
    with pytest.raises(errors.EndpointIdNotFound):
        world.ask(create_tags, Resources=["vpce-0a"], Tags=wire(a="1"))
    with pytest.raises(errors.InvalidID):
        world.ask(create_tags, account=CONSUMER, Resources=["vpce-con-0a"], Tags=wire(a="1"))


@pytest.mark.parametrize(("prefix", "kind"), tags.TAGGABLE.items())
def test_an_id_that_is_not_there_has_the_error_of_its_kind(world: Any, prefix: str, kind: tags.Taggable) -> None:
    for operation in (create_tags, delete_tags):
        with pytest.raises(kind.not_found, match=f"{prefix}-0123456789abcdef0"):
            world.ask(operation, Resources=[f"{prefix}-0123456789abcdef0"], Tags=wire(a="1"))


@pytest.mark.parametrize("resource_id", ["x", "", "vol-0123456789abcdef0", "vpce-con-0123456789abcdef0", "-"])
def test_an_id_of_no_kind_that_takes_tags_is_invalid(world: Any, resource_id: str) -> None:
    with pytest.raises(errors.InvalidID):
        world.ask(create_tags, Resources=[resource_id], Tags=wire(a="1"))


def test_one_resource_that_is_not_there_leaves_all_as_they_are(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.VpcNotFound):
        world.ask(create_tags, Resources=[vpc_id, "vpc-0123456789abcdef0"], Tags=wire(a="1"))
    assert described(world) == []


def test_another_accounts_resource_takes_no_tags(world: Any, vpc_id: str) -> None:
    for operation in (create_tags, delete_tags):
        with pytest.raises(errors.VpcNotFound):
            world.ask(operation, account=CONSUMER, Resources=[vpc_id], Tags=wire(a="1"))
    assert described(world, account=CONSUMER) == []


def test_limits_hold_for_what_is_there_and_what_comes_together(world: Any, vpc_id: str) -> None:
    world.ask(create_tags, Resources=[vpc_id], Tags=wire(**{f"key{number}": "" for number in range(50)}))
    world.ask(create_tags, Resources=[vpc_id], Tags=wire(key0="again"))
    with pytest.raises(errors.TagLimitExceeded):
        world.ask(create_tags, Resources=[vpc_id], Tags=wire(other="1"))


def test_a_tag_goes_by_key_and_where_given_by_value(world: Any, vpc_id: str) -> None:
    world.ask(create_tags, Resources=[vpc_id], Tags=wire(a="1", b="2", c="3", d=""))
    world.ask(delete_tags, Resources=[vpc_id], Tags=[{"Key": "a"}, {"Key": "b", "Value": "other"}, {"Key": "c", "Value": ""}])
    assert [tag[2] for tag in described(world)] == ["b", "c", "d"]
    world.ask(delete_tags, Resources=[vpc_id], Tags=[{"Key": "d", "Value": ""}, {"Key": "unknown"}])
    assert [tag[2] for tag in described(world)] == ["b", "c"]
    world.ask(delete_tags, Resources=[vpc_id])
    assert described(world) == []


@pytest.mark.parametrize(
    ("name", "value", "keys"),
    [
        ("key", "a", ["a"]),
        ("value", "2*", ["b"]),
        ("resource-type", "vpc", ["a", "b"]),
        ("resource-type", "subnet", []),
        ("resource-id", "vpc-*", ["a", "b"]),
        ("tag:b", "22", ["b"]),
        ("tag-key", "b", ["b"]),
    ],
)
def test_tags_can_be_filtered(world: Any, vpc_id: str, name: str, value: str, keys: list[str]) -> None:
    world.ask(create_tags, Resources=[vpc_id], Tags=wire(a="1", b="22"))
    assert [tag[2] for tag in described(world, Filters=[{"Name": name, "Values": [value]}])] == keys


def test_tags_come_in_pages(world: Any, vpc_id: str) -> None:
    world.ask(create_tags, Resources=[vpc_id], Tags=wire(**{f"key{number:02}": "" for number in range(12)}))
    first = world.ask(describe_tags, MaxResults=5)
    second = world.ask(describe_tags, MaxResults=10, NextToken=first["NextToken"])
    assert [tag["Key"] for tag in first["Tags"] + second["Tags"]] == [f"key{number:02}" for number in range(12)]
    assert second["NextToken"] is None


def test_a_dry_run_tags_nothing(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.DryRunOperation):
        world.ask(create_tags, Resources=[vpc_id], Tags=wire(a="1"), DryRun=True)
    assert described(world) == []
