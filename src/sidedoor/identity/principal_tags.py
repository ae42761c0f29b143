"""The tags of users, roles, policies, instance profiles and server certificates.

Keys are told apart without regard to case (IAM user guide).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.identity import instance_profiles, policies, roles, server_certificates, users
from sidedoor.identity.constraints import MAX_TAGS, tags_of
from sidedoor.identity.pages import marked_page


def tag_role(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagRole.html"""
    role = roles.named(call, request["RoleName"])
    call.tables.roles.update(role, replace(role, tags=_merged(role.tags, tags_of(request))))
    return {}


def untag_role(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagRole.html"""
    role = roles.named(call, request["RoleName"])
    call.tables.roles.update(role, replace(role, tags=_without(role.tags, request["TagKeys"])))
    return {}


def list_role_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html"""
    return _listed(call, request, roles.named(call, request["RoleName"]).tags)


def tag_user(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagUser.html"""
    user = users.named(call, request["UserName"])
    call.tables.users.update(user, replace(user, tags=_merged(user.tags, tags_of(request))))
    return {}


def untag_user(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagUser.html"""
    user = users.named(call, request["UserName"])
    call.tables.users.update(user, replace(user, tags=_without(user.tags, request["TagKeys"])))
    return {}


def list_user_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserTags.html"""
    return _listed(call, request, users.named(call, request["UserName"]).tags)


def tag_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagPolicy.html"""
    policy = policies.by_arn(call, request["PolicyArn"])
    call.tables.policies.update(policy, replace(policy, tags=_merged(policy.tags, tags_of(request))))
    return {}


def untag_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagPolicy.html"""
    policy = policies.by_arn(call, request["PolicyArn"])
    call.tables.policies.update(policy, replace(policy, tags=_without(policy.tags, request["TagKeys"])))
    return {}


def list_policy_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyTags.html"""
    return _listed(call, request, policies.by_arn(call, request["PolicyArn"]).tags)


def tag_instance_profile(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagInstanceProfile.html"""
    profile = instance_profiles.named(call, request)
    call.tables.instance_profiles.update(profile, replace(profile, tags=_merged(profile.tags, tags_of(request))))
    return {}


def untag_instance_profile(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagInstanceProfile.html"""
    profile = instance_profiles.named(call, request)
    call.tables.instance_profiles.update(profile, replace(profile, tags=_without(profile.tags, request["TagKeys"])))
    return {}


def list_instance_profile_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListInstanceProfileTags.html"""
    return _listed(call, request, instance_profiles.named(call, request).tags)


def tag_server_certificate(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagServerCertificate.html"""
    found = server_certificates.named(call, request)
    call.tables.server_certificates.update(found, replace(found, tags=_merged(found.tags, tags_of(request))))
    return {}


def untag_server_certificate(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagServerCertificate.html"""
    found = server_certificates.named(call, request)
    call.tables.server_certificates.update(found, replace(found, tags=_without(found.tags, request["TagKeys"])))
    return {}


def list_server_certificate_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServerCertificateTags.html"""
    return _listed(call, request, server_certificates.named(call, request).tags)


def _merged(current: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """The tags with ``new`` put over them; a key that differs in its case alone takes the new one's."""
    tags = {**_without(current, new), **new}
    if len(tags) > MAX_TAGS:
        raise errors.LimitExceeded(quota="TagsPerResource", limit=MAX_TAGS)
    return tags


def _without(tags: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    gone = {key.lower() for key in keys}
    return {key: value for key, value in tags.items() if key.lower() not in gone}


def _listed(call: Call, request: Request, tags: Mapping[str, str]) -> Answer:
    shown, rest = marked_page(call, request, tags, key=str)
    return {"Tags": [{"Key": key, "Value": tags[key]} for key in shown], **rest}
