"""Subscriptions to topics: asking for them, confirming, reading, changing and ending them.

Until a subscription is confirmed nothing is sent to its endpoint but the message that asks for the confirmation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.notifications import outgoing, protocols, subscription_attributes
from sidedoor.notifications.model import Message, MessageKind, Subscription, Topic
from sidedoor.notifications.protocols import EndpointInvalid
from sidedoor.notifications.subscription_attributes import SubscriptionAttributeInvalid, SubscriptionAttributeUnknown
from sidedoor.notifications.topic_lookup import check_arn, find_topic, invalid, invalid_because, page, permitted_topic
from sidedoor.store import outbox
from sidedoor.store.tables import Tables

TOKEN_LIFE = timedelta(days=2)
"""SNS API reference, ``Subscribe``: "Confirmation tokens are valid for two days"."""

PENDING = "pending confirmation"
"""What ``Subscribe`` answers instead of an ARN that is not confirmed yet; lists say it in one word."""


def subscribe(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html"""
    protocol, endpoint = request["Protocol"], request.get("Endpoint", "")
    context = {"sns:Protocol": protocol, "sns:Endpoint": endpoint}
    topic = permitted_topic(call, request["TopicArn"], "Subscribe", context)
    asked: Mapping[str, str] = request.get("Attributes") or {}
    try:
        protocols.check_endpoint(protocol, endpoint)
        attributes = subscription_attributes.with_attributes({}, asked, protocol)
        found = call.tables.subscriptions.where(topic_arn=topic.id, protocol=protocol, endpoint=endpoint)
        if found and subscription_attributes.differ(found[0], asked):
            raise SubscriptionAttributeInvalid("Subscription already exists with different attributes")
    except EndpointInvalid as error:
        raise invalid(error) from None
    except SubscriptionAttributeUnknown as error:
        raise invalid_because("Attributes", f"Unknown attribute {error}") from None
    except SubscriptionAttributeInvalid as error:
        raise invalid_because("Attributes", error) from None
    subscription = _asked_again(call, found[0]) if found else _new(call, topic, protocol, endpoint, attributes)
    if not subscription.confirmed:
        _ask(call.tables, subscription, MessageKind.SUBSCRIPTION_CONFIRMATION, call.now, call.entropy)
    shows_arn = subscription.confirmed or request.get("ReturnSubscriptionArn", False)
    return {"SubscriptionArn": subscription.id if shows_arn else PENDING}


def _new(call: Call, topic: Topic, protocol: str, endpoint: str, attributes: dict[str, str]) -> Subscription:
    at_once = protocols.is_confirmed_at_once(protocol, endpoint, call.account)
    return call.tables.subscriptions.add(
        Subscription(
            id=f"{topic.id}:{ids.random_uuid(call.entropy)}", account=call.account, region=call.region, topic_arn=topic.id,
            protocol=protocol, endpoint=endpoint, principal=call.caller.principal, confirmed=at_once, authenticated=at_once,
            token=_new_token(call), token_issued=call.now, created=call.now, attributes=attributes,
        )
    )  # fmt: skip


def _asked_again(call: Call, subscription: Subscription) -> Subscription:
    """A subscription that is asked for again is the same one; a token that ran out unused is replaced."""
    if subscription.confirmed or call.now <= subscription.token_issued + TOKEN_LIFE:
        return subscription
    renewed = replace(subscription, token=_new_token(call), token_issued=call.now)
    return call.tables.subscriptions.update(subscription, renewed)


_QUESTIONS: Mapping[MessageKind, str] = {
    MessageKind.SUBSCRIPTION_CONFIRMATION: (
        "This endpoint is asked to subscribe to the topic {topic}. To confirm that, open the SubscribeURL of this message; to "
        "decline, do nothing."
    ),
    MessageKind.UNSUBSCRIBE_CONFIRMATION: (
        "This endpoint no longer subscribes to the topic {topic}. To subscribe again, open the SubscribeURL of this message."
    ),
}


def _ask(tables: Tables, subscription: Subscription, kind: MessageKind, now: datetime, entropy: ids.Entropy) -> None:
    """Has the subscription's endpoint sent what confirms it."""
    message = Message(
        id=ids.random_uuid(entropy), account=subscription.account, region=subscription.region,
        topic_arn=subscription.topic_arn, body=_QUESTIONS[kind].format(topic=subscription.topic_arn), created=now, kind=kind,
        token=subscription.token,
    )  # fmt: skip
    outgoing.send(tables, message, [subscription], entropy=entropy)


