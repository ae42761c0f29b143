"""Security groups: named sets of rules that interfaces carry. Their rules: ``security_group_rules``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import lookup, traffic
from sidedoor.networks.model import SecurityGroup, SecurityGroupRule
from sidedoor.networks.refusals import in_use
from sidedoor.paging import page


def create_security_group(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html"""
    if not request["Description"]:
        raise errors.MissingParameter(name="GroupDescription")
    vpc = lookup.owned_vpc(call, request["VpcId"]) if request.get("VpcId") else lookup.default_vpc(call)
    if vpc is None:
        raise errors.VpcIdNotSpecified
    name = request["GroupName"]
    _check_texts(name, request["Description"])
    if call.tables.security_groups.where(vpc_id=vpc.id, name=name):
        raise errors.GroupDuplicate(name=name, vpc_id=vpc.id)
    group = call.tables.security_groups.add(
        SecurityGroup(
            id=call.new_id("sg"), account=call.account, region=call.region, vpc_id=vpc.id, name=name,
            description=request["Description"], created=call.now,
            tags=tagging.from_specifications(request, "security-group"),
        )
    )  # fmt: skip
    call.tables.security_group_rules.add(
        SecurityGroupRule(
            id=call.new_id("sgr"), account=call.account, region=call.region, group_id=group.id, egress=True,
            protocol=traffic.ALL, from_port=-1, to_port=-1, cidr="0.0.0.0/0", created=call.now,
        )
    )  # fmt: skip
    return {"GroupId": group.id, "SecurityGroupArn": _arn(group), "Tags": tagging.to_wire(group.tags)}


def _check_texts(name: str, description: str) -> None:
    if name.lower() == "default":
        raise errors.GroupReserved(name=name)
    for parameter, text in (("GroupName", name), ("GroupDescription", description)):
        if not traffic.TEXT.fullmatch(text):
            raise errors.InvalidParameterValue(value=text, name=parameter, reason=traffic.TEXT_RULE)
    if name.startswith("sg-"):
        raise errors.InvalidParameterValue(value=name, name="GroupName", reason="A group name may not begin with sg-.")


