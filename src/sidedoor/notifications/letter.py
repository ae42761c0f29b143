"""What is sent to a subscriber: the documents of SNS, whoever carries them. Pure.

SNS developer guide, "Parsing Amazon SNS message formats" and "Verifying the signatures of Amazon SNS messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from sidedoor import times
from sidedoor.notifications.delivery_policy import of_subscription
from sidedoor.notifications.model import Delivery, Message, MessageKind, Subscription, Topic
from sidedoor.notifications.subscription_attributes import DELIVERY, RAW

CONFIRM, UNSUBSCRIBE = "/sns/confirm", "/sns/unsubscribe"
"""Where a subscriber's links lead, beneath our URL: nobody signs a request by opening a link."""

_SIGNED: Mapping[MessageKind, tuple[str, ...]] = {
    MessageKind.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    MessageKind.SUBSCRIPTION_CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    MessageKind.UNSUBSCRIBE_CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""The members that are signed, in the order of the string to sign; one that a document has not is left out of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A delivery with all that it takes to carry it. ``subscription``, ``topic``: None where they are gone by now.

    ``base``: the URL under which this Sidedoor is reached from outside.
    """

    delivery: Delivery
    message: Message
    subscription: Subscription | None
    topic: Topic | None
    base: str

    @property
    def raw(self) -> bool:
        """Whether the subscriber gets the message itself and nothing around it."""
        is_notification = self.message.kind is MessageKind.NOTIFICATION
        return is_notification and self.subscription is not None and self.subscription.attributes.get(RAW) == "true"

    @property
    def signature_version(self) -> str:
        return self.topic.attributes.get("SignatureVersion", "1") if self.topic else "1"

    @property
    def delivery_policy(self) -> str:
        """The policy in force (``EffectiveDeliveryPolicy``)."""
        own = self.subscription.attributes.get(DELIVERY) if self.subscription else None
        return of_subscription(own, self.topic.attributes.get("DeliveryPolicy") if self.topic else None)

    @property
    def text(self) -> str:
        return self.message.text(self.delivery.protocol)

    @property
    def subscribe_url(self) -> str:
        """Confirms the subscription."""
        return f"{self.base}{CONFIRM}?{urlencode({'TopicArn': self.message.topic_arn, 'Token': self.message.token or ''})}"

    @property
    def unsubscribe_url(self) -> str:
        return f"{self.base}{UNSUBSCRIBE}?{urlencode({'SubscriptionArn': self.delivery.subscription_id})}"

    def document(self) -> dict[str, Any]:
        """The members of the JSON document that ``http``, ``https``, ``email-json`` and ``sqs`` get, but for the signature."""
        message = self.message
        found: dict[str, Any] = {"Type": message.kind.value, "MessageId": message.id}
        if message.kind is not MessageKind.NOTIFICATION:
            found["Token"] = message.token or ""
        found["TopicArn"] = message.topic_arn
        if message.subject:
            found["Subject"] = message.subject
        found["Message"] = self.text
        if message.kind is not MessageKind.NOTIFICATION:
            found["SubscribeURL"] = self.subscribe_url
        found["Timestamp"] = times.text(message.created)
        if message.attributes:
            found["MessageAttributes"] = {one.name: {"Type": one.data_type, "Value": one.value} for one in message.attributes}
        if message.kind is MessageKind.NOTIFICATION:
            found["UnsubscribeURL"] = self.unsubscribe_url
        return found


def string_to_sign(document: Mapping[str, Any]) -> str:
    """What the signature of a document is over: names and values of its signed members, each on a line of its own."""
    names = _SIGNED[MessageKind(document["Type"])]
    return "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
