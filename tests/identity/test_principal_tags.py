"""Tags of users, roles, managed policies and instance profiles."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidedoor import errors
from sidedoor.identity.instance_profiles import create_instance_profile, get_instance_profile
from sidedoor.identity.policies import create_policy, get_policy
from sidedoor.identity.principal_tags import (
    list_instance_profile_tags,
    list_policy_tags,
    list_role_tags,
    list_user_tags,
    tag_instance_profile,
    tag_policy,
    tag_role,
    tag_user,
    untag_instance_profile,
    untag_policy,
    untag_role,
    untag_user,
)
from sidedoor.identity.roles import create_role, get_role
from sidedoor.identity.users import create_user, get_user

TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
KINDS = [
    ({"RoleName": "deployer"}, tag_role, untag_role, list_role_tags, get_role),
    ({"UserName": "ann"}, tag_user, untag_user, list_user_tags, get_user),
    ({"PolicyArn": "arn:aws:iam::111111111111:policy/look"}, tag_policy, untag_policy, list_policy_tags, get_policy),
    (
        {"InstanceProfileName": "web"},
        tag_instance_profile,
        untag_instance_profile,
        list_instance_profile_tags,
        get_instance_profile,
    ),
]
LOOK = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]})


def wire(**pairs: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


@pytest.fixture
def tagged(world: Any) -> Any:
    world.ask(create_role, RoleName="deployer", AssumeRolePolicyDocument=TRUST, Tags=wire(a="1"))
    world.ask(create_user, UserName="ann", Tags=wire(a="1"))
    world.ask(create_policy, PolicyName="look", PolicyDocument=LOOK, Tags=wire(a="1"))
    world.ask(create_instance_profile, InstanceProfileName="web", Tags=wire(a="1"))
    return world


@pytest.mark.parametrize(("principal", "tag", "untag", "listed", "get"), KINDS)
def test_tags_are_put_over_those_that_are_there_and_taken_away(
    tagged: Any, principal: dict[str, str], tag: Any, untag: Any, listed: Any, get: Any
) -> None:
    tagged.ask(tag, **principal, Tags=wire(A="2", b="3"))
    assert tagged.ask(listed, **principal) == {"Tags": wire(A="2", b="3"), "IsTruncated": False}
    (shown,) = tagged.ask(get, **principal).values()
    assert shown["Tags"] == wire(A="2", b="3")
    tagged.ask(untag, **principal, TagKeys=["a", "missing"])
    assert tagged.ask(listed, **principal)["Tags"] == wire(b="3")


@pytest.mark.parametrize(("principal", "tag", "untag", "listed", "get"), KINDS)
def test_fifty_tags_are_the_most(tagged: Any, principal: dict[str, str], tag: Any, untag: Any, listed: Any, get: Any) -> None:
    with pytest.raises(errors.LimitExceeded, match="TagsPerResource: 50"):
        tagged.ask(tag, **principal, Tags=wire(**{f"k{number}": "" for number in range(50)}))


def test_pages_of_tags_follow_each_other(tagged: Any) -> None:
    tagged.ask(tag_role, RoleName="deployer", Tags=wire(b="2", c="3"))
    first = tagged.ask(list_role_tags, RoleName="deployer", MaxItems=2)
    second = tagged.ask(list_role_tags, RoleName="deployer", MaxItems=2, Marker=first["Marker"])
    assert first["Tags"] + second["Tags"] == wire(a="1", b="2", c="3")


def test_who_is_not_there_has_no_tags(tagged: Any) -> None:
    with pytest.raises(errors.NoSuchEntity):
        tagged.ask(tag_role, RoleName="none", Tags=wire(a="1"))
    with pytest.raises(errors.NoSuchEntity):
        tagged.ask(list_user_tags, UserName="none")
