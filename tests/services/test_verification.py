"""Where the record of a private name may stand, and what a look for it makes of the name's state. No I/O."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sidedoor.services.model import DNS_NAME_TRANSITIONS, DnsNameEvent, DnsNameState, Service, ServiceState, private_zone
from sidedoor.services.verification import PERIOD, Finding, judged, places

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)
PENDING, VERIFIED, FAILED = DnsNameState.PENDING_VERIFICATION, DnsNameState.VERIFIED, DnsNameState.FAILED


def service(name: str = "api.example.com", state: DnsNameState = PENDING, since: datetime | None = AT) -> Service:
    return Service(
        id="vpce-svc-1", account="111111111111", region="us-east-1", load_balancer_ids=(), zone_ids=(),
        acceptance_required=True, state=ServiceState.AVAILABLE, created=AT, private_dns_name=name, private_dns_state=state,
        private_dns_record_name="_rec", private_dns_record_value="vpce:Value",
        private_dns_pending_since=since if state is PENDING else None,
    )  # fmt: skip


def test_the_record_may_stand_below_the_domain_at_it_and_at_its_parents_in_this_order() -> None:
    assert places(service("a.b.example.com")) == (
        "_rec.a.b.example.com", "a.b.example.com",
        "_rec.b.example.com", "b.example.com",
        "_rec.example.com", "example.com",
    )  # fmt: skip


def test_a_wildcard_is_proved_by_its_domain() -> None:
    assert private_zone("*.example.com") == "example.com"
    assert places(service("*.example.com")) == places(service("example.com")) == ("_rec.example.com", "example.com")


def test_a_record_that_is_found_proves_the_name() -> None:
    after = judged(service(), Finding.FOUND, LATER)
    assert (after.private_dns_state, after.private_dns_pending_since) == (VERIFIED, None)


@pytest.mark.parametrize("finding", [Finding.ABSENT, Finding.UNKNOWN])
def test_a_name_without_a_proof_waits_for_the_whole_period_and_then_fails(finding: Finding) -> None:
    waiting = service()
    assert judged(waiting, finding, AT + PERIOD - timedelta(seconds=1)) == waiting
    assert judged(waiting, finding, AT + PERIOD).private_dns_state is FAILED


def test_a_proof_in_the_last_moment_is_a_proof() -> None:
    assert judged(service(), Finding.FOUND, AT + 2 * PERIOD).private_dns_state is VERIFIED


def test_a_verified_name_whose_record_vanished_waits_again_from_then_on() -> None:
    after = judged(service(state=VERIFIED), Finding.ABSENT, LATER)
    assert (after.private_dns_state, after.private_dns_pending_since) == (PENDING, LATER)


@pytest.mark.parametrize("finding", [Finding.FOUND, Finding.UNKNOWN])
def test_a_server_that_does_not_answer_takes_no_verified_name_away(finding: Finding) -> None:
    verified = service(state=VERIFIED)
    assert judged(verified, finding, LATER) == verified


def test_a_name_that_waits_since_nobody_knows_when_waits_from_now_on() -> None:
    after = judged(service(since=None), Finding.ABSENT, LATER)
    assert (after.private_dns_state, after.private_dns_pending_since) == (PENDING, LATER)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(DnsNameState, DnsNameEvent)))
def test_every_event_is_possible_in_its_states_and_in_no_other(state: DnsNameState, event: DnsNameEvent) -> None:
    before = service(state=state)
    if event not in DNS_NAME_TRANSITIONS[state]:
        with pytest.raises(KeyError):
            before.after_dns(event, LATER)
        return
    after = before.after_dns(event, LATER)
    assert after.private_dns_state is DNS_NAME_TRANSITIONS[state][event]
    assert (after.private_dns_pending_since == LATER) is (after.private_dns_state is PENDING)
    assert replace(after, private_dns_state=state, private_dns_pending_since=before.private_dns_pending_since) == before
