"""STS: who a caller is, and temporary keys. Session policies and tags are accepted and, as all policies, not enforced.

Unlike AWS a root may assume a role: an account of Sidedoor begins with nothing but its root's key.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.constraints import check_range
from sidedoor.identity.credentials import account_of_key, new_temporary_key
from sidedoor.identity.model import AccessKey, Caller, CallerKind, Role
from sidedoor.identity.policy_grammar import check_policy
from sidedoor.identity.trust import may_assume, parse_role_arn

HOUR = 3600
SHORTEST = 900
LONGEST_ROLE_SESSION = 43_200
LONGEST_SESSION_TOKEN, USUAL_SESSION_TOKEN = 129_600, 43_200
"""How many seconds temporary keys last (STS API reference, ``AssumeRole`` and ``GetSessionToken``); a root's an hour."""

KNOWN_AS_EXPIRED = timedelta(days=1)
"""How long after its end a temporary key still answers ``ExpiredToken``; then it is removed, and nobody knows it."""

EXPIRED_AT_ONCE = 20
"""How many of these a request removes that makes a new one."""


LONGEST_SESSION_POLICY, LONGEST_SESSION_NAME = 2048, 64
_QUOTED = 200


def get_caller_identity(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""
    return {"UserId": call.caller.user_id, "Account": call.account, "Arn": call.caller.arn}


def assume_role(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
    arn, session = request["RoleArn"], _session_name(request)
    parsed = parse_role_arn(arn)
    if parsed is None:
        raise errors.ValidationError(f"{arn} is invalid")
    account, name = parsed
    role = _role(call, account, name, arn)
    if not call.settings.dev and (role is None or not may_assume(role.trust_policy, call.caller, request.get("ExternalId"))):
        reason = "there is no such role" if role is None else "the role's trust policy does not allow it"
        call.explain("sts.assume-role-denied", reason, role=arn)
        raise errors.AccessDenied(principal=call.caller.arn, action="sts:AssumeRole", resource=arn)
    packed = _packed_size(request)
    assumed = Caller(
        account=account, arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        user_id=f"{role.id if role else _role_id(arn)}:{session}", principal=arn, kind=CallerKind.ASSUMED_ROLE,
        access_key_id="",
    )  # fmt: skip
    key = _issue(call, assumed, _session_seconds(call, request, role), user_name=None)
    return {
        "Credentials": _credentials(key),
        "AssumedRoleUser": {"AssumedRoleId": assumed.user_id, "Arn": assumed.arn},
        **({"PackedPolicySize": packed} if packed else {}),
    }


def _packed_size(request: Request) -> int:
    """How much of the room for a session's policy and tags is taken, in percent, after a look at both."""
    policy: str = request.get("Policy") or ""
    _check_session_policy(policy)
    tags = {str(tag["Key"]): str(tag["Value"]) for tag in request.get("Tags") or ()}
    keys = [key.lower() for key in tags]
    if len(set(keys)) < len(request.get("Tags") or ()):
        raise errors.SessionTagsInvalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.lower() not in keys for key in request.get("TransitiveTagKeys") or ()):
        raise errors.SessionTagsInvalid("The specified transitive tag key must be included in the requested tags.")
    return -(-(len(policy) + sum(len(key) + len(value) for key, value in tags.items())) * 100 // LONGEST_SESSION_POLICY)


def _check_session_policy(policy: str) -> None:
    if len(policy) > LONGEST_SESSION_POLICY:
        raise errors.ValidationError(
            f"1 validation error detected: Value '{policy[:_QUOTED]}...' at 'policy' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LONGEST_SESSION_POLICY}"
        )
    if policy:
        check_policy(policy)


def _session_name(request: Request) -> str:
    name: str = request["RoleSessionName"]
    if len(name) > LONGEST_SESSION_NAME:
        raise errors.ValidationError(
            f"1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: "
            f"Member must have length less than or equal to {LONGEST_SESSION_NAME}"
        )
    if not re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,64}", name):
        raise errors.ValidationError(
            f"1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\w+=,.@-]*"
        )
    return name


def _role(call: Call, account: str, name: str, arn: str) -> Role | None:
    """The role with this ARN, path and all."""
    return next((role for role in call.tables.roles.where(account=account, name=name) if role.arn == arn), None)


def _role_id(arn: str) -> str:
    """The unique id of a role that nobody made, which dev mode lets one assume: always the same for the same ARN."""
    digest = hashlib.sha256(arn.encode()).digest()
    return f"AROA{ids.base32(17, lambda count: digest[:count])}"


def _session_seconds(call: Call, request: Request, role: Role | None) -> int:
    """How long the session lasts; an hour at most where the caller is a role's session itself."""
    seconds: int = request.get("DurationSeconds", HOUR)
    check_range(seconds, "durationSeconds", SHORTEST, LONGEST_ROLE_SESSION)
    if call.caller.kind is CallerKind.ASSUMED_ROLE and seconds > HOUR:
        raise errors.ValidationError(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
        )
    if role is not None and seconds > role.max_session_seconds:
        raise errors.ValidationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
    return seconds


def get_session_token(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html"""
    own = call.tables.access_keys.find(call.caller.access_key_id)
    if own is not None and own.session_token is not None:
        raise errors.AccessDenied("Cannot call GetSessionToken with session credentials")
    is_root = call.caller.kind is CallerKind.ROOT
    seconds = request.get("DurationSeconds", HOUR if is_root else USUAL_SESSION_TOKEN)
    check_range(seconds, "durationSeconds", SHORTEST, LONGEST_SESSION_TOKEN)
    seconds = min(seconds, HOUR) if is_root else seconds
    key = _issue(call, call.caller, seconds, user_name=own.user_name if own else None)
    return {"Credentials": _credentials(key)}


def get_federation_token(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html"""
    name, own = _federated_name(request), call.tables.access_keys.find(call.caller.access_key_id)
    if own is not None and own.session_token is not None:
        raise errors.AccessDenied("Cannot call GetFederationToken with session credentials")
    packed = _packed_size(request)
    federated = Caller(
        account=call.account, arn=f"arn:aws:sts::{call.account}:federated-user/{name}", user_id=f"{call.account}:{name}",
        principal=f"arn:aws:sts::{call.account}:federated-user/{name}", kind=CallerKind.FEDERATED_USER, access_key_id="",
    )  # fmt: skip
    seconds = request.get("DurationSeconds", HOUR if call.caller.kind is CallerKind.ROOT else USUAL_SESSION_TOKEN)
    check_range(seconds, "durationSeconds", SHORTEST, LONGEST_SESSION_TOKEN)
    seconds = min(seconds, HOUR) if call.caller.kind is CallerKind.ROOT else seconds
    key = _issue(call, federated, seconds, user_name=own.user_name if own else None)
    return {
        "Credentials": _credentials(key),
        "FederatedUser": {"FederatedUserId": federated.user_id, "Arn": federated.arn},
        "PackedPolicySize": packed,
    }


def _federated_name(request: Request) -> str:
    name: str = request["Name"]
    if not re.fullmatch(r"[A-Za-z0-9_+=,.@-]{2,32}", name):
        raise errors.ValidationError(
            f"1 validation error detected: Value '{name[:_QUOTED]}' at 'name' failed to satisfy constraint: "
            r"Member must satisfy regular expression pattern: [\w+=,.@-]{2,32}"
        )
    return name


def get_access_key_info(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html"""
    account = account_of_key(call.tables, request["AccessKeyId"], call.settings.dev)
    if account is None:
        raise errors.ValidationError(f"There is no access key with id {request['AccessKeyId']}.")
    return {"Account": account}


def _issue(call: Call, caller: Caller, seconds: int, *, user_name: str | None) -> AccessKey:
    expires = call.now + timedelta(seconds=seconds)
    key = new_temporary_key(caller, call.now, call.entropy, expires=expires, user_name=user_name)
    call.tables.access_keys.remove_all(call.tables.access_keys.until("expires", call.now - KNOWN_AS_EXPIRED, EXPIRED_AT_ONCE))
    return call.tables.access_keys.add(key)


def _credentials(key: AccessKey) -> dict[str, Any]:
    return {
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret,
        "SessionToken": key.session_token,
        "Expiration": key.expires,
    }
