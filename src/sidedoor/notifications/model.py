"""Connection notifications: which events of a service's or an endpoint's connections go to which topic. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

EVENTS = ("Reject", "Accept", "Delete", "Connect")
"""The events, in the order in which answers list them (user guide, "Creating and managing a notification")."""

TOPIC_TYPE = "Topic"


class NotificationState(StrEnum):
    """Values on the wire."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectionNotification:
    """Exactly one of ``service_id`` and ``endpoint_id`` is set."""

    id: str
    version: int = 0
    account: str
    region: str
    service_id: str | None = None
    endpoint_id: str | None = None
    topic_arn: str
    events: tuple[str, ...]
    state: NotificationState
    created: datetime


def in_order(events: Collection[str]) -> tuple[str, ...]:
    """Each event once, in the order of answers."""
    return tuple(event for event in EVENTS if event in events)


def is_topic(arn: str) -> bool:
    """Whether this can be the ARN of an SNS topic; whether there is such a topic shows when something is published."""
    return re.fullmatch(r"arn:aws:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}", arn) is not None
