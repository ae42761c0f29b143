"""Instance profiles: making them, and the one role that each may have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidedoor import errors
from sidedoor.identity.instance_profiles import (
    add_role_to_instance_profile,
    create_instance_profile,
    delete_instance_profile,
    get_instance_profile,
    list_instance_profiles,
    list_instance_profiles_for_role,
    remove_role_from_instance_profile,
)
from sidedoor.identity.roles import create_role, delete_role, get_role

PROVIDER, CONSUMER = "111111111111", "222222222222"
TRUST = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
)
WEB = {"InstanceProfileName": "web"}
BOTH = {**WEB, "RoleName": "server"}


@pytest.fixture
def profile(world: Any) -> dict[str, Any]:
    world.ask(create_role, RoleName="server", AssumeRolePolicyDocument=TRUST)
    made: dict[str, Any] = world.ask(create_instance_profile, **WEB, Path="/app/", Tags=[{"Key": "a", "Value": "b"}])
    return dict(made["InstanceProfile"])


def names(answer: dict[str, Any]) -> list[str]:
    return [one["InstanceProfileName"] for one in answer["InstanceProfiles"]]


def test_a_profile_is_shown_as_it_was_created(world: Any, profile: dict[str, Any]) -> None:
    assert profile["Arn"] == f"arn:aws:iam::{PROVIDER}:instance-profile/app/web"
    assert profile["InstanceProfileId"].startswith("AIPA")
    assert (profile["Roles"], profile["Tags"]) == ([], [{"Key": "a", "Value": "b"}])
    assert world.ask(get_instance_profile, **WEB)["InstanceProfile"] == profile
    assert names(world.ask(list_instance_profiles)) == ["web"]
    assert names(world.ask(list_instance_profiles, PathPrefix="/other/")) == []


def test_a_profiles_name_is_unique_without_regard_to_case(world: Any, profile: dict[str, Any]) -> None:
    with pytest.raises(errors.EntityAlreadyExists, match="Instance Profile WEB already exists"):
        world.ask(create_instance_profile, InstanceProfileName="WEB")
    world.ask(create_instance_profile, account=CONSUMER, **WEB)


def test_a_profile_has_one_role_at_most(world: Any, profile: dict[str, Any]) -> None:
    world.ask(add_role_to_instance_profile, **BOTH)
    (role,) = world.ask(get_instance_profile, **WEB)["InstanceProfile"]["Roles"]
    assert role == world.ask(get_role, RoleName="server")["Role"]
    assert names(world.ask(list_instance_profiles_for_role, RoleName="server")) == ["web"]
    with pytest.raises(errors.LimitExceeded, match="InstanceSessionsPerInstanceProfile: 1"):
        world.ask(add_role_to_instance_profile, **BOTH)


def test_profile_and_role_go_after_they_were_parted(world: Any, profile: dict[str, Any]) -> None:
    world.ask(add_role_to_instance_profile, **BOTH)
    for operation, request in ((delete_instance_profile, WEB), (delete_role, {"RoleName": "server"})):
        with pytest.raises(errors.DeleteConflict, match="must remove roles from instance profile first"):
            world.ask(operation, **request)
    world.ask(remove_role_from_instance_profile, **BOTH)
    with pytest.raises(errors.NoSuchEntity):
        world.ask(remove_role_from_instance_profile, **BOTH)
    assert names(world.ask(list_instance_profiles_for_role, RoleName="server")) == []
    world.ask(delete_instance_profile, **WEB)
    world.ask(delete_role, RoleName="server")
    assert names(world.ask(list_instance_profiles)) == []


@pytest.mark.parametrize("operation", [get_instance_profile, delete_instance_profile])
def test_another_accounts_profile_does_not_exist(world: Any, profile: dict[str, Any], operation: Any) -> None:
    with pytest.raises(errors.NoSuchEntity, match="Instance Profile web cannot be found"):
        world.ask(operation, account=CONSUMER, **WEB)


def test_a_role_that_is_not_there_cannot_be_added(world: Any, profile: dict[str, Any]) -> None:
    with pytest.raises(errors.NoSuchEntity, match="role with name none"):
        world.ask(add_role_to_instance_profile, **WEB, RoleName="none")
