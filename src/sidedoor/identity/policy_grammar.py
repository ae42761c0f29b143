"""What IAM takes as the text of a permission policy. Pure.

What a policy says is not enforced; that it is one is checked as IAM does it (IAM user guide, "Grammar of the IAM JSON policy
language"), with IAM's sentences.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sidedoor import errors

VERSIONS = ("2008-10-17", "2012-10-17")
_PARTITION = re.compile(r"aws(-[a-z]+)*|\*")
_VENDOR = re.compile(r"[A-Za-z0-9.-]+")
_ARN_PARTS = 6

Statement = Mapping[str, Any]


def check_policy(text: str, *, managed: bool = False) -> str:
    """The text of a policy. A managed one has to name the newest version. Raises ``MalformedPolicyDocument``."""
    document = _read(text)
    found = _statements(document)
    if managed and document.get("Version") != VERSIONS[-1]:
        raise errors.MalformedPolicyDocument(f"Policy document must be version {VERSIONS[-1]} or greater.")
    for resource in (one for statement in found for one in _texts(statement, "Resource", "NotResource")):
        _check_resource(resource)
    for action in (one for statement in found for one in _texts(statement, "Action", "NotAction")):
        _check_action(action)
    for names, what in ((("Action", "NotAction"), "actions"), (("Resource", "NotResource"), "resources")):
        if not all(_texts(statement, *names) for statement in found):
            raise errors.MalformedPolicyDocument(f"Policy statement must contain {what}.")
    sids = [statement["Sid"] for statement in found if statement.get("Sid")]
    if len(set(sids)) < len(sids):
        raise errors.MalformedPolicyDocument("Statement IDs (SID) in a single policy must be unique.")
    return text


def _read(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.MalformedPolicyDocument from None
    if not isinstance(document, dict) or document.keys() - {"Version", "Id", "Statement"}:
        raise errors.MalformedPolicyDocument
    if not isinstance(document.get("Id", ""), str) or document.get("Version", VERSIONS[0]) not in VERSIONS:
        raise errors.MalformedPolicyDocument
    return document


def _statements(document: Mapping[str, Any]) -> list[Statement]:
    found = document.get("Statement")
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not found:
        raise errors.MalformedPolicyDocument
    for statement in found:
        if isinstance(statement, dict) and statement.keys() & {"Principal", "NotPrincipal"}:
            raise errors.MalformedPolicyDocument("Policy document should not specify a principal.")
        if not _is_statement(statement):
            raise errors.MalformedPolicyDocument
    return found


def _is_statement(statement: object) -> bool:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        return False
    known = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
    both = any(name in statement and f"Not{name}" in statement for name in ("Action", "Resource"))
    texts = (statement.get(name, "") for name in ("Action", "NotAction", "Resource", "NotResource"))
    sid, condition = statement.get("Sid", ""), statement.get("Condition", {})
    return (
        not both
        and statement.keys() <= known
        and all(isinstance(one, str) or _is_texts(one) for one in texts)
        and isinstance(sid, str)
        and re.fullmatch("[A-Za-z0-9]*", sid) is not None
        and isinstance(condition, dict)
        and all(isinstance(test, dict) for test in condition.values())
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _texts(statement: Statement, *names: str) -> list[str]:
    """A statement's actions or resources, whichever of the two ways it names them in."""
    for name in names:
        if name in statement:
            return [statement[name]] if isinstance(statement[name], str) else list(statement[name])
    return []


def _check_resource(resource: str) -> None:
    if resource == "*":
        return
    if ":" not in resource:
        raise errors.MalformedPolicyDocument(f'Resource {resource} must be in ARN format or "*".')
    _, partition, *rest = resource.split(":", _ARN_PARTS - 1)
    if not _PARTITION.fullmatch(partition):
        whole = ":".join(_padded(("arn", partition, *rest)))
        raise errors.MalformedPolicyDocument(f'Partition "{partition}" is not valid for resource "{whole}".')


def _padded(parts: Iterable[str]) -> list[str]:
    found = list(parts)
    return found + ["*"] * (_ARN_PARTS - len(found))


def _check_action(action: str) -> None:
    if action == "*":
        return
    vendor, colon, name = action.partition(":")
    if not colon:
        raise errors.MalformedPolicyDocument("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if ":" in name:
        raise errors.MalformedPolicyDocument("Actions/Condition can contain only one colon.")
    if not _VENDOR.fullmatch(vendor):
        raise errors.MalformedPolicyDocument(f"Vendor {vendor} is not valid")
