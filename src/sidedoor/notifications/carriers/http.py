"""Carries letters by HTTP and HTTPS, as SNS does.

SNS developer guide, "Amazon SNS message delivery retries" and "Parsing Amazon SNS message formats": a POST with headers that
say what it is; any 2xx is a delivery, another 4xx than 429 is the subscriber's last word, everything else is tried again.

Rule: a redirect is not followed, and no more of an answer is read than its status; but for a body that says that it is short,
since a connection can be used again only when its last answer was read.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache

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

MOST = 32
"""Connections to one subscriber, who never has so many letters under way (``postman``)."""

SHORT = 4096
"""Bytes of an answer that are read to keep its connection."""

_TOO_MANY = 429


@dataclass
class _Line:
    """The connections to one subscriber. ``users``: how many letters are on their way over them."""

    pool: httpcore.AsyncConnectionPool
    users: int = 0
    end: asyncio.TimerHandle | None = None


class HttpCarrier:
    """Each subscriber has connections of its own: httpcore looks at all of a pool's for every request."""

    def __init__(self, signer: Signer, reach: Reach, trusted: ssl.SSLContext | None = None) -> None:
        """``trusted``: whose certificates subscribers by HTTPS may have; by default those that the host trusts."""
        self._signer = signer
        self._trusted, self._network = trusted or ssl.create_default_context(), GuardedNetwork(reach)
        self._lines: dict[str, _Line] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def carry(self, letter: Letter) -> None:
        timeouts = {"connect": CONNECT_SECONDS, "read": ANSWER_SECONDS, "write": ANSWER_SECONDS, "pool": ANSWER_SECONDS}
        try:
            with self._line(letter.delivery.subscription_id) as pool:
                async with pool.stream(
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
        lines, self._lines = self._lines, {}
        for line in lines.values():
            if line.end is not None:
                line.end.cancel()
            await line.pool.aclose()
        await asyncio.gather(*self._closing)

    @contextmanager
    def _line(self, subscription_id: str) -> Iterator[httpcore.AsyncConnectionPool]:
        line = self._lines.get(subscription_id)
        if line is None:
            line = self._lines[subscription_id] = _Line(self._pool())
        if line.end is not None:
            line.end.cancel()
            line.end = None
        line.users += 1
        try:
            yield line.pool
        finally:
            line.users -= 1
            if line.users == 0:
                line.end = asyncio.get_running_loop().call_later(KEPT_SECONDS, self._hang_up, subscription_id)

    def _hang_up(self, subscription_id: str) -> None:
        """Closes the connections to a subscriber whom nobody has written to for a while."""
        task = asyncio.create_task(self._lines.pop(subscription_id).pool.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _pool(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._trusted, network_backend=self._network, max_connections=MOST, keepalive_expiry=KEPT_SECONDS
        )

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
        ("Content-Type", _content_type(letter.delivery_policy)),
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


@lru_cache(maxsize=1024)
def _content_type(delivery_policy: str) -> str:
    policy = documents.parsed(delivery_policy)
    return str(policy["requestPolicy"]["headerContentType"])
