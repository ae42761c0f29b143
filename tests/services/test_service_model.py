"""A service's names, the principals that may connect to it, and the zones that its load balancers give it."""

from __future__ import annotations

import itertools

import pytest

from sidedoor.services.model import PrincipalType, may_connect, principal_type, service_id_of, service_name, zones_after

OWNER, CALLER, OTHER = "111111111111", "222222222222", "333333333333"
ROOT = f"arn:aws:iam::{CALLER}:root"
ALICE = f"arn:aws:iam::{CALLER}:user/alice"
DEPLOY = f"arn:aws:iam::{CALLER}:role/deploy"

PRINCIPALS = {
    "*": {ROOT, ALICE, DEPLOY},
    ROOT: {ROOT, ALICE, DEPLOY},
    ALICE: {ALICE},
    DEPLOY: {DEPLOY},
    f"arn:aws:iam::{CALLER}:user/bob": set(),
    f"arn:aws:iam::{CALLER}:user/ALICE": set(),
    f"arn:aws:iam::{OTHER}:root": set(),
    f"arn:aws:iam::{OTHER}:user/alice": set(),
    f"arn:aws:sts::{CALLER}:assumed-role/deploy/session": set(),
    "ec2.amazonaws.com": set(),
    CALLER: set(),
}
"""Principal of a permission -> which of the three callers it lets in."""


@pytest.mark.parametrize(("principal", "caller"), list(itertools.product(PRINCIPALS, (ROOT, ALICE, DEPLOY))))
def test_a_permission_lets_in_exactly_whom_it_names(principal: str, caller: str) -> None:
    assert may_connect(OWNER, [principal], CALLER, caller) is (caller in PRINCIPALS[principal])


def test_one_permission_of_several_is_enough() -> None:
    assert may_connect(OWNER, [f"arn:aws:iam::{OTHER}:root", ALICE], CALLER, ALICE)


def test_without_permissions_nobody_but_the_owner_may_connect() -> None:
    assert not may_connect(OWNER, [], CALLER, ROOT)
    assert may_connect(OWNER, [], OWNER, f"arn:aws:iam::{OWNER}:user/anybody")


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", PrincipalType.ALL),
        (ROOT, PrincipalType.ACCOUNT),
        (ALICE, PrincipalType.USER),
        (DEPLOY, PrincipalType.ROLE),
        ("ec2.amazonaws.com", PrincipalType.SERVICE),
        ("arn:aws:organizations::111111111111:ou/o-a1b2/ou-c3d4-e5f6", PrincipalType.ORGANIZATION_UNIT),
        (f"arn:aws:iam::{CALLER}:user/team/alice", None),
        (f"arn:aws:iam::{CALLER}:role/", None),
        (f"arn:aws:iam::{CALLER}:group/admins", None),
        (f"arn:aws:sts::{CALLER}:assumed-role/deploy/session", None),
        ("arn:aws:iam::22222:root", None),
        (CALLER, None),
        ("**", None),
        ("", None),
    ],
)
def test_a_principal_has_the_type_of_its_form(principal: str, expected: PrincipalType | None) -> None:
    assert principal_type(principal) is expected


def test_a_service_name_holds_the_id_and_leads_back_to_it() -> None:
    name = service_name("vpce-svc-03d5ebb7d9579a2b3", "us-east-1")
    assert name == "com.amazonaws.vpce.us-east-1.vpce-svc-03d5ebb7d9579a2b3"
    assert service_id_of(name) == "vpce-svc-03d5ebb7d9579a2b3"


@pytest.mark.parametrize("name", ["com.amazonaws.us-east-1.s3", "vpce-svc-0a", "com.amazonaws.vpce.us-east-1.vpce-svc-", ""])
def test_other_names_hold_no_service_id(name: str) -> None:
    assert service_id_of(name) is None


@pytest.mark.parametrize(
    ("current", "kept", "read", "after"),
    [
        ((), [], [{"az2", "az1"}, {"az3", "az2"}], ("az1", "az2", "az3")),
        (("az1",), [{"az1", "az2"}], [], ("az1",)),
        (("az1",), [], [{"az1", "az2"}], ("az1", "az2")),
        (("az1", "az2"), [{"az1"}], [], ("az1",)),
        (("az1", "az2"), [{"az1"}, {"az2", "az4"}], [{"az3"}], ("az1", "az2", "az3")),
    ],
    ids=["all are new", "a zone gained later does not count", "until it is read again", "a zone goes", "all at once"],
)
def test_a_service_has_the_zones_that_its_load_balancers_had_when_they_were_named(
    current: tuple[str, ...], kept: list[set[str]], read: list[set[str]], after: tuple[str, ...]
) -> None:
    assert zones_after(current, kept, read) == after
