"""The search itself: it finds the order that there is, and none where there is none."""

from __future__ import annotations

from dataclasses import replace

from linearizability import Call, explain
from privatelink_model import OK, Balancer, Endpoint, Outcome, Place, Service, State

E, S = "vpce-1", "vpce-svc-1"
START = State(
    places={"subnet-1": Place("2", "vpc-1", "az1")},
    balancers={"arn": Balancer("arn", "1", "front", frozenset({"s"}), frozenset({"az1"}))},
    services={S: Service(S, "1", frozenset({"arn"}), frozenset({"az1"}), acceptance=True)},
    endpoints={E: Endpoint(E, "2", S, "vpc-1", frozenset({"subnet-1"}), "pendingAcceptance")},
    events={E: ("Connect",)},
    served={(E, "subnet-1"): "arn"},
)
IDS = {"ServiceId": S, "VpcEndpointIds": [E]}
ONCE = frozenset({E})


def accept(begin: float, end: float, outcome: Outcome = OK) -> Call:
    return Call(begin, end, "1", "AcceptVpcEndpointConnections", IDS, outcome)


def reject(begin: float, end: float, outcome: Outcome = OK) -> Call:
    return Call(begin, end, "1", "RejectVpcEndpointConnections", IDS, outcome)


def delete(begin: float, end: float) -> Call:
    return Call(begin, end, "2", "DeleteVpcEndpoints", {"VpcEndpointIds": [E]}, OK)


INVALID_STATE = Outcome(unsuccessful=frozenset({(E, "InvalidState")}))


def state_after(*history: Call, revisions: int) -> str | None:
    found = explain(START, history, [ONCE] * revisions)
    return found.endpoints[E].state if found else None


def test_calls_in_turn_have_the_order_in_which_they_were_made() -> None:
    assert state_after(accept(0, 1), reject(2, 3), revisions=2) == "rejected"
    assert state_after(reject(0, 1), accept(2, 3), revisions=2) == "pending"


def test_calls_at_once_may_have_any_order_that_fits_their_answers() -> None:
    assert state_after(delete(0, 9), accept(0, 9, INVALID_STATE), reject(0, 9), revisions=2) == "deleting"


def test_of_calls_at_once_the_one_is_last_whose_change_is_seen() -> None:
    for last in ("rejected", "pending", "deleting"):
        found = explain(
            START, [accept(0, 9), reject(0, 9)], [ONCE] * 2, lambda state, last=last: state.endpoints[E].state == last
        )
        assert (found is not None) == (last != "deleting")


def test_a_call_cannot_have_known_what_came_after_it() -> None:
    assert state_after(accept(0, 1, INVALID_STATE), delete(2, 3), revisions=1) is None


def test_a_call_cannot_have_missed_what_came_before_it() -> None:
    assert state_after(delete(0, 1), accept(2, 3), revisions=2) is None


def test_a_lost_update_has_no_explanation() -> None:
    assert state_after(accept(0, 9), reject(0, 9), revisions=2) is not None
    assert state_after(accept(0, 9), reject(0, 9), revisions=1) is None


def test_a_change_that_nobody_asked_for_has_no_explanation() -> None:
    assert state_after(accept(0, 1), revisions=2) is None


def test_two_acceptances_at_once_are_one_change() -> None:
    assert state_after(*(accept(0, 9) for _ in range(16)), revisions=1) == "pending"


def test_changes_come_in_the_order_of_revisions() -> None:
    both = replace(
        START,
        endpoints={**START.endpoints, "vpce-2": replace(START.endpoints[E], id="vpce-2")},
        events={**START.events, "vpce-2": ("Connect",)},
        served={**START.served, ("vpce-2", "subnet-1"): "arn"},
    )
    other = replace(accept(2, 3), request={"ServiceId": S, "VpcEndpointIds": ["vpce-2"]})
    assert explain(both, [accept(0, 1), other], [ONCE, frozenset({"vpce-2"})]) is not None
    assert explain(both, [accept(0, 1), other], [frozenset({"vpce-2"}), ONCE]) is None
