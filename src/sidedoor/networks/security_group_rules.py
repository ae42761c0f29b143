"""The rules of security groups: allowing and revoking traffic, changing rules, describing them.

A request names traffic by ``IpPermissions``, by the flat parameters (``IpProtocol``, ``CidrIp`` and so on), or rules by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import lookup, traffic
from sidedoor.networks.model import SecurityGroup, SecurityGroupRule
from sidedoor.networks.security_groups import named_group
from sidedoor.networks.traffic import Traffic
from sidedoor.paging import page

MOST_RULES = 60
"""Of one group in one direction (Amazon VPC quotas, "Inbound or outbound rules per security group")."""


def authorize_security_group_ingress(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html"""
    return _authorize(call, request, egress=False)


def authorize_security_group_egress(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupEgress.html"""
    return _authorize(call, request, egress=True)


def revoke_security_group_ingress(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupIngress.html"""
    return _revoke(call, request, egress=False)


def revoke_security_group_egress(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RevokeSecurityGroupEgress.html"""
    return _revoke(call, request, egress=True)


def _authorize(call: Call, request: Request, *, egress: bool) -> Answer:
    group = named_group(call, request)
    if traffic.count(request.get("IpPermissions") or ()) > MOST_RULES:
        raise errors.RulesLimitExceeded
    asked = _traffic(call, group, request)
    tags = tagging.from_specifications(request, "security-group-rule")
    there = {traffic.of_rule(rule) for rule in _rules(call, group, egress)}
    for one in asked:
        if one in there:
            raise errors.PermissionDuplicate(rule=one)
    if len(there) + len(asked) > MOST_RULES:
        raise errors.RulesLimitExceeded
    rule_ids = sorted(call.new_id("sgr") for _ in asked)
    added = [_add(call, group, one, id=rule_id, egress=egress, tags=tags) for rule_id, one in zip(rule_ids, asked, strict=True)]
    return {"Return": True, "SecurityGroupRules": [_to_wire(rule) for rule in added]}


def _add(call: Call, group: SecurityGroup, one: Traffic, **more: Any) -> SecurityGroupRule:
    return call.tables.security_group_rules.add(
        SecurityGroupRule(
            account=group.account, region=group.region, group_id=group.id, created=call.now, **asdict(one), **more
        )
    )  # fmt: skip


def _revoke(call: Call, request: Request, *, egress: bool) -> Answer:
    group = named_group(call, request)
    rules = _rules(call, group, egress)
    if request.get("SecurityGroupRuleIds"):
        revoked = _with_ids(rules, request["SecurityGroupRuleIds"])
    else:
        revoked = _with_traffic(rules, _traffic(call, group, request))
    call.tables.security_group_rules.remove_all(revoked)
    return {"Return": True, "RevokedSecurityGroupRules": [_revoked_to_wire(rule) for rule in revoked]}


def _rules(call: Call, group: SecurityGroup, egress: bool) -> list[SecurityGroupRule]:
    return call.tables.security_group_rules.where(group_id=group.id, egress=egress)


def _with_ids(rules: Iterable[SecurityGroupRule], rule_ids: Iterable[str]) -> list[SecurityGroupRule]:
    """The rules with these ids. Raises ``InvalidSecurityGroupRuleId.NotFound``."""
    by_id = {rule.id: rule for rule in rules}
    for rule_id in rule_ids:
        if rule_id not in by_id:
            raise errors.GroupRuleNotFound(id=rule_id)
    return [by_id[rule_id] for rule_id in dict.fromkeys(rule_ids)]


def _with_traffic(rules: Iterable[SecurityGroupRule], asked: Sequence[Traffic]) -> list[SecurityGroupRule]:
    """The rules that let exactly this through; all of it must be there. Raises ``InvalidPermission.NotFound``."""
    by_traffic = {traffic.of_rule(rule): rule for rule in rules}
    if any(one not in by_traffic for one in asked):
        raise errors.PermissionNotFound
    return [by_traffic[one] for one in asked]


_FLAT = ("IpProtocol", "CidrIp", "FromPort", "ToPort")


def _traffic(call: Call, group: SecurityGroup, request: Request) -> list[Traffic]:
    """What a request names, in either form; the groups that it names are in the same VPC."""
    if request.get("SourceSecurityGroupName") or request.get("SourceSecurityGroupOwnerId"):
        raise errors.UnsupportedOperation("Name the other security group in IpPermissions; Sidedoor has no EC2-Classic.")
    flat = {name: request[name] for name in _FLAT if name in request}
    permissions = request.get("IpPermissions")
    if flat and permissions:
        raise errors.InvalidParameterCombination("The parameter ipPermissions cannot be used with the flat parameters.")
    if not flat and not permissions:
        raise errors.MissingParameter("Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
    if flat:
        permissions = [{**flat, "IpRanges": [{"CidrIp": request["CidrIp"]}] if request.get("CidrIp") else []}]
    asked = traffic.of_permissions(_with_group_ids(call, group, permission) for permission in permissions or ())
    for one in asked:
        _check_peer(call, group, one)
    return asked


def _with_group_ids(call: Call, group: SecurityGroup, permission: Mapping[str, Any]) -> dict[str, Any]:
    """The permission with the groups that it names by name, which are of the same VPC, named by id."""
    pairs = []
    for pair in permission.get("UserIdGroupPairs") or ():
        if pair.get("UserId", call.account) != call.account:
            raise errors.GroupNotFound(id=pair.get("GroupId") or pair.get("GroupName"))
        pairs.append({**pair, "GroupId": pair.get("GroupId") or _id_of_named(call, group, pair.get("GroupName", ""))})
    return {**permission, "UserIdGroupPairs": pairs}


def _id_of_named(call: Call, group: SecurityGroup, name: str) -> str:
    for found in call.tables.security_groups.where(vpc_id=group.vpc_id, name=name):
        return found.id
    raise errors.GroupNotFound(id=name)


def _check_peer(call: Call, group: SecurityGroup, one: Traffic) -> None:
    """Raises unless the traffic's other side is something that is there; groups are in one VPC."""
    if one.prefix_list_id is not None:
        lookup.owned_prefix_list(call, one.prefix_list_id)
    if one.referenced_group_id is not None and lookup.owned_group(call, one.referenced_group_id).vpc_id != group.vpc_id:
        raise errors.DifferentNetworks(id=one.referenced_group_id)


def modify_security_group_rules(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySecurityGroupRules.html"""
    group = lookup.owned_group(call, request["GroupId"])
    records = call.tables.security_group_rules
    for update in request["SecurityGroupRules"]:
        (rule,) = _with_ids(records.where(group_id=group.id), [update["SecurityGroupRuleId"]])
        wanted = traffic.of_rule_request(update.get("SecurityGroupRule") or {})
        _check_peer(call, group, wanted)
        others = [other for other in _rules(call, group, rule.egress) if other.id != rule.id]
        if wanted in map(traffic.of_rule, others):
            raise errors.PermissionDuplicate(rule=wanted)
        records.update(rule, replace(rule, **asdict(wanted)))
    return {"Return": True}


def update_security_group_rule_descriptions_ingress(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UpdateSecurityGroupRuleDescriptionsIngress.html"""
    return _describe_anew(call, request, egress=False)


def update_security_group_rule_descriptions_egress(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_UpdateSecurityGroupRuleDescriptionsEgress.html"""
    return _describe_anew(call, request, egress=True)


def _describe_anew(call: Call, request: Request, *, egress: bool) -> Answer:
    """Sets descriptions; one that is left out is removed."""
    group = named_group(call, request)
    rules = _rules(call, group, egress)
    by_id = {one.get("SecurityGroupRuleId", ""): one for one in request.get("SecurityGroupRuleDescriptions") or ()}
    if by_id:
        changes = [(rule, traffic.description(by_id[rule.id])) for rule in _with_ids(rules, by_id)]
    else:
        asked = _traffic(call, group, request)
        changes = [(rule, one.description) for rule, one in zip(_with_traffic(rules, asked), asked, strict=True)]
    for rule, description in changes:
        call.tables.security_group_rules.update(rule, replace(rule, description=description))
    return {"Return": True}


def describe_security_group_rules(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupRules.html"""
    for one in request.get("Filters") or ():
        if one.get("Name") == "group-id":
            _check_group_ids(one.get("Values") or ())
    rules = lookup.chosen(call, call.tables.security_group_rules, request.get("SecurityGroupRuleIds"), lookup.owned_rule)
    found = filtered(rules, request.get("Filters"), _FILTERS, tags=lambda rule: rule.tags)
    shown, token = page(call, request, found)
    return {"SecurityGroupRules": [_to_wire(rule) for rule in shown], "NextToken": token}


def _check_group_ids(values: Iterable[str]) -> None:
    """This one filter takes nothing that could not be a group's id."""
    for value in values:
        if not value.startswith("sg-") and "*" not in value:
            raise errors.GroupIdMalformed(f"The security group ID '{value}' is malformed")


def _common_to_wire(rule: SecurityGroupRule) -> dict[str, Any]:
    optional = {
        "CidrIpv4": rule.cidr,
        "CidrIpv6": rule.cidr6,
        "PrefixListId": rule.prefix_list_id,
        "Description": rule.description,
    }
    return {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "IsEgress": rule.egress,
        "IpProtocol": rule.protocol,
        "FromPort": rule.from_port,
        "ToPort": rule.to_port,
        **{name: value for name, value in optional.items() if value is not None},
    }


def _to_wire(rule: SecurityGroupRule) -> dict[str, Any]:
    wire = _common_to_wire(rule) | {
        "GroupOwnerId": rule.account,
        "SecurityGroupRuleArn": f"arn:aws:ec2:{rule.region}:{rule.account}:security-group-rule/{rule.id}",
        "Tags": tagging.to_wire(rule.tags),
    }
    if rule.referenced_group_id is not None:
        wire["ReferencedGroupInfo"] = {"GroupId": rule.referenced_group_id, "UserId": rule.account}
    return wire


def _revoked_to_wire(rule: SecurityGroupRule) -> dict[str, Any]:
    referenced = {"ReferencedGroupId": rule.referenced_group_id} if rule.referenced_group_id is not None else {}
    return _common_to_wire(rule) | referenced


_FILTERS: Mapping[str, Field[SecurityGroupRule]] = {
    "group-id": lambda rule: rule.group_id,
    "security-group-rule-id": lambda rule: rule.id,
}
