"""The agent: compares what is wanted with what is, unit by unit, and mends the difference.

Rule 1: a batch of the feed only says which units to look at; what to do follows from reading back (level-triggered). Restart,
a missed hint and drift take the same way.
Rule 2: nothing is removed before the first complete state of this agent's life has come from the control plane.
Rule 3: one unit that cannot be mended is tried again later and holds nobody else back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from sidedoor import codec
from sidedoor.clock import utc_now
from sidedoor.dataplane import census, desired
from sidedoor.dataplane.balancing import Balancing
from sidedoor.dataplane.bookkeeper import Survey
from sidedoor.dataplane.cache import Cache
from sidedoor.dataplane.desired import Network
from sidedoor.dataplane.driver import Driver, DriverError
from sidedoor.dataplane.envoy.ads import AdsServer
from sidedoor.dataplane.feed import Batch
from sidedoor.dataplane.ground import Ground, nobody
from sidedoor.dataplane.idle import Idle
from sidedoor.dataplane.opening import Opening
from sidedoor.dataplane.plan import AddAddress, AddNetwork, AddSegment, AddWorkload, SetResolver, Step, plan
from sidedoor.dataplane.reports import Reports
from sidedoor.dataplane.resolvers import Resolvers
from sidedoor.dataplane.wanted import RECORDS, Unit, UnitKind, Wanted
from sidedoor.names.server import Forward
from sidedoor.settings import CONNECTIONS_PER_TARGET

log = logging.getLogger(__name__)

RESYNC_SECONDS = 30.0
"""How often every network is compared with the kernel though nothing was heard of it."""

RETRY_SECONDS = 1.0

_ORDER = {UnitKind.NETWORK: 0, UnitKind.BALANCER: 1, UnitKind.ENDPOINT: 2, UnitKind.RULES: 3}
_ADDITIONS = (AddNetwork, AddSegment, AddAddress, AddWorkload)


class Agent:
    """One host's agent. All methods run on the event loop; the driver's work runs on one thread of its own.

    ``_taught``: endpoint id -> the VPC whose resolver was taught its names. ``before_closing`` is awaited before doors close.
    """

    def __init__(
        self,
        driver: Driver,
        ads: AdsServer,
        cache: Cache,
        reports: Reports,
        *,
        pending_seconds: float = 0.0,
        connections_per_target: int = CONNECTIONS_PER_TARGET,
        before_closing: Callable[[], Awaitable[None]] | None = None,
        carrier: Callable[[], int | None] = nobody,
        now: Callable[[], datetime] = utc_now,
        forward: Forward | None = None,
    ) -> None:
        self._cache = cache
        self._before_closing = before_closing
        self._ground = Ground(driver=driver, ads=ads, reports=reports, look=self._look, carrier=carrier, now=now)
        self.resolvers = Resolvers(driver, forward)
        self.balancing = Balancing(
            self._ground, connections_per_target=connections_per_target, on_zones=self._teach_those_behind
        )
        self._ends_idle = driver.ends_flows()
        self.opening = Opening(
            self._ground, self.balancing, pending_seconds=pending_seconds, envoy_ends_idle=not self._ends_idle
        )
        self.idle = Idle(driver, self.opening.doors, carrier)
        self._kernel = ThreadPoolExecutor(1, thread_name_prefix="kernel")
        self._dirty: set[Unit] = set()
        self._woken = asyncio.Event()
        self._retries: dict[Unit, asyncio.TimerHandle] = {}
        self._taught: dict[str, str] = {}
        self._revision: int | None = None

    @property
    def ground(self) -> Ground:
        return self._ground

    @property
    def wanted(self) -> Wanted:
        return self._ground.wanted

    # --- what is wanted -------------------------------------------------------------------------------------------

    def load(self) -> int | None:
        """Takes up the last wanted state from disk. Returns its revision, or None where there is none."""
        revision, records = self._cache.load()
        for kind, record in records:
            self.wanted.put(kind, record)
        self._look(self.wanted.units())
        return revision

    async def handle(self, batch: Batch) -> None:
        """Takes in a batch of the feed, whole or, where it raises, not at all."""
        records = [
            (kind, record_id, None if document is None else codec.from_document(document, RECORDS[kind]))
            for kind, record_id, document in batch.changes
            if kind in RECORDS
        ]
        everything = batch.complete or not self._ground.fresh
        touched: set[Unit] = await self._placed_networks() if everything else set()
        # From here on nothing waits: no round of mending may see half of a batch, or remove for a half-known state.
        for kind, record_id, record in records:
            touched |= self.wanted.drop(kind, record_id) if record is None else self.wanted.put(kind, record)
        if batch.complete:
            touched |= self._forget_all_but(batch)
        if everything:
            touched |= self.wanted.units()
        self._ground.fresh = True
        self._revision = batch.revision
        rules = {unit for unit in touched if unit.kind is UnitKind.RULES}
        self._look(touched - rules)
        for unit in sorted(rules):
            await self._mend(unit)  # At once: who was shut out must not come in because some network takes its time.
        if batch.complete:
            self._cache.replace(batch.revision, [one for one in batch.changes if one[2] is not None])
        else:
            self._cache.apply(batch.revision, batch.changes)

    def _forget_all_but(self, batch: Batch) -> set[Unit]:
        named = {(kind, record_id) for kind, record_id, _ in batch.changes}
        touched: set[Unit] = set()
        for kind in RECORDS:
            for record_id in self.wanted.ids(kind):
                if (kind, record_id) not in named:
                    touched |= self.wanted.drop(kind, record_id)
        return touched

    async def _placed_networks(self) -> set[Unit]:
        return {Unit(UnitKind.NETWORK, vpc_id) for vpc_id in await self._in_kernel(self._ground.driver.networks)}

    def survey(self) -> Survey:
        """What there is to count."""
        prober = self.balancing.prober
        return Survey(
            passages=census.passages(self.wanted, self.opening.doors()),
            populations=census.populations(self.wanted, prober.report, prober.states),
        )

    # --- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Mends for ever what the feed, a failure or the clock points to."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._mend_for_ever(), name="mend")
            tasks.create_task(self._resync_for_ever(), name="resync")
            tasks.create_task(self.balancing.prober.run(), name="prober")
            if self._ends_idle:
                tasks.create_task(self.idle.run(), name="idle")

    async def close(self) -> None:
        await self.resolvers.close()
        await self.balancing.ending.close()
        self._kernel.shutdown()

    def _look(self, units: set[Unit]) -> None:
        self._dirty |= units
        self._woken.set()

    async def _mend_for_ever(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            units, self._dirty = sorted(self._dirty, key=lambda unit: (_ORDER[unit.kind], unit.id)), set()
            revision, fresh = self._revision, self._ground.fresh
            for unit in units:
                await self._mend(unit)
            if fresh:
                self._ground.ads.complete()
                self.opening.evaluate_all()
                if not self._dirty:
                    self._ground.reports.applied(revision)

    async def _resync_for_ever(self) -> None:
        while True:
            await asyncio.sleep(RESYNC_SECONDS)
            self._ask_again()
            networks = {Unit(UnitKind.NETWORK, vpc_id) for vpc_id in self.wanted.vpcs}
            try:
                networks |= await self._placed_networks()
            except (DriverError, OSError) as error:
                log.warning("the networks of this host cannot be read: %s", error, extra={"action": "agent.unreadable"})
            self._look(networks)

    def _ask_again(self) -> None:
        """Offers Envoy again what it refused of endpoints and load balancers: what stood in the way may be gone."""
        for owner in (*self.opening.owners(), *self.balancing.owners()):
            self._ground.ads.retry(owner)

    async def _mend(self, unit: Unit) -> None:
        retry = self._retries.pop(unit, None)
        if retry is not None:
            retry.cancel()
        try:
            match unit.kind:
                case UnitKind.NETWORK:
                    await self._mend_network(unit.id)
                case UnitKind.BALANCER:
                    self.balancing.mend(unit.id)
                case UnitKind.ENDPOINT:
                    if self._before_closing is not None and self.opening.closes(unit.id):
                        await self._before_closing()
                    self._teach_names_of(unit.id)
                    self.opening.mend(unit.id)
                case UnitKind.RULES:
                    self.opening.mend_rules(unit.id)
        except Exception as error:
            foreseen = isinstance(error, (DriverError, OSError, KeyError))
            context = {"action": "agent.retry", "unit": unit.id}
            log.warning("%s %s is tried again: %s", unit.kind, unit.id, error, extra=context, exc_info=not foreseen)
            self._retries[unit] = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._look, {unit})

    async def _in_kernel(self, work: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._kernel, work, *arguments)

    # --- networks -------------------------------------------------------------------------------------------------

    async def _mend_network(self, vpc_id: str) -> None:
        wanted = desired.network(self.wanted, vpc_id)
        self._ground.broken.add(vpc_id)
        await self.resolvers.leave(vpc_id, keep=wanted.resolver if wanted else None)
        steps = await self._in_kernel(self._settle_network, vpc_id, wanted, self._ground.fresh)
        for step in steps:
            log.info("%s", step, extra={"action": "agent.step", "vpc": vpc_id})
        self._ground.broken.discard(vpc_id)
        self._teach(vpc_id)
        if steps and self._ground.driver.moves_addresses:
            self._look({Unit(UnitKind.RULES, endpoint_id) for endpoint_id in self.wanted.endpoints_of_vpc[vpc_id]})
        if any(isinstance(step, AddNetwork | SetResolver) for step in steps):
            await self.resolvers.leave(vpc_id)  # Its sockets are in a network that is gone, or on an address that was.
        if wanted is not None and wanted.resolver is not None:
            await self.resolvers.serve(vpc_id, wanted.resolver)

    def _settle_network(self, vpc_id: str, wanted: Network | None, removals: bool) -> tuple[Step, ...]:
        """Reads the network back and carries out the plan. Runs on the kernel's thread."""
        steps = plan(wanted, self._ground.driver.observe(vpc_id))
        if not removals:
            steps = tuple(step for step in steps if isinstance(step, _ADDITIONS) or _sets_resolver(step))
        self._ground.driver.apply(steps)
        return steps

    def _teach(self, vpc_id: str) -> None:
        """Tells the VPC's resolver its names, and remembers whose they are: an endpoint that is gone names no VPC."""
        names = desired.names(self.wanted, vpc_id, self.balancing.out)
        self.resolvers.teach(vpc_id, names, desired.private_zones(self.wanted, vpc_id))
        self._taught |= dict.fromkeys(self.wanted.endpoints_of_vpc[vpc_id], vpc_id)

    def _teach_names_of(self, endpoint_id: str) -> None:
        endpoint = self.wanted.endpoints.get(endpoint_id)
        vpc_id = endpoint.vpc_id if endpoint is not None else self._taught.pop(endpoint_id, None)
        if vpc_id is not None:
            self._teach(vpc_id)

    def _teach_those_behind(self, balancer_id: str) -> None:
        """Teaches the resolvers of the VPCs in which a name leads to this load balancer."""
        balancer = self.wanted.load_balancers.get(balancer_id)
        own = {balancer.vpc_id} if balancer is not None else set()
        for vpc_id in sorted(own | {self.wanted.endpoints[one].vpc_id for one in self.wanted.served_by(balancer_id)}):
            self._teach(vpc_id)

    # --- what Envoy says ------------------------------------------------------------------------------------------

    def envoy_changed(self, owner: str) -> None:
        """Envoy acknowledged, refused or lost something of this owner."""
        kind, _, record_id = owner.partition("/")
        if kind == "endpoint":
            self.opening.evaluate(record_id)
        else:
            self.balancing.ending.evaluate(record_id)
            self.opening.evaluate_those_behind(record_id)


def _sets_resolver(step: Step) -> bool:
    return isinstance(step, SetResolver) and step.address is not None
