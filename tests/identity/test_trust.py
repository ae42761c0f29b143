"""Trust policies: whom they let in, and that what is not understood lets nobody in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidedoor import errors
from sidedoor.identity.model import Caller, CallerKind
from sidedoor.identity.trust import check_trust_policy, may_assume, parse_role_arn

USER_ARN = "arn:aws:iam::222222222222:user/ann"
USER = Caller(
    account="222222222222", arn=USER_ARN, user_id="AIDA1", principal=USER_ARN, kind=CallerKind.USER, access_key_id="AKIA1"
)
ROLE_ARN = "arn:aws:iam::222222222222:role/deployer"
SESSION_ARN = "arn:aws:sts::222222222222:assumed-role/deployer/ci"
SESSION = Caller(
    account="222222222222", arn=SESSION_ARN, user_id="AROA1:ci", principal=ROLE_ARN, kind=CallerKind.ASSUMED_ROLE,
    access_key_id="ASIA1",
)  # fmt: skip


def statement(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", **members}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": "*"},
        {"AWS": "222222222222"},
        {"AWS": "arn:aws:iam::222222222222:root"},
        {"AWS": USER_ARN},
        {"AWS": ["111111111111", USER_ARN]},
        {"Service": "ec2.amazonaws.com", "AWS": USER_ARN},
    ],
)
def test_a_principal_that_names_the_caller_lets_it_in(principal: Any) -> None:
    assert may_assume(policy(statement(Principal=principal)), USER, None)


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "111111111111"},
        {"AWS": "arn:aws:iam::222222222222:user/bob"},
        {"AWS": "arn:aws:iam::222222222222:user/*"},
        {"AWS": []},
        {"Service": "*"},
        {"Federated": USER_ARN},
    ],
)
def test_any_other_principal_does_not(principal: Any) -> None:
    assert not may_assume(policy(statement(Principal=principal)), USER, None)


def test_a_session_is_named_by_its_role_or_by_itself() -> None:
    for principal in (ROLE_ARN, SESSION_ARN):
        assert may_assume(policy(statement(Principal={"AWS": principal})), SESSION, None)


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        ("sts:AssumeRole", True),
        ("STS:assumerole", True),
        ("sts:*", True),
        ("*", True),
        (["sts:TagSession", "sts:AssumeRole"], True),
        ("sts:AssumeRoleWithSAML", False),
        ("ec2:*", False),
        ([], False),
    ],
)
def test_the_action_must_be_to_assume_the_role(action: Any, allowed: bool) -> None:
    assert may_assume(policy(statement(Action=action)), USER, None) is allowed


def test_a_deny_wins_whatever_the_order() -> None:
    allow, deny = statement(), statement(Effect="Deny", Principal={"AWS": USER_ARN})
    for statements in ((allow, deny), (deny, allow)):
        assert not may_assume(policy(*statements), USER, None)
        assert may_assume(policy(*statements), SESSION, None)


def test_an_external_id_must_be_the_one_that_is_wanted() -> None:
    text = policy(statement(Condition={"StringEquals": {"sts:ExternalId": ["one", "two"]}}))
    assert [may_assume(text, USER, given) for given in ("one", "two", "three", None)] == [True, True, False, False]


@pytest.mark.parametrize(
    "condition",
    [
        {"StringLike": {"sts:ExternalId": "*"}},
        {"StringEquals": {"sts:ExternalId": "one", "aws:SourceIp": "10.0.0.1"}},
        {"StringEquals": {"sts:ExternalId": "one"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"StringEquals": {"aws:username": "one"}},
        {"StringEquals": {"sts:ExternalId": []}},
        {"StringEquals": []},
        ["StringEquals"],
    ],
)
def test_a_condition_that_is_not_understood_fails_closed(condition: Any) -> None:
    assert not may_assume(policy(statement(Condition=condition)), USER, "one")
    denied = policy(statement(), statement(Effect="Deny", Condition=condition))
    assert not may_assume(denied, USER, "one")


def test_what_is_said_by_exclusion_fails_closed() -> None:
    for members in ({"NotAction": "sts:TagSession"}, {"NotPrincipal": {"AWS": "111111111111"}}):
        assert not may_assume(policy(statement(**members)), USER, None)
        assert not may_assume(policy(statement(), statement(Effect="Deny", **members)), USER, None)


def test_a_policy_may_have_its_one_statement_without_a_list() -> None:
    text = json.dumps({"Statement": statement()})
    assert check_trust_policy(text) == text
    assert may_assume(text, USER, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"Statement": []}',
        '{"Statement": ["x"]}',
        "[" * 100_000,
        policy(statement(Effect="Maybe")),
        policy({"Effect": "Allow", "Action": "sts:AssumeRole"}),
        policy({"Effect": "Allow", "Principal": "*"}),
        policy(statement(Principal=USER_ARN)),
        policy(statement(Principal={"AWS": [{"a": "b"}]})),
        policy(statement(Principal={})),
        policy(statement(Resource="*")),
    ],
)
def test_a_policy_that_is_not_well_formed_is_refused(text: str) -> None:
    with pytest.raises(errors.MalformedPolicyDocument):
        check_trust_policy(text)


def test_the_name_and_the_account_are_read_from_a_roles_arn() -> None:
    assert parse_role_arn("arn:aws:iam::111111111111:role/name") == ("111111111111", "name")
    assert parse_role_arn("arn:aws:iam::111111111111:role/a/path/name") == ("111111111111", "name")
    for text in (
        "",
        "name",
        "arn:aws:iam::1:role/name",
        "arn:aws:iam::111111111111:user/name",
        "arn:aws:iam::111111111111:role/",
    ):
        assert parse_role_arn(text) is None
