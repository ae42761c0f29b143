"""A role's trust policy: who may assume the role. Pure.

Rule 1: nothing is allowed that no statement allows; a ``Deny`` that matches wins.
Rule 2: what is not understood fails closed: it makes an ``Allow`` not match and a ``Deny`` match.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sidedoor import errors
from sidedoor.identity.model import Caller, root_arn

_ACTIONS = frozenset({"*", "sts:*", "sts:assumerole"})


def check_trust_policy(text: str) -> str:
    """The text of a trust policy: every statement names principals and actions, none a resource."""
    for statement in statements(text):
        if "Resource" in statement or "NotResource" in statement:
            raise errors.MalformedPolicyDocument("Has prohibited field Resource.")
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise errors.MalformedPolicyDocument("Missing required field Principal.")
        if not all(_is_principal(statement.get(name, "*")) for name in ("Principal", "NotPrincipal")):
            raise errors.MalformedPolicyDocument("Invalid principal in policy.")
        if "Action" not in statement and "NotAction" not in statement:
            raise errors.MalformedPolicyDocument("Missing required field Action.")
    return text


def statements(text: str) -> list[Mapping[str, Any]]:
    """The statements of a trust policy, each with an effect. Raises ``MalformedPolicyDocument``."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.MalformedPolicyDocument("This policy contains invalid Json") from None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise errors.MalformedPolicyDocument("Missing required field Statement.")
    found = document["Statement"]
    found = found if isinstance(found, list) else [found]
    for statement in found:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise errors.MalformedPolicyDocument("Each statement needs to be an object with the Effect Allow or Deny.")
    return found


def _is_principal(value: object) -> bool:
    """``"*"`` or lists of names, one for each kind of principal."""
    if not isinstance(value, Mapping):
        return isinstance(value, str) and value == "*"
    return bool(value) and all(isinstance(one, str) for names in value.values() for one in _listed(names))


def may_assume(policy: str, caller: Caller, external_id: str | None) -> bool:
    """Whether a trust policy lets a caller, with this external id, assume its role."""
    effects = {statement["Effect"] for statement in statements(policy) if _matches(statement, caller, external_id)}
    return effects == {"Allow"}


def _matches(statement: Mapping[str, Any], caller: Caller, external_id: str | None) -> bool:
    unclear: bool = statement["Effect"] == "Deny"
    if "NotPrincipal" in statement or "NotAction" in statement:
        return unclear
    if not any(str(action).lower() in _ACTIONS for action in _listed(statement.get("Action"))):
        return False
    if not _names(statement.get("Principal"), caller):
        return False
    condition = _external_id_condition(statement.get("Condition") or {})
    return unclear if condition is None else not condition or external_id in condition


def _names(principal: object, caller: Caller) -> bool:
    """Whether ``Principal`` names the caller: everybody, its account, or exactly its user, role or session."""
    named = principal.get("AWS") if isinstance(principal, Mapping) else principal
    doors = {"*", caller.account, root_arn(caller.account), caller.principal, caller.arn}
    return any(one in doors for one in _listed(named))


def _external_id_condition(condition: object) -> list[str] | None:
    """The external ids of which a condition wants one; empty where it wants none; None where it wants anything else."""
    if condition == {}:
        return []
    if not isinstance(condition, Mapping) or set(condition) != {"StringEquals"}:
        return None
    tests = condition["StringEquals"]
    if not isinstance(tests, Mapping) or len(tests) != 1:
        return None
    ((key, wanted),) = tests.items()
    return [str(one) for one in _listed(wanted)] if str(key).lower() == "sts:externalid" and wanted else None


def _listed(value: object) -> list[Any]:
    """A policy's value, which may be one or a list of them."""
    return value if isinstance(value, list) else [] if value is None else [value]


def parse_role_arn(text: str) -> tuple[str, str] | None:
    """(account, name) of a role's ARN, or None."""
    match = re.fullmatch(r"arn:aws:iam::(\d{12}):role/(?:[!-~]+/)?([A-Za-z0-9_+=,.@-]{1,64})", text, re.ASCII)
    return (match.group(1), match.group(2)) if match else None
