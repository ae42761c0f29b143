"""The pure rules of load balancers: verdicts over probes, cross-zone, names and ARNs."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidedoor.loadbalancers import naming
from sidedoor.loadbalancers.model import (
    Failure,
    HealthCheck,
    HealthReason,
    HealthState,
    LoadBalancer,
    LoadBalancerState,
    TargetGroup,
    Verdict,
)
from sidedoor.networks.zones import REGIONS

CHECK = HealthCheck(healthy_threshold=3, unhealthy_threshold=2)
FAILED = HealthReason.FAILED_CHECKS
PASS, FAIL = True, False
MISMATCH = Failure(HealthReason.MISMATCH, 500)
INITIAL, HEALTHY, UNHEALTHY = HealthState.INITIAL, HealthState.HEALTHY, HealthState.UNHEALTHY
BALANCER_ARN = "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/net/front/0123456789abcdef"


def after(*probes: bool, start: Verdict | None = None, check: HealthCheck = CHECK) -> Verdict:
    verdict = start or Verdict()
    for passed in probes:
        verdict = verdict.after(None if passed else Failure(FAILED), check)
    return verdict


@pytest.mark.parametrize(
    ("probes", "state"),
    [
        ((), INITIAL),
        ((PASS,), HEALTHY),
        ((FAIL,), INITIAL),
        ((FAIL, PASS), HEALTHY),
        ((FAIL, FAIL), UNHEALTHY),
        ((PASS, FAIL), HEALTHY),
        ((PASS, FAIL, PASS, FAIL), HEALTHY),
        ((PASS, FAIL, FAIL), UNHEALTHY),
        ((FAIL, FAIL, PASS, PASS), UNHEALTHY),
        ((FAIL, FAIL, PASS, PASS, FAIL, PASS, PASS), UNHEALTHY),
        ((FAIL, FAIL, PASS, PASS, PASS), HEALTHY),
    ],
)
def test_thresholds_decide_the_state(probes: tuple[bool, ...], state: HealthState) -> None:
    assert after(*probes).state is state


@pytest.mark.parametrize(("state", "passed"), list(product((INITIAL, HEALTHY, UNHEALTHY), (PASS, FAIL))))
@pytest.mark.parametrize(("healthy", "unhealthy"), list(product((2, 3, 10), (2, 5, 10))))
def test_from_each_state_the_needed_number_of_equal_probes_and_no_less_changes_it(
    state: HealthState, passed: bool, healthy: int, unhealthy: int
) -> None:
    check = HealthCheck(healthy_threshold=healthy, unhealthy_threshold=unhealthy)
    start = Verdict(state=state, reason=None)
    needed = {True: 1 if state is INITIAL else healthy, False: unhealthy}[passed]
    end = HEALTHY if passed else UNHEALTHY
    assert after(*[passed] * (needed - 1), start=start, check=check).state is state
    assert after(*[passed] * needed, start=start, check=check).state is end


def test_a_reason_is_given_as_long_as_a_target_is_not_healthy() -> None:
    assert after().reason is HealthReason.INITIAL_CHECKS
    assert after(FAIL).reason is HealthReason.INITIAL_CHECKS
    assert after(PASS).reason is None
    assert after(PASS, FAIL).reason is None
    assert after(PASS, FAIL, FAIL).reason is FAILED
    assert after(FAIL, FAIL, PASS).reason is FAILED


def test_an_unhealthy_target_shows_the_latest_reason() -> None:
    assert after(FAIL, FAIL).after(Failure(HealthReason.TIMEOUT), CHECK).reason is HealthReason.TIMEOUT


def test_the_status_that_failed_a_target_is_kept_until_another_probe_decides() -> None:
    failed = after(FAIL).after(MISMATCH, CHECK)
    assert (failed.reason, failed.code) == (HealthReason.MISMATCH, 500)
    assert failed.after(None, CHECK).code == 500
    assert failed.after(Failure(HealthReason.MISMATCH, 503), CHECK).code == 503
    assert failed.after(Failure(HealthReason.TIMEOUT), CHECK).code is None
    assert after(PASS, PASS, PASS, start=failed).code is None


@pytest.mark.parametrize(
    ("matcher", "accepted", "refused"),
    [
        ("200-399", (200, 302, 399), (199, 400, 500)),
        ("200", (200,), (201, 404)),
        ("200,204,300-302", (200, 204, 300, 301, 302), (201, 299, 303)),
        (None, (), (200, 404)),
    ],
)
def test_a_matcher_lists_statuses_and_ranges_of_them(
    matcher: str | None, accepted: tuple[int, ...], refused: tuple[int, ...]
) -> None:
    check = HealthCheck(protocol="HTTP", path="/", matcher=matcher)
    assert all(check.accepts(code) for code in accepted)
    assert not any(check.accepts(code) for code in refused)


@given(st.lists(st.booleans()))
def test_the_streak_counts_the_equal_probes_at_the_end(probes: list[bool]) -> None:
    verdict = after(*probes)
    streak = 0
    for passed in reversed(probes):
        if passed is not probes[-1]:
            break
        streak += 1
    assert verdict.streak == streak
    assert not probes or verdict.passing is probes[-1]


@given(st.lists(st.booleans()), st.integers(2, 10), st.integers(2, 10))
def test_a_target_is_healthy_exactly_when_it_passed_last_and_has_not_failed_enough_since(
    probes: list[bool], healthy: int, unhealthy: int
) -> None:
    check = HealthCheck(healthy_threshold=healthy, unhealthy_threshold=unhealthy)
    state, passes, failures = INITIAL, 0, 0
    for passed in probes:
        passes, failures = (passes + 1, 0) if passed else (0, failures + 1)
        if passes >= (1 if state is INITIAL else healthy):
            state = HEALTHY
        elif failures >= unhealthy:
            state = UNHEALTHY
    assert after(*probes, check=check).state is state


# --- attributes that other parts read -----------------------------------------------------------------------------


def balancer(**attributes: str) -> LoadBalancer:
    return LoadBalancer(
        id=BALANCER_ARN, account="111111111111", region="us-east-1", name="front", scheme="internal", vpc_id="vpc-1",
        dns_name="front", state=LoadBalancerState.ACTIVE, created=datetime(2026, 1, 1, tzinfo=UTC), attributes=attributes,
    )  # fmt: skip


def group(**attributes: str) -> TargetGroup:
    return TargetGroup(
        id="arn", account="111111111111", region="us-east-1", name="web", protocol="TCP", port=80, vpc_id="vpc-1",
        target_type="ip", created=datetime(2026, 1, 1, tzinfo=UTC), health_check=HealthCheck(), attributes=attributes,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("of_group", "of_balancer", "crosses"),
    [
        (None, None, False),
        (None, "true", True),
        ("use_load_balancer_configuration", "true", True),
        ("use_load_balancer_configuration", "false", False),
        ("false", "true", False),
        ("true", "false", True),
    ],
)
def test_a_group_overrides_its_load_balancers_cross_zone_setting(
    of_group: str | None, of_balancer: str | None, crosses: bool
) -> None:
    key = "load_balancing.cross_zone.enabled"
    own = {} if of_group is None else {key: of_group}
    inherited = {} if of_balancer is None else {key: of_balancer}
    assert group(**own).cross_zone(balancer(**inherited)) is crosses


# --- names --------------------------------------------------------------------------------------------------------


def test_every_region_has_its_hosted_zone() -> None:
    assert set(naming.HOSTED_ZONES) == set(REGIONS)
    assert len(set(naming.HOSTED_ZONES.values())) == len(REGIONS)


def test_a_rule_leads_back_to_its_listener() -> None:
    listener_id = BALANCER_ARN.replace(":loadbalancer/", ":listener/") + "/fedcba9876543210"
    rule_id = naming.default_rule_id(listener_id)
    assert naming.listener_of_rule(rule_id) == listener_id
    assert naming.is_arn(rule_id, naming.RULE, "111111111111", "us-east-1")
    assert naming.default_rule_id(listener_id) == rule_id


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (BALANCER_ARN, True),
        (BALANCER_ARN.replace("/net/", "/app/"), True),
        (BALANCER_ARN.replace("us-east-1", "us-east-2"), False),
        (BALANCER_ARN.replace("111111111111", "222222222222"), False),
        (BALANCER_ARN.replace("elasticloadbalancing", "ec2"), False),
        (BALANCER_ARN[:-1], False),
        (f"{BALANCER_ARN}/0123456789abcdef", False),
        (f"{BALANCER_ARN}\n", False),
        ("", False),
    ],
)
def test_an_arn_is_valid_in_its_own_account_and_region(text: str, valid: bool) -> None:
    assert naming.is_arn(text, naming.LOAD_BALANCER, "111111111111", "us-east-1") is valid
