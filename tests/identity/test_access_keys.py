"""Access keys of users and of the root."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.identity.access_keys import (
    create_access_key,
    delete_access_key,
    get_access_key_last_used,
    list_access_keys,
    update_access_key,
)
from sidedoor.identity.credentials import authenticate
from sidedoor.identity.model import Caller, CallerKind
from sidedoor.identity.sts import get_session_token
from sidedoor.identity.users import create_user

PROVIDER, CONSUMER = "111111111111", "222222222222"


@pytest.fixture
def key(world: Any) -> dict[str, Any]:
    world.ask(create_user, UserName="ann")
    made: dict[str, Any] = world.ask(create_access_key, UserName="ann")["AccessKey"]
    return made


def caller_of(world: Any, key_id: str) -> tuple[str | None, Caller]:
    with world.store.read() as tables:
        return authenticate(tables, key_id, None, world.now, dev=False)


def test_who_has_a_users_key_is_that_user(world: Any, key: dict[str, Any]) -> None:
    secret, caller = caller_of(world, key["AccessKeyId"])
    assert secret == key["SecretAccessKey"]
    assert (caller.arn, caller.kind) == (f"arn:aws:iam::{PROVIDER}:user/ann", CallerKind.USER)
    assert caller.principal == caller.arn


def test_a_key_is_listed_without_its_secret(world: Any, key: dict[str, Any]) -> None:
    (listed,) = world.ask(list_access_keys, UserName="ann")["AccessKeyMetadata"]
    assert listed == {name: value for name, value in key.items() if name != "SecretAccessKey"}
    assert listed["Status"] == "Active"


def test_without_a_name_the_keys_are_those_of_the_one_who_asks(world: Any, key: dict[str, Any]) -> None:
    _, ann = caller_of(world, key["AccessKeyId"])
    second = world.ask(create_access_key, caller=ann)["AccessKey"]
    assert second["UserName"] == "ann"
    listed = world.ask(list_access_keys, caller=ann)["AccessKeyMetadata"]
    assert {one["AccessKeyId"] for one in listed} == {key["AccessKeyId"], second["AccessKeyId"]}
    root = world.ask(create_access_key)["AccessKey"]
    assert root["UserName"] == "<root_account>"
    assert caller_of(world, root["AccessKeyId"])[1].kind is CallerKind.ROOT
    assert [one["AccessKeyId"] for one in world.ask(list_access_keys)["AccessKeyMetadata"]] == [root["AccessKeyId"]]


def test_whose_key_it_is_can_be_asked_in_its_account_alone(world: Any, key: dict[str, Any]) -> None:
    which = {"AccessKeyId": key["AccessKeyId"]}
    never = {"ServiceName": "N/A", "Region": "N/A"}
    assert world.ask(get_access_key_last_used, **which) == {"UserName": "ann", "AccessKeyLastUsed": never}
    with pytest.raises(errors.NoSuchEntity, match=key["AccessKeyId"]):
        world.ask(get_access_key_last_used, account=CONSUMER, **which)
    temporary = world.ask(get_session_token)["Credentials"]["AccessKeyId"]
    with pytest.raises(errors.NoSuchEntity, match=temporary):
        world.ask(get_access_key_last_used, AccessKeyId=temporary)


def test_a_user_has_two_keys_at_most(world: Any, key: dict[str, Any]) -> None:
    world.ask(create_access_key, UserName="ann")
    with pytest.raises(errors.LimitExceeded, match="AccessKeysPerUser: 2"):
        world.ask(create_access_key, UserName="ann")


def test_temporary_keys_are_neither_counted_nor_listed(world: Any, key: dict[str, Any]) -> None:
    _, ann = caller_of(world, key["AccessKeyId"])
    for _ in range(3):
        world.ask(get_session_token, caller=ann)
    assert len(world.ask(list_access_keys, UserName="ann")["AccessKeyMetadata"]) == 1
    world.ask(create_access_key, UserName="ann")


def test_a_key_can_be_made_inactive_and_active_again(world: Any, key: dict[str, Any]) -> None:
    named = {"UserName": "ann", "AccessKeyId": key["AccessKeyId"]}
    world.ask(update_access_key, **named, Status="Inactive")
    assert world.ask(list_access_keys, UserName="ann")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    with pytest.raises(errors.InvalidClientTokenId):
        caller_of(world, key["AccessKeyId"])
    world.ask(update_access_key, **named, Status="Active")
    caller_of(world, key["AccessKeyId"])
    with pytest.raises(errors.ValidationError):
        world.ask(update_access_key, **named, Status="Expired")


def test_a_deleted_key_is_gone(world: Any, key: dict[str, Any]) -> None:
    named = {"UserName": "ann", "AccessKeyId": key["AccessKeyId"]}
    world.ask(delete_access_key, **named)
    for operation, more in ((delete_access_key, {}), (update_access_key, {"Status": "Active"})):
        with pytest.raises(errors.NoSuchEntity, match=key["AccessKeyId"]):
            world.ask(operation, **named, **more)
    with pytest.raises(errors.InvalidClientTokenId):
        caller_of(world, key["AccessKeyId"])


def test_a_key_belongs_to_one_user_of_one_account(world: Any, key: dict[str, Any]) -> None:
    world.ask(create_user, UserName="bob")
    world.ask(create_user, account=CONSUMER, UserName="ann")
    for elsewhere in ({"UserName": "bob"}, {"UserName": "ann", "account": CONSUMER}, {}):
        with pytest.raises(errors.NoSuchEntity):
            world.ask(delete_access_key, AccessKeyId=key["AccessKeyId"], **elsewhere)
