"""The log of events, followed as it grows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from sidedoor import times
from sidedoor.app.database import opened
from sidedoor.settings import Settings
from sidedoor.store import outbox
from sidedoor.store.schema import OutboxEvent

PAGE = 500
POLL_SECONDS = 0.3


def lines(settings: Settings, *, follow: bool, from_the_first: bool, as_json: bool) -> Iterator[str]:
    """A line an event. With ``follow`` it goes on until somebody stops asking. Raises ``SettingsError``."""
    with opened(settings) as store:
        with store.read() as tables:
            last = 0 if from_the_first or not follow else outbox.last_event(tables)
        while True:
            with store.read() as tables:
                if outbox.last_event(tables) < last:  # all were swept away, and numbers begin anew
                    last = 0
                found = outbox.events_after(tables, last, PAGE)
            for event in found:
                yield _json(event) if as_json else _text(event)
                last = event.sequence
            if not found:
                if not follow:
                    return
                time.sleep(POLL_SECONDS)


def _text(event: OutboxEvent) -> str:
    state = event.body.get("vpcEndpointState", "")
    return f"{times.text(event.created)}  {event.name:10} {event.endpoint_id}  {event.service_id}  {state}"


def _json(event: OutboxEvent) -> str:
    return json.dumps(
        {
            "sequence": event.sequence, "time": times.text(event.created), "event": event.name, "region": event.region,
            "serviceId": event.service_id, "vpcEndpointId": event.endpoint_id, "serviceOwner": event.account, **event.body,
        }
    )  # fmt: skip
