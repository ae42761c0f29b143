"""Permissions of a service: granting, taking away, and whom they let in."""

from __future__ import annotations

from typing import Any

import pytest

from privatelink_site import (
    ANYBODY,
    CONSUMER,
    PROVIDER,
    STRANGER,
    UNKNOWN_SERVICE,
    Site,
    filters,
    role_session,
    root,
    user,
)
from sidedoor import errors
from sidedoor.identity.model import Caller
from sidedoor.services.operations import describe_vpc_endpoint_services
from sidedoor.services.permissions import (
    describe_vpc_endpoint_service_permissions,
    modify_vpc_endpoint_service_permissions,
)
from sidedoor.tags import create_tags

describe, modify = describe_vpc_endpoint_service_permissions, modify_vpc_endpoint_service_permissions
ALICE, BOB = user(CONSUMER, "alice"), user(CONSUMER, "bob")
DEPLOY = role_session(CONSUMER, "deploy", "session-1")


def principals(site: Site, service: dict[str, Any], **request: Any) -> list[str]:
    return [one["Principal"] for one in site.ask(describe, ServiceId=service["ServiceId"], **request)["AllowedPrincipals"]]


def sees(site: Site, caller: Caller) -> bool:
    return bool(site.ask(describe_vpc_endpoint_services, caller=caller)["ServiceNames"])


def test_a_new_service_allows_nobody(site: Site) -> None:
    assert principals(site, site.service()) == []


def test_a_permission_is_shown_with_its_type_and_its_id(site: Site) -> None:
    service = site.service()
    request = {
        "ServiceId": service["ServiceId"],
        "AddAllowedPrincipals": [root(CONSUMER), ALICE.principal, DEPLOY.principal, "*"],
    }
    answer = site.ask(modify, **request)
    added = answer["AddedPrincipals"]
    assert answer["ReturnValue"] is True
    assert [(one["PrincipalType"], one["Principal"], one["ServiceId"]) for one in added] == [
        ("Account", root(CONSUMER), service["ServiceId"]),
        ("User", f"arn:aws:iam::{CONSUMER}:user/alice", service["ServiceId"]),
        ("Role", f"arn:aws:iam::{CONSUMER}:role/deploy", service["ServiceId"]),
        ("All", "*", service["ServiceId"]),
    ]
    assert len({one["ServicePermissionId"] for one in added}) == 4
    assert all(one["ServicePermissionId"].startswith("vpce-svc-perm-") for one in added)
    described = site.ask(describe, ServiceId=service["ServiceId"])["AllowedPrincipals"]
    key = "Principal"
    assert sorted(described, key=lambda one: one[key]) == sorted(
        ({**one, "Tags": []} for one in added), key=lambda one: one[key]
    )


def test_adding_again_changes_nothing_and_answers_the_same(site: Site) -> None:
    service = site.service()
    request = {"ServiceId": service["ServiceId"], "AddAllowedPrincipals": [root(CONSUMER), root(CONSUMER)]}
    first, second = site.ask(modify, **request), site.ask(modify, **request)
    assert first == second
    assert principals(site, service) == [root(CONSUMER)]


def test_removing_what_is_not_there_is_no_error(site: Site) -> None:
    service = site.open_service()
    site.ask(modify, ServiceId=service["ServiceId"], RemoveAllowedPrincipals=[root(STRANGER), "nonsense"])
    assert principals(site, service) == [root(CONSUMER)]


def test_principals_are_added_and_removed_in_one_call(site: Site) -> None:
    service = site.open_service()
    request = {"AddAllowedPrincipals": [ALICE.principal], "RemoveAllowedPrincipals": [root(CONSUMER)]}
    answer = site.ask(modify, ServiceId=service["ServiceId"], **request)
    assert [one["Principal"] for one in answer["AddedPrincipals"]] == [ALICE.principal]
    assert principals(site, service) == [ALICE.principal]


def test_one_principal_is_not_added_and_removed_at_once(site: Site) -> None:
    service = site.service()
    request = {"AddAllowedPrincipals": ["*"], "RemoveAllowedPrincipals": ["*"]}
    with pytest.raises(errors.InvalidParameterCombination):
        site.ask(modify, ServiceId=service["ServiceId"], **request)


@pytest.mark.parametrize("principal", [CONSUMER, f"arn:aws:iam::{CONSUMER}:user/team/alice", "arn:aws:s3:::bucket", ""])
def test_a_form_that_aws_does_not_take_is_refused_and_nothing_of_the_request_stays(site: Site, principal: str) -> None:
    service = site.service()
    with pytest.raises(errors.PrincipalTypeUnknown) as refusal:
        site.allow(service, root(CONSUMER), principal)
    assert refusal.value.code == "UnknownPrincipalType.Unsupported"
    assert principals(site, service) == []


