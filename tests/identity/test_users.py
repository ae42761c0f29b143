"""IAM users: their names, their policies, their lists."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from sidedoor import errors
from sidedoor.identity.access_keys import create_access_key, delete_access_key
from sidedoor.identity.attached_policies import list_attached_user_policies
from sidedoor.identity.credentials import authenticate
from sidedoor.identity.model import Caller
from sidedoor.identity.users import (
    create_user,
    delete_user,
    delete_user_policy,
    get_user,
    get_user_policy,
    list_groups_for_user,
    list_user_policies,
    list_users,
    put_user_policy,
    update_user,
)

PROVIDER, CONSUMER = "111111111111", "222222222222"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def caller_with_key(world: Any, name: str) -> Caller:
    """The user of that name, as it asks with a key of its own."""
    key_id = world.ask(create_access_key, UserName=name)["AccessKey"]["AccessKeyId"]
    with world.store.read() as tables:
        return authenticate(tables, key_id, None, world.now, dev=False)[1]


def test_a_user_is_shown_as_it_was_created(world: Any) -> None:
    tags = [{"Key": "team", "Value": "a"}]
    created = world.ask(create_user, UserName="ann", Path="/team/", Tags=tags)["User"]
    assert created["Arn"] == f"arn:aws:iam::{PROVIDER}:user/team/ann"
    assert created["UserId"].startswith("AIDA")
    assert created["Tags"] == tags
    assert world.ask(get_user, UserName="ann")["User"] == created
    (listed,) = world.ask(list_users)["Users"]
    assert listed == {name: value for name, value in created.items() if name != "Tags"}


def test_a_name_is_unique_without_regard_to_case_in_its_account(world: Any) -> None:
    world.ask(create_user, UserName="ann")
    with pytest.raises(errors.EntityAlreadyExists):
        world.ask(create_user, UserName="Ann")
    world.ask(create_user, account=CONSUMER, UserName="ann")


@pytest.mark.parametrize(
    "asked",
    [
        {"UserName": ""},
        {"UserName": "a b"},
        {"UserName": "x" * 65},
        {"UserName": "ann", "Path": "team"},
        {"UserName": "ann", "Path": "/team"},
        {"UserName": "ann", "Path": f"/{'x' * 511}/"},
    ],
)
def test_a_name_or_path_that_iam_does_not_take_is_refused(world: Any, asked: dict[str, str]) -> None:
    expected = "The specified value for path is invalid" if "Path" in asked else "failed to satisfy constraint"
    with pytest.raises(errors.ValidationError, match=expected):
        world.ask(create_user, **asked)


def test_a_user_is_renamed_and_moved(world: Any) -> None:
    before = world.ask(create_user, UserName="ann", Tags=[{"Key": "a", "Value": "b"}])["User"]
    assert world.ask(update_user, UserName="ann", NewUserName="anna", NewPath="/people/") == {}
    after = world.ask(get_user, UserName="anna")["User"]
    assert after == {**before, "UserName": "anna", "Path": "/people/", "Arn": f"arn:aws:iam::{PROVIDER}:user/people/anna"}
    assert world.ask(update_user, UserName="anna", NewUserName="Anna") == {}
    with pytest.raises(errors.NoSuchEntity):
        world.ask(get_user, UserName="ann")


def test_a_user_does_not_take_anothers_name_or_a_wrong_one(world: Any) -> None:
    for name in ("ann", "bob"):
        world.ask(create_user, UserName=name)
    with pytest.raises(errors.EntityAlreadyExists, match="User with name BOB already exists"):
        world.ask(update_user, UserName="ann", NewUserName="BOB")
    with pytest.raises(errors.ValidationError, match="newUserName"):
        world.ask(update_user, UserName="ann", NewUserName="a b")
    with pytest.raises(errors.ValidationError, match="path is invalid"):
        world.ask(update_user, UserName="ann", NewPath="people")
    with pytest.raises(errors.NoSuchEntity):
        world.ask(update_user, UserName="eve", NewUserName="adam")


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ([{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}], errors.InvalidInput),
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "1"}], errors.InvalidInput),
        ([{"Key": "aws:a", "Value": "1"}], errors.InvalidInput),
        ([{"Key": "a", "Value": "x" * 257}], errors.InvalidInput),
        ([{"Key": f"key{number}", "Value": ""} for number in range(51)], errors.LimitExceeded),
    ],
)
def test_tags_that_iam_does_not_take_are_refused(world: Any, tags: list[dict[str, str]], error: type[errors.ApiError]) -> None:
    with pytest.raises(error):
        world.ask(create_user, UserName="ann", Tags=tags)


def test_a_boundary_that_nothing_would_enforce_is_refused(world: Any) -> None:
    with pytest.raises(errors.InvalidInput, match="PermissionsBoundary"):
        world.ask(create_user, UserName="ann", PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")


def test_without_a_name_the_user_is_the_one_who_asks(world: Any) -> None:
    created = world.ask(create_user, UserName="ann")["User"]
    assert world.ask(get_user, caller=caller_with_key(world, "ann"))["User"] == created
    root = world.ask(get_user)["User"]
    assert (root["Arn"], root["UserId"]) == (f"arn:aws:iam::{PROVIDER}:root", PROVIDER)


@pytest.mark.parametrize(
    "operation",
    [get_user, delete_user, list_user_policies, list_attached_user_policies, list_groups_for_user],
)
def test_another_accounts_user_does_not_exist(world: Any, operation: Any) -> None:
    world.ask(create_user, UserName="ann")
    with pytest.raises(errors.NoSuchEntity, match="The user with name ann cannot be found"):
        world.ask(operation, account=CONSUMER, UserName="ann")


def test_a_policy_is_stored_and_comes_back_url_encoded(world: Any) -> None:
    world.ask(create_user, UserName="ann")
    world.ask(put_user_policy, UserName="ann", PolicyName="all", PolicyDocument=POLICY)
    found = world.ask(get_user_policy, UserName="ann", PolicyName="all")
    assert (found["UserName"], found["PolicyName"]) == ("ann", "all")
    assert found["PolicyDocument"] != POLICY
    assert unquote(found["PolicyDocument"]) == POLICY
    assert world.ask(list_user_policies, UserName="ann")["PolicyNames"] == ["all"]
    world.ask(delete_user_policy, UserName="ann", PolicyName="all")
    for operation in (get_user_policy, delete_user_policy):
        with pytest.raises(errors.NoSuchEntity, match="all"):
            world.ask(operation, UserName="ann", PolicyName="all")


@pytest.mark.parametrize("document", ["", "x", "[]", "{}", '{"Statement": [{"Effect": "allow"}]}'])
def test_a_policy_that_is_none_is_refused(world: Any, document: str) -> None:
    world.ask(create_user, UserName="ann")
    with pytest.raises(errors.MalformedPolicyDocument):
        world.ask(put_user_policy, UserName="ann", PolicyName="all", PolicyDocument=document)


def test_a_user_goes_after_its_keys_and_policies(world: Any) -> None:
    world.ask(create_user, UserName="ann")
    key_id = world.ask(create_access_key, UserName="ann")["AccessKey"]["AccessKeyId"]
    with pytest.raises(errors.DeleteConflict, match="access keys"):
        world.ask(delete_user, UserName="ann")
    world.ask(delete_access_key, UserName="ann", AccessKeyId=key_id)
    world.ask(put_user_policy, UserName="ann", PolicyName="all", PolicyDocument=POLICY)
    with pytest.raises(errors.DeleteConflict, match="policies"):
        world.ask(delete_user, UserName="ann")
    world.ask(delete_user_policy, UserName="ann", PolicyName="all")
    world.ask(delete_user, UserName="ann")
    with pytest.raises(errors.NoSuchEntity):
        world.ask(get_user, UserName="ann")


def test_users_are_listed_by_name_in_pages_below_a_path(world: Any) -> None:
    for name in ("carl", "ann", "bob"):
        world.ask(create_user, UserName=name, Path="/team/")
    world.ask(create_user, UserName="dora")
    first = world.ask(list_users, PathPrefix="/team/", MaxItems=2)
    second = world.ask(list_users, PathPrefix="/team/", MaxItems=2, Marker=first["Marker"])
    assert [user["UserName"] for user in first["Users"] + second["Users"]] == ["ann", "bob", "carl"]
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)
    assert "Marker" not in second
    with pytest.raises(errors.InvalidMarker):
        world.ask(list_users, account=CONSUMER, Marker=first["Marker"])
    for size in (0, 1001):
        with pytest.raises(errors.ValidationError, match="maxItems"):
            world.ask(list_users, MaxItems=size)


def test_a_user_has_no_groups_and_no_attached_policies(world: Any) -> None:
    world.ask(create_user, UserName="ann")
    assert world.ask(list_groups_for_user, UserName="ann") == {"Groups": [], "IsTruncated": False}
    assert world.ask(list_attached_user_policies, UserName="ann") == {"AttachedPolicies": [], "IsTruncated": False}
