"""IAM users. Their policies are stored and not enforced on API calls: whoever has a key may call everything in its account."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.identity import inline_policies
from sidedoor.identity.constraints import check_name, check_path, tags_of
from sidedoor.identity.model import CallerKind, User
from sidedoor.identity.pages import marked_page, nothing
from sidedoor.tagging import to_wire


def create_user(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html"""
    name = check_name(request["UserName"], "userName")
    if request.get("PermissionsBoundary"):
        raise errors.InvalidInput("PermissionsBoundary is not supported by Sidedoor, which enforces no policies.")
    if any(user.name.lower() == name.lower() for user in call.tables.users.where(account=call.account)):
        raise errors.EntityAlreadyExists(kind="User", name=name)
    user = call.tables.users.add(
        User(
            id=f"AIDA{ids.base32(17, call.entropy)}", account=call.account, name=name,
            path=check_path(request.get("Path", "/")), created=call.now, tags=tags_of(request),
        )
    )  # fmt: skip
    return {"User": _to_wire(user) | _tags(user)}


def get_user(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html"""
    if not request.get("UserName") and call.caller.kind is CallerKind.ROOT:
        account = call.tables.accounts.find(call.account)
        created = account.created if account else call.now
        return {"User": {"UserId": call.account, "Arn": call.caller.arn, "CreateDate": created}}
    user = named_or_own(call, request)
    return {"User": _to_wire(user) | _tags(user)}


def named_or_own(call: Call, request: Request) -> User:
    """The user that the request names, or the one who asks. Raises ``NoSuchEntity`` and ``ValidationError``."""
    if request.get("UserName"):
        return named(call, request["UserName"])
    user = call.tables.users.find(call.caller.user_id)
    if user is None or call.caller.kind is not CallerKind.USER:
        raise errors.ValidationError("Must specify userName when calling with non-User credentials")
    return user


def named(call: Call, name: str) -> User:
    """The caller's account's user with this name. Raises ``NoSuchEntity``."""
    for user in call.tables.users.where(account=call.account, name=name):
        return user
    raise errors.NoSuchEntity(kind="user", name=name)


def list_users(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html"""
    users = call.tables.users.where(account=call.account)
    below = [user for user in users if user.path.startswith(request.get("PathPrefix", "/"))]
    shown, rest = marked_page(call, request, below, key=lambda user: user.name)
    return {"Users": [_to_wire(user) for user in shown], **rest}


def update_user(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html

    The user's keys stay and are the renamed user's. What names the old ARN, such as a permission, does not follow.
    """
    user = named(call, request["UserName"])
    name, path = request.get("NewUserName", user.name), request.get("NewPath", user.path)
    others = [one.name.lower() for one in call.tables.users.where(account=call.account) if one.id != user.id]
    if check_name(name, "newUserName").lower() in others:
        raise errors.EntityAlreadyExists(kind="User", name=name)
    after = call.tables.users.update(user, replace(user, name=name, path=check_path(path)))
    for key in call.tables.access_keys.where(account=call.account, user_name=user.name):
        own = replace(key, arn=after.arn, principal=after.arn) if key.kind is CallerKind.USER else key
        call.tables.access_keys.update(key, replace(own, user_name=after.name))
    return {}


def delete_user(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html"""
    user = named(call, request["UserName"])
    keys = call.tables.access_keys.where(account=call.account, user_name=user.name)
    if any(key.session_token is None for key in keys):
        raise errors.DeleteConflict(remedy="delete access keys")
    if user.attached_policies:
        raise errors.DeleteConflict(remedy="detach all policies")
    if user.policies:
        raise errors.DeleteConflict(remedy="delete policies")
    call.tables.access_keys.remove_all(keys)
    call.tables.users.remove(user)
    return {}


def put_user_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html"""
    user = named(call, request["UserName"])
    call.tables.users.update(user, replace(user, policies=inline_policies.with_policy(user.policies, request)))
    return {}


def get_user_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html"""
    user = named(call, request["UserName"])
    return {"UserName": user.name, **inline_policies.named_policy(user.policies, request)}


def delete_user_policy(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUserPolicy.html"""
    user = named(call, request["UserName"])
    call.tables.users.update(user, replace(user, policies=inline_policies.without_policy(user.policies, request)))
    return {}


def list_user_policies(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUserPolicies.html"""
    return inline_policies.policy_names(call, request, named(call, request["UserName"]).policies)


def list_groups_for_user(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroupsForUser.html"""
    named(call, request["UserName"])
    return nothing(call, request, "Groups")


def _to_wire(user: User) -> dict[str, Any]:
    return {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": user.arn,
        "CreateDate": user.created,
    }


def _tags(user: User) -> dict[str, Any]:
    """Lists do not show tags (IAM API reference, ``ListUsers``)."""
    return {"Tags": to_wire(user.tags)} if user.tags else {}
