"""The permanent access keys of users and of an account's root."""

from __future__ import annotations

from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.identity.credentials import new_key
from sidedoor.identity.model import AccessKey, Caller, CallerKind, User
from sidedoor.identity.pages import marked_page
from sidedoor.identity.users import named_or_own

KEYS_PER_USER = 2

ROOT_NAME = "<root_account>"
"""How AWS names the root where a user's name is due (IAM user guide, "credential reports")."""


def create_access_key(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html"""
    owner = _owner(call, request)
    if len(_keys(call, owner)) >= KEYS_PER_USER:
        raise errors.LimitExceeded(quota="AccessKeysPerUser", limit=KEYS_PER_USER)
    identity = call.caller if owner is None else _caller(owner)
    name = None if owner is None else owner.name
    key = call.tables.access_keys.add(new_key(identity, call.now, call.entropy, user_name=name))
    return {
        "AccessKey": {
            "UserName": name or ROOT_NAME,
            "AccessKeyId": key.id,
            "Status": _status(key),
            "SecretAccessKey": key.secret,
            "CreateDate": key.created,
        }
    }


def _owner(call: Call, request: Request) -> User | None:
    """The user whose keys the request is about; None: the root, who asks for its own."""
    if not request.get("UserName") and call.caller.kind is CallerKind.ROOT:
        return None
    return named_or_own(call, request)


def _caller(user: User) -> Caller:
    return Caller(
        account=user.account, arn=user.arn, user_id=user.id, principal=user.arn, kind=CallerKind.USER, access_key_id=""
    )  # fmt: skip


def _keys(call: Call, owner: User | None) -> list[AccessKey]:
    """The permanent keys of a user or of the root."""
    name = None if owner is None else owner.name
    kind = CallerKind.ROOT if owner is None else CallerKind.USER
    keys = call.tables.access_keys.where(account=call.account, kind=kind, user_name=name)
    return [key for key in keys if key.session_token is None]


def list_access_keys(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html"""
    owner = _owner(call, request)
    shown, rest = marked_page(call, request, _keys(call, owner), key=lambda key: key.id)
    metadata = [
        {
            "UserName": key.user_name or ROOT_NAME,
            "AccessKeyId": key.id,
            "Status": _status(key),
            "CreateDate": key.created,
        }
        for key in shown
    ]
    return {"AccessKeyMetadata": metadata, **rest}


def update_access_key(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html"""
    key = _owned_key(call, request)
    if request["Status"] not in ("Active", "Inactive"):
        raise errors.ValidationError(f"The status {request['Status']} is not Active or Inactive.")
    call.tables.access_keys.update(key, replace(key, active=request["Status"] == "Active"))
    return {}


def delete_access_key(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccessKey.html"""
    call.tables.access_keys.remove(_owned_key(call, request))
    return {}


def get_access_key_last_used(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html

    When a key is used is not kept, so that every key shows as one that was not used since AWS began to track it.
    """
    key = call.tables.access_keys.find(request["AccessKeyId"])
    if key is None or key.account != call.account or key.session_token is not None:
        raise errors.NoSuchEntity(f"The Access Key with id {request['AccessKeyId']} cannot be found.")
    return {"UserName": key.user_name or ROOT_NAME, "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}


def _owned_key(call: Call, request: Request) -> AccessKey:
    """The key that the request names. Raises ``NoSuchEntity``."""
    for key in _keys(call, _owner(call, request)):
        if key.id == request["AccessKeyId"]:
            return key
    raise errors.NoSuchEntity(f"The Access Key with id {request['AccessKeyId']} cannot be found.")


def _status(key: AccessKey) -> str:
    return "Active" if key.active else "Inactive"
