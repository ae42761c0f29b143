"""Instance profiles: the name under which instances are given a role. Instances show theirs; no credentials come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.identity import roles
from sidedoor.identity.constraints import check_name, check_path, tags_of
from sidedoor.identity.model import InstanceProfile
from sidedoor.identity.pages import marked_page
from sidedoor.tagging import to_wire as tags_to_wire

ROLES_PER_PROFILE = 1


def create_instance_profile(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html"""
    name = check_name(request["InstanceProfileName"], "instanceProfileName", longest=128)
    if any(one.name.lower() == name.lower() for one in _of_account(call)):
        raise errors.EntityAlreadyExists(f"Instance Profile {name} already exists.")
    profile = call.tables.instance_profiles.add(
        InstanceProfile(
            id=f"AIPA{ids.base32(17, call.entropy)}", account=call.account, name=name,
            path=check_path(request.get("Path", "/")), created=call.now, tags=tags_of(request),
        )
    )  # fmt: skip
    return {"InstanceProfile": _to_wire(call, profile) | _tags(profile)}


def get_instance_profile(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html"""
    profile = named(call, request)
    return {"InstanceProfile": _to_wire(call, profile) | _tags(profile)}


def delete_instance_profile(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteInstanceProfile.html"""
    profile = named(call, request)
    if profile.role_name is not None:
        raise errors.DeleteConflict(remedy="remove roles from instance profile")
    call.tables.instance_profiles.remove(profile)
    return {}


def add_role_to_instance_profile(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html"""
    profile, role = named(call, request), roles.named(call, request["RoleName"])
    if profile.role_name is not None:
        raise errors.LimitExceeded(quota="InstanceSessionsPerInstanceProfile", limit=ROLES_PER_PROFILE)
    call.tables.instance_profiles.update(profile, replace(profile, role_name=role.name))
    return {}


def remove_role_from_instance_profile(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_RemoveRoleFromInstanceProfile.html"""
    profile, role = named(call, request), roles.named(call, request["RoleName"])
    if profile.role_name != role.name:
        raise errors.NoSuchEntity(f"The role with name {role.name} cannot be found in the instance profile {profile.name}.")
    call.tables.instance_profiles.update(profile, replace(profile, role_name=None))
    return {}


def list_instance_profiles(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfiles.html"""
    return _listed(call, request, [one for one in _of_account(call) if one.path.startswith(request.get("PathPrefix", "/"))])


def list_instance_profiles_for_role(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfilesForRole.html"""
    role = roles.named(call, request["RoleName"])
    return _listed(call, request, call.tables.instance_profiles.where(account=call.account, role_name=role.name))


def _of_account(call: Call) -> list[InstanceProfile]:
    return call.tables.instance_profiles.where(account=call.account)


def named(call: Call, request: Request) -> InstanceProfile:
    """The caller's account's instance profile that the request names. Raises ``NoSuchEntity``."""
    name = request["InstanceProfileName"]
    for profile in call.tables.instance_profiles.where(account=call.account, name=name):
        return profile
    raise errors.NoSuchEntity(f"Instance Profile {name} cannot be found.")


def _listed(call: Call, request: Request, profiles: Sequence[InstanceProfile]) -> Answer:
    shown, rest = marked_page(call, request, profiles, key=lambda profile: profile.name)
    return {"InstanceProfiles": [_to_wire(call, one) for one in shown], **rest}


def _to_wire(call: Call, profile: InstanceProfile) -> dict[str, Any]:
    return {
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": profile.created,
        "Roles": [roles.to_wire(roles.named(call, profile.role_name))] if profile.role_name is not None else [],
    }


def _tags(profile: InstanceProfile) -> dict[str, Any]:
    """Lists do not show tags (IAM API reference, ``ListInstanceProfiles``)."""
    return {"Tags": tags_to_wire(profile.tags)} if profile.tags else {}
