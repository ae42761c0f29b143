"""The protocols of subscriptions: what an endpoint of each looks like, and whether it has to say yes first. Pure.

SNS API reference, ``Subscribe``; the messages are recorded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sidedoor.ids import Arn

ALWAYS_ASKED = frozenset(("http", "https", "email", "email-json"))
"""Protocols whose endpoint has to confirm, whoever subscribes it."""


_LONGEST_TELEPHONE = 31


class EndpointInvalid(ValueError):
    """The message says why."""


def check_endpoint(protocol: str, endpoint: str) -> None:
    """Raises ``EndpointInvalid`` where there is no such protocol, or an endpoint of it cannot be called this."""
    if protocol not in _CHECKS:
        raise EndpointInvalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if not endpoint:
        raise EndpointInvalid("Endpoint")
    _CHECKS[protocol](protocol, endpoint)


def is_confirmed_at_once(protocol: str, endpoint: str, subscriber: str) -> bool:
    """Whether the subscriber, an account, may decide for this endpoint: it is its own, or a telephone."""
    if protocol in ALWAYS_ASKED:
        return False
    arn = Arn.parse(endpoint)
    return arn is None or arn.account == subscriber


def _url(protocol: str, endpoint: str) -> None:
    if not re.fullmatch(rf"{protocol}://[^\s/]\S*", endpoint):
        raise EndpointInvalid("Endpoint must match the specified protocol")


def _address(protocol: str, endpoint: str) -> None:
    if not re.fullmatch(r"[^@\s;,<>]+@[^@\s;,<>]+", endpoint):
        raise EndpointInvalid("Email address")


def _telephone(protocol: str, endpoint: str) -> None:
    """Digits, between which a single dot, slash or hyphen may stand."""
    if len(endpoint) > _LONGEST_TELEPHONE or not re.fullmatch(r"\+?[1-9][0-9]*(?:[./-][0-9]+)*", endpoint, re.ASCII):
        raise EndpointInvalid(f"Invalid SMS endpoint: {endpoint}")


def _queue(protocol: str, endpoint: str) -> None:
    arn = Arn.parse(endpoint)
    if arn is None or arn.service != "sqs" or not re.fullmatch(r"[A-Za-z0-9_-]+(\.fifo)?", arn.resource):
        raise EndpointInvalid("SQS endpoint ARN")
    if arn.resource.endswith(".fifo"):
        reason = "FIFO SQS Queues can not be subscribed to standard SNS topics"
        raise EndpointInvalid(f"Invalid parameter: Endpoint Reason: {reason}")  # SNS says "Invalid parameter" twice


def _function(protocol: str, endpoint: str) -> None:
    _resource("lambda", "function:", "Lambda endpoint ARN", endpoint)


def _stream(protocol: str, endpoint: str) -> None:
    _resource("firehose", "deliverystream/", "Firehose endpoint ARN", endpoint)


def _device(protocol: str, endpoint: str) -> None:
    _resource("sns", "endpoint/", f"Application endpoint arn invalid:{endpoint}", endpoint)


def _resource(service: str, prefix: str, refusal: str, endpoint: str) -> None:
    arn = Arn.parse(endpoint)
    if arn is None or arn.service != service or not arn.resource.startswith(prefix) or arn.resource == prefix:
        raise EndpointInvalid(refusal)


_CHECKS: Mapping[str, Callable[[str, str], None]] = {
    "http": _url,
    "https": _url,
    "email": _address,
    "email-json": _address,
    "sms": _telephone,
    "sqs": _queue,
    "application": _device,
    "lambda": _function,
    "firehose": _stream,
}
