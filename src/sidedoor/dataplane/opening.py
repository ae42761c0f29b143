"""Endpoints in place: their doors in Envoy, and what is reported and cut once Envoy has acknowledged them.

Rule 1: an endpoint is reported ready only when its networks stand and Envoy has acknowledged exactly its configuration.
Rule 2: it is reported removed only when its listeners are gone and its flows are cut.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sidedoor.dataplane import desired
from sidedoor.dataplane.admission import CLOSED
from sidedoor.dataplane.balancing import Balancing
from sidedoor.dataplane.desired import Door
from sidedoor.dataplane.driver import DriverError
from sidedoor.dataplane.envoy import resources
from sidedoor.dataplane.ground import Ground
from sidedoor.dataplane.wanted import Unit, UnitKind
from sidedoor.endpoints.model import Endpoint, State

log = logging.getLogger(__name__)


def owner(endpoint_id: str) -> str:
    """The name under which an endpoint's part of Envoy's configuration is kept."""
    return f"endpoint/{endpoint_id}"


class Opening:
    """``_waiting``: endpoints whose configuration Envoy has still to acknowledge, each as it was when that was made.

    ``envoy_ends_idle``: False where somebody else does.
    """

    def __init__(self, ground: Ground, balancing: Balancing, *, pending_seconds: float, envoy_ends_idle: bool) -> None:
        self._envoy_ends_idle = envoy_ends_idle
        self._ground, self._balancing = ground, balancing
        self._pending_seconds = pending_seconds
        self._waiting: dict[str, Endpoint | None] = {}
        self._cuts: dict[str, set[tuple[str, str]]] = {}
        self._doors: dict[str, tuple[Door, ...]] = {}
        self._held: dict[str, tuple[int, float]] = {}

    def owners(self) -> list[str]:
        """Whose configuration Envoy has still to acknowledge."""
        return [owner(one) for one in self._waiting]

    def doors(self) -> Iterator[Door]:
        """All that stand."""
        return itertools.chain.from_iterable(self._doors.values())

    def closes(self, endpoint_id: str) -> bool:
        """Whether mending it will take a door away, or lead it elsewhere."""
        standing = {(door.name, door.cluster) for door in self._doors.get(endpoint_id, ())}
        doors = desired.doors(self._ground.wanted, endpoint_id) if standing else ()
        return not standing <= {(door.name, door.cluster) for door in doors}

    def mend(self, endpoint_id: str) -> None:
        endpoint = self._ground.wanted.endpoints.get(endpoint_id)
        if endpoint is not None and endpoint.state is State.PENDING:
            if self._holds(endpoint):
                return
            self._ground.expect_network(endpoint.vpc_id)  # The others wait for nothing: what is to be closed is closed.
        else:
            self._held.pop(endpoint_id, None)
        doors = desired.doors(self._ground.wanted, endpoint_id)
        self._ground.ads.set(owner(endpoint_id), resources.LISTENER, {one.name: self._listener(one) for one in doors})
        self._remember_doors(endpoint_id, endpoint, doors)
        self._waiting[endpoint_id] = endpoint
        self.evaluate(endpoint_id)

    def _listener(self, door: Door) -> Any:
        driver = self._ground.driver
        place, clients = driver.locate(door.vpc_id, door.address), driver.seen(door.vpc_id, door.admission)
        return resources.listener(door, place, clients, ends_idle=self._envoy_ends_idle)

    def mend_rules(self, endpoint_id: str) -> None:
        """Takes over who may come in at the doors that stand, and nothing else: so it can be done at any moment.

        A door that is yet to be made will have it by itself; one that is yet to be taken away lets nobody in any more.
        """
        if endpoint_id not in self._doors:
            return
        wanted = {one.name: one.admission for one in desired.doors(self._ground.wanted, endpoint_id)}
        doors = tuple(replace(one, admission=wanted.get(one.name, CLOSED)) for one in self._doors[endpoint_id])
        self._ground.ads.set(owner(endpoint_id), resources.LISTENER, {one.name: self._listener(one) for one in doors})
        self._doors[endpoint_id] = doors

    def _holds(self, endpoint: Endpoint) -> bool:
        """Whether a pending endpoint has to wait still (``--pending-seconds``). One with doors that stand does not."""
        if endpoint.id in self._doors or not self._pending_seconds:
            return False
        loop = asyncio.get_running_loop()
        generation, until = self._held.get(endpoint.id, (0, 0.0))
        if generation != endpoint.generation:
            until = loop.time() + self._pending_seconds
            self._held[endpoint.id] = (endpoint.generation, until)
            loop.call_at(until, self._ground.look, {Unit(UnitKind.ENDPOINT, endpoint.id)})
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
        interfaces = (self._ground.wanted.interfaces.get(one) for one in endpoint.interface_ids)
        return {(one.vpc_id, one.address) for one in interfaces if one is not None}

    def evaluate_those_behind(self, balancer_id: str) -> None:
        """Looks again at the endpoints that this load balancer serves."""
        for endpoint_id in sorted(self._ground.wanted.served_by(balancer_id) & self._waiting.keys()):
            self.evaluate(endpoint_id)

    def evaluate_all(self) -> None:
        for endpoint_id in sorted(self._waiting):
            self.evaluate(endpoint_id)

    def evaluate(self, endpoint_id: str) -> None:
        """Cuts and reports what Envoy's acknowledgement allows. What the endpoint has become since is another round's work."""
        if endpoint_id not in self._waiting:
            return
        endpoint = self._waiting[endpoint_id]
        status = self._ground.ads.status(owner(endpoint_id))
        if status.refusal is not None and endpoint is not None and endpoint.state is State.PENDING:
            del self._waiting[endpoint_id]
            self._ground.reports.endpoint(endpoint, "failed", status.refusal)
            return
        if not status.settled or not self._ground.fresh or not self._stands(endpoint_id):
            return
        del self._waiting[endpoint_id]
        for vpc_id, address in self._cuts.pop(endpoint_id, ()):
            self._cut(vpc_id, address)
        if endpoint is not None and endpoint.state is State.PENDING:
            self._ground.reports.endpoint(endpoint, "ready")
        elif endpoint is not None and endpoint.state is State.DELETING:
            self._ground.reports.endpoint(endpoint, "removed")

    def _cut(self, vpc_id: str, address: str) -> None:
        try:
            self._ground.driver.cut(vpc_id, address)
        except (DriverError, KeyError, OSError) as error:
            log.debug("no flow of %s in %s was cut: %s", address, vpc_id, error, extra={"action": "agent.cut"})

    def _stands(self, endpoint_id: str) -> bool:
        """Whether the endpoint's network, its doors' certificates and the load balancers behind them stand too."""
        doors = self._doors.get(endpoint_id, ())
        interfaces = [self._ground.wanted.interfaces.get(one) for one in sorted({door.interface_id for door in doors})]
        balancer_ids = {one.load_balancer_id or "" if one is not None else "" for one in interfaces}
        placed = not {door.vpc_id for door in doors} & self._ground.broken
        secrets = {name for door in doors if door.tls is not None for name in door.tls.names}
        with_secrets = self._ground.ads.confirmed(resources.CERTIFICATE, secrets)
        return placed and with_secrets and all(self._balancing.stands(one) for one in balancer_ids)