def _new_token(call: Call) -> str:
    return ids.hex_digits(64, call.entropy)


def confirm_subscription(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html

    Whoever has the token may confirm: it went to the endpoint and nowhere else.
    """
    topic = find_topic(call, request["TopicArn"])
    authenticated = request.get("AuthenticateOnUnsubscribe", "false").lower() == "true"
    subscription = confirmed_by(call.tables, topic, request["Token"], now=call.now, authenticated=authenticated)
    return {"SubscriptionArn": subscription.id}


def confirmed_by(
    tables: Tables, topic: Topic | None, token: str, *, now: datetime, authenticated: bool = False
) -> Subscription:
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
    pending = replace(subscription, confirmed=False, token=ids.hex_digits(64, entropy), token_issued=now)
    _ask(tables, tables.subscriptions.update(subscription, pending), MessageKind.UNSUBSCRIBE_CONFIRMATION, now, entropy)
    return subscription


def unsubscribe(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html"""
    try:
        subscription = _visible(call, request["SubscriptionArn"])
    except errors.SubscriptionNotFound:
        return {}  # as SNS answers: what is gone need not be ended
    call.tables.subscriptions.remove(subscription)
    outbox.forget_deliveries(call.tables, subscription.id)
    topic = call.tables.topics.find(subscription.topic_arn)
    if topic is not None:
        call.tables.topics.update(topic, replace(topic, subscriptions_deleted=topic.subscriptions_deleted + 1))
    return {}


def get_subscription_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_GetSubscriptionAttributes.html"""
    subscription = _visible(call, request["SubscriptionArn"])
    topic = call.tables.topics.find(subscription.topic_arn)
    inherited = None if topic is None else topic.attributes.get(subscription_attributes.DELIVERY)
    return {"Attributes": subscription_attributes.shown(subscription, inherited)}


def set_subscription_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html"""
    subscription = _visible(call, request["SubscriptionArn"])
    if subscription.account != call.account:
        raise errors.AuthorizationError(
            principal=call.caller.arn, action="SNS:SetSubscriptionAttributes", resource=subscription.id
        )
    new = {request["AttributeName"]: request.get("AttributeValue", "")}
    try:
        attributes = subscription_attributes.with_attributes(subscription.attributes, new, subscription.protocol)
    except SubscriptionAttributeUnknown:
        raise invalid("AttributeName") from None
    except SubscriptionAttributeInvalid as error:
        raise invalid(error) from None
    call.tables.subscriptions.update(subscription, replace(subscription, attributes=attributes))
    return {}


def _visible(call: Call, arn: str) -> Subscription:
    """The subscription, for its owner and for its topic's; for everybody else there is none.

    Raises ``InvalidParameter`` and ``NotFound``.
    """
    check_arn(arn, "SubscriptionArn")
    if arn.count(":") == 5:  # a topic's
        raise invalid("SubscriptionId")
    subscription = call.tables.subscriptions.find(arn)
    owners = (subscription.account, subscription.topic_arn.split(":")[4]) if subscription is not None else ()
    if subscription is None or subscription.region != call.region or call.account not in owners:
        raise errors.SubscriptionNotFound
    return subscription


def list_subscriptions(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptions.html"""
    shown, rest = page(call, request, call.tables.subscriptions.where(**call.owned))
    return {"Subscriptions": _to_wire(shown), **rest}


def list_subscriptions_by_topic(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html"""
    topic = permitted_topic(call, request["TopicArn"], "ListSubscriptionsByTopic")
    shown, rest = page(call, request, call.tables.subscriptions.where(topic_arn=topic.id), of=topic.id)
    return {"Subscriptions": _to_wire(shown), **rest}


def _to_wire(subscriptions: Iterable[Subscription]) -> list[dict[str, Any]]:
    return [
        {
            "SubscriptionArn": subscription.id if subscription.confirmed else "PendingConfirmation",
            "Owner": subscription.account,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "TopicArn": subscription.topic_arn,
        }
        for subscription in subscriptions
    ]
