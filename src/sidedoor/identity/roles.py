"""IAM roles. Their trust policy decides who may assume them; their other policies are stored and not enforced."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.identity import inline_policies
from sidedoor.identity.constraints import check_name, check_path, check_range, tags_of
from sidedoor.identity.model import Role
from sidedoor.identity.pages import marked_page
from sidedoor.identity.trust import check_trust_policy
from sidedoor.tagging import to_wire as tags_to_wire

SHORTEST_SESSION, LONGEST_SESSION = 3600, 43200


def create_role(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""
    name = check_name(request["RoleName"], "roleName")
    if request.get("PermissionsBoundary"):
        raise errors.InvalidInput("PermissionsBoundary is not supported by Sidedoor, which enforces no policies.")
    if any(role.name.lower() == name.lower() for role in call.tables.roles.where(account=call.account)):
        raise errors.EntityAlreadyExists(kind="Role", name=name)
    seconds = request.get("MaxSessionDuration", SHORTEST_SESSION)
    role = call.tables.roles.add(
        Role(
            id=f"AROA{ids.base32(17, call.entropy)}", account=call.account, name=name,
            path=check_path(request.get("Path", "/")),
            trust_policy=check_trust_policy(request["AssumeRolePolicyDocument"]), created=call.now,
            description=request.get("Description"),
            max_session_seconds=check_range(seconds, "maxSessionDuration", SHORTEST_SESSION, LONGEST_SESSION),
            tags=tags_of(request),
        )
    )  # fmt: skip
    return {"Role": to_wire(role) | _tags(role)}


def get_role(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html"""
    role = named(call, request["RoleName"])
    return {"Role": to_wire(role) | _tags(role)}


def named(call: Call, name: str) -> Role:
    """The caller's account's role with this name. Raises ``NoSuchEntity``."""
    for role in call.tables.roles.where(account=call.account, name=name):
        return role
    raise errors.NoSuchEntity(kind="role", name=name)


def list_roles(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html"""
    roles = call.tables.roles.where(account=call.account)
    below = [role for role in roles if role.path.startswith(request.get("PathPrefix", "/"))]
    shown, rest = marked_page(call, request, below, key=lambda role: role.name)
    return {"Roles": [to_wire(role) for role in shown], **rest}


def update_role(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html

    Without ``MaxSessionDuration`` sessions last an hour at most again; a description that is not named stays.
    """
    role = named(call, request["RoleName"])
    seconds = check_range(
        request.get("MaxSessionDuration", SHORTEST_SESSION), "maxSessionDuration", SHORTEST_SESSION, LONGEST_SESSION
    )
    description = request.get("Description", role.description)
    call.tables.roles.update(role, replace(role, description=description, max_session_seconds=seconds))
    return {}


def update_role_description(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRoleDescription.html"""
    role = named(call, request["RoleName"])
    after = call.tables.roles.update(role, replace(role, description=request["Description"]))
    return {"Role": to_wire(after) | _tags(after)}


def delete_role(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRole.html"""
    role = named(call, request["RoleName"])
    if call.tables.instance_profiles.where(account=call.account, role_name=role.name):
        raise errors.DeleteConflict(remedy="remove roles from instance profile")
    if role.attached_policies:
        raise errors.DeleteConflict(remedy="detach all policies")
    if role.policies:
        raise errors.DeleteConflict(remedy="delete policies")
    call.tables.access_keys.remove_all(call.tables.access_keys.where(account=call.account, principal=role.arn))
    call.tables.roles.remove(role)
    return {}


def update_assume_role_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html"""
    role = named(call, request["RoleName"])
    call.tables.roles.update(role, replace(role, trust_policy=check_trust_policy(request["PolicyDocument"])))
    return {}


def put_role_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html"""
    role = named(call, request["RoleName"])
    call.tables.roles.update(role, replace(role, policies=inline_policies.with_policy(role.policies, request)))
    return {}


def get_role_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html"""
    role = named(call, request["RoleName"])
    return {"RoleName": role.name, **inline_policies.named_policy(role.policies, request)}


def delete_role_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteRolePolicy.html"""
    role = named(call, request["RoleName"])
    call.tables.roles.update(role, replace(role, policies=inline_policies.without_policy(role.policies, request)))
    return {}


def list_role_policies(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRolePolicies.html"""
    return inline_policies.policy_names(call, request, named(call, request["RoleName"]).policies)


def to_wire(role: Role) -> dict[str, Any]:
    description = {} if role.description is None else {"Description": role.description}
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created,
        "AssumeRolePolicyDocument": inline_policies.encoded(role.trust_policy),
        "MaxSessionDuration": role.max_session_seconds,
        **description,
    }


def _tags(role: Role) -> dict[str, Any]:
    """Lists do not show tags (IAM API reference, ``ListRoles``)."""
    return {"Tags": tags_to_wire(role.tags)} if role.tags else {}
