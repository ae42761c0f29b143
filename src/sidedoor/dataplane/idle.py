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
from sidedoor.dataplane.driver import At, Driver, DriverError, Standing

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0

TOLERANCE = 0.1

LOOKS = 12
"""The shortest timeout has so many looks, never less than LOOK_SECONDS apart. A flow ends one of them late at most."""


def pause(shortest: float) -> float:
    """From one look to the next, where this is the shortest timeout."""
    return max(LOOK_SECONDS, shortest / LOOKS)


class Seen(NamedTuple):
    """What the last look found of a flow. ``since``: when something passed last, on the clock that is passed in."""

    segments: int
    since: float


class Watch:
    """All flows of a host, by their cookies, which the kernel gives to no second socket."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Seen] = {}

    def look(self, standing: Iterable[Standing], timeouts: Mapping[At, int], now: float) -> list[Standing]:
        """The flows to be ended. ``timeouts``: (VPC, address, port) -> seconds. One that is there still is named again."""
        fresh = 2 * pause(min(timeouts.values()))
        seen: dict[bytes, Seen] = {}
        over = []
        for one in standing:
            flow = one.flow
            before = self._seen.get(flow.cookie)
            if before is None:
                since = now - flow.silent if flow.silent <= fresh else now
            else:
                since = max(before.since, now - flow.silent) if before.segments == flow.segments else now
            seen[flow.cookie] = Seen(flow.segments, since)
            if now - since >= timeouts[one.at]:
                over.append(one)
        self._seen = seen
        return over


class Idle:
    """Looks at the flows of all doors for ever. ``doors``: those that stand; ``carrier``: the process that has the flows."""

    def __init__(self, driver: Driver, doors: Callable[[], Iterable[Door]], carrier: Callable[[], int | None]) -> None:
        self._driver, self._doors, self._carrier = driver, doors, carrier
        self._watch = Watch()

    async def run(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            timeouts = {(one.vpc_id, one.address, one.port): one.idle_timeout for one in self._doors()}
            if timeouts and time.monotonic() - last >= pause(min(timeouts.values())) - TOLERANCE:
                last = time.monotonic()
                await self._look(timeouts)

    async def _look(self, timeouts: Mapping[At, int]) -> None:
        try:
            await asyncio.to_thread(self._end_idle, timeouts)
        except (DriverError, OSError) as error:
            log.warning("idle flows cannot be looked for: %s", error, extra={"action": "idle.unreadable"})

    def _end_idle(self, timeouts: Mapping[At, int]) -> None:
        over = self._watch.look(self._driver.standing(timeouts.keys()), timeouts, time.monotonic())
        if over:
            self._driver.end(over, self._carrier())
            log.info("%d idle flows were ended", len(over), extra={"action": "idle.ended", "flows": len(over)})
