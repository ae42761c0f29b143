"""Which flows are ended for their idleness, by numbers alone."""

from __future__ import annotations

import pytest

from sidedoor.dataplane.driver import Sight, Standing
from sidedoor.dataplane.idle import LOOK_SECONDS, Watch, pause

DOOR = ("vpc-1", "10.0.0.4", 443)
TIMEOUT = 60


class Flows:
    """Flows that are looked at every so often, as the agent does it. Each is (opened, moments of data, of keepalives)."""

    def __init__(self, *, timeout: int = TIMEOUT, watched_from: float = 0.0) -> None:
        self.timeout, self._watch, self._now = timeout, Watch(), watched_from

    def ends(self, data: tuple[float, ...] = (), keepalives: tuple[float, ...] = (), until: float = 1000.0) -> float | None:
        """When a flow is ended that was opened at 0, or None where it still goes on at the end."""
        while self._now < until:
            self._now += pause(self.timeout)
            silent = self._now - max(moment for moment in (0.0, *data) if moment <= self._now)
            segments = sum(moment <= self._now for moment in (*data, *keepalives))
            standing = Standing(DOOR, Sight(b"place", b"cookie", b"id", 1, silent, segments))
            if self._watch.look([standing], {DOOR: self.timeout}, self._now) == [standing]:
                return self._now
        return None


def test_a_flow_ends_when_nothing_has_passed_for_its_timeout() -> None:
    assert Flows().ends() == TIMEOUT
    assert Flows(timeout=350).ends() == pytest.approx(350)


def test_the_longer_the_timeouts_are_the_less_often_flows_are_looked_at() -> None:
    assert [pause(timeout) for timeout in (60, 120, 6000)] == [LOOK_SECONDS, 10.0, 500.0]


def test_data_keep_a_flow() -> None:
    last = 211.0
    ended = Flows().ends(data=(1.0, 50.0, 100.0, 159.0, last))
    assert ended is not None
    assert last + TIMEOUT <= ended <= last + TIMEOUT + LOOK_SECONDS


@pytest.mark.parametrize("period", [0.5, 4.0, 20.0, 59.0])
def test_keepalives_keep_a_flow(period: float) -> None:
    moments = tuple(period * number for number in range(1, int(500 / period)))
    ended = Flows().ends(keepalives=moments)
    assert ended is not None
    assert moments[-1] + TIMEOUT <= ended <= moments[-1] + TIMEOUT + LOOK_SECONDS


def test_a_flow_that_was_not_watched_from_its_beginning_begins_anew() -> None:
    """Keepalives may have kept it: nobody saw."""
    assert Flows(watched_from=300.0).ends() == 300.0 + LOOK_SECONDS + TIMEOUT


def test_a_changed_timeout_counts_for_the_flows_that_there_are() -> None:
    flows = Flows(timeout=120)
    assert flows.ends(until=100.0) is None
    flows.timeout = 60
    assert flows.ends() == 100.0 + LOOK_SECONDS


def test_what_has_gone_is_forgotten() -> None:
    watch = Watch()
    one = Standing(DOOR, Sight(b"place", b"cookie", b"id", 1, 0.0, 1))
    watch.look([one], {DOOR: TIMEOUT}, 0.0)
    watch.look([], {DOOR: TIMEOUT}, 5.0)
    assert watch.look([one], {DOOR: TIMEOUT}, 60.0) == []


def test_a_flow_whose_end_did_not_succeed_is_ended_at_the_next_look() -> None:
    flows = Flows()
    assert [flows.ends() for _ in range(3)] == [TIMEOUT, TIMEOUT + LOOK_SECONDS, TIMEOUT + 2 * LOOK_SECONDS]
