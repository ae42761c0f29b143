"""Whether a message is for a subscription with a filter policy. Pure.

SNS developer guide, "Amazon SNS subscription filter policies": all keys have to match, any of a key's values will do. The
policy was looked over when it was set (``filter_policy``); what is not understood matches nothing.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any

from sidedoor.notifications.documents import Unreadable, parsed
from sidedoor.notifications.filter_policy import SCOPES
from sidedoor.notifications.model import Message, MessageAttribute

_ABSENT = object()


def wants(policy: str | None, scope: str, message: Message) -> bool:
    """Whether a subscription with this filter policy, if any, is to get the message."""
    if not policy:
        return True
    rules = parsed(policy)
    if scope == SCOPES[0]:
        values = {attribute.name: _values(attribute) for attribute in message.attributes}
        return _matches(rules, lambda key: values.get(key, [_ABSENT]))
    try:
        return _matches_body(rules, [parsed(message.text("default"))])
    except Unreadable:
        return False


def _values(attribute: MessageAttribute) -> list[Any]:
    """What an attribute offers to be compared; a list offers each of its members."""
    kind = attribute.data_type.partition(".")[0]
    if attribute.data_type.startswith("String.Array"):
        try:
            found = json.loads(attribute.value)
        except ValueError:
            return []
        return found if isinstance(found, list) else []
    if kind == "Number":
        return [float(attribute.value)]
    return [attribute.value] if kind == "String" else []


def _matches(rules: Mapping[str, Any], values_of: Callable[[str], Collection[Any]]) -> bool:
    return all(
        any(_matches(one, values_of) for one in wanted)
        if key == "$or" and _is_alternatives(wanted)
        else any(_fits(rule, value) for rule in wanted for value in values_of(key))
        for key, wanted in rules.items()
    )


def _matches_body(rules: Mapping[str, Any], nodes: list[Any]) -> bool:
    """Whether the objects at one place of a body, of which there are several where a list leads there, match together."""
    for key, wanted in rules.items():
        if key == "$or" and _is_alternatives(wanted):
            if not any(_matches_body(one, nodes) for one in wanted):
                return False
            continue
        inner = [one for node in nodes if isinstance(node, dict) and key in node for one in _spread(node[key])]
        if isinstance(wanted, dict):
            if not _matches_body(wanted, inner):
                return False
        elif not any(_fits(rule, value) for rule in wanted for value in (inner or [_ABSENT])):
            return False
    return True


def _is_alternatives(wanted: Any) -> bool:
    return isinstance(wanted, list) and all(isinstance(one, dict) for one in wanted)


def _spread(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for one in value:
            yield from _spread(one)
    else:
        yield value


def _fits(rule: Any, value: Any) -> bool:
    if isinstance(rule, dict):
        ((operator, operand),) = rule.items()
        if operator == "exists":
            return (value is not _ABSENT) is operand
        return value is not _ABSENT and _OPERATORS[operator](operand, value)
    return value is not _ABSENT and _same(rule, value)


def _same(wanted: Any, value: Any) -> bool:
    """Equal, and of one kind: a number is no truth value."""
    if _is_number(wanted) and _is_number(value):
        return float(wanted) == float(value)
    return type(wanted) is type(value) and bool(wanted == value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _on_text(compare: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    return lambda operand, value: isinstance(value, str) and compare(operand, value)


def _in_block(block: str, value: str) -> bool:
    try:
        return ipaddress.ip_address(value) in ipaddress.ip_network(block, strict=False)
    except ValueError:
        return False


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.DOTALL)


def _anything_but(operand: Any, value: Any) -> bool:
    if isinstance(operand, dict):
        ((operator, inner),) = operand.items()
        return not _OPERATORS[operator](inner, value)
    return not any(_same(one, value) for one in (operand if isinstance(operand, list) else [operand]))


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, limit: value == limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


def _numeric(terms: list[Any], value: Any) -> bool:
    pairs = zip(terms[::2], terms[1::2], strict=True)
    return _is_number(value) and all(_COMPARISONS[operator](float(value), float(limit)) for operator, limit in pairs)


_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "prefix": _on_text(lambda wanted, value: value.startswith(wanted)),
    "suffix": _on_text(lambda wanted, value: value.endswith(wanted)),
    "equals-ignore-case": _on_text(lambda wanted, value: value.lower() == wanted.lower()),
    "wildcard": _on_text(lambda wanted, value: _pattern(wanted).fullmatch(value) is not None),
    "cidr": _on_text(_in_block),
    "anything-but": _anything_but,
    "numeric": _numeric,
}
