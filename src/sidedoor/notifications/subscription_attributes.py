"""A subscription's attributes: which can be set to what, and how they are shown. Pure.

SNS API reference, ``Subscribe``, ``SetSubscriptionAttributes`` and ``GetSubscriptionAttributes``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sidedoor.ids import Arn
from sidedoor.notifications import delivery_policy, documents
from sidedoor.notifications.filter_policy import SCOPES, FilterPolicyInvalid, check_filter_policy
from sidedoor.notifications.model import Subscription

RAW, FILTER, SCOPE, DELIVERY = "RawMessageDelivery", "FilterPolicy", "FilterPolicyScope", "DeliveryPolicy"
REDRIVE, ROLE = "RedrivePolicy", "SubscriptionRoleArn"

_RAW_PROTOCOLS = ("http", "https", "sqs", "firehose")
_HTTP = ("http", "https")


class SubscriptionAttributeInvalid(ValueError):
    """The message says why."""


class SubscriptionAttributeUnknown(ValueError):
    """Its message is the attribute's name."""


def with_attributes(current: Mapping[str, str], new: Mapping[str, str], protocol: str) -> dict[str, str]:
    """The attributes of a subscription after ``new`` were set; an empty value takes one away.

    Raises ``SubscriptionAttributeUnknown``, ``SubscriptionAttributeInvalid``.
    """
    attributes = dict(current)
    for name, value in new.items():
        if name not in _CHECKS:
            raise SubscriptionAttributeUnknown(name)
        value = _CHECKS[name](value, protocol)
        attributes[name] = value
        if not value or (name == FILTER and documents.same(value, "{}")):
            del attributes[name]
    _check_filter(attributes)
    if FILTER in new and FILTER not in attributes:
        attributes.pop(SCOPE, None)
    return attributes


def shown(subscription: Subscription, topics_delivery_policy: str | None) -> dict[str, str]:
    """The attributes as ``GetSubscriptionAttributes`` answers them."""
    own = subscription.attributes
    effective = {}
    if subscription.protocol in _HTTP:
        effective["EffectiveDeliveryPolicy"] = delivery_policy.of_subscription(own.get(DELIVERY), topics_delivery_policy)
    return {
        "SubscriptionArn": subscription.id,
        "TopicArn": subscription.topic_arn,
        "Owner": subscription.account,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "PendingConfirmation": _truth(not subscription.confirmed),
        "ConfirmationWasAuthenticated": _truth(subscription.authenticated),
        "SubscriptionPrincipal": subscription.principal,
        **effective,
        **{name: value for name, value in own.items() if name != SCOPE},
        **_defaulted(own),
    }


def differ(subscription: Subscription, asked: Mapping[str, str]) -> bool:
    """Whether one of these attributes would change the subscription. Raises as ``with_attributes`` does."""
    wanted = with_attributes({}, asked, subscription.protocol)
    current, defaults = subscription.attributes, {RAW: "false", SCOPE: SCOPES[0]}
    values = ((current.get(name), wanted.get(name), defaults.get(name, "")) for name in asked)
    return any(not documents.same(has or default, wants or default) for has, wants, default in values)


def _defaulted(own: Mapping[str, str]) -> dict[str, str]:
    scope = {SCOPE: own.get(SCOPE, SCOPES[0])} if FILTER in own else {}
    return {RAW: own.get(RAW, "false"), **scope}


def _truth(flag: bool) -> str:
    return "true" if flag else "false"


def _check_filter(attributes: Mapping[str, str]) -> None:
    """The filter policy and its scope, which are only right or wrong together."""
    if FILTER in attributes:
        try:
            check_filter_policy(attributes[FILTER], attributes.get(SCOPE, SCOPES[0]))
        except FilterPolicyInvalid as error:
            raise SubscriptionAttributeInvalid(str(error)) from None


def _raw(value: str, protocol: str) -> str:
    if value.lower() not in ("true", "false"):
        raise SubscriptionAttributeInvalid(f"{RAW}: Invalid value [{value}]. Must be true or false.")
    if value.lower() == "true" and protocol not in _RAW_PROTOCOLS:
        raise SubscriptionAttributeInvalid(f"Delivery protocol [{protocol}] does not support raw message delivery.")
    return value.lower()


def _scope(value: str, protocol: str) -> str:
    if value and value not in SCOPES:
        raise SubscriptionAttributeInvalid(f"{SCOPE}: Invalid value [{value}]. Please use either {' or '.join(SCOPES)}")
    return value


def _delivery(value: str, protocol: str) -> str:
    if value:
        try:
            delivery_policy.check_subscriptions(value)
        except delivery_policy.DeliveryPolicyInvalid as error:
            raise SubscriptionAttributeInvalid(str(error)) from None
        if protocol not in _HTTP:
            raise SubscriptionAttributeInvalid(f"Delivery protocol [{protocol}] does not support delivery policy.")
    return value


def _redrive(value: str, protocol: str) -> str:
    if value:
        try:
            target = documents.parsed(value).get("deadLetterTargetArn")
        except documents.Unreadable:
            raise SubscriptionAttributeInvalid(f"{REDRIVE}: failed to parse JSON.") from None
        arn = Arn.parse(target) if isinstance(target, str) else None
        if arn is None or arn.service != "sqs" or not arn.resource:
            raise SubscriptionAttributeInvalid(f"{REDRIVE}: deadLetterTargetArn is an invalid arn")
    return value


def _role(value: str, protocol: str) -> str:
    if value and not re.fullmatch(r"arn:aws:iam::\d{12}:role/[!-~]+", value, re.ASCII):
        raise SubscriptionAttributeInvalid(f"{ROLE}: {value} is not the ARN of a role")
    return value


def _filter(value: str, protocol: str) -> str:
    return value  # it is checked together with its scope


_CHECKS: Mapping[str, Callable[[str, str], str]] = {
    RAW: _raw,
    FILTER: _filter,
    SCOPE: _scope,
    DELIVERY: _delivery,
    REDRIVE: _redrive,
    ROLE: _role,
}
"""What can be set: name -> (value, protocol) -> the value that is kept."""
