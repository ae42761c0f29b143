"""One delta ADS stream: what this Envoy has, what it is being told, and what it still has to be told.

Rule 1: no I/O: requests go in, responses come out, ``ads.py`` carries them.
Rule 2: one unanswered response for each type. What changes meanwhile waits as a name, so nothing grows without bound, and a
change costs what it touches.
Rule 3: make before break. A listener is added or changed when no cluster is on its way; a cluster is removed when no listener
is. Removing a listener waits for nothing.
Rule 4: one refused resource holds no other back: a refused response is sent again in halves until the bad ones stand alone.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol, "Incremental xDS" and "Resource warming".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryResponse
from envoy.service.discovery.v3.discovery_pb2 import Resource as WireResource

from sidedoor.dataplane.envoy.resources import CERTIFICATE, CLUSTER, ENDPOINTS, LISTENER

TYPES = (CLUSTER, ENDPOINTS, CERTIFICATE, LISTENER)
"""In the order in which additions have to reach Envoy."""

BY_NAME = frozenset({ENDPOINTS, CERTIFICATE})
"""Types of which Envoy has what it asks for by name, because a cluster or a listener names it, and of the others everything."""

BATCH = 500
"""Resources in a response: small enough that Envoy's main thread answers others in between."""

BATCH_BYTES = 4 * 1024 * 1024
"""Roughly, for the same reason: a listener that lets in thousands of single addresses is a hundred kilobytes."""

_REMOVED = ""
"""Stands for a version where a resource is taken away."""


