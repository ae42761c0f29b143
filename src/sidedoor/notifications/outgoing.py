"""Messages on their way out of a transaction: who is to get a message, and which events are announced to which topic.

Rule 1: everything is written in the transaction of the one who publishes; whoever delivers begins from what is stored.
Rule 2: a topic is published to by a connection's event only where its policy lets ``vpce.amazonaws.com`` do that.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sidedoor import ids, times
from sidedoor.notifications import event_message, filtering, texts
from sidedoor.notifications.documents import dumped
from sidedoor.notifications.model import BEHIND, Delivery, Message, NotificationState, Subscription, Topic
from sidedoor.notifications.policy import Asker, allows
from sidedoor.notifications.subscription_attributes import FILTER, SCOPE
from sidedoor.store import outbox
from sidedoor.store.schema import Notice, OutboxEvent
from sidedoor.store.tables import Tables

log = logging.getLogger(__name__)

PRIVATELINK = "vpce.amazonaws.com"


def send(
    tables: Tables, message: Message, subscriptions: Iterable[Subscription], *, entropy: ids.Entropy, lane: str | None = None
) -> bool:
    """Writes the message down with a delivery for each of these subscriptions; without one nothing is kept.

    ``lane``: what is to arrive in order; without it the message goes its own way. Returns whether anybody is to get it.
    """
    receivers = list(subscriptions)
    if not receivers:
        return False
    tables.messages.add(message)
    first = outbox.next_delivery(tables)
    busy = set() if lane is None else outbox.busy(tables, lane, [one.id for one in receivers])
    tables.deliveries.add_all(
        Delivery(
            id=ids.random_uuid(entropy), account=message.account, region=message.region, subscription_id=one.id,
            message_id=message.id, protocol=one.protocol, endpoint=one.endpoint, lane=lane or message.id,
            sequence=sequence, due=BEHIND if one.id in busy else message.created, created=message.created,
        )
        for sequence, one in enumerate(receivers, first)
    )  # fmt: skip
    return True


def wanting(tables: Tables, message: Message) -> list[Subscription]:
    """The confirmed subscriptions of the message's topic whose filter policies let it through."""
    confirmed = tables.subscriptions.where(topic_arn=message.topic_arn, confirmed=True)
    return [
        one
        for one in confirmed
        if filtering.wants(one.attributes.get(FILTER), one.attributes.get(SCOPE, "MessageAttributes"), message)
    ]


def announce(tables: Tables, event: OutboxEvent, *, now: datetime, entropy: ids.Entropy, link: str) -> None:
    """Publishes an event to the topics of those who asked to be told of it, and notes that this is done.

    A notification that cannot be published is shown as ``Disabled``, until one can be.
    """
    for notice in event.notices:
        topic = tables.topics.find(notice.topic_arn)
        refusal = _refusal(topic, notice)
        if topic is None or refusal is not None:
            context = {"action": "notification.refused", "notification": notice.notification_id, "topic": notice.topic_arn}
            log.warning("%s of %s is not published: %s", event.name, event.endpoint_id, refusal, extra=context)
        else:
            _publish(tables, topic, event, notice, now, entropy, link)
        _show(tables, notice, NotificationState.DISABLED if refusal else NotificationState.ENABLED)
    tables.events.update(event, replace(event, announced=True))


def _refusal(topic: Topic | None, notice: Notice) -> str | None:
    """Why a topic cannot be published to, or None."""
    if topic is None:
        return f"there is no topic {notice.topic_arn}"
    context = {"aws:SourceArn": notice.source_arn, "aws:SourceAccount": notice.source_arn.split(":")[4]}
    if allows(topic.policy, Asker.service(PRIVATELINK), "SNS:Publish", topic.id, context):
        return None
    return (
        f"the policy of {topic.id} does not let {PRIVATELINK} do SNS:Publish for {notice.source_arn}; "
        "add the statement that the guide shows (SetTopicAttributes)"
    )


def _publish(
    tables: Tables, topic: Topic, event: OutboxEvent, notice: Notice, now: datetime, entropy: ids.Entropy, link: str
) -> None:
    document = event_message.body(
        event=event.name, created=event.created, region=event.region, notification_id=notice.notification_id,
        service_id=event.service_id, endpoint_id=event.endpoint_id, facts=event.body, link=link,
    )  # fmt: skip
    readable = texts.text(
        "event", event=event.name, endpoint_id=event.endpoint_id, service_id=event.service_id, facts=event.body,
        time=times.text(event.created), region=event.region, link=link,
    )  # fmt: skip
    message = Message(
        id=ids.random_uuid(entropy), account=topic.account, region=topic.region, topic_arn=topic.id, created=now,
        subject=event_message.subject(event.name, event.endpoint_id, event.service_id),
        body=dumped({"default": document, "email": readable}), structure="json",
        attributes=event_message.attributes(
            event.name, event.service_id, event.endpoint_id, event.body.get("vpcEndpointState", "")
        ),
    )  # fmt: skip
    send(tables, message, wanting(tables, message), entropy=entropy, lane=event.endpoint_id)


def _show(tables: Tables, notice: Notice, state: NotificationState) -> None:
    notification = tables.connection_notifications.find(notice.notification_id)
    if notification is not None:
        tables.connection_notifications.update(notification, replace(notification, state=state))
