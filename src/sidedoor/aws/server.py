"""The AWS API over HTTP (ASGI): one door for all services, and beside it whatever routes its owner adds.

Rule 1: the event loop only reads and writes, and carries out what is sure to be quick; any other call takes one hop to a
worker thread.
Rule 2: nothing stands between the socket and the door: no router, no middleware (decision 0009).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sidedoor.aws import models
from sidedoor.aws.answers import Answers, Question
from sidedoor.aws.door import MAX_BODY, Arrival, Authenticate, Door, Heard, Invocation, Invoke, Reply, writers
from sidedoor.aws.signature import HttpRequest

MAX_QUICK_BODY = 16 * 1024
"""Bytes of a body that the event loop may read and verify by itself: a millisecond's work."""


@dataclass(frozen=True, kw_only=True)
class Quick:
    """What may be done on the event loop, where authenticating waits for nothing.

    ``includes``: whether a call waits for nothing either, and is answered by what is stored alone. ``version``: of what is
    stored, as ``Answers`` needs it.
    """

    includes: Callable[[Invocation], bool]
    version: Callable[[], int]


WORKERS = 32
"""Calls that are carried out at the same time; the store has as many connections."""


def application(
    *,
    table: Mapping[str, Collection[str]],
    authenticate: Authenticate,
    invoke: Invoke,
    clock: Callable[[], datetime],
    quick: Quick | None = None,
    routes: Sequence[Route | Mount] = (),
    heard: Heard | None = None,
) -> ASGIApp:
    """The ASGI application that offers the operations of ``table`` (service -> operation names), and before them ``routes``.

    ``authenticate`` and ``invoke`` are plain functions and may block. ``heard`` is told of what was answered.
    """
    services = models.load(table)
    door = Door(services, writers(services), authenticate, invoke, clock, heard)
    others = Starlette(routes=routes)
    paths, trees = {route.path for route in routes}, tuple(f"{one.path}/" for one in routes if isinstance(one, Mount))
    reply_to = _Replies(door, quick)

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in paths or scope["path"].startswith(trees):
            await others(scope, receive, send)
            return
        if scope["method"] not in ("GET", "POST"):
            await _send(send, 405, [(b"allow", b"GET, POST"), (b"content-length", b"0")], b"")
            return
        try:
            body = await _body(scope, receive)
        except _Gone:
            return
        arrival = _arrival(scope, body)
        reply = await reply_to.request(arrival)
        headers = [
            (b"x-amzn-requestid", arrival.request_id.encode()),
            *reply.headers,
            (b"content-length", str(len(reply.content)).encode()),
        ]
        if arrival.oversized:
            headers.append((b"connection", b"close"))
        await _send(send, reply.status, headers, reply.content)

    return call


class _Replies:
    """Where a request is replied to: at once, or by a worker."""

    def __init__(self, door: Door, quick: Quick | None) -> None:
        self._door, self._quick = door, quick
        self._answers = None if quick is None else Answers(quick.version)
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="call")

    async def request(self, arrival: Arrival) -> Reply:
        door = self._door
        if self._quick is None or self._answers is None or len(arrival.http.body) > MAX_QUICK_BODY:
            return await self._by_worker(lambda: door.answer(door.open(arrival)))
        opened = door.open(arrival)
        call = opened.invocation
        if call is None:
            return door.answer(opened)
        if self._quick.includes(call):
            asked = arrival.http.query, arrival.http.body
            question = Question(call.service, call.operation, call.region, call.caller, asked, opened.document)
            return self._answers.reply(door, opened, question)
        return await self._by_worker(lambda: door.answer(opened))

    async def _by_worker(self, work: Callable[[], Reply]) -> Reply:
        """What ``work`` comes back with. As ``run_in_executor``, without the chain of futures."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Reply] = loop.create_future()
        self._workers.submit(_do, work, loop, done)
        return await done


def _do(work: Callable[[], Reply], loop: asyncio.AbstractEventLoop, done: asyncio.Future[Reply]) -> None:
    """On a worker. Whatever comes of it, the one who waits is told: a door that raises must not leave a client hanging."""
    try:
        reply = work()
    except BaseException as error:
        loop.call_soon_threadsafe(_fail, done, error)
    else:
        loop.call_soon_threadsafe(_settle, done, reply)


def _settle(done: asyncio.Future[Reply], reply: Reply) -> None:
    if not done.done():  # the client may be gone
        done.set_result(reply)


def _fail(done: asyncio.Future[Reply], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)


class _Gone(Exception):
    """The client has gone before its request was read: there is nobody to answer."""


async def _body(scope: Scope, receive: Receive) -> bytes | None:
    """The body, or None where it is over the limit; it is then not read to its end. Raises ``_Gone``."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    if declared.isdigit() and int(declared[:12]) > MAX_BODY:
        return None
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            return None
    return body


def _arrival(scope: Scope, body: bytes | None) -> Arrival:
    http = HttpRequest(
        method=scope["method"],
        path=(scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body or b"",
    )
    client = scope.get("client")
    return Arrival(request_id=str(uuid.uuid4()), http=http, oversized=body is None, source=client[0] if client else None)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