@dataclass(frozen=True, slots=True)
class Resource:
    version: str
    body: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Envoy said to this version of a resource."""

    version: str
    message: str


class Move(Enum):
    ADD = auto()
    REMOVE = auto()
    WAIT = auto()
    NOTHING = auto()


@dataclass(slots=True)
class Subscription:
    """One type's part of a stream.

    ``held``: what Envoy may have, and the version that it confirmed, None where that is not known.
    ``strangers``: what it had when the stream began and nobody wants.
    ``names``: what it asked for by name. ``flight``: the versions in the unanswered response.
    """

    open: bool = False
    held: dict[str, str | None] = field(default_factory=dict)
    strangers: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    due: dict[str, None] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    suspects: deque[list[str]] = field(default_factory=deque)
    flight: dict[str, str] = field(default_factory=dict)
    nonce: str = ""

    def mark(self, names: Iterable[str]) -> None:
        self.due.update(dict.fromkeys(names))

    @property
    def idle(self) -> bool:
        return self.open and not (self.flight or self.suspects or self.due)


class Exchange:
    """A stream's state. ``wanted``: type -> name -> resource, shared with the owner of this exchange, who keeps it current."""

    def __init__(self, wanted: Mapping[str, Mapping[str, Resource]], removals: bool) -> None:
        self._wanted = wanted
        self._removals = removals
        self._types = {type_url: Subscription() for type_url in TYPES}
        self._warming: set[str] = set()
        self._nonces = 0

    # --- what is wanted -------------------------------------------------------------------------------------------

    def changed(self, type_url: str, names: Iterable[str]) -> None:
        """These resources are wanted anew, in another version, or no longer."""
        subscription = self._types[type_url]
        if not subscription.open:
            return
        for name in names:
            if name in self._wanted[type_url]:
                subscription.strangers.discard(name)
            subscription.mark([name])

    def allow_removals(self) -> None:
        """From now on what is not wanted is taken away."""
        self._removals = True
        for type_url, subscription in self._types.items():
            subscription.mark(sorted(subscription.held.keys() - self._wanted[type_url].keys()))

    def retry(self, type_url: str, name: str) -> None:
        """Asks again what was refused: what stood in the way may be gone."""
        if self._types[type_url].refused.pop(name, None):
            self._types[type_url].mark([name])

    # --- what Envoy has -------------------------------------------------------------------------------------------

    def confirmed(self, type_url: str, name: str) -> str | None:
        """The version that Envoy has and has acknowledged."""
        subscription = self._types[type_url]
        return None if name in subscription.flight else subscription.held.get(name)

    def asked(self, type_url: str, name: str) -> bool:
        """Whether Envoy has any use for this resource: whether something that it has names it."""
        return type_url not in BY_NAME or name in self._types[type_url].names

    def gone(self, type_url: str, name: str) -> bool:
        """Whether it is certain that Envoy does not have this resource."""
        subscription = self._types[type_url]
        return subscription.open and name not in subscription.held and name not in subscription.flight

    def refusal(self, type_url: str, name: str) -> Refusal | None:
        return self._types[type_url].refused.get(name)

    def has_strangers(self) -> bool:
        """Whether Envoy has, or has not yet said that it has not, what nobody wants."""
        return any(not one.open or one.strangers for one in (self._types[CLUSTER], self._types[LISTENER]))

    # --- what Envoy says ------------------------------------------------------------------------------------------

    def receive(self, request: Any) -> set[str] | None:
        """Takes in a request. Returns the names whose state it changed, or None for a whole type's."""
        subscription = self._types.get(request.type_url)
        if subscription is None:
            return set()
        opened = not subscription.open
        if opened:
            self._open(request.type_url, subscription, request.initial_resource_versions)
        if request.type_url in BY_NAME:
            self._subscribe(request.type_url, subscription, request)
        touched = set(request.resource_names_subscribe) | set(request.resource_names_unsubscribe)
        if subscription.flight and request.response_nonce == subscription.nonce:
            touched |= self._answered(request.type_url, subscription, request)
        return None if opened else touched

    def _open(self, type_url: str, subscription: Subscription, versions: Mapping[str, str]) -> None:
        wanted = self._wanted[type_url]
        subscription.open = True
        subscription.held = dict(versions)
        subscription.strangers = subscription.held.keys() - wanted.keys()
        if type_url not in BY_NAME:
            subscription.mark([*sorted(subscription.strangers), *wanted])

    def _subscribe(self, type_url: str, subscription: Subscription, request: Any) -> None:
        """A name asked for again is sent again, though Envoy had it: the protocol says so."""
        for name in request.resource_names_unsubscribe:
            subscription.names.discard(name)
            subscription.held.pop(name, None)
            if type_url == ENDPOINTS:
                self._warming.discard(name)
        for name in request.resource_names_subscribe:
            subscription.names.add(name)
            subscription.mark([name])
            if name not in request.initial_resource_versions:
                subscription.held[name] = None
                if type_url == ENDPOINTS and name in self._wanted[CLUSTER] and name in self._wanted[ENDPOINTS]:
                    self._warming.add(name)

    def _answered(self, type_url: str, subscription: Subscription, request: Any) -> set[str]:
        flight, subscription.flight = subscription.flight, {}
        if not request.error_detail.code:
            for name, version in flight.items():
                self._accept(type_url, subscription, name, version)
        elif len(flight) == 1:
            ((name, version),) = flight.items()
            subscription.refused[name] = Refusal(version, request.error_detail.message)
            if type_url == ENDPOINTS:
                self._warming.discard(name)
        else:
            names = list(flight)
            for name in names:
                subscription.held[name] = None
            subscription.suspects.extendleft([names[len(names) // 2 :], names[: len(names) // 2]])
        return set(flight)

    def _accept(self, type_url: str, subscription: Subscription, name: str, version: str) -> None:
        subscription.refused.pop(name, None)
        if version == _REMOVED:
            subscription.held.pop(name, None)
            subscription.strangers.discard(name)
        else:
            subscription.held[name] = version
        if type_url == ENDPOINTS:
            self._warming.discard(name)

    def _send_hosts_again(self, name: str) -> None:
        """A changed cluster takes over from the one before it when it is told its hosts, though they are the same.

        Envoy does not ask for them, and answers nothing about clusters until it has them or 15 s are over.
        """
        hosts = self._types[ENDPOINTS]
        if name in hosts.names:
            hosts.flight.pop(name, None)
            hosts.held[name] = None
            hosts.mark([name])

    # --- what Envoy is told ---------------------------------------------------------------------------------------

    def next_response(self) -> Any | None:
        """The next thing to send, or None until something changes or Envoy answers."""
        for type_url in TYPES:
            subscription = self._types[type_url]
            if subscription.open and not subscription.flight:
                additions, removals = self._pick(type_url, subscription)
                if additions or removals or _awaits_a_first_answer(type_url, subscription):
                    return self._compose(type_url, subscription, additions, removals)
        return None

    def _pick(self, type_url: str, subscription: Subscription) -> tuple[list[str], list[str]]:
        """What to add and what to remove in the next response."""
        while subscription.suspects:
            picked = self._sort_out(type_url, subscription, subscription.suspects.popleft())
            if any(picked):
                return picked
        return self._sort_out(type_url, subscription, list(subscription.due))

    def _sort_out(self, type_url: str, subscription: Subscription, names: Iterable[str]) -> tuple[list[str], list[str]]:
        additions: list[str] = []
        removals: list[str] = []
        size = 0
        for name in names:
            move = self._decide(type_url, subscription, name)
            full = len(additions) + len(removals) == BATCH or size >= BATCH_BYTES
            if move is Move.WAIT or (full and move is not Move.NOTHING):
                subscription.mark([name])
                continue
            subscription.due.pop(name, None)
            if move is Move.ADD:
                additions.append(name)
                size += len(self._wanted[type_url][name].body.value)
            elif move is Move.REMOVE:
                removals.append(name)
        return additions, removals

    def _decide(self, type_url: str, subscription: Subscription, name: str) -> Move:
        wanted = self._wanted[type_url].get(name)
        if wanted is None:
            return self._decide_removal(type_url, subscription, name)
        refused = subscription.refused.get(name)
        if subscription.held.get(name) == wanted.version or (refused and refused.version == wanted.version):
            return Move.NOTHING
        if type_url in BY_NAME and name not in subscription.names:
            return Move.NOTHING
        if type_url == LISTENER and self._clusters_are_on_their_way():
            return Move.WAIT
        return Move.ADD

    def _decide_removal(self, type_url: str, subscription: Subscription, name: str) -> Move:
        refused = subscription.refused.get(name)
        if name not in subscription.held:
            subscription.refused.pop(name, None)
            return Move.NOTHING
        if not self._removals or (refused and refused.version == _REMOVED):
            return Move.NOTHING
        if type_url == CERTIFICATE or (type_url == ENDPOINTS and name not in self._wanted[CLUSTER]):
            return Move.NOTHING  # It leaves with its listener or its cluster: Envoy then unsubscribes.
        if type_url == CLUSTER and not self._types[LISTENER].idle:
            return Move.WAIT
        return Move.REMOVE

    def _clusters_are_on_their_way(self) -> bool:
        clusters = self._types[CLUSTER]
        wanted = self._wanted[CLUSTER]
        return bool(self._warming or clusters.flight or clusters.suspects or any(name in wanted for name in clusters.due))

    def _compose(self, type_url: str, subscription: Subscription, additions: list[str], removals: list[str]) -> Any:
        wanted = self._wanted[type_url]
        self._nonces += 1
        subscription.nonce = str(self._nonces)
        subscription.flight = {name: wanted[name].version for name in additions} | dict.fromkeys(removals, _REMOVED)
        for name in additions:
            if type_url == CLUSTER and name in subscription.held:
                self._send_hosts_again(name)
            subscription.held.setdefault(name, None)
        return DeltaDiscoveryResponse(
            type_url=type_url,
            nonce=subscription.nonce,
            resources=[WireResource(name=one, version=wanted[one].version, resource=wanted[one].body) for one in additions],
            removed_resources=removals,
        )


def _awaits_a_first_answer(type_url: str, subscription: Subscription) -> bool:
    """An Envoy that has nothing goes on with its start only when it has been told that there is nothing."""
    return type_url not in BY_NAME and not (subscription.nonce or subscription.held or subscription.due)
