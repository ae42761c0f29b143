"""Managed prefix lists: their versions, what refers to them, and what they may not be."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.internet_gateways import attach_internet_gateway, create_internet_gateway
from sidedoor.networks.prefix_lists import (
    create_managed_prefix_list,
    delete_managed_prefix_list,
    describe_managed_prefix_lists,
    describe_prefix_lists,
    get_managed_prefix_list_associations,
    get_managed_prefix_list_entries,
    modify_managed_prefix_list,
    restore_managed_prefix_list_version,
)
from sidedoor.networks.route_tables import create_route_table, describe_route_tables
from sidedoor.networks.routes import create_route, delete_route
from sidedoor.networks.security_group_rules import (
    authorize_security_group_ingress,
    describe_security_group_rules,
    revoke_security_group_ingress,
)
from sidedoor.networks.security_groups import create_security_group, describe_security_groups
from sidedoor.networks.vpcs import create_vpc

CONSUMER = "222222222222"
OFFICE = {"Cidr": "192.0.2.0/24", "Description": "office"}
HOME = {"Cidr": "198.51.100.0/24"}


def make(world: Any, *entries: dict[str, str], name: str = "offices", **more: Any) -> dict[str, Any]:
    asked = {"PrefixListName": name, "MaxEntries": 3, "AddressFamily": "IPv4", "Entries": list(entries)}
    made: dict[str, Any] = world.ask(create_managed_prefix_list, **asked | more)["PrefixList"]
    return made


def entries(world: Any, list_id: str, **more: Any) -> list[dict[str, str]]:
    found: list[dict[str, str]] = world.ask(get_managed_prefix_list_entries, PrefixListId=list_id, **more)["Entries"]
    return found


def change(world: Any, list_id: str, **asked: Any) -> dict[str, Any]:
    changed: dict[str, Any] = world.ask(modify_managed_prefix_list, PrefixListId=list_id, **asked)["PrefixList"]
    return changed


def shown(world: Any, list_id: str) -> dict[str, Any]:
    (found,) = world.ask(describe_managed_prefix_lists, PrefixListIds=[list_id])["PrefixLists"]
    assert isinstance(found, dict)
    return found


def delete_in_vain(world: Any, list_id: str) -> str:
    """Asks for the deletion of a list in use. Answers the reason that the list shows afterwards."""
    assert world.ask(delete_managed_prefix_list, PrefixListId=list_id)["PrefixList"]["State"] == "delete-in-progress"
    found = shown(world, list_id)
    assert found["State"] == "delete-failed"
    return str(found["StateMessage"])


def test_a_list_is_described_as_it_was_made(world: Any) -> None:
    tags = [{"ResourceType": "prefix-list", "Tags": [{"Key": "Name", "Value": "o"}]}]
    made = make(world, OFFICE, HOME, TagSpecifications=tags)
    assert made["State"] == "create-in-progress"
    (described,) = world.ask(describe_managed_prefix_lists, PrefixListIds=[made["PrefixListId"]])["PrefixLists"]
    assert described == {
        "PrefixListId": made["PrefixListId"],
        "PrefixListArn": f"arn:aws:ec2:us-east-1:111111111111:prefix-list/{made['PrefixListId']}",
        "PrefixListName": "offices", "OwnerId": "111111111111", "AddressFamily": "IPv4", "MaxEntries": 3, "Version": 1,
        "State": "create-complete", "Tags": [{"Key": "Name", "Value": "o"}],
    }  # fmt: skip
    assert entries(world, made["PrefixListId"]) == [OFFICE, HOME]


@pytest.mark.parametrize(
    ("name", "value"),
    [("prefix-list-name", "off*"), ("prefix-list-id", "{id}"), ("tag:Name", "o"), ("owner-id", "111111111111")],
)
def test_a_list_is_found_by_every_filter(world: Any, name: str, value: str) -> None:
    tags = [{"ResourceType": "prefix-list", "Tags": [{"Key": "Name", "Value": "o"}]}]
    list_id = make(world, TagSpecifications=tags)["PrefixListId"]
    if name != "owner-id":
        make(world, name="homes")
    filters = [{"Name": name, "Values": [value.format(id=list_id)]}]
    (found,) = world.ask(describe_managed_prefix_lists, Filters=filters)["PrefixLists"]
    assert found["PrefixListId"] == list_id


def test_a_change_of_entries_makes_a_version_and_each_version_stays_readable(world: Any) -> None:
    list_id = make(world, OFFICE)["PrefixListId"]
    changed = change(world, list_id, CurrentVersion=1, AddEntries=[HOME], RemoveEntries=[{"Cidr": OFFICE["Cidr"]}])
    assert (changed["State"], changed["Version"]) == ("modify-in-progress", 2)
    assert entries(world, list_id) == [HOME]
    assert entries(world, list_id, TargetVersion=1) == [OFFICE]
    restored = world.ask(restore_managed_prefix_list_version, PrefixListId=list_id, CurrentVersion=2, PreviousVersion=1)
    assert restored["PrefixList"]["Version"] == 3
    assert entries(world, list_id) == [OFFICE]
    with pytest.raises(errors.InvalidParameterValue, match="versions 1 to 3"):
        entries(world, list_id, TargetVersion=4)


def test_adding_what_is_there_changes_its_description(world: Any) -> None:
    list_id = make(world, OFFICE)["PrefixListId"]
    change(world, list_id, CurrentVersion=1, AddEntries=[OFFICE | {"Description": "moved"}])
    assert entries(world, list_id) == [OFFICE | {"Description": "moved"}]


def test_another_name_makes_no_version(world: Any) -> None:
    list_id = make(world, OFFICE)["PrefixListId"]
    changed = change(world, list_id, PrefixListName="branches")
    assert (changed["PrefixListName"], changed["Version"]) == ("branches", 1)
    (described,) = world.ask(describe_managed_prefix_lists)["PrefixLists"]
    assert described["State"] == "modify-complete"


def test_who_has_not_seen_the_newest_version_changes_nothing(world: Any) -> None:
    list_id = make(world, OFFICE)["PrefixListId"]
    change(world, list_id, CurrentVersion=1, AddEntries=[HOME])
    with pytest.raises(errors.PrefixListVersionMismatch):
        change(world, list_id, CurrentVersion=1, RemoveEntries=[{"Cidr": HOME["Cidr"]}])
    with pytest.raises(errors.PrefixListVersionMismatch):
        world.ask(restore_managed_prefix_list_version, PrefixListId=list_id, CurrentVersion=1, PreviousVersion=1)
    with pytest.raises(errors.MissingParameter, match="CurrentVersion"):
        change(world, list_id, RemoveEntries=[{"Cidr": HOME["Cidr"]}])
    assert entries(world, list_id) == [OFFICE, HOME]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"AddEntries": [{"Cidr": f"10.{number}.0.0/16"} for number in range(3)]}, errors.PrefixListFull),
        ({"AddEntries": [HOME, HOME]}, errors.PrefixListModificationInvalid),
        ({"RemoveEntries": [{"Cidr": "203.0.113.0/24"}]}, errors.PrefixListModificationInvalid),
        ({"AddEntries": [{"Cidr": "2001:db8::/32"}]}, errors.InvalidParameterValue),
        ({"AddEntries": [HOME], "MaxEntries": 9}, errors.InvalidParameterCombination),
        ({"AddEntries": [{"Cidr": f"10.0.{number}.0/24"} for number in range(101)]}, errors.InvalidParameterValue),
        ({"MaxEntries": 1001}, errors.InvalidParameterValue),
        ({"PrefixListName": "com.amazonaws.mine"}, errors.InvalidParameterValue),
    ],
)
def test_what_no_list_can_become_is_refused(world: Any, asked: dict[str, Any], error: Any) -> None:
    list_id = make(world, OFFICE)["PrefixListId"]
    with pytest.raises(error):
        change(world, list_id, CurrentVersion=1, **asked)
    assert entries(world, list_id) == [OFFICE]


def test_a_list_is_not_made_smaller_than_what_it_holds(world: Any) -> None:
    list_id = make(world, OFFICE, HOME)["PrefixListId"]
    with pytest.raises(errors.PrefixListModificationInvalid, match="2 entries"):
        change(world, list_id, MaxEntries=1)
    assert change(world, list_id, MaxEntries=2)["MaxEntries"] == 2


def test_what_no_list_can_be_is_refused(world: Any) -> None:
    for asked in ({"AddressFamily": "IPX"}, {"MaxEntries": 0}, {"PrefixListName": "com.amazonaws.us-east-1.s3"}):
        with pytest.raises(errors.InvalidParameterValue):
            make(world, **asked)
    six = make(world, {"Cidr": "2001:DB8::1/32"}, AddressFamily="IPv6")
    assert entries(world, six["PrefixListId"]) == [{"Cidr": "2001:db8::/32"}]


def test_a_repeated_request_makes_one_list(world: Any) -> None:
    assert make(world, ClientToken="t")["PrefixListId"] == make(world, ClientToken="t")["PrefixListId"]
    with pytest.raises(errors.IdempotentParameterMismatch):
        make(world, ClientToken="t", name="other")


def test_a_rule_refers_to_a_list_and_keeps_it(world: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group_id = world.ask(create_security_group, GroupName="web", Description="web", VpcId=vpc_id)["GroupId"]
    list_id = make(world, OFFICE)["PrefixListId"]
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": list_id}]}
    world.ask(authorize_security_group_ingress, GroupId=group_id, IpPermissions=[https])
    (group,) = world.ask(describe_security_groups, GroupIds=[group_id])["SecurityGroups"]
    assert group["IpPermissions"][0]["PrefixListIds"] == [{"PrefixListId": list_id}]
    found = world.ask(describe_security_groups, Filters=[{"Name": "ip-permission.prefix-list-id", "Values": [list_id]}])
    assert [one["GroupId"] for one in found["SecurityGroups"]] == [group_id]
    rules = world.ask(describe_security_group_rules)["SecurityGroupRules"]
    assert [rule.get("PrefixListId") for rule in rules if not rule["IsEgress"]][-1] == list_id
    users = world.ask(get_managed_prefix_list_associations, PrefixListId=list_id)["PrefixListAssociations"]
    assert users == [{"ResourceId": group_id, "ResourceOwner": "111111111111"}]
    assert delete_in_vain(world, list_id) == f"The prefix list {list_id} is used by {group_id}."
    assert change(world, list_id, PrefixListName="still") | {"State": ""} == {**shown(world, list_id), "State": ""}
    assert shown(world, list_id)["State"] == "modify-complete"
    world.ask(revoke_security_group_ingress, GroupId=group_id, IpPermissions=[https])
    deleted = world.ask(delete_managed_prefix_list, PrefixListId=list_id)["PrefixList"]
    assert deleted["State"] == "delete-in-progress"
    with pytest.raises(errors.PrefixListNotFound):
        world.ask(describe_managed_prefix_lists, PrefixListIds=[list_id])


def test_a_route_leads_to_what_a_list_holds_and_keeps_it(world: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway_id = world.ask(create_internet_gateway)["InternetGateway"]["InternetGatewayId"]
    world.ask(attach_internet_gateway, InternetGatewayId=gateway_id, VpcId=vpc_id)
    table_id = world.ask(create_route_table, VpcId=vpc_id)["RouteTable"]["RouteTableId"]
    list_id = make(world, OFFICE)["PrefixListId"]
    world.ask(create_route, RouteTableId=table_id, DestinationPrefixListId=list_id, GatewayId=gateway_id)
    filters = [{"Name": "route.destination-prefix-list-id", "Values": [list_id]}]
    (table,) = world.ask(describe_route_tables, Filters=filters)["RouteTables"]
    assert table["Routes"][-1] == {
        "DestinationPrefixListId": list_id, "GatewayId": gateway_id, "Origin": "CreateRoute", "State": "active",
    }  # fmt: skip
    assert table_id in delete_in_vain(world, list_id)
    world.ask(delete_route, RouteTableId=table_id, DestinationPrefixListId=list_id)
    world.ask(delete_managed_prefix_list, PrefixListId=list_id)


def test_another_accounts_list_does_not_exist(world: Any) -> None:
    list_id = make(world, OFFICE)["PrefixListId"]
    assert world.ask(describe_managed_prefix_lists, account=CONSUMER)["PrefixLists"] == []
    for operation in (get_managed_prefix_list_entries, modify_managed_prefix_list, delete_managed_prefix_list):
        with pytest.raises(errors.PrefixListNotFound):
            world.ask(operation, account=CONSUMER, PrefixListId=list_id)
    with pytest.raises(errors.PrefixListIdMalformed):
        world.ask(delete_managed_prefix_list, PrefixListId="list-1")


def test_the_entries_of_a_long_list_come_in_pages(world: Any) -> None:
    many = [{"Cidr": f"10.{number}.0.0/16"} for number in range(12)]
    list_id = make(world, *many, MaxEntries=20)["PrefixListId"]
    seen: list[dict[str, str]] = []
    token = None
    while True:
        answer = world.ask(get_managed_prefix_list_entries, PrefixListId=list_id, MaxResults=5, NextToken=token)
        seen, token = seen + answer["Entries"], answer["NextToken"]
        if token is None:
            break
    assert sorted(one["Cidr"] for one in seen) == sorted(one["Cidr"] for one in many)


def test_amazon_keeps_no_lists_here(world: Any) -> None:
    make(world, OFFICE)
    filters = [{"Name": "prefix-list-name", "Values": ["com.amazonaws.us-east-1.s3"]}]
    assert world.ask(describe_prefix_lists, Filters=filters)["PrefixLists"] == []
    assert world.ask(describe_prefix_lists)["PrefixLists"] == []
    with pytest.raises(errors.PrefixListNotFound):
        world.ask(describe_prefix_lists, PrefixListIds=["pl-12345678"])
    with pytest.raises(errors.InvalidFilter):
        world.ask(describe_prefix_lists, Filters=[{"Name": "owner-id", "Values": ["AWS"]}])
