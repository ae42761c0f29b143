"""Connection notifications: which events of a service's or an endpoint's connections go to which topic. Topics, who
subscribes to them and what was published. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """``id`` is the topic's ARN; ``attributes`` those that were set, by AWS's names, ``Policy`` aside."""

    id: str
    version: int = 0
    account: str
    region: str
    name: str
    policy: str
    created: datetime
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    subscriptions_deleted: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """``id`` is the subscription's ARN, ``account`` the subscriber's, ``principal`` the IAM ARN of who subscribed.

    Until it is ``confirmed`` nothing may be delivered but the ``token`` that confirms it. ``authenticated``: only its owner
    and the topic's may end it.
    """

    id: str
    version: int = 0
    account: str
    region: str
    topic_arn: str
    protocol: str
    endpoint: str
    principal: str
    confirmed: bool
    authenticated: bool
    token: str
    token_issued: datetime
    created: datetime
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageAttribute:
    """``value`` is base64 where ``data_type`` is ``Binary``."""

    name: str
    data_type: str
    value: str


class MessageKind(StrEnum):
    """The ``Type`` of what SNS sends."""

    NOTIFICATION = "Notification"
    SUBSCRIPTION_CONFIRMATION = "SubscriptionConfirmation"
    UNSUBSCRIBE_CONFIRMATION = "UnsubscribeConfirmation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What is to be sent for a topic; each subscription that is to get it has a ``Delivery`` of it.

    ``token``: of a message that asks for a confirmation, what confirms.
    """

    id: str
    version: int = 0
    account: str
    region: str
    topic_arn: str
    body: str
    created: datetime
    kind: MessageKind = MessageKind.NOTIFICATION
    token: str | None = None
    subject: str | None = None
    structure: str | None = None
    group_id: str | None = None
    attributes: tuple[MessageAttribute, ...] = ()

    def text(self, protocol: str) -> str:
        """The message for a protocol: where it was given for each, that one or the default (``MessageStructure``)."""
        if self.structure != "json":
            return self.body
        texts: dict[str, str] = json.loads(self.body)
        return texts.get(protocol, texts["default"])


BEHIND = datetime(9999, 12, 31, tzinfo=UTC)
"""When a delivery is due that has another before it in its lane: not before that one is done, however long it takes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One message on its way to one subscriber.

    ``lane``: deliveries to a subscription in one lane arrive in the order of their ``sequence``; the next one is not begun
    before the one before it is done, and is ``BEHIND`` until then. ``due``: when it may be tried; whoever tries it puts that
    off first, so that nobody else does meanwhile. ``attempts``: those that failed. ``dead``: all tries are used up, and what
    is left to do is to put it where dead letters go.
    """

    id: str
    version: int = 0
    account: str
    region: str
    subscription_id: str
    message_id: str
    protocol: str
    endpoint: str
    lane: str
    sequence: int
    due: datetime
    created: datetime
    attempts: int = 0
    dead: bool = False
    last_error: str | None = None
