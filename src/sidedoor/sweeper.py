"""Removes records that nobody needs any more, beside the API, in the control plane's process.

Rule: nothing waits for it, and any number of control planes may do it at once: what to remove follows from the database and
the clock alone, so a round that was cut off is done by the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from sidedoor.loadbalancers import draining
from sidedoor.store.engine import Store

log = logging.getLogger(__name__)

SWEEP_SECONDS = 30.0


class Sweeper:
    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

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
        with self._store.read() as tables:
            spent = draining.long_drained(tables, self._clock())
        if not spent:
            return 0
        with self._store.write() as tables:
            spent = draining.long_drained(tables, self._clock())  # what it is now: somebody may have registered one again
            draining.forget(tables, spent)
        log.info("%d drained targets are forgotten", len(spent), extra={"action": "sweep.drained"})
        return len(spent)
