"""Removes records that nobody needs any more, beside the API, in the control plane's process.

Rule: nothing waits for it, and any number of control planes may do it at once: what to remove follows from the database and
the clock alone, so a round that was cut off is done by the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sidedoor.loadbalancers import draining
from sidedoor.store import outbox
from sidedoor.store.engine import Store

log = logging.getLogger(__name__)

SWEEP_SECONDS = 30.0

KEEP_EVENTS = timedelta(days=90)
"""How long CloudTrail can be asked (CloudTrail user guide, "Viewing events with CloudTrail event history")."""

EVENTS_AT_ONCE = 1_000


class Sweeper:
    """``keep_events``: how long an event stays in the log after it happened."""

    def __init__(self, store: Store, clock: Callable[[], datetime], *, keep_events: timedelta = KEEP_EVENTS) -> None:
        self._store = store
        self._clock = clock
        self._keep_events = keep_events

    async def run(self) -> None:
        """Sweeps for ever."""
        while True:
            try:
                await asyncio.to_thread(self.sweep)
            except Exception:
                log.exception("what is spent could not be removed", extra={"action": "sweep.failed"})
            await asyncio.sleep(SWEEP_SECONDS)

    def sweep(self) -> int:
        """Removes what is spent by now. Returns how many records that were. Writes only where there are some."""
        return self._sweep_targets() + self._sweep_events()

    def _sweep_targets(self) -> int:
        with self._store.read() as tables:
            spent = draining.long_drained(tables, self._clock())
        if not spent:
            return 0
        with self._store.write() as tables:
            spent = draining.long_drained(tables, self._clock())  # what it is now: somebody may have registered one again
            draining.forget(tables, spent)
        log.info("%d drained targets are forgotten", len(spent), extra={"action": "sweep.drained"})
        return len(spent)

    def _sweep_events(self) -> int:
        """A few at a time, so that no writer waits long; the rest has its turn in the next rounds."""
        until = self._clock() - self._keep_events
        with self._store.read() as tables:
            if not outbox.old_events(tables, until, EVENTS_AT_ONCE):
                return 0
        with self._store.write() as tables:
            old = outbox.old_events(tables, until, EVENTS_AT_ONCE)
            tables.events.remove_all(old)
        return len(old)
