"""Which messages a filter policy lets through: SNS developer guide, "Amazon SNS subscription filter policies"."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from sidedoor.notifications.filtering import wants
from sidedoor.notifications.model import Message, MessageAttribute


def message(body: Any = "hello", **attributes: tuple[str, str]) -> Message:
    return Message(
        id="m", account="111111111111", region="us-east-1", topic_arn="t", created=datetime(2026, 1, 2, tzinfo=UTC),
        body=body if isinstance(body, str) else json.dumps(body),
        attributes=tuple(MessageAttribute(name=one, data_type=kind, value=value) for one, (kind, value) in attributes.items()),
    )  # fmt: skip


SHOP = message(
    store=("String", "example_corp"), price=("Number", "100.50"), sizes=("String.Array", '["L", 42, true, null]'),
    source=("String", "10.0.7.9"), blob=("Binary", "AgM="),
)  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"store": ["example_corp"]}, True),
        ({"store": ["other"]}, False),
        ({"store": ["other", "example_corp"]}, True),
        ({"store": ["example_corp"], "price": [100.5]}, True),
        ({"store": ["example_corp"], "absent": ["x"]}, False),
        ({"store": [{"prefix": "example"}]}, True),
        ({"store": [{"suffix": "_corp"}]}, True),
        ({"store": [{"wildcard": "ex*_c*p"}]}, True),
        ({"store": [{"wildcard": "ex*_c"}]}, False),
        ({"store": [{"equals-ignore-case": "EXAMPLE_corp"}]}, True),
        ({"store": [{"anything-but": ["other", "more"]}]}, True),
        ({"store": [{"anything-but": "example_corp"}]}, False),
        ({"store": [{"anything-but": {"prefix": "ex"}}]}, False),
        ({"absent": [{"anything-but": ["x"]}]}, False),
        ({"store": [{"exists": True}], "absent": [{"exists": False}]}, True),
        ({"store": [{"exists": False}]}, False),
        ({"price": [{"numeric": [">", 100, "<=", 100.5]}]}, True),
        ({"price": [{"numeric": ["<", 100.5]}]}, False),
        ({"price": [{"numeric": ["=", 100.5]}]}, True),
        ({"store": [{"numeric": [">", 0]}]}, False),
        ({"sizes": ["M", "L"]}, True),
        ({"sizes": [42]}, True),
        ({"sizes": [1]}, False),
        ({"sizes": [True]}, True),
        ({"sizes": [None]}, True),
        ({"source": [{"cidr": "10.0.0.0/16"}]}, True),
        ({"source": [{"cidr": "10.1.0.0/16"}]}, False),
        ({"blob": ["AgM="]}, False),
        ({"$or": [{"store": ["other"]}, {"price": [{"numeric": [">", 100]}]}]}, True),
        ({"$or": [{"store": ["other"]}, {"price": [1]}]}, False),
    ],
)
def test_attributes(policy: dict[str, Any], expected: bool) -> None:
    assert wants(json.dumps(policy), "MessageAttributes", SHOP) is expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"event": ["Connect"]}, True),
        ({"detail": {"state": ["available"]}}, True),
        ({"detail": {"state": ["failed"]}}, False),
        ({"detail": {"zones": ["b"]}}, True),
        ({"detail": {"parts": {"id": [2]}}}, True),
        ({"detail": {"parts": {"id": [3]}}}, False),
        ({"detail": {"absent": [{"exists": False}]}}, True),
        ({"absent": {"more": ["x"]}}, False),
        ({"ok": ["true"]}, False),
        ({"ok": [True]}, True),
    ],
)
def test_the_body(policy: dict[str, Any], expected: bool) -> None:
    body = {
        "event": "Connect",
        "ok": True,
        "detail": {"state": "available", "zones": ["a", "b"], "parts": [{"id": 1}, {"id": 2}]},
    }
    assert wants(json.dumps(policy), "MessageBody", message(body)) is expected


def test_a_body_that_is_no_object_matches_nothing_and_no_policy_lets_everything_through() -> None:
    assert wants(json.dumps({"event": [{"exists": False}]}), "MessageBody", message("plain")) is False
    assert wants(None, "MessageBody", message("plain")) is True
