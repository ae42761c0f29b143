"""Delivery policies: how often a delivery by HTTP is tried again, of a topic and of a subscription. Pure.

SNS developer guide, "Amazon SNS message delivery retries": the names, the limits and the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sidedoor.notifications.documents import Unreadable, dumped, parsed

_RETRIES: Mapping[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
_REQUEST: Mapping[str, Any] = {"headerContentType": "text/plain; charset=UTF-8"}

_LIMITS: Mapping[str, tuple[int, int | None]] = {
    "minDelayTarget": (1, 3600),
    "maxDelayTarget": (1, 3600),
    "numRetries": (0, 100),
    "numMaxDelayRetries": (0, None),
    "numNoDelayRetries": (0, None),
    "numMinDelayRetries": (0, None),
}
_BACKOFFS = ("arithmetic", "exponential", "geometric", "linear")

_OF_TOPICS = {
    "defaultHealthyRetryPolicy", "disableSubscriptionOverrides", "defaultThrottlePolicy", "defaultSicklyRetryPolicy",
    "defaultRequestPolicy",
}  # fmt: skip
_OF_SUBSCRIPTIONS = {"healthyRetryPolicy", "sicklyRetryPolicy", "throttlePolicy", "requestPolicy", "guaranteed"}


class DeliveryPolicyInvalid(ValueError):
    """The message says why."""


def check_topics(text: str) -> None:
    """Raises ``DeliveryPolicyInvalid`` where a topic cannot have this policy."""
    http = _object(_parsed(text).get("http", {}), "http")
    _check_names(http, _OF_TOPICS, "http.")
    _check_retries(http.get("defaultHealthyRetryPolicy"), "http.defaultHealthyRetryPolicy")
    _check_throttle(http.get("defaultThrottlePolicy"), "http.defaultThrottlePolicy")
    _check_request(http.get("defaultRequestPolicy"), "http.defaultRequestPolicy")
    if not isinstance(http.get("disableSubscriptionOverrides", False), bool):
        raise DeliveryPolicyInvalid("DeliveryPolicy: http.disableSubscriptionOverrides must be a boolean")


def check_subscriptions(text: str) -> None:
    """Raises ``DeliveryPolicyInvalid`` where a subscription cannot have this policy."""
    policy = _parsed(text)
    _check_names(policy, _OF_SUBSCRIPTIONS, "")
    _check_retries(policy.get("healthyRetryPolicy"), "healthyRetryPolicy")
    _check_throttle(policy.get("throttlePolicy"), "throttlePolicy")
    _check_request(policy.get("requestPolicy"), "requestPolicy")


def of_topic(text: str | None) -> str:
    """The policy that is in force for a topic whose own this is (``EffectiveDeliveryPolicy``)."""
    own = _parsed(text).get("http", {}) if text else {}
    http = {
        **own,
        "defaultHealthyRetryPolicy": {**_RETRIES, **(own.get("defaultHealthyRetryPolicy") or {})},
        "disableSubscriptionOverrides": own.get("disableSubscriptionOverrides", False),
        "defaultRequestPolicy": {**_REQUEST, **(own.get("defaultRequestPolicy") or {})},
    }
    return dumped({"http": http})


@lru_cache(maxsize=1024)
def of_subscription(text: str | None, topics: str | None) -> str:
    """The policy that is in force for a subscription with its own and its topic's policy. Remembered: each delivery asks."""
    default = parsed(of_topic(topics))["http"]
    own = _parsed(text) if text and not default["disableSubscriptionOverrides"] else {}
    return dumped(
        {
            "healthyRetryPolicy": {**default["defaultHealthyRetryPolicy"], **(own.get("healthyRetryPolicy") or {})},
            "throttlePolicy": own.get("throttlePolicy") or default.get("defaultThrottlePolicy"),
            "requestPolicy": {**default["defaultRequestPolicy"], **(own.get("requestPolicy") or {})},
        }
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        return parsed(text)
    except Unreadable:
        raise DeliveryPolicyInvalid("DeliveryPolicy: failed to parse JSON.") from None


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DeliveryPolicyInvalid(f"DeliveryPolicy: {name} must be a JSON object")
    return value


def _check_names(policy: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for name in policy:
        if name not in known:
            raise DeliveryPolicyInvalid(f"DeliveryPolicy: Unexpected JSON member: {prefix}{name}")


def _check_retries(value: Any, path: str) -> None:
    if value is None:
        return
    retries = {**_RETRIES, **_object(value, path)}
    _check_names(retries, set(_RETRIES), f"{path}.")
    for name, (least, most) in _LIMITS.items():
        _check_number(retries[name], least, most, f"{path}.{name}")
    if retries["backoffFunction"] not in _BACKOFFS:
        raise DeliveryPolicyInvalid(f"DeliveryPolicy: {path}.backoffFunction must be one of {', '.join(_BACKOFFS)}")
    if retries["minDelayTarget"] > retries["maxDelayTarget"]:
        raise DeliveryPolicyInvalid(f"DeliveryPolicy: {path}.maxDelayTarget must be greater than or equal to minDelayTarget")
    phases = ("numNoDelayRetries", "numMinDelayRetries", "numMaxDelayRetries")
    if sum(retries[name] for name in phases) > retries["numRetries"]:
        raise DeliveryPolicyInvalid(f"DeliveryPolicy: {path}.numRetries must be greater than or equal to the sum of its phases")


def _check_throttle(value: Any, path: str) -> None:
    if value is not None:
        throttle = _object(value, path)
        if throttle.get("maxReceivesPerSecond") is not None:
            _check_number(throttle["maxReceivesPerSecond"], 1, None, f"{path}.maxReceivesPerSecond")


def _check_request(value: Any, path: str) -> None:
    if value is not None:
        request = _object(value, path)
        _check_names(request, set(_REQUEST), f"{path}.")
        if not isinstance(request.get("headerContentType", ""), str):
            raise DeliveryPolicyInvalid(f"DeliveryPolicy: {path}.headerContentType must be a string")


def _check_number(value: Any, least: int, most: int | None, path: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise DeliveryPolicyInvalid(f"DeliveryPolicy: {path} must be an integer")
    if value < least:
        raise DeliveryPolicyInvalid(f"DeliveryPolicy: {path} must be greater than or equal to {least}")
    if most is not None and value > most:
        raise DeliveryPolicyInvalid(f"DeliveryPolicy: {path} must be less than or equal to {most}")
