"""How an endpoint goes from state to state: by what somebody asks, and by what the agent reports.

Rule: a report of the agent counts only for the generation that the endpoint still has and in a state that allows it; any
other report is late and changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sidedoor import errors
from sidedoor.endpoints import events
from sidedoor.endpoints.model import Endpoint, Event, IllegalTransition
from sidedoor.store.tables import Tables

PROVISION_FAILED = "ProvisioningFailed"


def moved(endpoint: Endpoint, event: Event) -> Endpoint:
    """The endpoint after what somebody asked for. Raises ``InvalidState``."""
    try:
        return endpoint.after(event)
    except IllegalTransition:
        raise errors.InvalidState(id=endpoint.id, state=endpoint.state.value) from None


def provisioned(tables: Tables, endpoint_id: str, generation: int, now: datetime) -> bool:
    """The agent has the endpoint's listeners up. Returns whether that changed anything."""
    endpoint = _reported(tables, endpoint_id, generation, Event.PROVISIONED)
    if endpoint is None:
        return False
    stored = tables.endpoints.update(endpoint, endpoint.after(Event.PROVISIONED))
    events.observe(tables, "Available", endpoint, after=stored.state, now=now)
    return True


def provision_failed(tables: Tables, endpoint_id: str, generation: int, message: str, now: datetime) -> bool:
    """The agent cannot bring the endpoint up. Returns whether that changed anything."""
    endpoint = _reported(tables, endpoint_id, generation, Event.PROVISION_FAILED)
    if endpoint is None:
        return False
    failed = replace(endpoint.after(Event.PROVISION_FAILED), last_error_code=PROVISION_FAILED, last_error_message=message)
    tables.endpoints.update(endpoint, failed)
    events.observe(tables, "Failed", endpoint, after=failed.state, now=now)
    return True


def removed(tables: Tables, endpoint_id: str, generation: int, now: datetime) -> bool:
    """Nothing of a deleted endpoint is left on the host: its records go too. Returns whether that changed anything."""
    endpoint = _reported(tables, endpoint_id, generation, Event.REMOVED)
    if endpoint is None:
        return False
    tables.interfaces.remove_all(tables.interfaces.where(holder=endpoint.id))
    tables.connection_notifications.remove_all(tables.connection_notifications.where(endpoint_id=endpoint.id))
    tables.endpoints.remove(endpoint)
    events.observe(tables, "Removed", endpoint, after=None, now=now)
    return True


def _reported(tables: Tables, endpoint_id: str, generation: int, event: Event) -> Endpoint | None:
    """The endpoint that a report is about, or None where the report is late."""
    endpoint = tables.endpoints.find(endpoint_id)
    if endpoint is None or endpoint.generation != generation:
        return None
    try:
        endpoint.after(event)
    except IllegalTransition:
        return None
    return endpoint
