"""A topic's policy: whom it lets publish, and that what is not understood lets nobody."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from sidedoor.notifications.policy import Asker, allows, check_policy, default_policy, with_permission, without_permission

OWNER, OTHER = "111111111111", "222222222222"
TOPIC = f"arn:aws:sns:us-east-1:{OWNER}:events"
SERVICE = f"arn:aws:ec2:us-east-1:{OWNER}:vpc-endpoint-service/vpce-svc-0123456789abcdef0"
VPCE = Asker.service("vpce.amazonaws.com")
ROOT = Asker.caller(OTHER, f"arn:aws:iam::{OTHER}:root")
ALICE = Asker.caller(OTHER, f"arn:aws:iam::{OTHER}:user/alice")
SESSION = Asker.caller(OTHER, f"arn:aws:sts::{OTHER}:assumed-role/ops/now", f"arn:aws:iam::{OTHER}:role/ops")

CHAPTER = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "vpce.amazonaws.com"},
            "Action": "SNS:Publish",
            "Resource": TOPIC,
        }
    ],
}
"""The statement that the user guide wants ("Creating and managing a notification")."""


def statement(**parts: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": "*", "Action": "SNS:Publish", "Resource": TOPIC, **parts}


def may(
    asker: Asker, *statements: Any, action: str = "SNS:Publish", topic: str = TOPIC, context: dict[str, str] | None = None
) -> bool:
    return allows(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}), asker, action, topic, context or {})


def test_the_user_guides_statement_lets_endpoint_services_publish_and_nobody_else() -> None:
    policy = json.dumps(CHAPTER)
    assert allows(policy, VPCE, "SNS:Publish", TOPIC, {})
    assert not allows(policy, VPCE, "SNS:Subscribe", TOPIC, {})
    assert not allows(policy, VPCE, "SNS:Publish", f"{TOPIC}2", {})
    assert not allows(policy, Asker.service("events.amazonaws.com"), "SNS:Publish", TOPIC, {})
    assert not allows(policy, ROOT, "SNS:Publish", TOPIC, {})


def test_a_new_topics_policy_lets_its_owner_and_no_service() -> None:
    policy = default_policy(TOPIC, OWNER)
    assert allows(policy, ROOT, "SNS:Publish", TOPIC, {"aws:SourceOwner": OWNER})
    assert not allows(policy, ROOT, "SNS:Publish", TOPIC, {"aws:SourceOwner": OTHER})
    assert not allows(policy, VPCE, "SNS:Publish", TOPIC, {"aws:SourceOwner": OWNER})


@pytest.mark.parametrize(
    ("principal", "lets"),
    [
        ("*", "service root alice session"),
        ({"AWS": "*"}, "root alice session"),
        ({"AWS": OTHER}, "root alice session"),
        ({"AWS": f"arn:aws:iam::{OTHER}:root"}, "root alice session"),
        ({"AWS": [OWNER, f"arn:aws:iam::{OTHER}:user/alice"]}, "alice"),
        ({"AWS": f"arn:aws:iam::{OTHER}:role/ops"}, "session"),
        ({"AWS": f"arn:aws:sts::{OTHER}:assumed-role/ops/now"}, "session"),
        ({"AWS": f"arn:aws:iam::{OTHER}:user/*"}, ""),
        ({"AWS": OWNER}, ""),
        ({"AWS": "vpce.amazonaws.com"}, ""),
        ({"Service": ["s3.amazonaws.com", "vpce.amazonaws.com"]}, "service"),
        ({"Service": "*"}, ""),
        ({"Federated": "*"}, ""),
        ({"CanonicalUser": "*"}, ""),
        ({"AWS": {"a": "b"}}, ""),
        ({"AWS": [[OTHER], 7, None]}, ""),
        (OTHER, ""),
        ([], ""),
        (None, ""),
        (7, ""),
    ],
)
def test_principals(principal: Any, lets: str) -> None:
    askers = {"service": VPCE, "root": ROOT, "alice": ALICE, "session": SESSION}
    assert {name for name, asker in askers.items() if may(asker, statement(Principal=principal))} == set(lets.split())


@pytest.mark.parametrize(
    ("parts", "allowed"),
    [
        ({"Action": "sns:publish"}, True),
        ({"Action": ["SNS:Subscribe", "SNS:Publish"]}, True),
        ({"Action": "sns:P*"}, True),
        ({"Action": "*"}, True),
        ({"Action": "SNS:Subscribe"}, False),
        ({"Action": []}, False),
        ({"Action": [7]}, False),
        ({"Action": None}, False),
        ({"Resource": "*"}, True),
        ({"Resource": "arn:aws:sns:*:*:event?"}, True),
        ({"Resource": TOPIC.upper()}, False),
        ({"Resource": [f"{TOPIC}2", TOPIC]}, True),
        ({"Resource": f"{TOPIC}2"}, False),
        ({"Resource": None}, False),
        ({"NotAction": "SNS:Subscribe"}, False),
        ({"NotResource": f"{TOPIC}2"}, False),
        ({"NotPrincipal": {"AWS": OWNER}}, False),
        ({"Effect": "allow"}, False),
        ({"Effect": None}, False),
    ],
)
def test_actions_and_resources(parts: dict[str, Any], allowed: bool) -> None:
    assert may(VPCE, statement(**parts)) is allowed


FROM_SERVICE = {"aws:SourceArn": SERVICE, "aws:SourceAccount": OWNER}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        (None, True),
        ({"ArnLike": {"aws:SourceArn": SERVICE}}, True),
        ({"ArnLike": {"AWS:sourcearn": f"arn:aws:ec2:*:{OWNER}:vpc-endpoint-service/*"}}, True),
        ({"ArnEquals": {"aws:SourceArn": ["arn:aws:ec2:*:*:x", SERVICE]}}, True),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:ec2:*:vpc-endpoint-service/*"}}, False),  # a wildcard ends at a colon
        ({"ArnLike": {"aws:SourceArn": "*"}}, False),
        ({"ArnNotLike": {"aws:SourceArn": SERVICE}}, False),
        ({"StringEquals": {"aws:SourceAccount": OWNER}}, True),
        ({"StringEquals": {"aws:SourceAccount": [OTHER, OWNER]}}, True),
        ({"StringEquals": {"aws:SourceAccount": OTHER}}, False),
        ({"StringNotEquals": {"aws:SourceAccount": OTHER}}, True),
        ({"StringNotEquals": {"aws:SourceAccount": [OTHER, OWNER]}}, False),
        ({"StringLike": {"aws:SourceArn": "*:vpc-endpoint-service/*"}}, True),
        ({"StringNotLike": {"aws:SourceArn": "*"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:SourceArn": SERVICE.upper()}}, True),
        ({"StringNotEqualsIgnoreCase": {"aws:SourceArn": SERVICE.upper()}}, False),
        ({"StringEquals": {"aws:SourceAccount": OWNER}, "ArnLike": {"aws:SourceArn": "arn:aws:s3:::x"}}, False),
        ({"StringEquals": {"aws:SourceOwner": OWNER}}, False),  # the request has none
        ({"StringEqualsIfExists": {"aws:SourceOwner": OTHER}}, True),
        ({"StringNotEquals": {"aws:SourceOwner": OTHER}}, True),
        ({"StringEqualsIfExists": {"aws:SourceAccount": OTHER}}, False),
    ],
)
def test_conditions(condition: Any, holds: bool) -> None:
    assert may(VPCE, statement(Condition=condition), context=FROM_SERVICE) is holds
    denied = statement(Effect="Deny", Condition=condition)
    assert may(VPCE, statement(), denied, context=FROM_SERVICE) is not holds


@pytest.mark.parametrize(
    "condition",
    [
        {"Bool": {"aws:SecureTransport": "true"}},
        {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}},
        {"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}},
        {"ForAllValues:StringEquals": {"aws:SourceAccount": OWNER}},
        {"NumericEquals": {"aws:SourceAccount": OWNER}},
        {"StringEquals": {"aws:SourceAccount": "${aws:PrincipalAccount}"}},
        {"StringEquals": {"aws:SourceAccount": []}},
        {"StringEquals": {"aws:SourceAccount": 111111111111}},
        {"StringEquals": "x"},
        ["x"],
        "x",
    ],
)
def test_a_condition_that_is_not_understood_neither_allows_nor_escapes_a_deny(condition: Any) -> None:
    assert not may(VPCE, statement(Condition=condition), context=FROM_SERVICE)
    assert not may(VPCE, statement(), statement(Effect="Deny", Condition=condition), context=FROM_SERVICE)


def test_a_deny_that_surely_does_not_match_denies_nothing_however_odd_its_rest() -> None:
    odd = {"Bool": {"aws:SecureTransport": "false"}}
    assert may(VPCE, statement(), statement(Effect="Deny", Action="SNS:Subscribe", Condition=odd))


def test_a_deny_wins_wherever_it_stands() -> None:
    three = [statement(), statement(Effect="Deny", Principal={"Service": "vpce.amazonaws.com"}), statement()]
    assert not any(may(VPCE, *order) for order in itertools.permutations(three))
    assert may(ROOT, *three)


@pytest.mark.parametrize("odd", ["x", None, 7, [], {}, {"Effect": "Permit"}, {"Effect": "Deny"}, {"Effect": ["Allow"]}])
def test_a_statement_that_is_none_denies_everything(odd: Any) -> None:
    assert not may(VPCE, odd)
    assert not may(VPCE, statement(), odd)


@pytest.mark.parametrize(
    "policy", ["", "x", "[]", "null", "{}", '{"Statement": []}', '{"Statement": "x"}', "[" * 100_000, "{" + '"a":{' * 5_000]
)
def test_what_is_no_policy_allows_nothing(policy: str) -> None:
    assert not allows(policy, VPCE, "SNS:Publish", TOPIC, {})


def test_a_single_statement_needs_no_list() -> None:
    assert allows(json.dumps({"Statement": statement()}), VPCE, "SNS:Publish", TOPIC, {})


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "no json",
        "[]",
        "{}",
        '{"Statement": []}',
        json.dumps({"Statement": [statement(Effect="Maybe")]}),
        json.dumps({"Statement": [statement(Principal=None)]}),
        json.dumps({"Statement": [statement(Action=None)]}),
        json.dumps({"Statement": ["x"]}),
        '{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "SNS:Publish"}]}',
    ],
)
def test_what_sns_does_not_take_as_a_policy(policy: str) -> None:
    with pytest.raises(ValueError, match=r"^Policy Error: null$"):
        check_policy(policy)


@pytest.mark.parametrize("action", ["SNS:*", "*", "SNS:CreateTopic", "sqs:SendMessage", ["SNS:Publish", "SNS:Publishx"]])
def test_actions_that_are_not_on_a_topic(action: Any) -> None:
    with pytest.raises(ValueError, match=r"^Policy statement action out of service scope!$"):
        check_policy(json.dumps({"Statement": [statement(Action=action)]}))


def test_the_policies_that_people_set_are_taken_as_they_are_written() -> None:
    for text in (json.dumps(CHAPTER, indent=2), default_policy(TOPIC, OWNER), json.dumps({"Statement": statement()})):
        assert check_policy(text) == text


def test_permissions_are_statements_that_come_and_go_by_their_label() -> None:
    before = default_policy(TOPIC, OWNER)
    one = with_permission(before, "one", [OTHER], ["Publish"], TOPIC)
    assert json.loads(one)["Statement"][1] == {
        "Sid": "one", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "SNS:Publish",
        "Resource": TOPIC,
    }  # fmt: skip
    assert allows(one, ALICE, "SNS:Publish", TOPIC, {})
    assert not allows(one, ALICE, "SNS:Subscribe", TOPIC, {})
    two = with_permission(one, "two", [OWNER, OTHER], ["Publish", "Subscribe"], TOPIC)
    assert json.loads(two)["Statement"][2]["Action"] == ["SNS:Publish", "SNS:Subscribe"]
    assert without_permission(without_permission(two, "one"), "two") == before
    assert without_permission(before, "none") == before
    with pytest.raises(ValueError, match="Statement already exists"):
        with_permission(one, "one", [OTHER], ["Publish"], TOPIC)
    with pytest.raises(ValueError, match="out of service scope"):
        with_permission(one, "two", [OTHER], ["CreateTopic"], TOPIC)
