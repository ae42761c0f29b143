"""IAM roles: making, changing and deleting them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from sidedoor import errors
from sidedoor.identity.attached_policies import list_attached_role_policies
from sidedoor.identity.instance_profiles import list_instance_profiles_for_role
from sidedoor.identity.roles import (
    create_role,
    delete_role,
    delete_role_policy,
    get_role,
    get_role_policy,
    list_role_policies,
    list_roles,
    put_role_policy,
    update_assume_role_policy,
    update_role,
    update_role_description,
)

PROVIDER, CONSUMER = "111111111111", "222222222222"
POLICY = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def trust(principal: str = CONSUMER) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}]})


def new_role(world: Any, name: str = "deployer", **more: Any) -> dict[str, Any]:
    role: dict[str, Any] = world.ask(create_role, RoleName=name, AssumeRolePolicyDocument=trust(), **more)["Role"]
    return role


def test_a_role_is_shown_as_it_was_created(world: Any) -> None:
    created = new_role(world, Path="/ci/", Description="deploys", MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "b"}])
    assert created["Arn"] == f"arn:aws:iam::{PROVIDER}:role/ci/deployer"
    assert created["RoleId"].startswith("AROA")
    assert unquote(created["AssumeRolePolicyDocument"]) == trust()
    assert (created["Description"], created["MaxSessionDuration"]) == ("deploys", 7200)
    assert world.ask(get_role, RoleName="deployer")["Role"] == created
    (listed,) = world.ask(list_roles)["Roles"]
    assert listed == {name: value for name, value in created.items() if name != "Tags"}
    assert world.ask(list_roles, PathPrefix="/other/")["Roles"] == []


def test_a_name_is_unique_without_regard_to_case_in_its_account(world: Any) -> None:
    new_role(world)
    with pytest.raises(errors.EntityAlreadyExists):
        new_role(world, "Deployer")
    new_role(world, account=CONSUMER)


@pytest.mark.parametrize("seconds", [3599, 43201])
def test_a_session_lasts_from_one_to_twelve_hours_at_most(world: Any, seconds: int) -> None:
    with pytest.raises(errors.ValidationError, match="maxSessionDuration"):
        new_role(world, MaxSessionDuration=seconds)


def test_a_trust_policy_must_be_one(world: Any) -> None:
    with pytest.raises(errors.MalformedPolicyDocument):
        world.ask(create_role, RoleName="deployer", AssumeRolePolicyDocument="{}")
    new_role(world)
    with pytest.raises(errors.MalformedPolicyDocument):
        world.ask(update_assume_role_policy, RoleName="deployer", PolicyDocument=POLICY)


def test_a_trust_policy_can_be_changed(world: Any) -> None:
    new_role(world)
    world.ask(update_assume_role_policy, RoleName="deployer", PolicyDocument=trust(PROVIDER))
    assert unquote(world.ask(get_role, RoleName="deployer")["Role"]["AssumeRolePolicyDocument"]) == trust(PROVIDER)


def test_the_description_and_the_longest_session_can_be_changed(world: Any) -> None:
    before = new_role(world, Description="deploys", MaxSessionDuration=7200)
    assert world.ask(update_role, RoleName="deployer", MaxSessionDuration=10_800) == {}
    assert world.ask(get_role, RoleName="deployer")["Role"] == {**before, "MaxSessionDuration": 10_800}
    world.ask(update_role, RoleName="deployer", Description="")
    changed = world.ask(get_role, RoleName="deployer")["Role"]
    assert (changed["Description"], changed["MaxSessionDuration"]) == ("", 3600)
    answer = world.ask(update_role_description, RoleName="deployer", Description="builds")
    assert answer["Role"] == world.ask(get_role, RoleName="deployer")["Role"]
    assert answer["Role"]["Description"] == "builds"
    for seconds in (3599, 43_201):
        with pytest.raises(errors.ValidationError, match="maxSessionDuration"):
            world.ask(update_role, RoleName="deployer", MaxSessionDuration=seconds)


def test_a_boundary_that_nothing_would_enforce_is_refused(world: Any) -> None:
    with pytest.raises(errors.InvalidInput, match="PermissionsBoundary"):
        new_role(world, PermissionsBoundary="arn:aws:iam::aws:policy/ReadOnlyAccess")


def test_a_role_goes_after_its_policies(world: Any) -> None:
    new_role(world)
    world.ask(put_role_policy, RoleName="deployer", PolicyName="all", PolicyDocument=POLICY)
    assert world.ask(list_role_policies, RoleName="deployer")["PolicyNames"] == ["all"]
    found = world.ask(get_role_policy, RoleName="deployer", PolicyName="all")
    assert (found["RoleName"], unquote(found["PolicyDocument"])) == ("deployer", POLICY)
    with pytest.raises(errors.DeleteConflict):
        world.ask(delete_role, RoleName="deployer")
    world.ask(delete_role_policy, RoleName="deployer", PolicyName="all")
    world.ask(delete_role, RoleName="deployer")
    with pytest.raises(errors.NoSuchEntity):
        world.ask(delete_role, RoleName="deployer")


def test_a_role_has_no_attached_policies_and_no_instance_profiles(world: Any) -> None:
    new_role(world)
    assert world.ask(list_attached_role_policies, RoleName="deployer")["AttachedPolicies"] == []
    assert world.ask(list_instance_profiles_for_role, RoleName="deployer")["InstanceProfiles"] == []


@pytest.mark.parametrize(
    "operation", [get_role, delete_role, list_role_policies, list_attached_role_policies, list_instance_profiles_for_role]
)
def test_another_accounts_role_does_not_exist(world: Any, operation: Any) -> None:
    new_role(world)
    with pytest.raises(errors.NoSuchEntity, match="The role with name deployer cannot be found"):
        world.ask(operation, account=CONSUMER, RoleName="deployer")
