"""The life of an instance: every state with every event."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from sidedoor.instances.model import CODES, TRANSITIONS, Event, IllegalTransition, Instance, InstanceState

AT = datetime(2026, 1, 2, tzinfo=UTC)
LEGAL = {
    ("pending", "terminate requested"): "shutting-down",
    ("pending", "settled"): "running",
    ("running", "start requested"): "running",
    ("running", "stop requested"): "stopping",
    ("running", "terminate requested"): "shutting-down",
    ("running", "settled"): "running",
    ("stopping", "stop requested"): "stopping",
    ("stopping", "terminate requested"): "shutting-down",
    ("stopping", "settled"): "stopped",
    ("stopped", "start requested"): "pending",
    ("stopped", "stop requested"): "stopped",
    ("stopped", "terminate requested"): "shutting-down",
    ("stopped", "settled"): "stopped",
    ("shutting-down", "terminate requested"): "shutting-down",
    ("shutting-down", "settled"): "terminated",
    ("terminated", "terminate requested"): "terminated",
    ("terminated", "settled"): "terminated",
}


def an_instance(state: InstanceState, ended: datetime | None = None) -> Instance:
    return Instance(
        id="i-1", account="111111111111", region="us-east-1", reservation_id="r-1", launch_index=0, state=state,
        image_id="ami-1", instance_type="t3.micro", interface_id="eni-1", zone_id="use1-az1", created=AT, launched=AT,
        ended=ended,
    )  # fmt: skip


@pytest.mark.parametrize(("state", "event"), list(itertools.product(InstanceState, Event)))
def test_an_event_leads_where_the_user_guide_says_or_nowhere(state: InstanceState, event: Event) -> None:
    expected = LEGAL.get((state.value, event.value))
    if expected is None:
        with pytest.raises(IllegalTransition):
            an_instance(state).after(event)
    else:
        assert an_instance(state).after(event).state == expected


def test_every_state_has_its_transitions_and_its_code() -> None:
    assert set(TRANSITIONS) == set(CODES) == set(InstanceState)
    assert sorted(CODES.values()) == [0, 16, 32, 48, 64, 80]


def test_only_what_was_terminated_an_hour_ago_is_forgotten() -> None:
    hour = timedelta(hours=1)
    assert an_instance(InstanceState.TERMINATED, AT).forgotten(AT + hour)
    assert not an_instance(InstanceState.TERMINATED, AT).forgotten(AT + hour - timedelta(seconds=1))
    assert not an_instance(InstanceState.STOPPED, AT).forgotten(AT + hour)
    assert not an_instance(InstanceState.TERMINATED).forgotten(AT + hour)
