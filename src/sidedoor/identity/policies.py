"""Managed policies of an account. They are stored, attached and shown, and not enforced."""

from __future__ import annotations

from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.constraints import check_name, check_path, tags_of
from sidedoor.identity.model import Policy, PolicyVersion, Role, User
from sidedoor.identity.pages import marked_page
from sidedoor.identity.policy_grammar import check_policy
from sidedoor.tagging import to_wire as tags_to_wire

AWS_POLICY = "arn:aws:iam::aws:policy/"
SCOPES = ("All", "AWS", "Local")


def create_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html"""
    name = check_name(request["PolicyName"], "policyName", longest=128)
    if any(one.name.lower() == name.lower() for one in call.tables.policies.where(account=call.account)):
        raise errors.EntityAlreadyExists(f"A policy called {name} already exists. Duplicate names are not allowed.")
    first = PolicyVersion(id="v1", document=check_policy(request["PolicyDocument"], managed=True), created=call.now)
    policy = call.tables.policies.add(
        Policy(
            id=f"ANPA{ids.base32(17, call.entropy)}", account=call.account, name=name,
            path=check_path(request.get("Path", "/")), created=call.now, updated=call.now, versions=(first,),
            default_version=first.id, description=request.get("Description"), tags=tags_of(request),
        )
    )  # fmt: skip
    return {"Policy": _to_wire(call, policy) | _details(policy)}


def get_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html"""
    policy = by_arn(call, request["PolicyArn"])
    return {"Policy": _to_wire(call, policy) | _details(policy)}


def by_arn(call: Call, arn: str) -> Policy:
    """The caller's account's policy with this ARN. Raises ``InvalidInput`` and ``NoSuchEntity``."""
    parsed = ids.Arn.parse(arn)
    if parsed is None or parsed.service != "iam" or not parsed.resource.startswith("policy/"):
        raise errors.InvalidInput(f"ARN {arn} is not valid.")
    for policy in call.tables.policies.where(account=call.account, name=arn.rpartition("/")[2]):
        if policy.arn == arn:
            return policy
    raise errors.NoSuchEntity(f"Policy {arn} was not found.")


def list_policies(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html

    AWS's own policies are not listed: they are known here by their ARN alone.
    """
    scope = request.get("Scope", "All")
    if scope not in SCOPES:
        raise errors.ValidationError(f"The scope {scope} is not one of {', '.join(SCOPES)}.")
    policies = [] if scope == "AWS" else call.tables.policies.where(account=call.account)
    below = [one for one in policies if one.path.startswith(request.get("PathPrefix", "/"))]
    if request.get("OnlyAttached"):
        below = [one for one in below if _attachments(call, one)]
    shown, rest = marked_page(call, request, below, key=lambda policy: policy.name)
    return {"Policies": [_to_wire(call, one) for one in shown], **rest}


def list_entities_for_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html

    Also AWS's own policies, which are known by their ARN alone, are attached to users and roles.
    """
    arn, below, kind = request["PolicyArn"], request.get("PathPrefix", "/"), request.get("EntityFilter")
    if not arn.startswith(AWS_POLICY):
        by_arn(call, arn)
    of_users = call.tables.users.where(account=call.account) if kind in (None, "User") else []
    of_roles = call.tables.roles.where(account=call.account) if kind in (None, "Role") else []
    everyone: list[User | Role] = [*of_users, *of_roles]
    found = [one for one in everyone if arn in one.attached_policies and one.path.startswith(below)]
    shown, rest = marked_page(call, request, found, key=lambda one: one.id)
    return {
        "PolicyGroups": [],
        "PolicyUsers": [{"UserName": one.name, "UserId": one.id} for one in shown if isinstance(one, User)],
        "PolicyRoles": [{"RoleName": one.name, "RoleId": one.id} for one in shown if isinstance(one, Role)],
        **rest,
    }


def delete_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html"""
    policy = by_arn(call, request["PolicyArn"])
    if _attachments(call, policy):
        raise errors.DeleteConflict("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise errors.DeleteConflict("This policy has more than one version. Before you delete a policy, you must delete the "
                                    "policy's versions. The default version is deleted with the policy.")  # fmt: skip
    call.tables.policies.remove(policy)
    return {}


def _attachments(call: Call, policy: Policy) -> int:
    """How many users and roles have the policy."""
    of_users = [one.attached_policies for one in call.tables.users.where(account=call.account)]
    of_roles = [one.attached_policies for one in call.tables.roles.where(account=call.account)]
    return sum(policy.arn in attached for attached in (*of_users, *of_roles))


def _to_wire(call: Call, policy: Policy) -> dict[str, Any]:
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": policy.default_version,
        "AttachmentCount": _attachments(call, policy),
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "CreateDate": policy.created,
        "UpdateDate": policy.updated,
    }


def _details(policy: Policy) -> dict[str, Any]:
    """Lists show neither tags nor the description (IAM API reference, ``ListPolicies``)."""
    description = {"Description": policy.description} if policy.description else {}
    return {**description, "Tags": tags_to_wire(policy.tags)} if policy.tags else description
