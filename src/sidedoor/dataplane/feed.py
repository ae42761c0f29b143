"""The agent's end of its link to the control plane: follows the feed of wanted records, and sends reports.

Rule 1: a batch is handed over whole or not at all; what was not handled comes again.
Rule 2: the feed is followed for ever. A control plane that is gone, silent or talks nonsense only costs time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never

import httpx

from sidedoor.dataplane.cache import Change

SILENCE_SECONDS = 15.0
"""How long a stream may say nothing, not even ``ping``, before it counts as dead."""

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0

_URL = "http://control/v1"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes that belong together and lead to a revision. ``complete``: they are all that there is."""

    revision: int
    complete: bool
    changes: tuple[Change, ...]


Handle = Callable[[Batch], Awaitable[None]]


class ProtocolError(Exception):
    """The control plane sent what is no feed."""


class _Assembler:
    """Makes batches of a stream's bytes, however these are cut. Holds one stream's state and no more."""

    def __init__(self) -> None:
        self._rest = b""
        self._greeted = False
        self._complete = False
        self._changes: list[Change] = []

    def feed(self, chunk: bytes) -> Iterator[Batch]:
        """The batches that this part of the stream closes. Raises ``ProtocolError``."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            try:
                batch = self._take(json.loads(line))
            except (ValueError, LookupError, TypeError) as error:
                raise ProtocolError(f"no line of a feed: {line[:200]!r}") from error
            if batch is not None:
                yield batch

    def _take(self, message: dict[str, Any]) -> Batch | None:
        """Takes in one message. Types that this version does not know are left out."""
        match message["type"]:
            case "hello":
                self._greeted, self._complete = True, message["complete"]
            case _ if not self._greeted:
                raise ValueError("a feed begins with hello")
            case "record":
                self._changes.append((message["kind"], message["id"], message["document"]))
            case "revision":
                batch = Batch(message["value"], self._complete, tuple(self._changes))
                self._complete, self._changes = False, []
                return batch
        return None


class Feed:
    """The link to the control plane behind a Unix socket."""

    def __init__(self, path: Path, *, silence: float = SILENCE_SECONDS) -> None:
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(path), verify=False),
            timeout=httpx.Timeout(5.0, read=silence),
            trust_env=False,
        )

    async def follow(self, after: int | None, handle: Handle) -> Never:
        """Hands over what comes after a revision (None: everything), for ever.

        A batch counts as handled when ``handle`` returns. When it raises, the error is logged and the batch comes again.
        """
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            began = loop.time()
            try:
                async with contextlib.aclosing(self._batches(after)) as batches:
                    async for batch in batches:
                        await handle(batch)
                        after = batch.revision
            except (httpx.HTTPError, ProtocolError) as error:
                log.info("the feed broke off: %s", str(error) or type(error).__name__, extra={"action": "feed.broken"})
            except Exception:
                log.exception("a batch after revision %s could not be handled", after, extra={"action": "feed.unhandled"})
            if loop.time() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _batches(self, after: int | None) -> AsyncGenerator[Batch]:
        """One stream, until it ends. Raises ``httpx.HTTPError`` and ``ProtocolError``."""
        assembler = _Assembler()
        params = {} if after is None else {"after": after}
        async with self._client.stream("GET", f"{_URL}/feed", params=params) as response:
            response.raise_for_status()
            async for chunk in response.aiter_bytes():
                for batch in assembler.feed(chunk):
                    yield batch

    async def report(self, body: dict[str, Any]) -> None:
        """Tells the control plane what is. Raises ``httpx.HTTPError`` where it did not take it."""
        (await self._client.post(f"{_URL}/report", json=body)).raise_for_status()

    async def close(self) -> None:
        await self._client.aclose()