@pytest.mark.parametrize("scope", [{"account": CONSUMER}, {"account": PROVIDER, "region": "us-east-2"}])
def test_permissions_are_the_owners_alone(site: Site, scope: dict[str, str]) -> None:
    service = site.service()
    site.allow(service, ANYBODY)
    for operation in (describe, modify):
        with pytest.raises(errors.ServiceIdNotFound):
            site.ask(operation, ServiceId=service["ServiceId"], **scope)


def test_an_unknown_service_has_no_permissions(site: Site) -> None:
    with pytest.raises(errors.ServiceIdNotFound):
        site.ask(describe, ServiceId=UNKNOWN_SERVICE)


def test_transit_gateway_permissions_are_refused(site: Site) -> None:
    service = site.service()
    request = {"ServiceId": service["ServiceId"], "AddAllowedPrincipals": ["*"]}
    with pytest.raises(errors.InvalidParameter, match="Gateway Load Balancer"):
        site.ask(modify, **request, PermissionType="transit-gateway-attachment")
    site.ask(modify, **request, PermissionType="vpc-endpoint")
    assert principals(site, service) == ["*"]


def test_permissions_are_filtered_also_by_principals_with_a_slash(site: Site) -> None:
    service = site.service()
    site.allow(service, root(CONSUMER), ALICE.principal, ANYBODY)

    def found(**values: Any) -> list[str]:
        return principals(site, service, Filters=filters(**values))

    assert found(principal=ALICE.principal) == [ALICE.principal]
    assert set(found(principal=f"arn:aws:iam::{CONSUMER}:*")) == {root(CONSUMER), ALICE.principal}
    assert set(found(principal_type=["Account", "User"])) == {root(CONSUMER), ALICE.principal}
    assert found(principal_type="All") == ["*"]
    assert len(found(permission_type="vpc-endpoint")) == 3
    assert found(permission_type="transit-gateway-attachment") == []
    with pytest.raises(errors.InvalidFilter):
        found(service_id="x")


def test_permissions_come_in_pages(site: Site) -> None:
    service = site.service()
    site.allow(service, *(root(f"{number:012}") for number in range(6)))
    first = site.ask(describe, ServiceId=service["ServiceId"], MaxResults=5)
    second = site.ask(describe, ServiceId=service["ServiceId"], MaxResults=5, NextToken=first["NextToken"])
    assert (len(first["AllowedPrincipals"]), len(second["AllowedPrincipals"])) == (5, 1)


def test_a_permission_shows_its_tags(site: Site) -> None:
    service = site.open_service()
    (permission,) = site.ask(describe, ServiceId=service["ServiceId"])["AllowedPrincipals"]
    tags = [{"Key": "team", "Value": "red"}]
    site.ask(create_tags, Resources=[permission["ServicePermissionId"]], Tags=tags)
    (tagged,) = site.ask(describe, ServiceId=service["ServiceId"])["AllowedPrincipals"]
    assert tagged == {**permission, "Tags": tags}


@pytest.mark.parametrize(
    ("principal", "seen_by"),
    [
        (root(CONSUMER), {"alice", "bob", "deploy"}),
        (ANYBODY, {"alice", "bob", "deploy", "stranger"}),
        (ALICE.principal, {"alice"}),
        (DEPLOY.principal, {"deploy"}),
        (root(STRANGER), {"stranger"}),
    ],
)
def test_a_service_is_seen_by_exactly_those_whom_a_permission_names(site: Site, principal: str, seen_by: set[str]) -> None:
    site.allow(site.service(), principal)
    callers = {"alice": ALICE, "bob": BOB, "deploy": DEPLOY, "stranger": user(STRANGER, "eve")}
    assert {name for name, caller in callers.items() if sees(site, caller)} == seen_by


def test_a_service_disappears_with_the_last_permission_that_showed_it(site: Site) -> None:
    service = site.service()
    site.allow(service, root(CONSUMER), ALICE.principal)
    site.ask(modify, ServiceId=service["ServiceId"], RemoveAllowedPrincipals=[root(CONSUMER)])
    assert (sees(site, ALICE), sees(site, BOB)) == (True, False)
    site.ask(modify, ServiceId=service["ServiceId"], RemoveAllowedPrincipals=[ALICE.principal])
    assert not sees(site, ALICE)
    assert sees(site, user(PROVIDER, "owner"))
