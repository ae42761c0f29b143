"""Ends the flows that must not be (``failover.flows_to_end``), once Envoy has acknowledged that it makes no more of them.

Rule 1: what to end is told whole, again and again, and follows from what is wanted: an agent that was started anew ends what
the one before it did not come to.
Rule 2: nothing is ended before the first complete state has come: a target may have been registered again meanwhile.
Rule 3: flows are ended once, and once more a little later, for those that were being made meanwhile; nothing goes on doing it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable

from sidedoor.dataplane.driver import DriverError
from sidedoor.dataplane.failover import Flows
from sidedoor.dataplane.ground import Ground

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Envoy's workers take up an acknowledged list of hosts some milliseconds later; a busy host may need longer."""


class Ending:
    """``_wanted``: load balancer id -> the flows that must not be; ``_begun``: those of them whose end has begun."""

    def __init__(self, ground: Ground, settled: Callable[[str], bool]) -> None:
        self._ground, self._settled = ground, settled
        self._wanted: dict[str, frozenset[Flows]] = {}
        self._begun: dict[str, frozenset[Flows]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def want(self, balancer_id: str, flows: frozenset[Flows]) -> None:
        """All flows of a load balancer that must not be. Ends them as soon as that can last."""
        begun = self._begun.pop(balancer_id, frozenset()) & flows
        if not flows:
            self._wanted.pop(balancer_id, None)
            return
        self._wanted[balancer_id], self._begun[balancer_id] = flows, begun
        self.evaluate(balancer_id)

    def evaluate(self, balancer_id: str) -> None:
        """Begins what Envoy's acknowledgement allows."""
        if not self._ground.fresh:
            return
        begun = self._begun.get(balancer_id, frozenset())
        ready = self._wanted.get(balancer_id, frozenset()) - begun
        if ready and self._settled(balancer_id):
            self._begun[balancer_id] = begun | ready
            task = asyncio.get_running_loop().create_task(self._end_twice(balancer_id, ready))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end_twice(self, balancer_id: str, flows: frozenset[Flows]) -> None:
        await self._end(flows)
        await asyncio.sleep(AGAIN_SECONDS)
        await self._end(flows & self._wanted.get(balancer_id, frozenset()))

    async def _end(self, flows: Iterable[Flows]) -> None:
        peers: defaultdict[tuple[str, str], set[tuple[str, int]]] = defaultdict(set)
        for one in flows:
            peers[one.vpc_id, one.source].add((one.address, one.port))
        for (vpc_id, source), places in sorted(peers.items()):
            try:
                ended = await asyncio.to_thread(self._reset, vpc_id, source, places)
            except (DriverError, OSError) as error:
                log.warning("flows from %s were not ended: %s", source, error, extra={"action": "flows.not_ended"})
            else:
                if ended:
                    to = ", ".join(f"{address}:{port}" for address, port in sorted(places))
                    context = {"action": "flows.ended", "vpc": vpc_id, "source": source, "count": ended}
                    log.info("%d flows from %s to %s are ended", ended, source, to, extra=context)

    def _reset(self, vpc_id: str, source: str, places: set[tuple[str, int]]) -> int:
        return self._ground.driver.reset(vpc_id, source, places, self._ground.carrier())
