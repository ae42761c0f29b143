"""Ends flows over which nothing passed for their listener's idle timeout, as a Network Load Balancer does: with a reset.

Rule 1: keepalive packets keep a flow. The kernel counts them among a socket's segments and dates only what carries data or
acknowledges some, so a flow is looked at often, and a segment more since the last look counts as traffic until now.
Rule 2: what is not known is not ended: a flow that this process has not watched from its beginning begins anew.
Rule 3: an agent that is gone ends nothing, and the flows go on; the next one watches them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sidedoor.dataplane.desired import Door
from sidedoor.dataplane.driver import Driver, DriverError, Standing

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""From one look to the next: so much later than its time a flow ends at the most. A tenth of the shortest timeout."""


class Seen(NamedTuple):
    """What the last look found of a flow. ``since``: when something passed last, on the clock that is passed in."""

    segments: int
    since: float


class Watch:
    """All flows of a host, by their cookies, which the kernel gives to no second socket."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Seen] = {}

    def look(self, standing: Iterable[Standing], timeouts: Mapping[tuple[str, str, int], int], now: float) -> list[Standing]:
        """The flows to be ended. ``timeouts``: (VPC, address, port) -> seconds."""
        seen: dict[bytes, Seen] = {}
        over = []
        for one in standing:
            flow = one.flow
            since = self._since(flow.cookie, flow.segments, flow.silent, now)
            if now - since >= timeouts[one.door]:
                over.append(one)
            else:
                seen[flow.cookie] = Seen(flow.segments, since)
        self._seen = seen
        return over

    def _since(self, cookie: bytes, segments: int, silent: float, now: float) -> float:
        before = self._seen.get(cookie)
        if before is None:
            return now - silent if silent <= 2 * LOOK_SECONDS else now
        return max(before.since, now - silent) if before.segments == segments else now


class Idle:
    """Looks at the flows of all doors for ever. ``doors``: those that stand."""

    def __init__(
        self, driver: Driver, doors: Callable[[], Iterable[Door]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._driver, self._doors, self._clock = driver, doors, clock
        self._watch = Watch()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except (DriverError, OSError) as error:
                log.warning("idle flows cannot be looked for: %s", error, extra={"action": "idle.unreadable"})

    async def look(self) -> None:
        timeouts = {(one.vpc_id, one.address, one.port): one.idle_timeout for one in self._doors()}
        if timeouts:
            await asyncio.to_thread(self._end_idle, timeouts)

    def _end_idle(self, timeouts: Mapping[tuple[str, str, int], int]) -> None:
        over = self._watch.look(self._driver.flows(timeouts.keys()), timeouts, time.monotonic())
        if over:
            self._driver.end(over)
            log.info("%d idle flows were ended", len(over), extra={"action": "idle.ended", "flows": len(over)})
