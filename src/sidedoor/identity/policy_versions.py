"""The versions of a managed policy: up to five texts, one of which is in force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.inline_policies import encoded
from sidedoor.identity.model import Policy, PolicyVersion
from sidedoor.identity.pages import marked_page
from sidedoor.identity.policies import by_arn
from sidedoor.identity.policy_grammar import check_policy

MOST_VERSIONS = 5


def create_policy_version(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html"""
    policy = by_arn(call, request["PolicyArn"])
    if len(policy.versions) >= MOST_VERSIONS:
        raise errors.LimitExceeded(
            f"A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must delete an "
            "existing version."
        )
    number = policy.last_version + 1
    version = PolicyVersion(id=f"v{number}", document=check_policy(request["PolicyDocument"], managed=True), created=call.now)
    default = version.id if request.get("SetAsDefault") else policy.default_version
    after = replace(
        policy, versions=(*policy.versions, version), last_version=number, default_version=default, updated=call.now
    )  # fmt: skip
    return {"PolicyVersion": _to_wire(call.tables.policies.update(policy, after), version)}


def get_policy_version(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html"""
    policy = by_arn(call, request["PolicyArn"])
    version = _version(policy, request["VersionId"])
    return {"PolicyVersion": _to_wire(policy, version) | {"Document": encoded(version.document)}}


def list_policy_versions(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyVersions.html"""
    policy = by_arn(call, request["PolicyArn"])
    shown, rest = marked_page(call, request, policy.versions, key=lambda version: f"{int(version.id[1:]):09}")
    return {"Versions": [_to_wire(policy, one) for one in shown], **rest}


def set_default_policy_version(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_SetDefaultPolicyVersion.html"""
    policy = by_arn(call, request["PolicyArn"])
    version = _version(policy, request["VersionId"])
    call.tables.policies.update(policy, replace(policy, default_version=version.id, updated=call.now))
    return {}


def delete_policy_version(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicyVersion.html"""
    policy = by_arn(call, request["PolicyArn"])
    version = _version(policy, request["VersionId"])
    if version.id == policy.default_version:
        raise errors.DeleteConflict("Cannot delete the default version of a policy.")
    left = tuple(one for one in policy.versions if one.id != version.id)
    call.tables.policies.update(policy, replace(policy, versions=left, updated=call.now))
    return {}


def _version(policy: Policy, version_id: str) -> PolicyVersion:
    """Raises ``NoSuchEntity``."""
    for version in policy.versions:
        if version.id == version_id:
            return version
    raise errors.NoSuchEntity(f"Policy {policy.arn} version {version_id} does not exist or is not attachable.")


def _to_wire(policy: Policy, version: PolicyVersion) -> dict[str, Any]:
    return {
        "VersionId": version.id,
        "IsDefaultVersion": version.id == policy.default_version,
        "CreateDate": version.created,
    }
