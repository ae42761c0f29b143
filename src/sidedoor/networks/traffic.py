"""What a security group rule lets through: read from a request, compared, and shown as AWS shows it. Pure.

Rule 1: a request's permission is taken apart into one ``Traffic`` a source, which is one rule.
Rule 2: two rules are the same where their traffic is; the description does not count (EC2 API reference,
"RevokeSecurityGroupIngress": "the rule descriptions don't have to match").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidedoor import errors
from sidedoor.networks import cidrs
from sidedoor.networks.model import SecurityGroupRule

ALL = "-1"
TEXT = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
TEXT_RULE = "Up to 255 of the characters a-z, A-Z, 0-9, spaces and ._-:/()#,@[]+=&;{}!$* are allowed."
"""Descriptions of rules, names and descriptions of groups in a VPC (EC2 API reference, ``CreateSecurityGroup``)."""

_NUMBERS: Mapping[str, str] = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": ALL}
_NAMES = frozenset({"icmp", "tcp", "udp", "icmpv6", ALL})
_WITH_PORTS = frozenset({"tcp", "udp"})
_WITH_TYPES = frozenset({"icmp", "icmpv6"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """A protocol, its ports, and where it comes from or goes to. The fields are named as in ``SecurityGroupRule``."""

    protocol: str
    from_port: int
    to_port: int
    cidr: str | None = None
    cidr6: str | None = None
    referenced_group_id: str | None = None
    prefix_list_id: str | None = None
    description: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """As the message of ``InvalidPermission.Duplicate`` spells it."""
        peer = self.cidr or self.cidr6 or self.referenced_group_id or self.prefix_list_id
        if self.protocol == ALL:
            return f"peer: {peer}, ALL, ALLOW"
        return f"peer: {peer}, {self.protocol.upper()}, from port: {self.from_port}, to port: {self.to_port}, ALLOW"


def of_rule(rule: SecurityGroupRule) -> Traffic:
    """What a rule lets through."""
    return Traffic(
        protocol=rule.protocol, from_port=rule.from_port, to_port=rule.to_port, cidr=rule.cidr, cidr6=rule.cidr6,
        referenced_group_id=rule.referenced_group_id, prefix_list_id=rule.prefix_list_id, description=rule.description,
    )  # fmt: skip


def of_permissions(permissions: Iterable[Mapping[str, Any]]) -> list[Traffic]:
    """The traffic of a request's ``IpPermissions``; groups must be named by id. Each kind of traffic may be named once."""
    found = [traffic for permission in permissions for traffic in _of_permission(permission)]
    if len(set(found)) != len(found):
        raise errors.InvalidParameterValue("The same permission must not appear multiple times")
    return found


_SOURCES = ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds")


def count(permissions: Iterable[Mapping[str, Any]]) -> int:
    """How many rules the permissions would be."""
    return sum(len(permission.get(member) or ()) for permission in permissions for member in _SOURCES)


def _of_permission(permission: Mapping[str, Any]) -> Iterator[Traffic]:
    protocol, from_port, to_port = _ports(permission)
    sources = list(_sources(permission))
    if not sources:
        raise errors.InvalidParameterValue("The permission names no IP range, security group or prefix list.")
    for source, description in sources:
        yield Traffic(protocol=protocol, from_port=from_port, to_port=to_port, description=description, **source)


def _sources(permission: Mapping[str, Any]) -> Iterator[tuple[dict[str, str], str | None]]:
    """(the field of ``Traffic`` that is the source, description) of each source of a permission."""
    for one in permission.get("IpRanges") or ():
        yield {"cidr": ipv4(one.get("CidrIp", ""))}, description(one)
    for one in permission.get("Ipv6Ranges") or ():
        yield {"cidr6": ipv6(one.get("CidrIpv6", ""))}, description(one)
    for one in permission.get("UserIdGroupPairs") or ():
        yield {"referenced_group_id": one["GroupId"]}, description(one)
    for one in permission.get("PrefixListIds") or ():
        yield {"prefix_list_id": one.get("PrefixListId", "")}, description(one)


