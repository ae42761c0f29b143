"""How an endpoint joins a topic and leaves it: by the token that it alone was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sidedoor import errors, ids
from sidedoor.notifications import outgoing
from sidedoor.notifications.model import Message, MessageKind, Subscription, Topic
from sidedoor.notifications.topic_lookup import invalid
from sidedoor.store import outbox
from sidedoor.store.tables import Tables

TOKEN_LIFE = timedelta(days=2)
"""SNS API reference, ``Subscribe``: "Confirmation tokens are valid for two days"."""


def new_token(entropy: ids.Entropy) -> str:
    return ids.hex_digits(64, entropy)


def confirmed(tables: Tables, topic: Topic | None, token: str, *, now: datetime, authenticated: bool = False) -> Subscription:
    """The subscription to this topic that the token confirms, now or before. Raises ``InvalidParameter``."""
    if not re.fullmatch(r"[0-9a-f]{64,}", token):
        raise errors.ConfirmationTokenMalformed
    found = tables.subscriptions.where(topic_arn=topic.id, token=token) if topic is not None else []
    if not found or (not found[0].confirmed and now > found[0].token_issued + TOKEN_LIFE):
        raise invalid("Token")
    (subscription,) = found
    if subscription.confirmed:
        return subscription
    return tables.subscriptions.update(subscription, replace(subscription, confirmed=True, authenticated=authenticated))


def left(tables: Tables, arn: str, *, now: datetime, entropy: ids.Entropy) -> Subscription | None:
    """Ends a subscription for whoever has its link, which its endpoint alone was sent. Returns it as it was.

    It waits for a confirmation again, and its endpoint is sent what confirms it, in case somebody else opened the link. None
    where there is no such subscription. Raises ``AuthorizationError`` where only its owner may end it.
    """
    subscription = tables.subscriptions.find(arn)
    if subscription is None or not subscription.confirmed:
        return None
    if subscription.authenticated:
        raise errors.AuthorizationError(principal="anonymous", action="SNS:Unsubscribe", resource=arn)
    outbox.forget_deliveries(tables, subscription.id)
    pending = replace(subscription, confirmed=False, token=new_token(entropy), token_issued=now)
    ask(tables, tables.subscriptions.update(subscription, pending), MessageKind.UNSUBSCRIBE_CONFIRMATION, now, entropy)
    return subscription


_QUESTIONS: Mapping[MessageKind, str] = {
    MessageKind.SUBSCRIPTION_CONFIRMATION: (
        "This endpoint is asked to subscribe to the topic {topic}. To confirm that, open the SubscribeURL of this message; to "
        "decline, do nothing."
    ),
    MessageKind.UNSUBSCRIBE_CONFIRMATION: (
        "This endpoint no longer subscribes to the topic {topic}. To subscribe again, open the SubscribeURL of this message."
    ),
}


def ask(tables: Tables, subscription: Subscription, kind: MessageKind, now: datetime, entropy: ids.Entropy) -> None:
    """Has the subscription's endpoint sent what confirms it."""
    message = Message(
        id=ids.random_uuid(entropy), account=subscription.account, region=subscription.region,
        topic_arn=subscription.topic_arn, body=_QUESTIONS[kind].format(topic=subscription.topic_arn), created=now, kind=kind,
        token=subscription.token,
    )  # fmt: skip
    outgoing.send(tables, message, [subscription], entropy=entropy)
