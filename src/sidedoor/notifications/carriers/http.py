"""Carries letters by HTTP and HTTPS, as SNS does.

SNS developer guide, "Amazon SNS message delivery retries" and "Parsing Amazon SNS message formats": a POST with headers that
say what it is; any 2xx is a delivery, another 4xx than 429 is the subscriber's last word, everything else is tried again.

Rule: a redirect is not followed, and no more of an answer is read than its status; but for a body that says that it is short,
since a connection can be used again only when its last answer was read.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress

import httpcore

from sidedoor.notifications import documents
from sidedoor.notifications.carriers.carrier import Undeliverable
from sidedoor.notifications.carriers.outbound import GuardedNetwork, Reach
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.notifications.letter import Letter
from sidedoor.notifications.model import MessageKind

AGENT = "Amazon Simple Notification Service Agent"

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0

BODY_SECONDS = 1.0

KEPT_SECONDS = 4.0
"""How long a connection is kept that nobody uses: many servers close theirs after five."""

SHORT = 4096
"""Bytes of an answer that are read to keep its connection."""

_TOO_MANY = 429


class HttpCarrier:
    def __init__(self, signer: Signer, reach: Reach, trusted: ssl.SSLContext | None = None) -> None:
        """``trusted``: whose certificates subscribers by HTTPS may have; by default those that the host trusts."""
        self._signer = signer
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted or ssl.create_default_context(), network_backend=GuardedNetwork(reach),
            max_connections=256, max_keepalive_connections=64, keepalive_expiry=KEPT_SECONDS,
        )  # fmt: skip

    async def carry(self, letter: Letter) -> None:
        timeouts = {"connect": CONNECT_SECONDS, "read": ANSWER_SECONDS, "write": ANSWER_SECONDS, "pool": ANSWER_SECONDS}
        try:
            async with self._pool.stream(
                "POST", letter.delivery.endpoint, headers=_headers(letter), content=self._content(letter),
                extensions={"timeout": timeouts},
            ) as answer:  # fmt: skip
                status = answer.status
                await _finish(answer)
        except (httpcore.UnsupportedProtocol, ValueError) as error:
            raise Undeliverable(f"{letter.delivery.endpoint} cannot be asked: {error}", final=True) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise Undeliverable(f"{type(error).__name__} {error}".strip()) from None
        if not 200 <= status < 300:
            raise Undeliverable(f"it answered {status}", final=300 <= status < 500 and status != _TOO_MANY)

    async def close(self) -> None:
        await self._pool.aclose()

    def _content(self, letter: Letter) -> bytes:
        if letter.raw:
            return letter.text.encode()
        return self._signer.dumped(letter).encode()


async def _finish(answer: httpcore.Response) -> None:
    """Reads a body that says that it is short. What becomes of it changes nothing: the status was the answer."""
    length = next((value for name, value in answer.headers if name.lower() == b"content-length"), b"")
    if length.isdigit() and int(length) <= SHORT:
        with suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
            async with asyncio.timeout(BODY_SECONDS):
                await answer.aread()


def _headers(letter: Letter) -> list[tuple[str, str]]:
    message = letter.message
    headers = [
        ("Content-Type", _content_type(letter)),
        ("User-Agent", AGENT),
        ("x-amz-sns-message-type", message.kind.value),
        ("x-amz-sns-message-id", message.id),
        ("x-amz-sns-topic-arn", message.topic_arn),
    ]
    if message.kind is not MessageKind.SUBSCRIPTION_CONFIRMATION:
        headers.append(("x-amz-sns-subscription-arn", letter.delivery.subscription_id))
    if letter.raw:
        headers.append(("x-amz-sns-rawdelivery", "true"))
    return headers


def _content_type(letter: Letter) -> str:
    policy = documents.parsed(letter.delivery_policy)
    return str(policy["requestPolicy"]["headerContentType"])