def of_rule_request(request: Mapping[str, Any]) -> Traffic:
    """The traffic of one ``SecurityGroupRuleRequest``, which has exactly one source."""
    if not request.get("IpProtocol"):
        raise errors.InvalidParameterValue(
            "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly."
        )
    if _protocol(request["IpProtocol"]) in _WITH_PORTS and (request.get("FromPort") is None or request.get("ToPort") is None):
        raise errors.InvalidParameterValue("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
    protocol, from_port, to_port = _ports(request)
    readers: Mapping[str, tuple[str, Callable[[str], str]]] = {
        "CidrIpv4": ("cidr", ipv4),
        "CidrIpv6": ("cidr6", ipv6),
        "ReferencedGroupId": ("referenced_group_id", str),
        "PrefixListId": ("prefix_list_id", str),
    }
    sources = {target: read(request[name]) for name, (target, read) in readers.items() if request.get(name)}
    kinds = "cidrIp, cidrIpv6, prefixListId, or referencedGroupId"
    if not sources:
        raise errors.MissingParameter(f"The request must contain exactly one of: {kinds}")
    if len(sources) > 1:
        raise errors.InvalidParameterCombination(f"Only one of {kinds} can be specified")
    return Traffic(protocol=protocol, from_port=from_port, to_port=to_port, description=description(request), **sources)


def description(request: Mapping[str, Any]) -> str | None:
    """A rule's description or None. Raises ``InvalidParameterValue`` for what ``TEXT`` does not allow."""
    text = request.get("Description")
    if text and not TEXT.fullmatch(text):
        raise errors.InvalidParameterValue(value=text, name="Description", reason=TEXT_RULE)
    return text or None


def _ports(request: Mapping[str, Any]) -> tuple[str, int, int]:
    """Protocol and ports; for ICMP type and code. A protocol without either has -1 for both."""
    protocol = _protocol(request.get("IpProtocol"))
    first, last = request.get("FromPort"), request.get("ToPort")
    if protocol in _WITH_TYPES:
        first, last = -1 if first is None else first, -1 if last is None else last
        if not (-1 <= first <= 255 and -1 <= last <= 255):
            raise errors.InvalidParameterValue(f"Invalid ICMP type ({first}) or code ({last})")
        return protocol, first, last
    if protocol not in _WITH_PORTS:
        return protocol, -1, -1
    if first is None or last is None:
        raise errors.InvalidParameterValue("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
    if not 0 <= first <= last <= 65535:
        raise errors.InvalidParameterValue(f"Invalid value '{first}-{last}' for portRange.")
    return protocol, first, last


def _protocol(text: str | None) -> str:
    if not text:
        raise errors.MissingParameter(name="ipProtocol")
    name = _NUMBERS.get(text.lower(), text.lower())
    if name not in _NAMES and not (name.isdecimal() and int(name) <= 255):
        raise errors.InvalidParameterValue(f"Invalid value '{text}' for IP protocol. Unknown protocol.")
    return name


def ipv4(text: str) -> str:
    """An IPv4 block with its host bits cleared."""
    network = cidrs.ipv4_network(text)
    if network is None:
        raise errors.InvalidParameterValue(f"CIDR block {text} is malformed")
    return str(network)


def ipv6(text: str) -> str:
    """An IPv6 block with its host bits cleared."""
    network = cidrs.ipv6_network(text)
    if network is None:
        raise errors.InvalidParameterValue(f"CIDR block {text} is malformed")
    return str(network)


def to_permissions(rules: Iterable[SecurityGroupRule]) -> list[dict[str, Any]]:
    """``IpPermissions``: one entry for each (protocol, ports), with all its sources in the order in which they are given."""
    grouped: dict[tuple[str, int, int], dict[str, Any]] = {}
    for rule in sorted(rules, key=lambda rule: (rule.protocol, rule.from_port, rule.to_port)):
        ports = (rule.protocol, rule.from_port, rule.to_port)
        member, source = _source_to_wire(rule)
        grouped.setdefault(ports, _empty_permission(*ports))[member].append(source)
    return list(grouped.values())


def _empty_permission(protocol: str, from_port: int, to_port: int) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": protocol}
    if protocol in _WITH_PORTS | _WITH_TYPES:
        permission |= {"FromPort": from_port, "ToPort": to_port}
    return permission | {"IpRanges": [], "Ipv6Ranges": [], "UserIdGroupPairs": [], "PrefixListIds": []}


def _source_to_wire(rule: SecurityGroupRule) -> tuple[str, dict[str, str]]:
    """(member of ``IpPermission``, entry)."""
    description = {"Description": rule.description} if rule.description else {}
    if rule.cidr is not None:
        return "IpRanges", {"CidrIp": rule.cidr, **description}
    if rule.cidr6 is not None:
        return "Ipv6Ranges", {"CidrIpv6": rule.cidr6, **description}
    if rule.referenced_group_id is not None:
        return "UserIdGroupPairs", {"GroupId": rule.referenced_group_id, "UserId": rule.account, **description}
    return "PrefixListIds", {"PrefixListId": rule.prefix_list_id or "", **description}
