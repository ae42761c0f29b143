"""What SNS takes as a filter policy, and what it says of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidedoor.notifications.filter_policy import FilterPolicyInvalid, check_filter_policy


def said(policy: Any, scope: str = "MessageBody") -> str:
    with pytest.raises(FilterPolicyInvalid) as caught:
        check_filter_policy(policy if isinstance(policy, str) else json.dumps(policy), scope)
    return str(caught.value)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"store": ["example"], "event": ["a", "b"], "encrypted": [False], "price": [100, 100.12], "error": [None]},
        {"a": [{"prefix": "x"}, {"suffix": "y"}, {"equals-ignore-case": "z"}, {"wildcard": "*"}, {"exists": True}]},
        {"a": [{"anything-but": "x"}, {"anything-but": 1}, {"anything-but": ["x", 1]}, {"anything-but": {"prefix": "x"}}]},
        {"a": [{"numeric": ["=", 5]}, {"numeric": ["<", -1.5]}, {"numeric": [">=", 0, "<", 100]}, {"cidr": "10.0.0.0/8"}]},
        {"$or": [{"a": ["x"]}, {"b": [{"exists": False}]}], "c": ["y"]},
        {"a": [str(number) for number in range(150)]},
    ],
)
@pytest.mark.parametrize("scope", ["MessageAttributes", "MessageBody"])
def test_filter_policies(policy: Any, scope: str) -> None:
    check_filter_policy(json.dumps(policy), scope)


def test_a_nested_policy_is_one_for_bodies_alone() -> None:
    nested = {"a": {"b": {"c": ["x", {"exists": True}]}}, "$or": [{"d": {"e": ["y"]}}, {"f": ["z"]}]}
    check_filter_policy(json.dumps(nested), "MessageBody")
    assert said(nested, "MessageAttributes") == "Filter policy scope MessageAttributes does not support nested filter policy"


@pytest.mark.parametrize(
    "text", ["", "{invalid}", "[]", "null", '{"a": [NaN]}', "[" * 100_000, '{"a":' * 500 + "[1]" + "}" * 500]
)
def test_what_is_no_json_object(text: str) -> None:
    assert said(text) == "FilterPolicy: failed to parse JSON."


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ([["x"]], "Match value must be String, number, true, false, or null"),
        ([{"wrong-operator": True}], "Unrecognized match type wrong-operator"),
        ([{"suffix": "x", "prefix": "y"}], "Only one key allowed in match expression"),
        ([{}], "Only one key allowed in match expression"),
        ([{"suffix": 100}], "suffix match pattern must be a string"),
        ([{"suffix": []}], "suffix match pattern must be a string"),
        ([{"exists": None}], "exists match pattern must be either true or false."),
        ([{"exists": "no"}], "exists match pattern must be either true or false."),
        ([{"anything-but": None}], "Value of anything-but must be an array or single string/number value."),
        ([{"anything-but": []}], "Value of anything-but must be an array or single string/number value."),
        ([{"anything-but": {"exists": True}}], "Value of anything-but must be an array or single string/number value."),
        ([{"numeric": []}], "Invalid member in numeric match: ]"),
        ([{"numeric": 5}], "Invalid member in numeric match: ]"),
        ([{"numeric": [1, "<="]}], "Invalid member in numeric match: 1"),
        ([{"numeric": ["operator"]}], "Unrecognized numeric range operator: operator"),
        ([{"numeric": ["=", "000"]}], "Value of equals must be numeric"),
        ([{"numeric": [">="]}], "Value of >= must be numeric"),
        ([{"numeric": ["<", True]}], "Value of < must be numeric"),
        ([{"numeric": ["<", 100, ">", 10]}], "Too many elements in numeric expression"),
        ([{"numeric": [">=", 1, ">", 2]}], "Bad numeric range operator: >"),
        ([{"numeric": [">", 20, "test"]}], "Bad numeric range operator: test"),
        ([{"numeric": [">", 20, 30]}], "Bad value in numeric range: 30"),
        ([{"numeric": [">", 3, "<", 1]}], "Bottom must be less than top"),
        ([{"numeric": [">", 20, "<="]}], "Value of <= must be numeric"),
        ([{"numeric": [">", 20, "<", "30"]}], "Value of < must be numeric"),
        ([{"numeric": [">", 20, "<", 30, "<", 50]}], "Too many terms in numeric range expression"),
        ([1_000_000_001], "Numeric values must be between -1000000000 and 1000000000"),
        ([{"numeric": ["=", 10**400]}], "Numeric values must be between -1000000000 and 1000000000"),
        ([], 'Empty arrays are not allowed (key "key")'),
        ("value", '"key" must be an object or an array'),
        ({"suffix": "value"}, '"suffix" must be an object or an array'),
        (None, '"key" must be an object or an array'),
    ],
)
def test_rules_that_sns_does_not_take(rule: Any, reason: str) -> None:
    assert said({"key": rule}) == f"FilterPolicy: {reason}"


def test_a_policy_has_five_keys_and_a_hundred_and_fifty_combinations() -> None:
    keys = {f"key{number}": ["x"] for number in range(6)}
    assert said(keys) == "FilterPolicy: Filter policy can not have more than 5 keys"
    assert said({"a": [str(number) for number in range(151)]}) == "FilterPolicy: Filter policy is too complex"
    four, three = list("abcd"), list("abc")
    nested = {"a": {"b": {"c": four}}, "d": {"e": three}, "f": three}
    assert said(nested) == "FilterPolicy: Filter policy is too complex"  # 3 x 4 x 2 x 3 x 1 x 3 = 216
