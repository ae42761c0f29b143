"""Rules: authorised and revoked in both forms and by id, changed, described."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.security_group_rules import (
    authorize_security_group_egress,
    authorize_security_group_ingress,
    describe_security_group_rules,
    modify_security_group_rules,
    revoke_security_group_egress,
    revoke_security_group_ingress,
    update_security_group_rule_descriptions_egress,
    update_security_group_rule_descriptions_ingress,
)
from sidedoor.networks.security_groups import create_security_group, describe_security_groups
from sidedoor.networks.vpcs import create_vpc

PROVIDER, CONSUMER = "111111111111", "222222222222"
HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}


@pytest.fixture
def vpc_id(world: Any) -> str:
    return str(world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def group_id(world: Any, vpc_id: str) -> str:
    return new_group(world, vpc_id)


def new_group(world: Any, vpc_id: str, name: str = "web") -> str:
    return str(world.ask(create_security_group, VpcId=vpc_id, GroupName=name, Description="of a test")["GroupId"])


def ingress(world: Any, group_id: str) -> list[dict[str, Any]]:
    (group,) = world.ask(describe_security_groups, GroupIds=[group_id])["SecurityGroups"]
    permissions: list[dict[str, Any]] = group["IpPermissions"]
    return permissions


def allow(world: Any, group_id: str, **request: Any) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = world.ask(authorize_security_group_ingress, GroupId=group_id, **request)["SecurityGroupRules"]
    return rules


def test_each_source_of_a_permission_is_a_rule_and_they_are_shown_together(world: Any, group_id: str) -> None:
    sources = {"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}], "Ipv6Ranges": [{"CidrIpv6": "fd00::/8"}]}
    rules = allow(world, group_id, IpPermissions=[{**HTTPS, **sources}])
    assert [(rule.get("CidrIpv4"), rule.get("CidrIpv6")) for rule in rules] == [("10.0.0.0/8", None), (None, "fd00::/8")]
    assert all(rule["IsEgress"] is False and rule["GroupOwnerId"] == PROVIDER for rule in rules)
    assert ingress(world, group_id) == [
        {
            **HTTPS,
            "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}],
            "Ipv6Ranges": [{"CidrIpv6": "fd00::/8"}],
            "UserIdGroupPairs": [],
            "PrefixListIds": [],
        }
    ]


def test_the_flat_form_means_the_same(world: Any, group_id: str) -> None:
    allow(world, group_id, **HTTPS, CidrIp="10.0.0.0/8")
    with pytest.raises(errors.PermissionDuplicate, match=r"10\.0\.0\.0/8, TCP, from port: 443, to port: 443, ALLOW"):
        allow(world, group_id, IpPermissions=[{**HTTPS, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])
    world.ask(revoke_security_group_ingress, GroupId=group_id, **HTTPS, CidrIp="10.0.0.0/8")
    assert ingress(world, group_id) == []


def test_the_same_traffic_is_allowed_once_even_with_another_description(world: Any, group_id: str) -> None:
    allow(world, group_id, **HTTPS, CidrIp="10.0.0.0/8")
    again = {**HTTPS, "IpProtocol": "6", "IpRanges": [{"CidrIp": "10.9.9.9/8", "Description": "other"}]}
    with pytest.raises(errors.PermissionDuplicate):
        allow(world, group_id, IpPermissions=[again])
    twice = {**HTTPS, "IpRanges": [{"CidrIp": "10.1.0.0/16"}, {"CidrIp": "10.1.0.0/16"}]}
    with pytest.raises(errors.InvalidParameterValue, match="multiple times"):
        allow(world, group_id, IpPermissions=[twice])


def test_nothing_is_allowed_when_one_of_several_is_a_duplicate(world: Any, group_id: str) -> None:
    allow(world, group_id, **HTTPS, CidrIp="10.0.0.0/8")
    before = ingress(world, group_id)
    with pytest.raises(errors.PermissionDuplicate):
        allow(world, group_id, IpPermissions=[{**HTTPS, "IpRanges": [{"CidrIp": "192.168.0.0/16"}, {"CidrIp": "10.0.0.0/8"}]}])
    assert ingress(world, group_id) == before


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ({"IpProtocol": "6", "FromPort": 1, "ToPort": 2}, ("tcp", 1, 2)),
        ({"IpProtocol": "UDP", "FromPort": 0, "ToPort": 65535}, ("udp", 0, 65535)),
        ({"IpProtocol": "-1", "FromPort": 1, "ToPort": 2}, ("-1", -1, -1)),
        ({"IpProtocol": "icmp", "FromPort": 8, "ToPort": 0}, ("icmp", 8, 0)),
        ({"IpProtocol": "58"}, ("icmpv6", -1, -1)),
        ({"IpProtocol": "50"}, ("50", -1, -1)),
    ],
)
def test_protocols_and_ports_are_kept_in_aws_form(
    world: Any, group_id: str, asked: dict[str, Any], stored: tuple[str, int, int]
) -> None:
    (rule,) = allow(world, group_id, IpPermissions=[{**asked, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == stored


@pytest.mark.parametrize(
    "permission",
    [
        {"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": 2, "ToPort": 1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "tcp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "udp", "FromPort": 1, "ToPort": 65536, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "icmp", "FromPort": 300, "ToPort": 0, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "sctp-x", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "256", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.1"}]},
        {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "fd00::"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "é"}]},
        {"IpProtocol": "-1"},
    ],
)
def test_a_permission_that_is_not_well_formed_is_an_invalid_value(
    world: Any, group_id: str, permission: dict[str, Any]
) -> None:
    with pytest.raises(errors.InvalidParameterValue):
        allow(world, group_id, IpPermissions=[permission])


def test_a_protocol_is_required(world: Any, group_id: str) -> None:
    with pytest.raises(errors.MissingParameter, match="ipProtocol"):
        allow(world, group_id, CidrIp="10.0.0.0/8")
    with pytest.raises(errors.MissingParameter):
        allow(world, group_id)


def test_the_two_forms_are_not_mixed(world: Any, group_id: str) -> None:
    with pytest.raises(errors.InvalidParameterCombination):
        allow(world, group_id, CidrIp="10.0.0.0/8", IpPermissions=[{**HTTPS, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])
    with pytest.raises(errors.UnsupportedOperation):
        allow(world, group_id, SourceSecurityGroupName="web")


def test_another_group_of_the_vpc_can_be_named_by_id_and_by_name(world: Any, vpc_id: str, group_id: str) -> None:
    peer = new_group(world, vpc_id, "peer")
    (rule,) = allow(world, group_id, IpPermissions=[{**HTTPS, "UserIdGroupPairs": [{"GroupName": "peer"}]}])
    assert rule["ReferencedGroupInfo"] == {"GroupId": peer, "UserId": PROVIDER}
    with pytest.raises(errors.PermissionDuplicate):
        allow(world, group_id, IpPermissions=[{**HTTPS, "UserIdGroupPairs": [{"GroupId": peer, "UserId": PROVIDER}]}])
    (permission,) = ingress(world, group_id)
    assert permission["UserIdGroupPairs"] == [{"GroupId": peer, "UserId": PROVIDER}]
    for unknown in ({"GroupName": "nobody"}, {"GroupId": peer, "UserId": CONSUMER}, {"GroupId": "sg-12345678"}):
        with pytest.raises(errors.GroupNotFound):
            allow(world, group_id, IpPermissions=[{**HTTPS, "UserIdGroupPairs": [unknown]}])


def test_a_group_of_another_vpc_cannot_be_named(world: Any, group_id: str) -> None:
    elsewhere = new_group(world, world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])
    with pytest.raises(errors.DifferentNetworks):
        allow(world, group_id, IpPermissions=[{**HTTPS, "UserIdGroupPairs": [{"GroupId": elsewhere}]}])


def test_a_prefix_list_does_not_exist(world: Any, group_id: str) -> None:
    with pytest.raises(errors.PrefixListNotFound, match="pl-12345678"):
        allow(world, group_id, IpPermissions=[{**HTTPS, "PrefixListIds": [{"PrefixListId": "pl-12345678"}]}])


def test_revoking_ignores_the_description_and_says_what_went(world: Any, group_id: str) -> None:
    (rule,) = allow(world, group_id, IpPermissions=[{**HTTPS, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "a"}]}])
    again = [{**HTTPS, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
    revoked = world.ask(revoke_security_group_ingress, GroupId=group_id, IpPermissions=again)["RevokedSecurityGroupRules"]
    assert [one["SecurityGroupRuleId"] for one in revoked] == [rule["SecurityGroupRuleId"]]
    with pytest.raises(errors.PermissionNotFound):
        world.ask(revoke_security_group_ingress, GroupId=group_id, IpPermissions=again)


def test_the_egress_rule_that_every_group_has_can_be_dropped_as_terraform_does(world: Any, group_id: str) -> None:
    everything = [{"IpProtocol": "-1", "FromPort": 0, "ToPort": 0, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    world.ask(revoke_security_group_egress, GroupId=group_id, IpPermissions=everything)
    world.ask(authorize_security_group_egress, GroupId=group_id, IpPermissions=everything)
    (group,) = world.ask(describe_security_groups, GroupIds=[group_id])["SecurityGroups"]
    assert len(group["IpPermissionsEgress"]) == 1
    with pytest.raises(errors.PermissionNotFound):
        world.ask(revoke_security_group_ingress, GroupId=group_id, IpPermissions=everything)


def test_rules_can_be_revoked_by_id_but_only_those_of_the_group_and_direction(world: Any, vpc_id: str, group_id: str) -> None:
    (rule,) = allow(world, group_id, **HTTPS, CidrIp="10.0.0.0/8")
    ids = [rule["SecurityGroupRuleId"]]
    with pytest.raises(errors.GroupRuleNotFound):
        world.ask(revoke_security_group_egress, GroupId=group_id, SecurityGroupRuleIds=ids)
    with pytest.raises(errors.GroupRuleNotFound):
        world.ask(revoke_security_group_ingress, GroupId=new_group(world, vpc_id, "peer"), SecurityGroupRuleIds=ids)
    world.ask(revoke_security_group_ingress, GroupId=group_id, SecurityGroupRuleIds=ids)
    assert ingress(world, group_id) == []


def test_a_rule_is_described_with_its_tags(world: Any, group_id: str) -> None:
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
    (rule,) = allow(world, group_id, **HTTPS, CidrIp="10.0.0.0/8", TagSpecifications=tags)
    ids = [rule["SecurityGroupRuleId"]]
    assert world.ask(describe_security_group_rules, SecurityGroupRuleIds=ids)["SecurityGroupRules"] == [rule]
    assert rule["Tags"] == [{"Key": "a", "Value": "b"}]
    of_group = [{"Name": "group-id", "Values": [group_id]}]
    assert len(world.ask(describe_security_group_rules, Filters=of_group)["SecurityGroupRules"]) == 2
    tagged = [{"Name": "tag:a", "Values": ["b"]}]
    assert world.ask(describe_security_group_rules, Filters=tagged)["SecurityGroupRules"] == [rule]
    with pytest.raises(errors.GroupRuleNotFound):
        world.ask(describe_security_group_rules, account=CONSUMER, SecurityGroupRuleIds=ids)
    with pytest.raises(errors.GroupRuleIdMalformed):
        world.ask(describe_security_group_rules, SecurityGroupRuleIds=["sg-12345678"])


def test_pages_of_rules_follow_each_other(world: Any, group_id: str) -> None:
    for port in range(6):
        allow(world, group_id, IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="10.0.0.0/8")
    filters = [{"Name": "group-id", "Values": [group_id]}]
    everything = world.ask(describe_security_group_rules, Filters=filters)["SecurityGroupRules"]
    first = world.ask(describe_security_group_rules, Filters=filters, MaxResults=5)
    second = world.ask(describe_security_group_rules, Filters=filters, MaxResults=5, NextToken=first["NextToken"])
    assert first["SecurityGroupRules"] + second["SecurityGroupRules"] == everything
    assert len(everything) == 7


def test_a_rule_can_be_changed_and_keeps_its_id_and_tags(world: Any, group_id: str) -> None:
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
    (rule,) = allow(world, group_id, **HTTPS, CidrIp="10.0.0.0/8", TagSpecifications=tags)
    wanted = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIpv6": "fd00::/8", "Description": "dns"}
    update = {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": wanted}
    world.ask(modify_security_group_rules, GroupId=group_id, SecurityGroupRules=[update])
    ids = [rule["SecurityGroupRuleId"]]
    (changed,) = world.ask(describe_security_group_rules, SecurityGroupRuleIds=ids)["SecurityGroupRules"]
    assert {name: changed[name] for name in wanted} == wanted
    assert "CidrIpv4" not in changed
    assert changed["Tags"] == rule["Tags"]


def test_a_rule_cannot_be_changed_into_another_one(world: Any, group_id: str) -> None:
    allow(world, group_id, **HTTPS, CidrIp="10.0.0.0/8")
    (rule,) = allow(world, group_id, **HTTPS, CidrIp="192.168.0.0/16")
    update = {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": {**HTTPS, "CidrIpv4": "10.0.0.0/8"}}
    with pytest.raises(errors.PermissionDuplicate):
        world.ask(modify_security_group_rules, GroupId=group_id, SecurityGroupRules=[update])
    two = {"CidrIpv4": "10.0.0.0/8", "CidrIpv6": "fd00::/8"}
    for sources, error in (({}, errors.MissingParameter), (two, errors.InvalidParameterCombination)):
        update = {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": {**HTTPS, **sources}}
        with pytest.raises(error, match="one of"):
            world.ask(modify_security_group_rules, GroupId=group_id, SecurityGroupRules=[update])


def test_a_description_can_be_set_and_removed(world: Any, group_id: str) -> None:
    allow(world, group_id, **HTTPS, CidrIp="10.0.0.0/8")
    named = [{**HTTPS, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}]}]
    world.ask(update_security_group_rule_descriptions_ingress, GroupId=group_id, IpPermissions=named)
    assert ingress(world, group_id)[0]["IpRanges"] == [{"CidrIp": "10.0.0.0/8", "Description": "inside"}]
    (rule,) = [
        one for one in world.ask(describe_security_group_rules)["SecurityGroupRules"] if one.get("Description") == "inside"
    ]
    by_id = [{"SecurityGroupRuleId": rule["SecurityGroupRuleId"]}]
    world.ask(update_security_group_rule_descriptions_ingress, GroupId=group_id, SecurityGroupRuleDescriptions=by_id)
    assert ingress(world, group_id)[0]["IpRanges"] == [{"CidrIp": "10.0.0.0/8"}]
    with pytest.raises(errors.PermissionNotFound):
        world.ask(update_security_group_rule_descriptions_egress, GroupId=group_id, IpPermissions=named)


def test_another_accounts_group_cannot_be_opened(world: Any, group_id: str) -> None:
    with pytest.raises(errors.GroupNotFound):
        world.ask(authorize_security_group_ingress, account=CONSUMER, GroupId=group_id, **HTTPS, CidrIp="0.0.0.0/0")


def test_the_sources_of_a_permission_keep_their_order(world: Any, group_id: str) -> None:
    ranges = [{"CidrIp": f"192.0.2.{number}/32"} for number in (9, 3, 7, 1)]
    allow(world, group_id, IpPermissions=[{**HTTPS, "IpRanges": ranges[:3]}])
    allow(world, group_id, IpPermissions=[{**HTTPS, "IpRanges": ranges[3:]}])
    (group,) = world.ask(describe_security_groups, GroupIds=[group_id])["SecurityGroups"]
    assert group["IpPermissions"][0]["IpRanges"] == ranges
    rules = world.ask(describe_security_group_rules, Filters=[{"Name": "group-id", "Values": [group_id]}])
    shown = [rule["CidrIpv4"] for rule in rules["SecurityGroupRules"]]
    assert shown == ["0.0.0.0/0", *(one["CidrIp"] for one in ranges)]


def test_a_group_has_sixty_rules_in_a_direction_at_most(world: Any, group_id: str) -> None:
    sixty = [{"CidrIp": f"10.0.{number}.0/24"} for number in range(60)]
    allow(world, group_id, IpPermissions=[{**HTTPS, "IpRanges": sixty}])
    with pytest.raises(errors.RulesLimitExceeded):
        allow(world, group_id, IpPermissions=[{**HTTPS, "IpRanges": [{"CidrIp": "10.1.0.0/24"}]}])


def test_rules_are_not_looked_for_in_what_cannot_be_a_group(world: Any, group_id: str) -> None:
    with pytest.raises(errors.GroupIdMalformed, match="The security group ID 'foobar' is malformed"):
        world.ask(describe_security_group_rules, Filters=[{"Name": "group-id", "Values": [group_id, "foobar"]}])
    elsewhere = [{"Name": "group-id", "Values": ["sg-0123456789abcdef0"]}]
    assert world.ask(describe_security_group_rules, Filters=elsewhere)["SecurityGroupRules"] == []


def test_a_changed_rule_says_its_protocol(world: Any, group_id: str) -> None:
    (rule,) = allow(world, group_id, IpPermissions=[{**HTTPS, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])
    change = {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": {"CidrIpv4": "10.0.0.0/9"}}
    with pytest.raises(errors.InvalidParameterValue, match="must specify protocols explicitly"):
        world.ask(modify_security_group_rules, GroupId=group_id, SecurityGroupRules=[change])