def describe_security_groups(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html"""
    named = [lookup.group_named(call, name).id for name in request.get("GroupNames") or ()]
    group_ids = [*(request.get("GroupIds") or ()), *named]
    groups = lookup.chosen(call, call.tables.security_groups, group_ids, lookup.owned_group)
    rules = _rules_of(call, groups)
    fields = _filters(rules, _names(call, rules))
    found = filtered(groups, request.get("Filters"), fields, tags=lambda group: group.tags)
    shown, token = page(call, request, found)
    return {"SecurityGroups": [_to_wire(group, rules[group.id]) for group in shown], "NextToken": token}


def get_security_groups_for_vpc(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetSecurityGroupsForVpc.html"""
    vpc = lookup.owned_vpc(call, request["VpcId"])
    groups = call.tables.security_groups.where(vpc_id=vpc.id)
    found = filtered(groups, request.get("Filters"), _FILTERS_FOR_VPC, tags=lambda group: group.tags)
    shown, token = page(call, request, found)
    wire = [
        {
            "GroupId": group.id,
            "GroupName": group.name,
            "Description": group.description,
            "OwnerId": group.account,
            "PrimaryVpcId": group.vpc_id,
            "Tags": tagging.to_wire(group.tags),
        }
        for group in shown
    ]
    return {"SecurityGroupForVpcs": wire, "NextToken": token}


_FILTERS_FOR_VPC: Mapping[str, Field[SecurityGroup]] = {
    "description": lambda group: group.description,
    "group-id": lambda group: group.id,
    "group-name": lambda group: group.name,
    "owner-id": lambda group: group.account,
    "primary-vpc-id": lambda group: group.vpc_id,
}


Rules = Mapping[str, Sequence[SecurityGroupRule]]
"""Group id -> its rules."""


def _rules_of(call: Call, groups: Sequence[SecurityGroup]) -> Rules:
    rules: dict[str, list[SecurityGroupRule]] = defaultdict(list)
    for rule in call.tables.security_group_rules.where(group_id=[group.id for group in groups]):
        rules[rule.group_id].append(rule)
    return rules


def _names(call: Call, rules: Rules) -> dict[str, str]:
    """Group id -> name of the groups that these rules name."""
    referenced = {rule.referenced_group_id for some in rules.values() for rule in some if rule.referenced_group_id}
    return {group.id: group.name for group in call.tables.security_groups.where(id=referenced)}


def delete_security_group(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html"""
    group = named_group(call, request)
    if group.name == "default":
        raise errors.CannotDelete(id=group.id)
    dependent = _dependent(call, group)
    if dependent is not None:
        raise in_use(call, "resource", group.id, dependent)
    call.tables.security_group_rules.remove_all(call.tables.security_group_rules.where(group_id=group.id))
    call.tables.security_groups.remove(group)
    return {"Return": True, "GroupId": group.id}


def named_group(call: Call, request: Request) -> SecurityGroup:
    """The group that a request names by ``GroupId`` or, in the default VPC, by ``GroupName``."""
    if request.get("GroupId"):
        return lookup.owned_group(call, request["GroupId"])
    if request.get("GroupName"):
        return lookup.group_named(call, request["GroupName"])
    raise errors.MissingParameter("The request must contain the parameter groupName or groupId")


def _dependent(call: Call, group: SecurityGroup) -> str | None:
    """The id of an interface that carries the group or of another group whose rules name it, or None."""
    for interface in call.tables.interfaces.where(vpc_id=group.vpc_id):
        if group.id in interface.group_ids:
            return interface.id
    for rule in call.tables.security_group_rules.where(referenced_group_id=group.id):
        if rule.group_id != group.id:
            return rule.group_id
    return None


def _arn(group: SecurityGroup) -> str:
    return f"arn:aws:ec2:{group.region}:{group.account}:security-group/{group.id}"


def _to_wire(group: SecurityGroup, rules: Sequence[SecurityGroupRule]) -> dict[str, Any]:
    return {
        "GroupId": group.id,
        "GroupName": group.name,
        "Description": group.description,
        "OwnerId": group.account,
        "VpcId": group.vpc_id,
        "SecurityGroupArn": _arn(group),
        "IpPermissions": traffic.to_permissions(rule for rule in rules if not rule.egress),
        "IpPermissionsEgress": traffic.to_permissions(rule for rule in rules if rule.egress),
        "Tags": tagging.to_wire(group.tags),
    }


def _filters(rules: Rules, names: Mapping[str, str]) -> Mapping[str, Field[SecurityGroup]]:
    fields: dict[str, Field[SecurityGroup]] = {
        "description": lambda group: group.description,
        "group-id": lambda group: group.id,
        "group-name": lambda group: group.name,
        "owner-id": lambda group: group.account,
        "vpc-id": lambda group: group.vpc_id,
    }
    looks: Mapping[str, Callable[[SecurityGroupRule], str | None]] = {
        "cidr": lambda rule: rule.cidr,
        "from-port": lambda rule: str(rule.from_port),
        "group-id": lambda rule: rule.referenced_group_id,
        "group-name": lambda rule: names.get(rule.referenced_group_id or ""),
        "ipv6-cidr": lambda rule: rule.cidr6,
        "prefix-list-id": lambda rule: rule.prefix_list_id,
        "protocol": lambda rule: rule.protocol,
        "to-port": lambda rule: str(rule.to_port),
        "user-id": lambda rule: rule.account if rule.referenced_group_id else None,
    }
    for name, look in looks.items():
        fields[f"ip-permission.{name}"] = _of_rules(rules, look, egress=False)
        fields[f"egress.ip-permission.{name}"] = _of_rules(rules, look, egress=True)
    return fields


def _of_rules(rules: Rules, look: Callable[[SecurityGroupRule], str | None], *, egress: bool) -> Field[SecurityGroup]:
    """A filter's field that looks at all rules of a group in one direction."""

    def values(group: SecurityGroup) -> Iterable[str]:
        found = (look(rule) for rule in rules.get(group.id, ()) if rule.egress == egress)
        return [value for value in found if value is not None]

    return values
