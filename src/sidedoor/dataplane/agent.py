"""The agent: compares what is wanted with what is, unit by unit, and mends the difference.

Rule 1: a batch of the feed only says which units to look at; what to do follows from reading back (level-triggered). Restart,
a missed hint and drift take the same way.
Rule 2: nothing is removed before the first complete state of this agent's life has come from the control plane.
Rule 3: an endpoint is reported ready only when its networks stand and Envoy has acknowledged exactly its configuration; it is
reported removed only when its listeners are gone and its flows are cut.
Rule 4: one unit that cannot be mended is tried again later and holds nobody else back.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sidedoor import codec
from sidedoor.dataplane import desired
from sidedoor.dataplane.cache import Cache
from sidedoor.dataplane.desired import Cluster, Door, Network
from sidedoor.dataplane.driver import Driver, DriverError
from sidedoor.dataplane.envoy import resources
from sidedoor.dataplane.envoy.ads import AdsServer
from sidedoor.dataplane.feed import Batch
from sidedoor.dataplane.health import Prober
from sidedoor.dataplane.plan import AddAddress, AddNetwork, AddSegment, AddWorkload, SetResolver, Step, plan
from sidedoor.dataplane.reports import Reports
from sidedoor.dataplane.resolvers import Resolvers
from sidedoor.dataplane.wanted import RECORDS, Unit, UnitKind, Wanted
from sidedoor.endpoints.model import Endpoint, State
from sidedoor.loadbalancers.model import HealthState, LoadBalancerState
from sidedoor.settings import CONNECTIONS_PER_TARGET

log = logging.getLogger(__name__)

RESYNC_SECONDS = 30.0
"""How often every network is compared with the kernel though nothing was heard of it."""

RETRY_SECONDS = 1.0

_ORDER = {UnitKind.NETWORK: 0, UnitKind.BALANCER: 1, UnitKind.ENDPOINT: 2}
_ADDITIONS = (AddNetwork, AddSegment, AddAddress, AddWorkload)


class Agent:
    """One host's agent. All methods run on the event loop; the driver's work runs on one thread of its own.

    ``_broken``: VPCs whose networks do not stand. ``_waiting``: endpoints whose configuration Envoy has still to acknowledge,
    each as it was when that was made. ``_taught``: endpoint id -> the VPC whose resolver was taught its names.
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
    ) -> None:
        self._driver = driver
        self._ads = ads
        self._cache = cache
        self._reports = reports
        self.wanted = Wanted()
        self.prober = Prober(open_socket=self._probe_socket, locate=driver.locate, on_change=self._health_changed)
        self.resolvers = Resolvers(driver)
        self._kernel = ThreadPoolExecutor(1, thread_name_prefix="kernel")
        self._dirty: set[Unit] = set()
        self._woken = asyncio.Event()
        self._retries: dict[Unit, asyncio.TimerHandle] = {}
        self._broken: set[str] = set()
        self._waiting: dict[str, Endpoint | None] = {}
        self._taught: dict[str, str] = {}
        self._cuts: dict[str, set[tuple[str, str]]] = {}
        self._doors: dict[str, tuple[Door, ...]] = {}
        self._clusters: dict[str, tuple[Cluster, ...]] = {}
        self._revision: int | None = None
        self._fresh = False
        self._pending_seconds = pending_seconds
        self._connections_per_target = connections_per_target
        self._held: dict[str, tuple[int, float]] = {}

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
        everything = batch.complete or not self._fresh
        touched: set[Unit] = await self._placed_networks() if everything else set()
        # From here on nothing waits: no round of mending may see half of a batch, or remove for a half-known state.
        for kind, record_id, record in records:
            touched |= self.wanted.drop(kind, record_id) if record is None else self.wanted.put(kind, record)
        if batch.complete:
            touched |= self._forget_all_but(batch)
        if everything:
            touched |= self.wanted.units()
        self._fresh = True
        self._revision = batch.revision
        self._look(touched)
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
        return {Unit(UnitKind.NETWORK, vpc_id) for vpc_id in await self._in_kernel(self._driver.networks)}

    # --- the loop -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Mends for ever what the feed, a failure or the clock points to."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._mend_for_ever(), name="mend")
            tasks.create_task(self._resync_for_ever(), name="resync")
            tasks.create_task(self.prober.run(), name="prober")

    async def close(self) -> None:
        await self.resolvers.close()
        self._kernel.shutdown()

    def _look(self, units: set[Unit]) -> None:
        self._dirty |= units
        self._woken.set()

    async def _mend_for_ever(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            units, self._dirty = sorted(self._dirty, key=lambda unit: (_ORDER[unit.kind], unit.id)), set()
            revision, fresh = self._revision, self._fresh
            for unit in units:
                await self._mend(unit)
            if fresh:
                self._ads.complete()
                self._evaluate_all()
                if not self._dirty:
                    self._reports.applied(revision)

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
        for owner in (*(f"endpoint/{one}" for one in self._waiting), *(f"balancer/{one}" for one in self._clusters)):
            self._ads.retry(owner)

    async def _mend(self, unit: Unit) -> None:
        retry = self._retries.pop(unit, None)
        if retry is not None:
            retry.cancel()
        try:
            match unit.kind:
                case UnitKind.NETWORK:
                    await self._mend_network(unit.id)
                case UnitKind.BALANCER:
                    self._mend_balancer(unit.id)
                case UnitKind.ENDPOINT:
                    self._mend_endpoint(unit.id)
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
        self._broken.add(vpc_id)
        await self.resolvers.leave(vpc_id, keep=wanted.resolver if wanted else None)
        steps = await self._in_kernel(self._settle_network, vpc_id, wanted, self._fresh)
        for step in steps:
            log.info("%s", step, extra={"action": "agent.step", "vpc": vpc_id})
        self._broken.discard(vpc_id)
        self._teach(vpc_id)
        if any(isinstance(step, AddNetwork | SetResolver) for step in steps):
            await self.resolvers.leave(vpc_id)  # Its sockets are in a network that is gone, or on an address that was.
        if wanted is not None and wanted.resolver is not None:
            await self.resolvers.serve(vpc_id, wanted.resolver)

    def _settle_network(self, vpc_id: str, wanted: Network | None, removals: bool) -> tuple[Step, ...]:
        """Reads the network back and carries out the plan. Runs on the kernel's thread."""
        steps = plan(wanted, self._driver.observe(vpc_id))
        if not removals:
            steps = tuple(step for step in steps if isinstance(step, _ADDITIONS) or _sets_resolver(step))
        self._driver.apply(steps)
        return steps

    def _teach(self, vpc_id: str) -> None:
        """Tells the VPC's resolver its names, and remembers whose they are: an endpoint that is gone names no VPC."""
        self.resolvers.teach(vpc_id, desired.names(self.wanted, vpc_id), desired.private_zones(self.wanted, vpc_id))
        self._taught |= dict.fromkeys(self.wanted.endpoints_of_vpc[vpc_id], vpc_id)

    # --- load balancers -------------------------------------------------------------------------------------------

    def _mend_balancer(self, balancer_id: str) -> None:
        clusters = desired.clusters(self.wanted, balancer_id)
        messages = {
            one.name: resources.cluster(one, self._driver.locate(one.vpc_id, one.source), self._connections_per_target)
            for one in clusters
        }
        self._clusters[balancer_id] = clusters
        self._ads.set(f"balancer/{balancer_id}", resources.CLUSTER, messages)
        self.prober.set(balancer_id, clusters)
        self._set_hosts(balancer_id)
        self._report_health(balancer_id)
        balancer = self.wanted.load_balancers.get(balancer_id)
        if balancer is None:
            del self._clusters[balancer_id]
        elif balancer.state is LoadBalancerState.PROVISIONING:
            self._expect_network(balancer.vpc_id)
            self._reports.active(balancer_id)

    def _expect_network(self, vpc_id: str) -> None:
        if vpc_id in self._broken:
            raise DriverError(f"the network of {vpc_id} does not stand yet")

    def _set_hosts(self, balancer_id: str) -> None:
        assignments = {}
        for one in self._clusters[balancer_id]:
            found = desired.hosts(one, self.prober.states(one.node_interface_id))
            assignments[one.name] = resources.assignment(one.name, self._places(one.vpc_id, found))
        self._ads.set(f"balancer/{balancer_id}", resources.ENDPOINTS, assignments)

    def _places(self, vpc_id: str, hosts: tuple[desired.Host, ...]) -> list[tuple[str, int]]:
        """Where the hosts are. An address that no interface of the VPC has is used as it is: it leads nowhere."""
        return [(self._located(vpc_id, one.address), one.port) for one in hosts]

    def _located(self, vpc_id: str, address: str) -> str:
        try:
            return self._driver.locate(vpc_id, address).address
        except KeyError:
            return address

    def _health_changed(self, balancer_id: str) -> None:
        if balancer_id in self._clusters:
            self._set_hosts(balancer_id)
        self._report_health(balancer_id)

    def _report_health(self, balancer_id: str) -> None:
        """Reports every verdict there is. A target without one stays ``initial``, which the control plane knows by itself."""
        for target in self.prober.report(balancer_id):
            if target.state is not HealthState.INITIAL:
                self._reports.target(target)

    def _probe_socket(self, vpc_id: str) -> socket.socket:
        return self._driver.socket(vpc_id, socket.SOCK_STREAM)

    # --- endpoints ------------------------------------------------------------------------------------------------

    def _mend_endpoint(self, endpoint_id: str) -> None:
        endpoint = self.wanted.endpoints.get(endpoint_id)
        vpc_id = endpoint.vpc_id if endpoint is not None else self._taught.pop(endpoint_id, None)
        if vpc_id is not None:
            self._teach(vpc_id)
        if endpoint is not None and endpoint.state is State.PENDING:
            if self._holds(endpoint):
                return
            self._expect_network(endpoint.vpc_id)  # The others wait for nothing: what is to be closed is closed.
        else:
            self._held.pop(endpoint_id, None)
        doors = desired.doors(self.wanted, endpoint_id)
        places = {one.name: self._driver.locate(one.vpc_id, one.address) for one in doors}
        listeners = {one.name: resources.listener(one, places[one.name]) for one in doors}
        self._ads.set(f"endpoint/{endpoint_id}", resources.LISTENER, listeners)
        self._remember_doors(endpoint_id, endpoint, doors)
        self._waiting[endpoint_id] = endpoint
        self._evaluate(endpoint_id)

    def _holds(self, endpoint: Endpoint) -> bool:
        """Whether a pending endpoint has to wait still (``--pending-seconds``). One with doors that stand does not."""
        if endpoint.id in self._doors or not self._pending_seconds:
            return False
        loop = asyncio.get_running_loop()
        generation, until = self._held.get(endpoint.id, (0, 0.0))
        if generation != endpoint.generation:
            until = loop.time() + self._pending_seconds
            self._held[endpoint.id] = (endpoint.generation, until)
            loop.call_at(until, self._look, {Unit(UnitKind.ENDPOINT, endpoint.id)})
        return loop.time() < until

    def _remember_doors(self, endpoint_id: str, endpoint: Endpoint | None, doors: tuple[Door, ...]) -> None:
        """Keeps the doors that stand, and the addresses whose flows are to be cut because their doors went."""
        before = self._doors.pop(endpoint_id, ())
        if doors:
            self._doors[endpoint_id] = doors
        closed = {(one.vpc_id, one.address) for one in before}
        if endpoint is not None and not doors:
            closed |= self._addresses(endpoint)
        closed -= {(one.vpc_id, one.address) for one in doors}
        if closed:
            self._cuts.setdefault(endpoint_id, set()).update(closed)

    def _addresses(self, endpoint: Endpoint) -> set[tuple[str, str]]:
        interfaces = (self.wanted.interfaces.get(one) for one in endpoint.interface_ids)
        return {(one.vpc_id, one.address) for one in interfaces if one is not None}

    def envoy_changed(self, owner: str) -> None:
        """Envoy acknowledged, refused or lost something of this owner."""
        kind, _, record_id = owner.partition("/")
        if kind == "endpoint":
            self._evaluate(record_id)
            return
        services = self.wanted.services_of_balancer[record_id]
        served = {endpoint_id for service_id in services for endpoint_id in self.wanted.endpoints_of_service[service_id]}
        for endpoint_id in sorted(served & self._waiting.keys()):
            self._evaluate(endpoint_id)

    def _evaluate_all(self) -> None:
        for endpoint_id in sorted(self._waiting):
            self._evaluate(endpoint_id)

    def _evaluate(self, endpoint_id: str) -> None:
        """Cuts and reports what Envoy's acknowledgement allows. What the endpoint has become since is another round's work."""
        if endpoint_id not in self._waiting:
            return
        endpoint = self._waiting[endpoint_id]
        status = self._ads.status(f"endpoint/{endpoint_id}")
        if status.refusal is not None and endpoint is not None and endpoint.state is State.PENDING:
            del self._waiting[endpoint_id]
            self._reports.endpoint(endpoint, "failed", status.refusal)
            return
        if not status.settled or not self._fresh or not self._stands(endpoint_id):
            return
        del self._waiting[endpoint_id]
        for vpc_id, address in self._cuts.pop(endpoint_id, ()):
            self._cut(vpc_id, address)
        if endpoint is not None and endpoint.state is State.PENDING:
            self._reports.endpoint(endpoint, "ready")
        elif endpoint is not None and endpoint.state is State.DELETING:
            self._reports.endpoint(endpoint, "removed")

    def _cut(self, vpc_id: str, address: str) -> None:
        try:
            self._driver.cut(vpc_id, address)
        except (DriverError, KeyError, OSError) as error:
            log.debug("no flow of %s in %s was cut: %s", address, vpc_id, error, extra={"action": "agent.cut"})

    def _stands(self, endpoint_id: str) -> bool:
        """Whether the endpoint's network and the load balancers behind its doors stand too."""
        doors = self._doors.get(endpoint_id, ())
        interfaces = [self.wanted.interfaces.get(one) for one in sorted({door.interface_id for door in doors})]
        balancer_ids = {one.load_balancer_id or "" if one is not None else "" for one in interfaces}
        return all(self._balancer_stands(one) for one in balancer_ids) and not {door.vpc_id for door in doors} & self._broken

    def _balancer_stands(self, balancer_id: str) -> bool:
        balancer = self.wanted.load_balancers.get(balancer_id)
        return (
            balancer is not None and balancer.vpc_id not in self._broken and self._ads.status(f"balancer/{balancer_id}").settled
        )


def _sets_resolver(step: Step) -> bool:
    return isinstance(step, SetResolver) and step.address is not None
