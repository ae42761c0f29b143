"""Who may come in at a door: the inbound rules of the security groups, as blocks of client addresses. Pure.

Rule 1: what cannot be resolved lets nobody in: rules only ever allow, so a group, a member or a prefix list that is not known
adds nothing.
Rule 2: a set of addresses is a tuple of disjoint (first, last), in order, so that a group of thousands is joined in one pass;
what many doors have in common is worked out once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, summarize_address_range

from sidedoor.dataplane.wanted import Wanted
from sidedoor.networks.model import InterfaceKind, SecurityGroupRule

Spans = tuple[tuple[int, int], ...]
"""A set of IPv4 addresses as numbers."""

NOBODY: Spans = ()
EVERYBODY: Spans = ((0, 2**32 - 1),)

_ANY_PROTOCOL = "-1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """Who may come in at a door.

    ``blocks``: the clients' addresses as their VPC has them, in order; None for all. ``ruled``: whether there are rules for the
    port, be they about somebody who is not there.
    """

    blocks: tuple[str, ...] | None
    ruled: bool


CLOSED = Admission(blocks=(), ruled=False)


def by_all(wanted: Wanted, asked: Iterable[Collection[str]], vpc_id: str, port: int) -> Admission:
    """Whom each of these sets of security groups lets in, of the clients of this VPC, to this TCP port."""
    found, ruled = EVERYBODY, True
    for group_ids in asked:
        found = common(found, admitted(wanted, group_ids, vpc_id, port))
        ruled = ruled and has_rules(wanted, group_ids, port)
    return Admission(blocks=None if found == EVERYBODY else blocks(found), ruled=ruled)


def admitted(wanted: Wanted, group_ids: Iterable[str], vpc_id: str, port: int) -> Spans:
    """The addresses from which any of these groups lets a client of this VPC in to this TCP port."""
    found = [_sources(wanted, rule, vpc_id) for rule in _rules(wanted, group_ids, port)]
    return found[0] if len(found) == 1 else joined(span for spans in found for span in spans)


def has_rules(wanted: Wanted, group_ids: Iterable[str], port: int) -> bool:
    """Whether any of these groups has an inbound rule for this TCP port."""
    return any(True for _ in _rules(wanted, group_ids, port))


def _rules(wanted: Wanted, group_ids: Iterable[str], port: int) -> Iterator[SecurityGroupRule]:
    """The inbound rules of these groups for this port."""
    for group_id in group_ids:
        for rule_id in wanted.rules_of_security_group[group_id]:
            if _is_about(wanted.security_group_rules[rule_id], port):
                yield wanted.security_group_rules[rule_id]


def _is_about(rule: SecurityGroupRule, port: int) -> bool:
    if rule.egress:
        return False
    return rule.protocol == _ANY_PROTOCOL or (rule.protocol == "tcp" and rule.from_port <= port <= rule.to_port)


def _sources(wanted: Wanted, rule: SecurityGroupRule, vpc_id: str) -> Spans:
    """The rule's source. Clients have IPv4 addresses alone: a block or a list of the other family means none of them."""
    if rule.cidr is not None:
        return (_span(rule.cidr),)
    if rule.referenced_group_id is not None:
        return _members(wanted, rule.referenced_group_id, vpc_id)
    listed = wanted.prefix_lists.get(rule.prefix_list_id or "")
    return joined(_span(entry.cidr) for entry in listed.entries if ":" not in entry.cidr) if listed is not None else NOBODY


def _members(wanted: Wanted, group_id: str, vpc_id: str) -> Spans:
    """The addresses of the group's members in this VPC. An endpoint's own interface is left out: nobody connects from it."""
    known: dict[str, Spans] = wanted.members.setdefault(group_id, {})
    if vpc_id not in known:
        members = (wanted.interfaces[one] for one in wanted.interfaces_of_security_group[group_id])
        known[vpc_id] = joined(
            (number, number)
            for member in members
            if member.vpc_id == vpc_id and member.kind is not InterfaceKind.ENDPOINT
            for number in map(_number, member.addresses)
        )
    return known[vpc_id]


def joined(spans: Iterable[tuple[int, int]]) -> Spans:
    """All of them, in order, with neighbours made one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


@lru_cache(maxsize=64)
def common(one: Spans, other: Spans) -> Spans:
    """The addresses that are in both."""
    if EVERYBODY in (one, other):
        return other if one == EVERYBODY else one
    return tuple(_overlaps(one, other))


def _overlaps(one: Spans, other: Spans) -> Iterator[tuple[int, int]]:
    left = right = 0
    while left < len(one) and right < len(other):
        first, last = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if first <= last:
            yield first, last
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1


@lru_cache(maxsize=256)
def blocks(spans: Spans) -> tuple[str, ...]:
    """The same addresses as the fewest CIDR blocks, in order."""
    return tuple(
        str(block)
        for first, last in spans
        for block in summarize_address_range(IPv4Address(first), IPv4Address(last))
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _span(cidr: str) -> tuple[int, int]:
    block = IPv4Network(cidr)
    return int(block.network_address), int(block.broadcast_address)


@lru_cache(maxsize=65536)
def _number(address: str) -> int:
    return int(IPv4Address(address))
