"""A subscription's filter policy: whether it is one, in the words of SNS. Pure.

SNS developer guide, "Amazon SNS subscription filter policies" and "Filter policy constraints"; the messages are recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sidedoor.notifications.documents import Unreadable, parsed

SCOPES = ("MessageAttributes", "MessageBody")

MOST_KEYS = 5
MOST_COMBINATIONS = 150
LARGEST_NUMBER = 1_000_000_000

_TEXT_OPERATORS = frozenset(("prefix", "suffix", "equals-ignore-case", "wildcard", "cidr"))
_RANGE_ENDS = {">": ("<", "<="), ">=": ("<", "<=")}
_COMPARISONS = {"=": "equals", ">": ">", ">=": ">=", "<": "<", "<=": "<="}


class FilterPolicyInvalid(ValueError):
    """The message says why."""


def check_filter_policy(text: str, scope: str) -> None:
    """Raises ``FilterPolicyInvalid``."""
    try:
        policy = parsed(text)
    except Unreadable:
        raise FilterPolicyInvalid("FilterPolicy: failed to parse JSON.") from None
    combinations = 1
    for key, depth, rules in _rules(policy, 1):
        if depth > 1 and scope == "MessageAttributes":
            raise FilterPolicyInvalid("Filter policy scope MessageAttributes does not support nested filter policy")
        _check_rules(key, rules)
        combinations *= len(rules) * depth
    if len([key for key in policy if key != "$or"]) > MOST_KEYS:
        raise FilterPolicyInvalid(f"FilterPolicy: Filter policy can not have more than {MOST_KEYS} keys")
    if combinations > MOST_COMBINATIONS:
        raise FilterPolicyInvalid("FilterPolicy: Filter policy is too complex")


def _rules(policy: dict[str, Any], depth: int) -> Iterator[tuple[str, int, list[Any]]]:
    """(key, how deep it lies, the values it may have), through nested keys and alternatives."""
    for key, value in policy.items():
        if key == "$or" and isinstance(value, list) and all(isinstance(one, dict) for one in value):
            for alternative in value:
                yield from _rules(alternative, depth)
        elif isinstance(value, dict):
            yield from _rules(value, depth + 1)
        elif isinstance(value, list):
            yield key, depth, value
        else:
            raise FilterPolicyInvalid(f'FilterPolicy: "{key}" must be an object or an array')


def _check_rules(key: str, rules: list[Any]) -> None:
    if not rules:
        raise FilterPolicyInvalid(f'FilterPolicy: Empty arrays are not allowed (key "{key}")')
    for rule in rules:
        if isinstance(rule, dict):
            _check_match(rule)
        elif _is_number(rule):
            _check_range(rule)
        elif isinstance(rule, list):
            raise FilterPolicyInvalid("FilterPolicy: Match value must be String, number, true, false, or null")


def _check_match(rule: dict[str, Any]) -> None:
    if len(rule) != 1:
        raise FilterPolicyInvalid("FilterPolicy: Only one key allowed in match expression")
    ((operator, operand),) = rule.items()
    if operator in _TEXT_OPERATORS:
        if not isinstance(operand, str):
            raise FilterPolicyInvalid(f"FilterPolicy: {operator} match pattern must be a string")
    elif operator == "exists":
        if not isinstance(operand, bool):
            raise FilterPolicyInvalid("FilterPolicy: exists match pattern must be either true or false.")
    elif operator == "anything-but":
        _check_anything_but(operand)
    elif operator == "numeric":
        _check_numeric(operand)
    else:
        raise FilterPolicyInvalid(f"FilterPolicy: Unrecognized match type {operator}")


def _check_anything_but(operand: Any) -> None:
    if isinstance(operand, dict):
        if len(operand) == 1 and set(operand) <= _TEXT_OPERATORS:
            return
    elif isinstance(operand, list):
        if operand and all(_is_number(one) or isinstance(one, str) for one in operand):
            return
    elif _is_number(operand) or isinstance(operand, str):
        return
    raise FilterPolicyInvalid("FilterPolicy: Value of anything-but must be an array or single string/number value.")


def _check_numeric(terms: Any) -> None:
    """``["=", 5]``, ``[">", 5]``, or a range ``[">=", 0, "<", 100]``."""
    if not isinstance(terms, list) or not terms or not isinstance(terms[0], str):
        found = terms[0] if isinstance(terms, list) and terms else "]"
        raise FilterPolicyInvalid(f"FilterPolicy: Invalid member in numeric match: {found}")
    operator, *rest = terms
    if operator not in _COMPARISONS:
        raise FilterPolicyInvalid(f"FilterPolicy: Unrecognized numeric range operator: {operator}")
    bottom = _number(operator, rest)
    if len(rest) > 1:
        if operator not in _RANGE_ENDS:
            raise FilterPolicyInvalid("FilterPolicy: Too many elements in numeric expression")
        _check_top(_RANGE_ENDS[operator], bottom, rest[1:])


def _check_top(operators: tuple[str, ...], bottom: float, rest: list[Any]) -> None:
    operator, *values = rest
    if not isinstance(operator, str):
        raise FilterPolicyInvalid(f"FilterPolicy: Bad value in numeric range: {operator}")
    if operator not in operators:
        raise FilterPolicyInvalid(f"FilterPolicy: Bad numeric range operator: {operator}")
    if _number(operator, values) <= bottom:
        raise FilterPolicyInvalid("FilterPolicy: Bottom must be less than top")
    if len(values) > 1:
        raise FilterPolicyInvalid("FilterPolicy: Too many terms in numeric range expression")


def _number(operator: str, values: list[Any]) -> float:
    if not values or not _is_number(values[0]):
        raise FilterPolicyInvalid(f"FilterPolicy: Value of {_COMPARISONS[operator]} must be numeric")
    _check_range(values[0])
    return float(values[0])


def _check_range(value: float) -> None:
    if abs(value) > LARGEST_NUMBER:
        raise FilterPolicyInvalid(f"FilterPolicy: Numeric values must be between -{LARGEST_NUMBER} and {LARGEST_NUMBER}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
