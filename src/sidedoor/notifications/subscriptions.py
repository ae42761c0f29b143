"""Subscriptions to topics: asking for them, confirming, reading, changing and ending them.

Until a subscription is confirmed nothing is sent to its endpoint but the message that asks for the confirmation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sidedoor import errors, ids
from sidedoor.call import Answer, Call, Request
from sidedoor.notifications import joining, protocols, subscription_attributes
from sidedoor.notifications.model import MessageKind, Subscription, Topic
from sidedoor.notifications.protocols import EndpointInvalid
from sidedoor.notifications.subscription_attributes import SubscriptionAttributeInvalid, SubscriptionAttributeUnknown
from sidedoor.notifications.topic_lookup import check_arn, find_topic, invalid, invalid_because, page, permitted_topic
from sidedoor.store import outbox

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
        joining.ask(call.tables, subscription, MessageKind.SUBSCRIPTION_CONFIRMATION, call.now, call.entropy)
    shows_arn = subscription.confirmed or request.get("ReturnSubscriptionArn", False)
    return {"SubscriptionArn": subscription.id if shows_arn else PENDING}


def _new(call: Call, topic: Topic, protocol: str, endpoint: str, attributes: dict[str, str]) -> Subscription:
    at_once = protocols.is_confirmed_at_once(protocol, endpoint, call.account)
    return call.tables.subscriptions.add(
        Subscription(
            id=f"{topic.id}:{ids.random_uuid(call.entropy)}", account=call.account, region=call.region, topic_arn=topic.id,
            protocol=protocol, endpoint=endpoint, principal=call.caller.principal, confirmed=at_once, authenticated=at_once,
            token=joining.new_token(call.entropy), token_issued=call.now, created=call.now, attributes=attributes,
        )
    )  # fmt: skip


def _asked_again(call: Call, subscription: Subscription) -> Subscription:
    """A subscription that is asked for again is the same one; a token that ran out unused is replaced."""
    if subscription.confirmed or call.now <= subscription.token_issued + joining.TOKEN_LIFE:
        return subscription
    renewed = replace(subscription, token=joining.new_token(call.entropy), token_issued=call.now)
    return call.tables.subscriptions.update(subscription, renewed)


def confirm_subscription(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/sns/latest/api/API_ConfirmSubscription.html

    Whoever has the token may confirm: it went to the endpoint and nowhere else.
    """
    topic = find_topic(call, request["TopicArn"])
    authenticated = request.get("AuthenticateOnUnsubscribe", "false").lower() == "true"
    subscription = joining.confirmed(call.tables, topic, request["Token"], now=call.now, authenticated=authenticated)
    return {"SubscriptionArn": subscription.id}


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
