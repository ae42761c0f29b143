"""The life of an endpoint: every state with every event, its generation, and its names."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from sidedoor.endpoints.model import (
    ATTACHED,
    CARRIES_TRAFFIC,
    TRANSITIONS,
    Endpoint,
    Event,
    IllegalTransition,
    State,
    first_state,
)

S, E = State, Event

LEGAL: dict[tuple[State, Event], State] = {
    (S.PENDING_ACCEPTANCE, E.ACCEPTED): S.PENDING,
    (S.PENDING_ACCEPTANCE, E.REJECTED): S.REJECTED,
    (S.PENDING_ACCEPTANCE, E.MODIFIED): S.PENDING_ACCEPTANCE,
    (S.PENDING_ACCEPTANCE, E.EXPIRED): S.EXPIRED,
    (S.PENDING_ACCEPTANCE, E.DELETE_REQUESTED): S.DELETING,
    (S.PENDING, E.ACCEPTED): S.PENDING,
    (S.PENDING, E.REJECTED): S.REJECTED,
    (S.PENDING, E.MODIFIED): S.PENDING,
    (S.PENDING, E.PROVISIONED): S.AVAILABLE,
    (S.PENDING, E.PROVISION_FAILED): S.FAILED,
    (S.PENDING, E.DELETE_REQUESTED): S.DELETING,
    (S.AVAILABLE, E.ACCEPTED): S.AVAILABLE,
    (S.AVAILABLE, E.REJECTED): S.REJECTED,
    (S.AVAILABLE, E.MODIFIED): S.PENDING,
    (S.AVAILABLE, E.DELETE_REQUESTED): S.DELETING,
    (S.REJECTED, E.ACCEPTED): S.PENDING,
    (S.REJECTED, E.REJECTED): S.REJECTED,
    (S.REJECTED, E.DELETE_REQUESTED): S.DELETING,
    (S.EXPIRED, E.DELETE_REQUESTED): S.DELETING,
    (S.FAILED, E.DELETE_REQUESTED): S.DELETING,
    (S.DELETING, E.DELETE_REQUESTED): S.DELETING,
    (S.DELETING, E.REMOVED): S.DELETED,
}
"""aws-reference 2.2, written down a second time."""


def endpoint(**fields: Any) -> Endpoint:
    values: dict[str, Any] = {
        "id": "vpce-0a", "account": "222222222222", "region": "us-east-1", "service_id": "vpce-svc-0b",
        "service_region": "us-east-1", "connection_id": "vpce-con-0c", "vpc_id": "vpc-0d",
        "subnet_ids": ("subnet-1", "subnet-2"),
        "interface_ids": ("eni-1", "eni-2"), "group_ids": (), "state": State.PENDING, "dns_suffix": "29p5708s",
        "created": datetime(2026, 1, 2, tzinfo=UTC),
    }  # fmt: skip
    return Endpoint(**values | fields)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_event_in_every_state_leads_where_the_reference_says_or_is_refused(state: State, event: Event) -> None:
    before = endpoint(state=state)
    if (state, event) in LEGAL:
        assert before.after(event).state is LEGAL[state, event]
    else:
        with pytest.raises(IllegalTransition) as refusal:
            before.after(event)
        assert (refusal.value.state, refusal.value.event) == (state, event)


@pytest.mark.parametrize(("state", "event"), list(LEGAL))
def test_the_generation_moves_with_what_the_data_plane_must_follow_and_never_with_its_own_reports(
    state: State, event: Event
) -> None:
    before = endpoint(state=state, generation=5)
    after = before.after(event)
    if event in (Event.PROVISIONED, Event.PROVISION_FAILED):
        assert after.generation == 5
    elif after.state is state and event is not Event.MODIFIED:
        assert after is before
    else:
        assert after.generation == 6


def test_the_table_has_a_row_for_every_state() -> None:
    assert set(TRANSITIONS) == set(State)


def test_only_what_was_accepted_may_carry_traffic() -> None:
    assert {State.PENDING, State.AVAILABLE} == CARRIES_TRAFFIC


def test_an_endpoint_is_attached_until_it_is_rejected_or_ends() -> None:
    assert {State.PENDING_ACCEPTANCE, State.PENDING, State.AVAILABLE} == ATTACHED


def test_an_endpoint_begins_with_the_acceptance_setting_of_its_service() -> None:
    assert (first_state(True), first_state(False)) == (State.PENDING_ACCEPTANCE, State.PENDING)


def test_the_states_are_spelled_as_on_the_wire() -> None:
    assert [state.value for state in State] == [
        "pendingAcceptance", "pending", "available", "rejected", "expired", "failed", "deleting", "deleted",
    ]  # fmt: skip


def test_the_regional_name_comes_first_and_then_one_for_each_zone() -> None:
    names = endpoint().dns_names({"subnet-1": "us-east-1d", "subnet-2": "us-east-1e"})
    assert names == (
        "vpce-0a-29p5708s.vpce-svc-0b.us-east-1.vpce.amazonaws.com",
        "vpce-0a-29p5708s-us-east-1d.vpce-svc-0b.us-east-1.vpce.amazonaws.com",
        "vpce-0a-29p5708s-us-east-1e.vpce-svc-0b.us-east-1.vpce.amazonaws.com",
    )
