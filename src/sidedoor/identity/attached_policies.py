"""Managed policies on users and roles: attaching, detaching, listing. They are stored and not enforced.

AWS's own policies (``arn:aws:iam::aws:policy/...``) can be attached by their ARN; what they say is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.identity import policies, roles, users
from sidedoor.identity.pages import marked_page

MOST_ATTACHED = 10
_OF_AWS = re.compile(r"arn:aws:iam::aws:policy/(?:[!-~]+/)?[A-Za-z0-9_+=,.@-]{1,128}")


def attach_role_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html"""
    role = roles.named(call, request["RoleName"])
    attached = _with(call, role.attached_policies, request["PolicyArn"], "PoliciesPerRole")
    call.tables.roles.update(role, replace(role, attached_policies=attached))
    return {}


def detach_role_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachRolePolicy.html"""
    role = roles.named(call, request["RoleName"])
    call.tables.roles.update(role, replace(role, attached_policies=_without(role.attached_policies, request["PolicyArn"])))
    return {}


def list_attached_role_policies(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedRolePolicies.html"""
    return _listed(call, request, roles.named(call, request["RoleName"]).attached_policies)


def attach_user_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html"""
    user = users.named(call, request["UserName"])
    attached = _with(call, user.attached_policies, request["PolicyArn"], "PoliciesPerUser")
    call.tables.users.update(user, replace(user, attached_policies=attached))
    return {}


def detach_user_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DetachUserPolicy.html"""
    user = users.named(call, request["UserName"])
    call.tables.users.update(user, replace(user, attached_policies=_without(user.attached_policies, request["PolicyArn"])))
    return {}


def list_attached_user_policies(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAttachedUserPolicies.html"""
    return _listed(call, request, users.named(call, request["UserName"]).attached_policies)


def _with(call: Call, attached: Sequence[str], arn: str, quota: str) -> tuple[str, ...]:
    """The policies with one more, which is there already or is AWS's own; attaching again changes nothing."""
    if not _OF_AWS.fullmatch(arn):
        policies.by_arn(call, arn)
    together = tuple(dict.fromkeys((*attached, arn)))
    if len(together) > MOST_ATTACHED:
        raise errors.LimitExceeded(quota=quota, limit=MOST_ATTACHED)
    return together


def _without(attached: Sequence[str], arn: str) -> tuple[str, ...]:
    if arn not in attached:
        raise errors.NoSuchEntity(f"Policy {arn} was not found.")
    return tuple(one for one in attached if one != arn)


def _listed(call: Call, request: Request, attached: Sequence[str]) -> Answer:
    prefix = request.get("PathPrefix", "/")
    below = [arn for arn in attached if arn.partition(":policy")[2].startswith(prefix)]
    shown, rest = marked_page(call, request, below, key=str)
    return {"AttachedPolicies": [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in shown], **rest}
