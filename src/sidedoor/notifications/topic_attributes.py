"""A topic's attributes: which can be set to what, and how they are shown. Pure.

SNS API reference, ``SetTopicAttributes`` and ``GetTopicAttributes``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from sidedoor.notifications import delivery_policy, documents
from sidedoor.notifications.model import Subscription, Topic
from sidedoor.notifications.policy import check_policy

POLICY = "Policy"
LONGEST_DISPLAY_NAME = 100

_FEEDBACK = [f"{protocol}{outcome}Feedback" for protocol in ("HTTP", "Firehose", "Lambda", "Application", "SQS")
             for outcome in ("Success", "Failure")]  # fmt: skip


class TopicAttributeInvalid(ValueError):
    """The message says why."""


class TopicAttributeUnknown(ValueError):
    """Its message is the attribute's name."""


def checked(name: str, value: str) -> str:
    """The value, where a topic's attribute of this name may have it.

    Raises ``TopicAttributeUnknown``, also of what only FIFO topics have, and ``TopicAttributeInvalid``.
    """
    check = _CHECKS.get(name)
    if check is None:
        raise TopicAttributeUnknown(name)
    if value or name == POLICY:
        check(name, value)
    return value


def is_fifo(attributes: Mapping[str, str]) -> bool:
    """Whether a new topic's attributes ask for a FIFO topic. Raises ``TopicAttributeInvalid``."""
    value = attributes.get("FifoTopic", "false")
    if value.lower() not in ("true", "false"):
        raise TopicAttributeInvalid(f"FifoTopic: Invalid value [{value}]. Must be true or false.")
    return value.lower() == "true"


def of_standard_topics(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes that a new standard topic asks for, without those of FIFO topics that are off anyway."""
    off = {name for name in ("FifoTopic", "ContentBasedDeduplication") if attributes.get(name, "").lower() == "false"}
    return {name: value for name, value in attributes.items() if name not in off}


def shown(topic: Topic, subscriptions: Collection[Subscription]) -> dict[str, str]:
    """The attributes as ``GetTopicAttributes`` answers them."""
    pending = sum(not subscription.confirmed for subscription in subscriptions)
    return {
        "TopicArn": topic.id,
        "Owner": topic.account,
        POLICY: topic.policy,
        "DisplayName": "",
        "EffectiveDeliveryPolicy": delivery_policy.of_topic(topic.attributes.get("DeliveryPolicy")),
        "SubscriptionsConfirmed": str(len(subscriptions) - pending),
        "SubscriptionsPending": str(pending),
        "SubscriptionsDeleted": str(topic.subscriptions_deleted),
        **topic.attributes,
    }


def differ(topic: Topic, asked: Mapping[str, str]) -> bool:
    """Whether the topic has another value for one of these attributes."""
    current = {POLICY: topic.policy, **topic.attributes}
    return any(not documents.same(current.get(name, ""), value) for name, value in asked.items())


def _check_delivery_policy(name: str, value: str) -> None:
    try:
        delivery_policy.check_topics(value)
    except delivery_policy.DeliveryPolicyInvalid as error:
        raise TopicAttributeInvalid(str(error)) from None


def _check_policy(name: str, value: str) -> None:
    try:
        check_policy(value)
    except ValueError as error:
        raise TopicAttributeInvalid(str(error)) from None


def _check_display_name(name: str, value: str) -> None:
    if len(value) > LONGEST_DISPLAY_NAME:
        raise TopicAttributeInvalid(f"{name}: must have at most {LONGEST_DISPLAY_NAME} characters")


def _check_sample_rate(name: str, value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) or int(value) > 100:
        raise TopicAttributeInvalid(f"{name}: {value} value provided is not an integer between 0-100")


def _check_role(name: str, value: str) -> None:
    if not re.fullmatch(r"arn:aws:iam::\d{12}:role/[!-~]+", value, re.ASCII):
        raise TopicAttributeInvalid(f"{name}: {value} is not the ARN of a role")


def _one_of(*values: str) -> Callable[[str, str], None]:
    def check(name: str, value: str) -> None:
        if value not in values:
            raise TopicAttributeInvalid(f"{name}: Invalid value [{value}]. Must be {' or '.join(values)}.")

    return check


def _anything(name: str, value: str) -> None:
    pass


_CHECKS: Mapping[str, Callable[[str, str], None]] = {
    POLICY: _check_policy,
    "DeliveryPolicy": _check_delivery_policy,
    "DisplayName": _check_display_name,
    "KmsMasterKeyId": _anything,  # a key's id, ARN or alias; nothing is encrypted with it
    "SignatureVersion": _one_of("1", "2"),
    "TracingConfig": _one_of("PassThrough", "Active"),
    **{f"{feedback}RoleArn": _check_role for feedback in _FEEDBACK},
    **{f"{feedback}SampleRate": _check_sample_rate for feedback in _FEEDBACK if "Success" in feedback},
}
"""What can be set, each with what a value that is not empty must be. An empty one takes the attribute away."""
