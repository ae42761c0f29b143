"""Network ACLs: the default one of each VPC, entries, and which subnet has which."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.network_acls import (
    MOST_ENTRIES,
    create_network_acl,
    create_network_acl_entry,
    delete_network_acl,
    delete_network_acl_entry,
    describe_network_acls,
    replace_network_acl_association,
    replace_network_acl_entry,
)
from sidedoor.networks.subnets import create_subnet, delete_subnet
from sidedoor.networks.vpcs import create_vpc, delete_vpc

CONSUMER = "222222222222"
HTTPS: dict[str, Any] = {
    "RuleNumber": 200, "Egress": False, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "10.0.0.0/8",
    "PortRange": {"From": 443, "To": 443},
}  # fmt: skip


@pytest.fixture
def vpc_id(world: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def acl_id(world: Any, vpc_id: str) -> str:
    return str(world.ask(create_network_acl, VpcId=vpc_id)["NetworkAcl"]["NetworkAclId"])


def new_subnet(world: Any, vpc_id: str) -> str:
    return str(world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"])


def find(world: Any, *filters: tuple[str, str]) -> list[Any]:
    asked = [{"Name": name, "Values": [value]} for name, value in filters]
    return list(world.ask(describe_network_acls, Filters=asked)["NetworkAcls"])


def default_acl(world: Any, vpc_id: str) -> Any:
    (acl,) = find(world, ("default", "true"), ("vpc-id", vpc_id))
    return acl


def numbers(world: Any, acl_id: str, *, egress: bool = False) -> list[int]:
    (acl,) = world.ask(describe_network_acls, NetworkAclIds=[acl_id])["NetworkAcls"]
    return [entry["RuleNumber"] for entry in acl["Entries"] if entry["Egress"] == egress]


def test_the_default_acl_lets_everything_through(world: Any, vpc_id: str) -> None:
    everything = {"CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
    assert default_acl(world, vpc_id)["Entries"] == [
        {**everything, "RuleNumber": 100, "Egress": True, "RuleAction": "allow"},
        {**everything, "RuleNumber": 32767, "Egress": True, "RuleAction": "deny"},
        {**everything, "RuleNumber": 100, "Egress": False, "RuleAction": "allow"},
        {**everything, "RuleNumber": 32767, "Egress": False, "RuleAction": "deny"},
    ]


def test_a_new_acl_lets_nothing_through(world: Any, vpc_id: str) -> None:
    tags = [{"ResourceType": "network-acl", "Tags": [{"Key": "Name", "Value": "inner"}]}]
    created = world.ask(create_network_acl, VpcId=vpc_id, TagSpecifications=tags, ClientToken="once")["NetworkAcl"]
    assert [(entry["RuleNumber"], entry["RuleAction"]) for entry in created["Entries"]] == [(32767, "deny")] * 2
    assert (created["IsDefault"], created["Associations"]) == (False, [])
    assert find(world, ("tag:Name", "inner")) == [created]
    again = world.ask(create_network_acl, VpcId=vpc_id, TagSpecifications=tags, ClientToken="once")["NetworkAcl"]
    assert again == created


def test_a_deleted_vpc_takes_its_default_acl_along(world: Any, vpc_id: str) -> None:
    world.ask(delete_vpc, VpcId=vpc_id)
    assert find(world) == []


def test_another_acl_keeps_a_vpc_from_going(world: Any, vpc_id: str, acl_id: str) -> None:
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_vpc, VpcId=vpc_id)
    world.ask(delete_network_acl, NetworkAclId=acl_id)
    world.ask(delete_vpc, VpcId=vpc_id)


def test_the_default_acl_stays(world: Any, vpc_id: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="cannot delete default network ACL"):
        world.ask(delete_network_acl, NetworkAclId=default_acl(world, vpc_id)["NetworkAclId"])


def test_another_accounts_acl_does_not_exist(world: Any, acl_id: str) -> None:
    with pytest.raises(errors.NetworkAclNotFound):
        world.ask(delete_network_acl, account=CONSUMER, NetworkAclId=acl_id)
    with pytest.raises(errors.NetworkAclIdMalformed):
        world.ask(describe_network_acls, NetworkAclIds=["vpc-1"])


# --- entries ------------------------------------------------------------------------------------------------------


def test_an_entry_is_shown_as_it_was_made(world: Any, acl_id: str) -> None:
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **HTTPS)
    (acl,) = world.ask(describe_network_acls, NetworkAclIds=[acl_id])["NetworkAcls"]
    assert acl["Entries"][1] == HTTPS
    assert numbers(world, acl_id) == [200, 32767]


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"Protocol": "tcp"}, {"Protocol": "6"}),
        ({"Protocol": "-1"}, {"Protocol": "-1", "PortRange": None}),
        ({"Protocol": "1", "IcmpTypeCode": {"Type": -1, "Code": -1}}, {"IcmpTypeCode": {"Type": -1, "Code": -1}}),
        ({"CidrBlock": "10.1.2.3/8"}, {"CidrBlock": "10.0.0.0/8"}),
        ({"CidrBlock": None, "Ipv6CidrBlock": "::/0"}, {"CidrBlock": None, "Ipv6CidrBlock": "::/0"}),
        ({"Egress": True}, {"Egress": True}),
        ({"RuleAction": "deny"}, {"RuleAction": "deny"}),
    ],
)
def test_an_entry_says_what_it_is_for(world: Any, acl_id: str, asked: dict[str, Any], shown: dict[str, Any]) -> None:
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **{**HTTPS, **asked})
    (acl,) = world.ask(describe_network_acls, NetworkAclIds=[acl_id])["NetworkAcls"]
    (entry,) = [one for one in acl["Entries"] if one["RuleNumber"] == 200]
    assert {name: entry.get(name) for name in shown} == shown


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"RuleNumber": 0}, errors.InvalidParameterValue),
        ({"RuleNumber": 32767}, errors.InvalidParameterValue),
        ({"Protocol": "telnet"}, errors.InvalidParameterValue),
        ({"Protocol": "256"}, errors.InvalidParameterValue),
        ({"PortRange": None}, errors.MissingParameter),
        ({"PortRange": {"From": 2, "To": 1}}, errors.InvalidParameterValue),
        ({"Protocol": "1"}, errors.MissingParameter),
        ({"RuleAction": "drop"}, errors.InvalidParameterValue),
        ({"CidrBlock": None}, errors.MissingParameter),
        ({"CidrBlock": "everywhere"}, errors.InvalidParameterValue),
        ({"Ipv6CidrBlock": "::/0"}, errors.InvalidParameterCombination),
    ],
)
def test_an_entry_that_means_nothing_is_refused(
    world: Any, acl_id: str, asked: dict[str, Any], error: type[errors.ApiError]
) -> None:
    with pytest.raises(error):
        world.ask(create_network_acl_entry, NetworkAclId=acl_id, **{**HTTPS, **asked})
    assert numbers(world, acl_id) == [32767]


def test_a_number_is_used_once_in_each_direction(world: Any, acl_id: str) -> None:
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **HTTPS)
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **{**HTTPS, "Egress": True})
    with pytest.raises(errors.AclEntryAlreadyExists, match="identified by 200 already exists"):
        world.ask(create_network_acl_entry, NetworkAclId=acl_id, **HTTPS)


def test_entries_are_replaced_and_deleted_by_number_and_direction(world: Any, acl_id: str) -> None:
    which = {"NetworkAclId": acl_id, "RuleNumber": 200, "Egress": False}
    for operation, asked in ((replace_network_acl_entry, {**HTTPS, **which}), (delete_network_acl_entry, which)):
        with pytest.raises(errors.AclEntryNotFound):
            world.ask(operation, **asked)
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **HTTPS)
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **{**HTTPS, "Egress": True})
    world.ask(replace_network_acl_entry, NetworkAclId=acl_id, **{**HTTPS, "RuleAction": "deny"})
    (acl,) = world.ask(describe_network_acls, NetworkAclIds=[acl_id])["NetworkAcls"]
    actions = {entry["Egress"]: entry["RuleAction"] for entry in acl["Entries"] if entry["RuleNumber"] == 200}
    assert actions == {True: "allow", False: "deny"}
    world.ask(delete_network_acl_entry, **which)
    assert (numbers(world, acl_id), numbers(world, acl_id, egress=True)) == ([32767], [200, 32767])


def test_the_last_entry_stays(world: Any, acl_id: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="ruleNumber"):
        world.ask(delete_network_acl_entry, NetworkAclId=acl_id, RuleNumber=32767, Egress=False)


def test_a_direction_has_so_many_entries_and_no_more(world: Any, acl_id: str) -> None:
    for number in range(1, MOST_ENTRIES):
        world.ask(create_network_acl_entry, NetworkAclId=acl_id, **{**HTTPS, "RuleNumber": number})
    with pytest.raises(errors.AclEntryLimitExceeded):
        world.ask(create_network_acl_entry, NetworkAclId=acl_id, **HTTPS)
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **{**HTTPS, "Egress": True})


# --- associations -------------------------------------------------------------------------------------------------


def test_a_subnet_begins_with_the_default_acl_and_can_get_another(world: Any, vpc_id: str, acl_id: str) -> None:
    subnet_id = new_subnet(world, vpc_id)
    (first,) = default_acl(world, vpc_id)["Associations"]
    assert first["SubnetId"] == subnet_id
    which = first["NetworkAclAssociationId"]
    second = world.ask(replace_network_acl_association, AssociationId=which, NetworkAclId=acl_id)["NewAssociationId"]
    assert default_acl(world, vpc_id)["Associations"] == []
    (acl,) = find(world, ("association.subnet-id", subnet_id))
    assert acl["Associations"] == [{"NetworkAclAssociationId": second, "NetworkAclId": acl_id, "SubnetId": subnet_id}]
    with pytest.raises(errors.AssociationNotFound):
        world.ask(replace_network_acl_association, AssociationId=which, NetworkAclId=acl_id)
    with pytest.raises(errors.DependencyViolation):
        world.ask(delete_network_acl, NetworkAclId=acl_id)
    world.ask(delete_subnet, SubnetId=subnet_id)
    world.ask(delete_network_acl, NetworkAclId=acl_id)


def test_a_subnet_gets_no_acl_of_another_vpc(world: Any, vpc_id: str) -> None:
    new_subnet(world, vpc_id)
    (association,) = default_acl(world, vpc_id)["Associations"]
    elsewhere = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    foreign = default_acl(world, elsewhere)["NetworkAclId"]
    with pytest.raises(errors.InvalidParameterValue, match="belong to different networks"):
        world.ask(replace_network_acl_association, AssociationId=association["NetworkAclAssociationId"], NetworkAclId=foreign)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("association.association-id", "aclassoc-*"),
        ("association.network-acl-id", "acl-*"),
        ("default", "false"),
        ("entry.cidr", "10.0.0.0/8"),
        ("entry.port-range.from", "443"),
        ("entry.port-range.to", "443"),
        ("entry.protocol", "6"),
        ("entry.icmp.type", "8"),
        ("entry.icmp.code", "0"),
        ("entry.ipv6-cidr", "2001:db8::/32"),
        ("entry.rule-number", "200"),
    ],
)
def test_acls_are_found_by_what_they_have(world: Any, vpc_id: str, acl_id: str, name: str, value: str) -> None:
    ping: dict[str, Any] = {"Protocol": "58", "IcmpTypeCode": {"Type": 8, "Code": 0}, "Ipv6CidrBlock": "2001:db8::/32"}
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **HTTPS)
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **{**HTTPS, **ping, "CidrBlock": None, "RuleNumber": 201})
    new_subnet(world, vpc_id)
    (association,) = default_acl(world, vpc_id)["Associations"]
    which = association["NetworkAclAssociationId"]
    world.ask(replace_network_acl_association, AssociationId=which, NetworkAclId=acl_id)
    assert [acl["NetworkAclId"] for acl in find(world, (name, value))] == [acl_id]


@pytest.mark.parametrize(
    ("name", "value"),
    [("entry.rule-action", "deny"), ("entry.egress", "true"), ("owner-id", "111111111111"), ("network-acl-id", "acl-*")],
)
def test_acls_are_found_by_what_all_have(world: Any, acl_id: str, name: str, value: str) -> None:
    assert len(find(world, (name, value))) == 2
    assert find(world, (name, "nothing")) == []


def test_an_unknown_filter_of_acls_is_refused(world: Any) -> None:
    with pytest.raises(errors.InvalidFilter):
        find(world, ("is-default", "true"))


def test_an_action_is_understood_in_capitals_too(world: Any) -> None:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    acl_id = world.ask(create_network_acl, VpcId=vpc_id)["NetworkAcl"]["NetworkAclId"]
    asked = {"RuleNumber": 10, "Egress": False, "Protocol": "-1", "CidrBlock": "10.0.0.0/8"}
    world.ask(create_network_acl_entry, NetworkAclId=acl_id, **asked, RuleAction="DENY")
    (acl,) = world.ask(describe_network_acls, NetworkAclIds=[acl_id])["NetworkAcls"]
    assert {entry["RuleAction"] for entry in acl["Entries"] if entry["RuleNumber"] == 10} == {"deny"}
