"""A topic's policy: what it may say, and whom it lets do what. Pure.

Rule 1: nothing is allowed that no statement allows; a ``Deny`` that matches wins.
Rule 2: what is not understood fails closed: it makes an ``Allow`` not match and a ``Deny`` match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sidedoor.notifications.documents import Unreadable, dumped, parsed

OWNERS_ACTIONS = (
    "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
    "ListSubscriptionsByTopic", "Publish",
)  # fmt: skip
"""What the policy of a new topic lets its owner do (recorded reply of GetTopicAttributes)."""

_IN_SCOPE = frozenset(
    f"sns:{name}".lower()
    for name in (*OWNERS_ACTIONS, "GetDataProtectionPolicy", "ListTagsForResource", "PutDataProtectionPolicy", "Receive")
)
"""The actions that a topic's policy may name; none of them by a wildcard (SNS developer guide, "API permissions")."""


def default_policy(topic_arn: str, account: str) -> str:
    """The policy of a new topic: its owner may do everything, and nobody else anything."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{name}" for name in OWNERS_ACTIONS],
        "Resource": topic_arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    return dumped({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]})


# --- what a policy may say ----------------------------------------------------------------------------------------


def check_policy(text: str) -> str:
    """The text of a topic's policy. Raises ``ValueError`` with what SNS says of it."""
    try:
        found = _statements(text)
    except Unreadable:
        found = []
    if not found or not all(_is_statement(statement) for statement in found):
        raise ValueError("Policy Error: null")
    for statement in found:
        check_actions(_listed(statement["Action"]))
    return text


def check_actions(actions: Iterable[Any]) -> None:
    """Raises ``ValueError`` where one is not an action on a topic."""
    if not all(str(action).lower() in _IN_SCOPE for action in actions):
        raise ValueError("Policy statement action out of service scope!")


def _is_statement(statement: Any) -> bool:
    if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
        return False
    return all(statement.get(name) for name in ("Principal", "Action")) and "Resource" in statement


def with_permission(policy: str, label: str, accounts: Iterable[str], actions: Iterable[str], topic_arn: str) -> str:
    """The policy with a statement that lets these accounts do this. Raises ``ValueError`` with what SNS says of it."""
    document, names = parsed(policy), [f"SNS:{action}" for action in actions]
    statements = _listed(document.get("Statement"))
    if any(statement.get("Sid") == label for statement in statements):
        raise ValueError("Statement already exists")
    check_actions(names)
    statement = {
        "Sid": label,
        "Effect": "Allow",
        "Principal": {"AWS": _one_or_all([f"arn:aws:iam::{account}:root" for account in accounts])},
        "Action": _one_or_all(names),
        "Resource": topic_arn,
    }
    return dumped({**document, "Statement": [*statements, statement]})


def without_permission(policy: str, label: str) -> str:
    """The policy without the statement of this name."""
    document = parsed(policy)
    left = [statement for statement in _listed(document.get("Statement")) if statement.get("Sid") != label]
    return dumped({**document, "Statement": left})


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else values


# --- whom it lets do what -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a service of AWS's (``vpce.amazonaws.com``), or a caller by all the names that a policy may give it."""

    kind: str
    names: frozenset[str]

    @classmethod
    def service(cls, name: str) -> Asker:
        return cls("Service", frozenset({name}))

    @classmethod
    def caller(cls, account: str, *arns: str) -> Asker:
        """``arns``: of the user, or of the role and its session."""
        return cls("AWS", frozenset({account, f"arn:aws:iam::{account}:root", *arns}))


def allows(policy: str, asker: Asker, action: str, topic_arn: str, context: Mapping[str, str]) -> bool:
    """Whether a topic's policy lets ``asker`` do ``action`` (``SNS:Publish``).

    ``context``: what is known of the request, by IAM's condition keys (``aws:SourceArn``), whose case does not matter.
    """
    try:
        found = _statements(policy)
    except Unreadable:
        return False
    question = _Question(asker, action, topic_arn, {key.lower(): value for key, value in context.items()})
    verdicts = [(statement, _matches(statement, question)) for statement in found]
    if any(not _is_effect(statement, "Allow") and matches is not False for statement, matches in verdicts):
        return False
    return any(matches is True for _, matches in verdicts)


@dataclass(frozen=True, slots=True)
class _Question:
    asker: Asker
    action: str
    topic_arn: str
    context: Mapping[str, str]


_Verdict = bool | None
"""None: that is not understood."""


