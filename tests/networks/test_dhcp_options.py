"""Sets of DHCP options: made, chosen for VPCs, found, deleted."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.dhcp_options import (
    associate_dhcp_options,
    create_dhcp_options,
    delete_dhcp_options,
    describe_dhcp_options,
)
from sidedoor.networks.vpcs import create_vpc, describe_vpcs
from sidedoor.tags import create_tags, describe_tags

CONSUMER = "222222222222"
DOMAIN = {"Key": "domain-name", "Values": ["corp.example"]}
SERVERS = {"Key": "domain-name-servers", "Values": ["10.2.5.1", "AmazonProvidedDNS"]}


def new_set(world: Any, *configurations: dict[str, Any], **more: Any) -> str:
    asked = configurations or (DOMAIN, SERVERS)
    answer = world.ask(create_dhcp_options, DhcpConfigurations=list(asked), **more)
    return str(answer["DhcpOptions"]["DhcpOptionsId"])


def set_of(world: Any, vpc_id: str) -> str:
    (vpc,) = world.ask(describe_vpcs, VpcIds=[vpc_id])["Vpcs"]
    return str(vpc["DhcpOptionsId"])


def test_a_set_is_described_as_it_was_made(world: Any) -> None:
    tags = [{"ResourceType": "dhcp-options", "Tags": [{"Key": "Name", "Value": "corp"}]}]
    made = world.ask(create_dhcp_options, DhcpConfigurations=[DOMAIN, SERVERS], TagSpecifications=tags)["DhcpOptions"]
    (described,) = world.ask(describe_dhcp_options, DhcpOptionsIds=[made["DhcpOptionsId"]])["DhcpOptions"]
    assert described == made
    assert described["OwnerId"] == "111111111111"
    assert described["DhcpConfigurations"][1] == {
        "Key": "domain-name-servers", "Values": [{"Value": "10.2.5.1"}, {"Value": "AmazonProvidedDNS"}],
    }  # fmt: skip
    world.ask(create_tags, Resources=[made["DhcpOptionsId"]], Tags=[{"Key": "stage", "Value": "test"}])
    found = world.ask(describe_tags, Filters=[{"Name": "resource-type", "Values": ["dhcp-options"]}])["Tags"]
    assert [tag["Key"] for tag in found] == ["Name", "stage"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("key", "ntp-servers"), ("value", "10.9.*"), ("dhcp-options-id", "{id}"), ("tag:Name", "clock"), ("tag-key", "Name")],
)
def test_one_set_of_several_is_found_by_every_filter(world: Any, name: str, value: str) -> None:
    new_set(world)
    clock = {"Key": "ntp-servers", "Values": ["10.9.0.1"]}
    tags = [{"ResourceType": "dhcp-options", "Tags": [{"Key": "Name", "Value": "clock"}]}]
    options_id = new_set(world, clock, TagSpecifications=tags)
    filters = [{"Name": name, "Values": [value.format(id=options_id)]}]
    (found,) = world.ask(describe_dhcp_options, Filters=filters)["DhcpOptions"]
    assert found["DhcpOptionsId"] == options_id


def test_a_vpc_changes_its_set_to_none_and_back(world: Any) -> None:
    vpc = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]
    options_id = new_set(world)
    for chosen in (options_id, "default", vpc["DhcpOptionsId"]):
        world.ask(associate_dhcp_options, VpcId=vpc["VpcId"], DhcpOptionsId=chosen)
        assert set_of(world, vpc["VpcId"]) == chosen
        filters = [{"Name": "dhcp-options-id", "Values": [chosen]}]
        assert [one["VpcId"] for one in world.ask(describe_vpcs, Filters=filters)["Vpcs"]] == [vpc["VpcId"]]


def test_a_set_that_a_vpc_uses_stays(world: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    options_id = new_set(world)
    world.ask(associate_dhcp_options, VpcId=vpc_id, DhcpOptionsId=options_id)
    with pytest.raises(errors.DependencyViolation, match=f"dhcpOptions '{options_id}' has dependencies"):
        world.ask(delete_dhcp_options, DhcpOptionsId=options_id)
    world.ask(associate_dhcp_options, VpcId=vpc_id, DhcpOptionsId="default")
    world.ask(delete_dhcp_options, DhcpOptionsId=options_id)
    with pytest.raises(errors.DhcpOptionsNotFound):
        world.ask(describe_dhcp_options, DhcpOptionsIds=[options_id])


def test_the_accounts_own_set_stays(world: Any) -> None:
    (own,) = world.ask(describe_dhcp_options)["DhcpOptions"]
    with pytest.raises(errors.OperationNotPermitted):
        world.ask(delete_dhcp_options, DhcpOptionsId=own["DhcpOptionsId"])


def test_another_accounts_set_does_not_exist(world: Any) -> None:
    options_id = new_set(world)
    vpc_id = world.ask(create_vpc, account=CONSUMER, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for operation, asked in (
        (describe_dhcp_options, {"DhcpOptionsIds": [options_id]}),
        (delete_dhcp_options, {"DhcpOptionsId": options_id}),
        (associate_dhcp_options, {"DhcpOptionsId": options_id, "VpcId": vpc_id}),
    ):
        with pytest.raises(errors.DhcpOptionsNotFound):
            world.ask(operation, account=CONSUMER, **asked)
    with pytest.raises(errors.DhcpOptionsIdMalformed):
        world.ask(delete_dhcp_options, DhcpOptionsId="options-1")


@pytest.mark.parametrize(
    "configuration",
    [
        {"Key": "lease-time", "Values": ["1"]},
        {"Key": "domain-name-servers", "Values": ["10.0.0.1"] * 5},
        {"Key": "domain-name-servers", "Values": []},
        {"Key": "ntp-servers", "Values": ["AmazonProvidedDNS"]},
        {"Key": "netbios-node-type", "Values": ["3"]},
        {"Key": "domain-name", "Values": ["a.example", "b.example"]},
        {"Key": "ipv6-address-preferred-lease-time", "Values": ["139"]},
    ],
)
def test_an_option_that_no_set_can_have_is_refused(world: Any, configuration: dict[str, Any]) -> None:
    with pytest.raises(errors.InvalidParameterValue):
        new_set(world, configuration)


def test_an_option_is_named_once_and_a_set_has_one_at_least(world: Any) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="more than once"):
        new_set(world, DOMAIN, DOMAIN)
    with pytest.raises(errors.MissingParameter):
        world.ask(create_dhcp_options, DhcpConfigurations=[])
