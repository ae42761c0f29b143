"""The life of an interface endpoint, from request to deletion, and its names.

Rule 1: everything that decides an endpoint's state is in this file.
Rule 2: this file does not know who is asking (API, agent, test) and does no I/O.

The table follows aws-reference 2.2; where AWS documents nothing, docs/decisions has our choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Values on the wire: lower camel case, not the PascalCase of the SDKs' enum."""

    PENDING_ACCEPTANCE = "pendingAcceptance"
    PENDING = "pending"
    AVAILABLE = "available"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"
    DELETING = "deleting"
    DELETED = "deleted"


class Event(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    MODIFIED = "modified"
    PROVISIONED = "provisioned"
    PROVISION_FAILED = "provision-failed"
    EXPIRED = "expired"
    DELETE_REQUESTED = "delete-requested"
    REMOVED = "removed"


TRANSITIONS: Mapping[State, Mapping[Event, State]] = {
    State.PENDING_ACCEPTANCE: {
        Event.ACCEPTED: State.PENDING,
        Event.REJECTED: State.REJECTED,
        Event.MODIFIED: State.PENDING_ACCEPTANCE,
        Event.EXPIRED: State.EXPIRED,
        Event.DELETE_REQUESTED: State.DELETING,
    },
    State.PENDING: {
        Event.ACCEPTED: State.PENDING,
        Event.REJECTED: State.REJECTED,
        Event.MODIFIED: State.PENDING,
        Event.PROVISIONED: State.AVAILABLE,
        Event.PROVISION_FAILED: State.FAILED,
        Event.DELETE_REQUESTED: State.DELETING,
    },
    State.AVAILABLE: {
        Event.ACCEPTED: State.AVAILABLE,
        Event.REJECTED: State.REJECTED,
        Event.MODIFIED: State.PENDING,
        Event.DELETE_REQUESTED: State.DELETING,
    },
    State.REJECTED: {
        Event.ACCEPTED: State.PENDING,
        Event.REJECTED: State.REJECTED,
        Event.DELETE_REQUESTED: State.DELETING,
    },
    State.EXPIRED: {Event.DELETE_REQUESTED: State.DELETING},
    State.FAILED: {Event.DELETE_REQUESTED: State.DELETING},
    State.DELETING: {Event.DELETE_REQUESTED: State.DELETING, Event.REMOVED: State.DELETED},
    State.DELETED: {},
}

CARRIES_TRAFFIC = frozenset({State.PENDING, State.AVAILABLE})
"""States in which the data plane holds listeners: ``available``, and ``pending`` on its way there."""

ATTACHED = frozenset({State.PENDING_ACCEPTANCE, State.PENDING, State.AVAILABLE})
"""States that keep a service from being deleted and its load balancers from being taken away (user guide, "Deleting")."""


def first_state(acceptance_required: bool) -> State:
    """The state in which an endpoint begins (PrivateLink guide, "VPC endpoint states")."""
    return State.PENDING_ACCEPTANCE if acceptance_required else State.PENDING


class IllegalTransition(Exception):
    """The event is not possible in this state."""

    def __init__(self, state: State, event: Event) -> None:
        self.state, self.event = state, event
        super().__init__(f"{event} is not possible in state {state}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """An interface endpoint, which is also a connection of its service.

    ``generation`` counts the changes that the data plane has to follow: the agent names it when it reports, and a report
    about an older one changes nothing. ``subnet_ids`` and ``interface_ids`` run in parallel. ``payer``: who was made to pay,
    None where nobody was (then it is the endpoint's account). ``private_dns_enabled`` is what the consumer wants, and
    ``private_dns_name`` the name of the service that leads here for it: one that was verified when it was given.
    """

    id: str
    version: int = 0
    account: str
    region: str
    service_id: str
    service_region: str
    connection_id: str
    vpc_id: str
    subnet_ids: tuple[str, ...]
    interface_ids: tuple[str, ...]
    group_ids: tuple[str, ...]
    state: State
    created: datetime
    dns_suffix: str
    generation: int = 1
    policy: str | None = None
    private_dns_enabled: bool = False
    private_dns_name: str | None = None
    ip_address_type: str = "ipv4"
    dns_record_ip_type: str = "ipv4"
    last_error_code: str | None = None
    last_error_message: str | None = None
    payer: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    connection_tags: dict[str, str] = field(default_factory=dict)

    def after(self, event: Event) -> Endpoint:
        """The endpoint after an event. Raises ``IllegalTransition``."""
        try:
            state = TRANSITIONS[self.state][event]
        except KeyError:
            raise IllegalTransition(self.state, event) from None
        if state is self.state and event is not Event.MODIFIED:
            return self
        generation = self.generation + (event not in (Event.PROVISIONED, Event.PROVISION_FAILED))
        return replace(self, state=state, generation=generation)

    def dns_names(self, zone_names: Mapping[str, str]) -> tuple[str, ...]:
        """The regional name, then one a zone.

        ``zone_names``: subnet id -> the consumer's name of its zone.
        """
        domain = f"{self.service_id}.{self.service_region}.vpce.amazonaws.com"
        own = f"{self.id}-{self.dns_suffix}"
        zonal = tuple(f"{own}-{zone_names[subnet_id]}.{domain}" for subnet_id in self.subnet_ids)
        return (f"{own}.{domain}", *zonal)
