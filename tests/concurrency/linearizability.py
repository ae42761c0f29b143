"""Looks for a serial order that explains what concurrent clients were answered (Wing and Gong, "Testing and Verifying
Concurrent Objects", 1993).

An order explains a history when the model, played in that order, answers each call as it was answered, when no call comes
before one that had ended before it began, and when the calls that change records change those that the database's revisions
name, one after the other. That last condition is ours: writers are serial and each commit has a number, so the order of
changes is known.

Therefore the search is only over which call made which revision. A call that changes nothing fits anywhere between two
revisions where the model gives its answer, so that such calls do not have to be ordered among each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from privatelink_model import Outcome, Request, State, step

LIMIT = 200_000
"""How many steps of the model a search may take."""


class Undecided(Exception):
    """The search was given up: too many orders are possible."""


@dataclass(frozen=True)
class Call:
    """A call that ended, with the times at which its client sent it and had the answer."""

    begin: float
    end: float
    account: str
    operation: str
    request: Request
    outcome: Outcome


def explain(
    start: State,
    history: Sequence[Call],
    revisions: Sequence[frozenset[str]],
    ends: Callable[[State], bool] = lambda _: True,
) -> State | None:
    """The state after a serial order that explains the history, or None where there is no such order.

    ``revisions``: for each commit, the ids of the load balancers, services and endpoints that it changed. ``ends``: whether it
    may have ended so: of two calls that change one thing at once, either may have been the last. Raises ``Undecided``.
    """
    search = _Search(sorted(history, key=lambda call: call.end), revisions, ends)
    return search.after(start, 0, 0)


class _Search:
    """Sets of calls are the bits of a number."""

    def __init__(self, history: Sequence[Call], revisions: Sequence[frozenset[str]], ends: Callable[[State], bool]) -> None:
        self.history, self.revisions, self.ends = history, revisions, ends
        self.all = (1 << len(history)) - 1
        self.earlier = [
            sum(1 << number for number, other in enumerate(history) if other.end < call.begin) for call in history
        ]  # fmt: skip
        self.later = [
            sum(1 << number for number, other in enumerate(history) if other.begin > call.end) for call in history
        ]  # fmt: skip
        self.steps = 0
        self.dead: set[Any] = set()

    def after(self, state: State, changing: int, idle: int) -> State | None:
        """The last state. ``changing``: the calls that made the revisions so far; ``idle``: those that could have had their
        answer up to here without changing anything. One of these may still turn out to have made a later revision.
        """
        idle = self._with_idle(state, changing, idle)
        revision = changing.bit_count()
        if revision == len(self.revisions):
            return state if changing | idle == self.all and self.ends(state) else None
        node = (changing, idle, state.key)
        if node in self.dead:
            return None
        for number, following in self._makers(state, changing, idle, self.revisions[revision]):
            found = self.after(following, changing | 1 << number, idle & ~(1 << number) & ~self.later[number])
            if found is not None:
                return found
        self.dead.add(node)
        return None

    def _with_idle(self, state: State, changing: int, idle: int) -> int:
        """``idle`` and the calls that could have had their answer in this state."""
        for number in range(len(self.history)):
            if (changing | idle) >> number & 1 or self.earlier[number] & ~(changing | idle):
                continue
            following, fits = self._step(state, number)
            if fits and following is state:
                idle |= 1 << number
        return idle

    def _makers(self, state: State, changing: int, idle: int, revision: frozenset[str]) -> Iterator[tuple[int, State]]:
        """The calls that may have made this revision; first those that have had no other place."""
        able = [
            number
            for number in range(len(self.history))
            if not changing >> number & 1 and not self.earlier[number] & ~(changing | idle)
        ]
        for number in sorted(able, key=lambda number: (idle >> number & 1, number)):
            following, fits = self._step(state, number)
            if fits and following is not state and _changed(state, following) == revision:
                yield number, following

    def _step(self, state: State, number: int) -> tuple[State, bool]:
        self.steps += 1
        if self.steps > LIMIT:
            raise Undecided(f"{len(self.history)} calls")
        call = self.history[number]
        following, outcome = step(state, call.account, call.operation, call.request, call.outcome.made, {})
        return (state if following.key == state.key else following), outcome == call.outcome


def _changed(before: State, after: State) -> frozenset[str]:
    """The ids of the records of which the agent is told. Permissions are not among these; no call here changes them."""
    pairs = (
        (before.balancers, after.balancers), (before.services, after.services), (before.endpoints, after.endpoints)
    )  # fmt: skip
    return frozenset(one for old, new in pairs for one in old.keys() | new.keys() if old.get(one) != new.get(one))
