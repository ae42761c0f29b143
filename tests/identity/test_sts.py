"""STS: who asks, and temporary keys."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidedoor import errors
from sidedoor.identity.access_keys import create_access_key, delete_access_key
from sidedoor.identity.credentials import authenticate
from sidedoor.identity.model import Caller, CallerKind
from sidedoor.identity.roles import create_role, delete_role
from sidedoor.identity.sts import (
    EXPIRED_AT_ONCE,
    KNOWN_AS_EXPIRED,
    assume_role,
    get_access_key_info,
    get_caller_identity,
    get_federation_token,
    get_session_token,
)
from sidedoor.identity.users import create_user, delete_user, update_user

PROVIDER, CONSUMER = "111111111111", "222222222222"


def new_role(world: Any, principal: str = CONSUMER, name: str = "deployer", **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Statement": [statement]})
    return str(world.ask(create_role, RoleName=name, AssumeRolePolicyDocument=document, **more)["Role"]["Arn"])


def assumed(world: Any, arn: str, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = world.ask(assume_role, account=CONSUMER, RoleArn=arn, RoleSessionName="ci", **more)
    return answer


def caller_with(world: Any, credentials: dict[str, Any], *, dev: bool = False) -> Caller:
    with world.store.read() as tables:
        return authenticate(tables, credentials["AccessKeyId"], credentials["SessionToken"], world.now, dev)[1]


def in_dev_mode(world: Any) -> None:
    world.settings = replace(world.settings, dev=True)


def user(world: Any, name: str) -> Caller:
    world.ask(create_user, UserName=name)
    key = world.ask(create_access_key, UserName=name)["AccessKey"]
    with world.store.read() as tables:
        return authenticate(tables, key["AccessKeyId"], None, world.now, dev=False)[1]


def test_a_caller_learns_who_it_is(world: Any) -> None:
    identity = world.ask(get_caller_identity)
    assert identity == {"UserId": PROVIDER, "Account": PROVIDER, "Arn": f"arn:aws:iam::{PROVIDER}:root"}


def test_who_assumes_a_role_is_the_role_in_its_account(world: Any) -> None:
    arn = new_role(world, Path="/ci/")
    answer = assumed(world, arn)
    session_arn = f"arn:aws:sts::{PROVIDER}:assumed-role/deployer/ci"
    assert answer["AssumedRoleUser"]["Arn"] == session_arn
    caller = caller_with(world, answer["Credentials"])
    assert (caller.account, caller.arn, caller.principal) == (PROVIDER, session_arn, arn)
    assert caller.kind is CallerKind.ASSUMED_ROLE
    identity = world.ask(get_caller_identity, caller=caller)
    assert identity["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert identity["UserId"].endswith(":ci")


@pytest.mark.parametrize("arn", [f"arn:aws:iam::{PROVIDER}:role/nobody", f"arn:aws:iam::{PROVIDER}:role/path/deployer"])
def test_a_role_that_is_not_there_and_one_that_does_not_trust_are_denied_alike(world: Any, arn: str) -> None:
    trusting_nobody_else = new_role(world, principal=PROVIDER)
    for denied in (arn, trusting_nobody_else):
        with pytest.raises(errors.AccessDenied) as caught:
            assumed(world, denied)
        principal = f"arn:aws:iam::{CONSUMER}:root"
        assert caught.value.message == f"User: {principal} is not authorized to perform: sts:AssumeRole on resource: {denied}"


def test_in_dev_mode_any_role_can_be_assumed(world: Any) -> None:
    in_dev_mode(world)
    arn = f"arn:aws:iam::{PROVIDER}:role/nobody"
    first, second = assumed(world, arn), assumed(world, arn)
    assert first["AssumedRoleUser"] == second["AssumedRoleUser"]
    assert first["Credentials"]["AccessKeyId"] != second["Credentials"]["AccessKeyId"]
    assert caller_with(world, first["Credentials"], dev=True).account == PROVIDER
    assert caller_with(world, assumed(world, new_role(world, principal=PROVIDER))["Credentials"], dev=True).account == PROVIDER


@pytest.mark.parametrize("arn", ["deployer", "arn:aws:iam::1:role/deployer", f"arn:aws:iam::{PROVIDER}:user/deployer"])
def test_an_arn_of_no_role_is_invalid(world: Any, arn: str) -> None:
    with pytest.raises(errors.ValidationError, match="is invalid"):
        assumed(world, arn)


@pytest.mark.parametrize("name", ["x", "a b", "x" * 65, "a/b"])
def test_a_session_name_that_sts_does_not_take_is_refused(world: Any, name: str) -> None:
    with pytest.raises(errors.ValidationError, match="roleSessionName"):
        world.ask(assume_role, RoleArn=new_role(world, PROVIDER), RoleSessionName=name)


def test_a_session_lasts_an_hour_unless_told_otherwise(world: Any) -> None:
    arn = new_role(world, MaxSessionDuration=7200)
    assert assumed(world, arn)["Credentials"]["Expiration"] == world.now + timedelta(hours=1)
    assert assumed(world, arn, DurationSeconds=7200)["Credentials"]["Expiration"] == world.now + timedelta(hours=2)
    with pytest.raises(errors.ValidationError, match="MaxSessionDuration set for this role"):
        assumed(world, arn, DurationSeconds=7201)
    for seconds in (899, 43_201):
        with pytest.raises(errors.ValidationError, match="durationSeconds"):
            assumed(world, arn, DurationSeconds=seconds)


def test_a_session_that_assumes_a_role_gets_an_hour_at_most(world: Any) -> None:
    first = new_role(world)
    second = new_role(world, principal=first, name="second", MaxSessionDuration=7200)
    session = caller_with(world, assumed(world, first)["Credentials"])
    asked = {"RoleArn": second, "RoleSessionName": "ci", "caller": session}
    assert world.ask(assume_role, **asked)["Credentials"]
    with pytest.raises(errors.ValidationError, match="role chaining"):
        world.ask(assume_role, **asked, DurationSeconds=7200)


def test_the_sessions_of_a_deleted_role_end(world: Any) -> None:
    credentials = assumed(world, new_role(world))["Credentials"]
    world.ask(delete_role, RoleName="deployer")
    with pytest.raises(errors.InvalidClientTokenId):
        caller_with(world, credentials)


def test_a_session_token_is_for_the_same_user(world: Any) -> None:
    ann = user(world, "ann")
    credentials = world.ask(get_session_token, caller=ann)["Credentials"]
    assert credentials["Expiration"] == world.now + timedelta(hours=12)
    session = caller_with(world, credentials)
    assert replace(session, access_key_id="") == replace(ann, access_key_id="")
    with pytest.raises(errors.AccessDenied, match="session credentials"):
        world.ask(get_session_token, caller=session)


def test_a_roots_session_lasts_an_hour_at_most(world: Any) -> None:
    credentials = world.ask(get_session_token, DurationSeconds=43_200)["Credentials"]
    assert credentials["Expiration"] == world.now + timedelta(hours=1)
    for seconds in (899, 129_601):
        with pytest.raises(errors.ValidationError):
            world.ask(get_session_token, DurationSeconds=seconds)


def test_a_key_tells_its_account(world: Any) -> None:
    key_id = user(world, "ann").access_key_id
    assert world.ask(get_access_key_info, account=CONSUMER, AccessKeyId=key_id) == {"Account": PROVIDER}
    with pytest.raises(errors.ValidationError):
        world.ask(get_access_key_info, AccessKeyId="AKIAUNKNOWN")
    in_dev_mode(world)
    assert world.ask(get_access_key_info, AccessKeyId=CONSUMER) == {"Account": CONSUMER}


def test_a_federated_user_is_somebody_of_its_own_in_the_account(world: Any) -> None:
    answer = world.ask(get_federation_token, caller=user(world, "ann"), Name="bob@example.com", DurationSeconds=900)
    arn = f"arn:aws:sts::{PROVIDER}:federated-user/bob@example.com"
    assert answer["FederatedUser"] == {"FederatedUserId": f"{PROVIDER}:bob@example.com", "Arn": arn}
    assert answer["PackedPolicySize"] == 0
    assert answer["Credentials"]["Expiration"] == world.now + timedelta(seconds=900)
    bob = caller_with(world, answer["Credentials"])
    assert (bob.kind, bob.arn, bob.account) == (CallerKind.FEDERATED_USER, arn, PROVIDER)
    assert world.ask(get_caller_identity, caller=bob)["Arn"] == arn
    for operation in (get_federation_token, get_session_token):
        with pytest.raises(errors.AccessDenied, match="session credentials"):
            world.ask(operation, caller=bob, Name="eve")


def test_a_federated_user_of_a_root_has_an_hour_at_most(world: Any) -> None:
    for asked, given in (({}, 1), ({"DurationSeconds": 43_200}, 1)):
        answer = world.ask(get_federation_token, Name="bob", **asked)
        assert answer["Credentials"]["Expiration"] == world.now + timedelta(hours=given)
    ann = user(world, "ann")
    assert world.ask(get_federation_token, caller=ann, Name="bob")["Credentials"]["Expiration"] == world.now + timedelta(
        hours=12
    )


def test_the_policy_of_a_federated_user_is_a_policy_of_2048_characters_at_most(world: Any) -> None:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    assert world.ask(get_federation_token, Name="bob", Policy=policy)["PackedPolicySize"] > 0
    with pytest.raises(errors.ValidationError, match=r"at 'policy' .* less than or equal to 2048"):
        world.ask(get_federation_token, Name="bob", Policy=policy + " " * 2048)
    with pytest.raises(errors.MalformedPolicyDocument):
        world.ask(get_federation_token, Name="bob", Policy="{}")


@pytest.mark.parametrize(
    "wrong", [{"Name": "a"}, {"Name": "a" * 33}, {"Name": "a b"}, {"DurationSeconds": 899}, {"DurationSeconds": 129_601}]
)
def test_what_a_federated_user_cannot_be_is_refused(world: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.ValidationError, match="1 validation error detected"):
        world.ask(get_federation_token, **{"Name": "bob", **wrong})


def test_a_deleted_user_takes_its_federated_users_along(world: Any) -> None:
    ann = user(world, "ann")
    credentials = world.ask(get_federation_token, caller=ann, Name="bob")["Credentials"]
    world.ask(delete_access_key, UserName="ann", AccessKeyId=ann.access_key_id)
    world.ask(delete_user, UserName="ann")
    with pytest.raises(errors.InvalidClientTokenId):
        caller_with(world, credentials)


def test_the_keys_of_a_renamed_user_are_the_renamed_users(world: Any) -> None:
    ann = user(world, "ann")
    session = world.ask(get_session_token, caller=ann)["Credentials"]
    federated = world.ask(get_federation_token, caller=ann, Name="bob")["Credentials"]
    world.ask(update_user, UserName="ann", NewUserName="anna", NewPath="/people/")
    arn = f"arn:aws:iam::{PROVIDER}:user/people/anna"
    with world.store.read() as tables:
        assert authenticate(tables, ann.access_key_id, None, world.now, dev=False)[1].principal == arn
    assert caller_with(world, session).arn == arn
    assert caller_with(world, federated).arn == f"arn:aws:sts::{PROVIDER}:federated-user/bob"
    assert world.ask(delete_access_key, UserName="anna", AccessKeyId=ann.access_key_id) == {}


def test_a_session_name_has_64_characters_at_most(world: Any) -> None:
    with pytest.raises(errors.ValidationError, match="Member must have length less than or equal to 64"):
        world.ask(assume_role, RoleArn=new_role(world), RoleSessionName="s" * 65)


def test_an_expired_key_is_told_so_for_a_day_and_then_removed(world: Any) -> None:
    arn = new_role(world)
    old = [assumed(world, arn)["Credentials"] for _ in range(EXPIRED_AT_ONCE + 1)]
    permanent = user(world, "ann").access_key_id
    world.now += timedelta(hours=1) + KNOWN_AS_EXPIRED - timedelta(minutes=2)
    assumed(world, arn)
    with pytest.raises(errors.ExpiredToken):
        caller_with(world, old[0])
    world.now += timedelta(minutes=2)
    assumed(world, arn)
    for credentials in old[:-1]:
        with pytest.raises(errors.InvalidClientTokenId):
            caller_with(world, credentials)
    with pytest.raises(errors.ExpiredToken):
        caller_with(world, old[-1])
    world.ask(get_session_token)
    with world.store.read() as tables:
        keys = {key.id for key in tables.access_keys.where()}
    assert old[-1]["AccessKeyId"] not in keys
    assert permanent in keys
    assert len(keys) == 4


def test_the_policy_and_the_tags_of_a_session_take_room(world: Any) -> None:
    arn = new_role(world)
    assert "PackedPolicySize" not in assumed(world, arn)
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    tags = [{"Key": "team", "Value": "a"}]
    both = assumed(world, arn, Policy=policy, Tags=tags, TransitiveTagKeys=["Team"])["PackedPolicySize"]
    assert (
        both >= assumed(world, arn, Policy=policy)["PackedPolicySize"] > assumed(world, arn, Tags=tags)["PackedPolicySize"] > 0
    )
    with pytest.raises(errors.MalformedPolicyDocument):
        assumed(world, arn, Policy="{}")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"TransitiveTagKeys": ["team"]}, "The specified transitive tag key must be included in the requested tags."),
        (
            {"Tags": [{"Key": "team", "Value": "a"}, {"Key": "Team", "Value": "b"}]},
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
    ],
)
def test_the_tags_of_a_session_are_looked_over(world: Any, asked: dict[str, Any], reason: str) -> None:
    with pytest.raises(errors.SessionTagsInvalid) as caught:
        assumed(world, new_role(world), **asked)
    assert (caught.value.code, caught.value.message) == ("InvalidParameterValue", reason)
