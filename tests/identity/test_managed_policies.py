"""Managed policies: their versions, and attaching them to users and roles."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from sidedoor import errors
from sidedoor.identity.attached_policies import (
    attach_role_policy,
    attach_user_policy,
    detach_role_policy,
    detach_user_policy,
    list_attached_role_policies,
    list_attached_user_policies,
)
from sidedoor.identity.policies import create_policy, delete_policy, get_policy, list_entities_for_policy, list_policies
from sidedoor.identity.policy_versions import (
    create_policy_version,
    delete_policy_version,
    get_policy_version,
    list_policy_versions,
    set_default_policy_version,
)
from sidedoor.identity.roles import create_role, delete_role
from sidedoor.identity.users import create_user, delete_user

PROVIDER, CONSUMER = "111111111111", "222222222222"
OF_AWS = "arn:aws:iam::aws:policy/service-role/AmazonSSMManagedInstanceCore"
TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": CONSUMER}, "Action": "sts:AssumeRole"}]})
PRINCIPALS = [
    ({"RoleName": "deployer"}, attach_role_policy, detach_role_policy, list_attached_role_policies, delete_role),
    ({"UserName": "ann"}, attach_user_policy, detach_user_policy, list_attached_user_policies, delete_user),
]


def document(action: str = "*") -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]})


@pytest.fixture
def policy(world: Any) -> dict[str, Any]:
    world.ask(create_role, RoleName="deployer", AssumeRolePolicyDocument=TRUST)
    world.ask(create_user, UserName="ann")
    request = {"PolicyName": "all", "PolicyDocument": document(), "Path": "/team/", "Description": "everything"}
    made: dict[str, Any] = world.ask(create_policy, **request, Tags=[{"Key": "a", "Value": "b"}])
    return dict(made["Policy"])


def versions(world: Any, policy: dict[str, Any]) -> dict[str, bool]:
    found = world.ask(list_policy_versions, PolicyArn=policy["Arn"])["Versions"]
    return {one["VersionId"]: one["IsDefaultVersion"] for one in found}


def test_a_policy_is_shown_as_it_was_created(world: Any, policy: dict[str, Any]) -> None:
    assert policy["Arn"] == f"arn:aws:iam::{PROVIDER}:policy/team/all"
    assert policy["PolicyId"].startswith("ANPA")
    assert (policy["DefaultVersionId"], policy["AttachmentCount"], policy["Description"]) == ("v1", 0, "everything")
    assert world.ask(get_policy, PolicyArn=policy["Arn"])["Policy"] == policy
    (listed,) = world.ask(list_policies)["Policies"]
    assert listed == {name: value for name, value in policy.items() if name not in ("Tags", "Description")}


def test_a_policy_needs_a_name_of_its_own_and_a_text_that_is_one(world: Any, policy: dict[str, Any]) -> None:
    with pytest.raises(errors.EntityAlreadyExists, match="A policy called ALL already exists"):
        world.ask(create_policy, PolicyName="ALL", PolicyDocument=document())
    with pytest.raises(errors.MalformedPolicyDocument):
        world.ask(create_policy, PolicyName="other", PolicyDocument="{}")


@pytest.mark.parametrize(
    ("request_", "found"),
    [({}, 1), ({"Scope": "Local"}, 1), ({"Scope": "AWS"}, 0), ({"PathPrefix": "/x/"}, 0), ({"OnlyAttached": True}, 0)],
)
def test_policies_are_listed(world: Any, policy: dict[str, Any], request_: dict[str, Any], found: int) -> None:
    assert len(world.ask(list_policies, **request_)["Policies"]) == found


def test_a_scope_that_is_none_is_refused(world: Any) -> None:
    with pytest.raises(errors.ValidationError):
        world.ask(list_policies, Scope="Mine")


# --- versions -----------------------------------------------------------------------------------------------------


def test_a_version_is_added_and_comes_into_force_when_that_is_said(world: Any, policy: dict[str, Any]) -> None:
    arn = {"PolicyArn": policy["Arn"]}
    assert not world.ask(create_policy_version, **arn, PolicyDocument=document("a:b"))["PolicyVersion"]["IsDefaultVersion"]
    newest = world.ask(create_policy_version, **arn, PolicyDocument=document("c:d"), SetAsDefault=True)["PolicyVersion"]
    assert (newest["VersionId"], newest["IsDefaultVersion"]) == ("v3", True)
    assert versions(world, policy) == {"v1": False, "v2": False, "v3": True}
    assert world.ask(get_policy, **arn)["Policy"]["DefaultVersionId"] == "v3"
    shown = world.ask(get_policy_version, **arn, VersionId="v2")["PolicyVersion"]
    assert unquote(shown["Document"]) == document("a:b")
    world.ask(set_default_policy_version, **arn, VersionId="v2")
    assert versions(world, policy) == {"v1": False, "v2": True, "v3": False}


def test_a_policy_has_five_versions_at_most_and_no_number_comes_back(world: Any, policy: dict[str, Any]) -> None:
    arn = {"PolicyArn": policy["Arn"]}
    for _ in range(4):
        world.ask(create_policy_version, **arn, PolicyDocument=document())
    with pytest.raises(errors.LimitExceeded):
        world.ask(create_policy_version, **arn, PolicyDocument=document())
    world.ask(delete_policy_version, **arn, VersionId="v5")
    assert world.ask(create_policy_version, **arn, PolicyDocument=document())["PolicyVersion"]["VersionId"] == "v6"


def test_the_version_in_force_stays(world: Any, policy: dict[str, Any]) -> None:
    with pytest.raises(errors.DeleteConflict, match="default version"):
        world.ask(delete_policy_version, PolicyArn=policy["Arn"], VersionId="v1")
    for operation in (get_policy_version, delete_policy_version, set_default_policy_version):
        with pytest.raises(errors.NoSuchEntity, match="version v9"):
            world.ask(operation, PolicyArn=policy["Arn"], VersionId="v9")


def test_a_policy_goes_last(world: Any, policy: dict[str, Any]) -> None:
    arn = {"PolicyArn": policy["Arn"]}
    world.ask(create_policy_version, **arn, PolicyDocument=document())
    with pytest.raises(errors.DeleteConflict, match="more than one version"):
        world.ask(delete_policy, **arn)
    world.ask(delete_policy_version, **arn, VersionId="v2")
    world.ask(attach_user_policy, UserName="ann", **arn)
    with pytest.raises(errors.DeleteConflict, match="attached to entities"):
        world.ask(delete_policy, **arn)
    world.ask(detach_user_policy, UserName="ann", **arn)
    world.ask(delete_policy, **arn)
    with pytest.raises(errors.NoSuchEntity):
        world.ask(get_policy, **arn)


# --- attached -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("principal", "attach", "detach", "listed", "delete"), PRINCIPALS)
def test_a_policy_is_attached_once_and_detached(
    world: Any, policy: dict[str, Any], principal: dict[str, str], attach: Any, detach: Any, listed: Any, delete: Any
) -> None:
    for arn in (policy["Arn"], OF_AWS, OF_AWS):
        world.ask(attach, **principal, PolicyArn=arn)
    attached = world.ask(listed, **principal)["AttachedPolicies"]
    assert {one["PolicyName"]: one["PolicyArn"] for one in attached} == {
        "all": policy["Arn"],
        "AmazonSSMManagedInstanceCore": OF_AWS,
    }
    assert len(world.ask(listed, **principal, PathPrefix="/team/")["AttachedPolicies"]) == 1
    assert world.ask(get_policy, PolicyArn=policy["Arn"])["Policy"]["AttachmentCount"] == 1
    assert len(world.ask(list_policies, OnlyAttached=True)["Policies"]) == 1
    with pytest.raises(errors.DeleteConflict, match="must detach all policies first"):
        world.ask(delete, **principal)
    for arn in (policy["Arn"], OF_AWS):
        world.ask(detach, **principal, PolicyArn=arn)
    with pytest.raises(errors.NoSuchEntity):
        world.ask(detach, **principal, PolicyArn=OF_AWS)
    world.ask(delete, **principal)


def test_a_policy_that_is_not_there_cannot_be_attached(world: Any, policy: dict[str, Any]) -> None:
    role = {"RoleName": "deployer"}
    with pytest.raises(errors.NoSuchEntity, match="was not found"):
        world.ask(attach_role_policy, **role, PolicyArn=f"arn:aws:iam::{PROVIDER}:policy/all")
    with pytest.raises(errors.InvalidInput, match="ARN x is not valid"):
        world.ask(attach_role_policy, **role, PolicyArn="x")


def test_a_policy_tells_who_has_it(world: Any, policy: dict[str, Any]) -> None:
    for arn in (policy["Arn"], OF_AWS):
        world.ask(attach_role_policy, RoleName="deployer", PolicyArn=arn)
        world.ask(attach_user_policy, UserName="ann", PolicyArn=arn)
        found = world.ask(list_entities_for_policy, PolicyArn=arn)
        assert [one["RoleName"] for one in found["PolicyRoles"]] == ["deployer"]
        assert [one["UserName"] for one in found["PolicyUsers"]] == ["ann"]
        assert (found["PolicyGroups"], found["IsTruncated"]) == ([], False)
    only = world.ask(list_entities_for_policy, PolicyArn=policy["Arn"], EntityFilter="User")
    assert (len(only["PolicyUsers"]), only["PolicyRoles"]) == (1, [])
    assert world.ask(list_entities_for_policy, PolicyArn=policy["Arn"], PathPrefix="/elsewhere/")["PolicyUsers"] == []
    first = world.ask(list_entities_for_policy, PolicyArn=policy["Arn"], MaxItems=1)
    rest = world.ask(list_entities_for_policy, PolicyArn=policy["Arn"], Marker=first["Marker"])
    assert len(first["PolicyUsers"] + first["PolicyRoles"] + rest["PolicyUsers"] + rest["PolicyRoles"]) == 2
    with pytest.raises(errors.NoSuchEntity):
        world.ask(list_entities_for_policy, PolicyArn=f"arn:aws:iam::{PROVIDER}:policy/all")


def test_ten_policies_are_the_most(world: Any, policy: dict[str, Any]) -> None:
    for number in range(10):
        world.ask(attach_role_policy, RoleName="deployer", PolicyArn=f"arn:aws:iam::aws:policy/P{number}")
    with pytest.raises(errors.LimitExceeded, match="PoliciesPerRole: 10"):
        world.ask(attach_role_policy, RoleName="deployer", PolicyArn=policy["Arn"])


@pytest.mark.parametrize("operation", [get_policy, delete_policy, list_policy_versions])
def test_another_accounts_policy_does_not_exist(world: Any, policy: dict[str, Any], operation: Any) -> None:
    with pytest.raises(errors.NoSuchEntity):
        world.ask(operation, account=CONSUMER, PolicyArn=policy["Arn"])
    assert world.ask(list_policies, account=CONSUMER)["Policies"] == []