def _statements(text: str) -> list[Any]:
    return _listed(parsed(text).get("Statement"))


def _is_effect(statement: Any, effect: str) -> bool:
    return isinstance(statement, Mapping) and statement.get("Effect") == effect


def _matches(statement: Any, question: _Question) -> _Verdict:
    if not isinstance(statement, Mapping) or any(name.startswith("Not") for name in statement):
        return None
    return _all(
        (
            _names(statement.get("Principal"), question.asker),
            _is_like(statement.get("Action"), question.action, re.IGNORECASE),
            _is_like(statement.get("Resource"), question.topic_arn),
            _holds(statement.get("Condition") or {}, question.context),
        )
    )


def _all(verdicts: Iterable[_Verdict]) -> _Verdict:
    """False where one is False, which holds whatever the others may mean; else None where one is None."""
    found = set(verdicts)
    return False if False in found else None if None in found else True


_PRINCIPALS = frozenset(("AWS", "Service", "Federated"))


def _names(principal: Any, asker: Asker) -> _Verdict:
    """``"*"`` is everybody; ``{"AWS": "*"}`` is every caller, but no service."""
    if principal == "*":
        return True
    if not isinstance(principal, Mapping):
        return None
    named = _listed(principal.get(asker.kind))
    if any(isinstance(one, str) and (one in asker.names or (one == "*" and asker.kind == "AWS")) for one in named):
        return True
    return False if set(principal) <= _PRINCIPALS and all(isinstance(one, str) for one in named) else None


def _is_like(patterns: Any, value: str, flags: re.RegexFlag = re.NOFLAG) -> _Verdict:
    if patterns is None or any(not isinstance(one, str) for one in _listed(patterns)):
        return None
    return any(_wildcard(one, flags).fullmatch(value) is not None for one in _listed(patterns))


@lru_cache(maxsize=1024)
def _wildcard(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.compile("".join(parts), flags | re.DOTALL)


def _listed(value: Any) -> list[Any]:
    """A policy's value, which may be one or a list of them."""
    return value if isinstance(value, list) else [] if value is None else [value]


# --- conditions ---------------------------------------------------------------------------------------------------

_KEYS = frozenset(
    ("aws:sourcearn", "aws:sourceaccount", "aws:sourceowner", "aws:principalarn", "aws:principalaccount", "sns:protocol",
     "sns:endpoint")
)  # fmt: skip
"""The condition keys that a context has where they apply. Of any other it is not known whether the request has it."""


def _equals(wanted: str, value: str) -> bool:
    return wanted == value


def _equals_ignoring_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


def _like(wanted: str, value: str) -> bool:
    return _wildcard(wanted).fullmatch(value) is not None


def _arn_like(wanted: str, value: str) -> bool:
    """Part by part, so that no wildcard reaches over a colon but in the last (IAM user guide, "ARN condition operators")."""
    wanted_parts, parts = wanted.split(":", 5), value.split(":", 5)
    return len(wanted_parts) == len(parts) == 6 and all(map(_like, wanted_parts, parts))


_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_equals, True),
    "StringNotEquals": (_equals, False),
    "StringEqualsIgnoreCase": (_equals_ignoring_case, True),
    "StringNotEqualsIgnoreCase": (_equals_ignoring_case, False),
    "StringLike": (_like, True),
    "StringNotLike": (_like, False),
    "ArnEquals": (_arn_like, True),
    "ArnNotEquals": (_arn_like, False),
    "ArnLike": (_arn_like, True),
    "ArnNotLike": (_arn_like, False),
}
"""Operator -> the comparison, and whether it has to hold or to fail."""


def _holds(condition: Any, context: Mapping[str, str]) -> _Verdict:
    if not isinstance(condition, Mapping) or not all(isinstance(tests, Mapping) for tests in condition.values()):
        return None
    return _all(_test(name, key, wanted, context) for name, tests in condition.items() for key, wanted in tests.items())


def _test(name: str, key: str, wanted: Any, context: Mapping[str, str]) -> _Verdict:
    value, values = context.get(key.lower()), _listed(wanted)
    operator = _OPERATORS.get(name.removesuffix("IfExists"))
    unclear = not values or any(not isinstance(one, str) or "${" in one for one in values)  # a policy variable
    if operator is None or unclear or (value is None and key.lower() not in _KEYS):
        return None
    compare, expected = operator
    if value is None:
        return name.endswith("IfExists") or not expected
    return any(compare(one, value) for one in values) is expected
