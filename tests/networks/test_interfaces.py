"""Network interfaces: those of workloads, and those that endpoints and load balancers hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.interfaces import (
    create_network_interface,
    delete_network_interface,
    describe_network_interfaces,
    modify_network_interface_attribute,
)
from sidedoor.networks.model import Interface, InterfaceKind
from sidedoor.networks.security_groups import create_security_group, describe_security_groups
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc

PROVIDER, CONSUMER = "111111111111", "222222222222"


@pytest.fixture
def vpc_id(world: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def subnet(world: Any, vpc_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]
    return found


def new_interface(world: Any, subnet: dict[str, Any], **more: Any) -> dict[str, Any]:
    interface: dict[str, Any] = world.ask(create_network_interface, SubnetId=subnet["SubnetId"], **more)["NetworkInterface"]
    return interface


def managed_interface(world: Any, subnet: dict[str, Any], kind: InterfaceKind, address: str) -> str:
    """What an endpoint or a load balancer makes for itself."""
    with world.store.write() as tables:
        return str(
            tables.interfaces.add(
                Interface(
                    id=f"eni-{kind.value}", account=PROVIDER, region="us-east-1", vpc_id=subnet["VpcId"],
                    subnet_id=subnet["SubnetId"], zone_id=subnet["AvailabilityZoneId"], address=address,
                    mac="0a:00:00:00:00:01", kind=kind, created=datetime(2026, 2, 1, tzinfo=UTC), description="held",
                    holder="vpce-1",
                )
            ).id
        )  # fmt: skip


def test_an_interface_has_the_lowest_free_address_and_the_default_group(world: Any, subnet: dict[str, Any]) -> None:
    interface = new_interface(world, subnet, Description="a workload")
    (default,) = world.ask(describe_security_groups)["SecurityGroups"]
    assert interface["PrivateIpAddress"] == "10.0.1.4"
    assert interface["PrivateIpAddresses"] == [{"Primary": True, "PrivateIpAddress": "10.0.1.4"}]
    assert interface["Groups"] == [{"GroupId": default["GroupId"], "GroupName": "default"}]
    assert (interface["InterfaceType"], interface["Status"]) == ("interface", "available")
    assert (interface["RequesterManaged"], interface["Description"]) == (False, "a workload")
    assert (interface["VpcId"], interface["AvailabilityZone"]) == (subnet["VpcId"], subnet["AvailabilityZone"])
    assert "Attachment" not in interface
    assert world.ask(describe_network_interfaces)["NetworkInterfaces"] == [interface]


def test_an_address_can_be_chosen_in_either_form(world: Any, subnet: dict[str, Any]) -> None:
    assert new_interface(world, subnet, PrivateIpAddress="10.0.1.9")["PrivateIpAddress"] == "10.0.1.9"
    primary = [{"Primary": True, "PrivateIpAddress": "10.0.1.10"}]
    assert new_interface(world, subnet, PrivateIpAddresses=primary)["PrivateIpAddress"] == "10.0.1.10"
    with pytest.raises(errors.AddressInUse):
        new_interface(world, subnet, PrivateIpAddress="10.0.1.9")


@pytest.mark.parametrize("address", ["10.0.2.9", "10.0.1.0", "10.0.1.3", "10.0.1.255", "x", "fd00::1"])
def test_an_address_that_the_subnet_cannot_give_is_refused(world: Any, subnet: dict[str, Any], address: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match=address):
        new_interface(world, subnet, PrivateIpAddress=address)


def test_two_primary_addresses_contradict_each_other(world: Any, subnet: dict[str, Any]) -> None:
    primary = [{"Primary": True, "PrivateIpAddress": "10.0.1.10"}]
    with pytest.raises(errors.InvalidParameterCombination):
        new_interface(world, subnet, PrivateIpAddress="10.0.1.9", PrivateIpAddresses=primary)


@pytest.mark.parametrize(
    "asked",
    [
        {"Ipv6AddressCount": 1},
        {"Ipv4PrefixCount": 1},
        {"InterfaceType": "efa"},
    ],
)
def test_what_an_interface_cannot_have_is_refused(world: Any, subnet: dict[str, Any], asked: dict[str, Any]) -> None:
    with pytest.raises(errors.UnsupportedOperation):
        new_interface(world, subnet, **asked)


def test_a_full_subnet_says_so(world: Any, vpc_id: str) -> None:
    small = world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.2.0/28")["Subnet"]
    for _ in range(11):
        new_interface(world, small)
    with pytest.raises(errors.InsufficientFreeAddresses):
        new_interface(world, small)


def test_groups_are_of_the_same_vpc(world: Any, vpc_id: str, subnet: dict[str, Any]) -> None:
    near = world.ask(create_security_group, VpcId=vpc_id, GroupName="near", Description="near")["GroupId"]
    other_vpc = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    far = world.ask(create_security_group, VpcId=other_vpc, GroupName="far", Description="far")["GroupId"]
    assert new_interface(world, subnet, Groups=[near, near])["Groups"] == [{"GroupId": near, "GroupName": "near"}]
    with pytest.raises(errors.DifferentNetworks, match=far):
        new_interface(world, subnet, Groups=[far])
    with pytest.raises(errors.GroupNotFound):
        new_interface(world, subnet, Groups=["sg-12345678"])


def test_the_same_client_token_makes_one_interface(world: Any, subnet: dict[str, Any]) -> None:
    first = world.ask(create_network_interface, SubnetId=subnet["SubnetId"], ClientToken="once")
    again = world.ask(create_network_interface, SubnetId=subnet["SubnetId"], ClientToken="once")
    assert first == again
    assert first["ClientToken"] == "once"
    assert len(world.ask(describe_network_interfaces)["NetworkInterfaces"]) == 1
    with pytest.raises(errors.IdempotentParameterMismatch):
        new_interface(world, subnet, ClientToken="once", Description="other")


def test_description_and_groups_can_be_changed(world: Any, vpc_id: str, subnet: dict[str, Any]) -> None:
    interface_id = new_interface(world, subnet)["NetworkInterfaceId"]
    group = world.ask(create_security_group, VpcId=vpc_id, GroupName="near", Description="near")["GroupId"]
    changes = {"Description": {"Value": "new"}, "Groups": [group], "SourceDestCheck": {"Value": True}}
    world.ask(modify_network_interface_attribute, NetworkInterfaceId=interface_id, **changes)
    (interface,) = world.ask(describe_network_interfaces)["NetworkInterfaces"]
    assert (interface["Description"], interface["Groups"][0]["GroupId"]) == ("new", group)
    for refused in ({"SourceDestCheck": {"Value": False}}, {"EnablePrimaryIpv6": True}):
        with pytest.raises(errors.UnsupportedOperation):
            world.ask(modify_network_interface_attribute, NetworkInterfaceId=interface_id, **refused)


def test_a_deleted_interface_gives_its_address_back(world: Any, subnet: dict[str, Any]) -> None:
    interface = new_interface(world, subnet)
    world.ask(delete_network_interface, NetworkInterfaceId=interface["NetworkInterfaceId"])
    with pytest.raises(errors.InterfaceNotFound):
        world.ask(delete_network_interface, NetworkInterfaceId=interface["NetworkInterfaceId"])
    assert new_interface(world, subnet)["PrivateIpAddress"] == interface["PrivateIpAddress"]


def test_another_accounts_interface_does_not_exist(world: Any, subnet: dict[str, Any]) -> None:
    interface_id = new_interface(world, subnet)["NetworkInterfaceId"]
    assert world.ask(describe_network_interfaces, account=CONSUMER)["NetworkInterfaces"] == []
    for operation in (delete_network_interface, modify_network_interface_attribute):
        with pytest.raises(errors.InterfaceNotFound):
            world.ask(operation, account=CONSUMER, NetworkInterfaceId=interface_id)
    with pytest.raises(errors.InterfaceIdMalformed):
        world.ask(delete_network_interface, NetworkInterfaceId="vpce-12345678")


@pytest.mark.parametrize("kind", [InterfaceKind.ENDPOINT, InterfaceKind.LOAD_BALANCER_NODE])
def test_a_managed_interface_is_shown_as_attached_and_cannot_be_touched(
    world: Any, subnet: dict[str, Any], kind: InterfaceKind
) -> None:
    interface_id = managed_interface(world, subnet, kind, "10.0.1.20")
    (interface,) = world.ask(describe_network_interfaces)["NetworkInterfaces"]
    assert (interface["InterfaceType"], interface["RequesterManaged"], interface["Status"]) == (kind.value, True, "in-use")
    assert interface["Attachment"]["InstanceOwnerId"] == "amazon-aws"
    for operation in (delete_network_interface, modify_network_interface_attribute):
        with pytest.raises(errors.OperationNotPermitted, match="vpce-1"):
            world.ask(operation, NetworkInterfaceId=interface_id)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("interface-type", "interface", {"interface"}),
        ("interface-type", "vpc_endpoint", {"vpc_endpoint"}),
        ("requester-managed", "true", {"vpc_endpoint"}),
        ("requester-id", "amazon-aws", {"vpc_endpoint"}),
        ("attachment.instance-owner-id", "amazon-*", {"vpc_endpoint"}),
        ("attachment.status", "attached", {"vpc_endpoint"}),
        ("attachment.instance-id", "*", set()),
        ("status", "in-use", {"vpc_endpoint"}),
        ("status", "available", {"interface"}),
        ("private-ip-address", "10.0.1.4", {"interface"}),
        ("addresses.private-ip-address", "10.0.1.*", {"interface", "vpc_endpoint"}),
        ("availability-zone", "us-east-1a", {"interface", "vpc_endpoint"}),
        ("group-name", "default", {"interface"}),
        ("description", "held", {"vpc_endpoint"}),
        ("association.public-ip", "*", set()),
        ("mac-address", "0a:00:00:00:00:01", {"vpc_endpoint"}),
        ("tag:a", "b", {"interface"}),
    ],
)
def test_interfaces_can_be_filtered(world: Any, subnet: dict[str, Any], name: str, value: str, found: set[str]) -> None:
    tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "a", "Value": "b"}]}]
    new_interface(world, subnet, TagSpecifications=tags)
    managed_interface(world, subnet, InterfaceKind.ENDPOINT, "10.0.1.20")
    filters = [{"Name": name, "Values": [value]}, {"Name": "subnet-id", "Values": [subnet["SubnetId"]]}]
    interfaces = world.ask(describe_network_interfaces, Filters=filters)["NetworkInterfaces"]
    assert {interface["InterfaceType"] for interface in interfaces} == found


def test_pages_of_interfaces_follow_each_other(world: Any, subnet: dict[str, Any]) -> None:
    ids = [new_interface(world, subnet)["NetworkInterfaceId"] for _ in range(6)]
    first = world.ask(describe_network_interfaces, MaxResults=5)
    second = world.ask(describe_network_interfaces, MaxResults=5, NextToken=first["NextToken"])
    shown = first["NetworkInterfaces"] + second["NetworkInterfaces"]
    assert [interface["NetworkInterfaceId"] for interface in shown] == ids
