"""The AWS API over HTTP: one door for all services. Who may call, and what a call does, is given to it.

Rule 1: the signature is verified before anything of the request is looked at, apart from what says which service it is for.
Rule 2: everything that AWS has a code for is answered in the envelope of the service's protocol; whatever else an operation
raises is a bug: 500 ``InternalError`` with the request id, and the traceback in the log.
Rule 3: the event loop only reads and writes; a call runs in one hop on a worker thread.
"""

from __future__ import annotations

import contextlib
import logging
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sidedoor import errors
from sidedoor.aws import models, parse, refusals, serialize, signature
from sidedoor.aws.models import Service
from sidedoor.aws.serialize import AnswerWriter
from sidedoor.aws.signature import HttpRequest, Signature
from sidedoor.identity.model import Caller

log = logging.getLogger("sidedoor.aws")
access_log = logging.getLogger("sidedoor.access")

MAX_BODY = 1024 * 1024
"""Bytes of a request's body. AWS's own limits are of this order."""


@dataclass(frozen=True, kw_only=True)
class Credential:
    """Whose an access key is. ``secret`` None: any signature is accepted (``--dev``)."""

    secret: str | None
    caller: Caller


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """A call that is authentic and well-formed. ``source`` is the client's address."""

    service: str
    operation: str
    region: str
    caller: Caller
    request_id: str
    params: dict[str, Any]
    source: str | None


Authenticate = Callable[[str, str | None], Credential]
"""Access key id and session token to credential. Raises ``InvalidClientTokenId``, ``ExpiredToken``."""

Invoke = Callable[[Invocation], Mapping[str, Any]]
"""Carries out a call. Raises an ``ApiError`` or returns the answer in the output shape."""


def application(
    *,
    table: Mapping[str, Collection[str]],
    authenticate: Authenticate,
    invoke: Invoke,
    clock: Callable[[], datetime],
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The ASGI application that offers the operations of ``table`` (service -> operation names), and before them ``routes``.

    ``authenticate`` and ``invoke`` are plain functions and may block.
    """
    services = models.load(table)
    writers = {(s.name, operation): serialize.writer(s, operation) for s in services.values() for operation in s.offered}
    door = _Door(services, writers, authenticate, invoke, clock)

    async def call(request: Request) -> Response:
        try:
            body = await _body(request)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        return await run_in_threadpool(door.answer, _arrival(request, body))

    return Starlette(routes=[*routes, Route("/{path:path}", call, methods=["GET", "POST"])])


@dataclass(frozen=True, kw_only=True)
class _Arrival:
    """A request as it came in. ``oversized``: its body was not read."""

    request_id: str
    http: HttpRequest
    oversized: bool
    source: str | None


@dataclass
class _Seen:
    """What is known of a call so far: the envelope of its answer and its line in the access log."""

    service: Service | None = None
    operation: str | None = None
    caller: str | None = None


@dataclass(frozen=True)
class _Door:
    services: Mapping[str, Service]
    writers: Mapping[tuple[str, str], AnswerWriter]
    authenticate: Authenticate
    invoke: Invoke
    clock: Callable[[], datetime]

    def answer(self, arrival: _Arrival) -> Response:
        """The response to a request, whatever the request is. Writes the access log."""
        began = time.perf_counter()
        seen = _Seen()
        error: errors.ApiError | None = None
        content = b""
        try:
            content = self._perform(arrival, seen)
        except errors.ApiError as refusal:
            error = signature.for_protocol(refusal, seen.service.protocol if seen.service else "ec2")
        except Exception:
            context = {"action": "api.internal_error", "request_id": arrival.request_id}
            log.exception("%s failed", seen.operation or "A call", extra=context)
            error = errors.InternalError(request_id=arrival.request_id)
        _log_access(arrival.request_id, seen, error, time.perf_counter() - began)
        if error is not None:
            content = serialize.write_error(seen.service, error, arrival.request_id)
        return _response(content, error, arrival)

    def _claim(self, request: HttpRequest, seen: _Seen) -> Signature:
        """What the request's signature claims; it says which service the request is for."""
        try:
            claim = signature.read(request)
        except errors.ApiError:
            seen.service = self._unsigned(request)
            raise
        seen.service = models.by_scope(self.services, claim.service)
        return claim

    def _unsigned(self, request: HttpRequest) -> Service | None:
        """The service that a request without a sound signature seems to be for, by its Version or its Action."""
        try:
            given = parse.fields(request.query, request.body)
        except errors.ApiError:
            return None
        return models.by_request(self.services, given.get("Version"), given.get("Action"))

    def _perform(self, arrival: _Arrival, seen: _Seen) -> bytes:
        if arrival.oversized:
            with contextlib.suppress(errors.ApiError):
                self._claim(arrival.http, seen)
            raise errors.RequestEntityTooLarge(limit=MAX_BODY)
        claim = self._claim(arrival.http, seen)
        service = seen.service
        if service is None:
            raise errors.InvalidAction(f"Sidedoor does not have the service {refusals.shortened(claim.service)}.")
        caller = self._caller(arrival.http, claim)
        seen.caller = caller.arn
        given = parse.fields(arrival.http.query, arrival.http.body)
        seen.operation = refusals.shortened(given.get("Action", "")) or None
        operation = _operation(service, given)
        invocation = Invocation(
            service=service.name, operation=operation, region=claim.region, caller=caller, request_id=arrival.request_id,
            params=parse.read(service, operation, given), source=arrival.source,
        )  # fmt: skip
        return self.writers[service.name, operation](self.invoke(invocation), arrival.request_id)

    def _caller(self, request: HttpRequest, claim: Signature) -> Caller:
        credential = self.authenticate(claim.access_key_id, claim.session_token)
        if credential.secret is not None:
            signature.verify(request, claim, credential.secret, self.clock())
        return credential.caller


def _operation(service: Service, given: Mapping[str, str]) -> str:
    """The operation that the fields ask for, if the service offers it."""
    action, version = given.get("Action"), given.get("Version", service.version)
    if not action:
        raise errors.MissingAction
    # The first ELB signs for the same name as the second and has operations of the same names. EC2's old versions are
    # subsets of today's.
    if service.protocol == "query" and version != service.version:
        raise errors.InvalidAction(
            f"Could not find operation {refusals.shortened(action)} for version {refusals.shortened(version)}"
        )
    if action in service.offered:
        return action
    if action in service.known:
        raise errors.InvalidAction(f"The action {action} of {service.scope} is one that Sidedoor does not have.")
    raise errors.InvalidAction(action=refusals.shortened(action))


async def _body(request: Request) -> bytes | None:
    """The body, or None where it is over the limit; it is then not read to its end."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:12]) > MAX_BODY:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _arrival(request: Request, body: bytes | None) -> _Arrival:
    scope = request.scope
    http = HttpRequest(
        method=request.method,
        path=scope.get("raw_path", request.url.path.encode()).decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]],
        body=body or b"",
    )
    source = request.client.host if request.client else None
    return _Arrival(request_id=str(uuid.uuid4()), http=http, oversized=body is None, source=source)


def _response(content: bytes, error: errors.ApiError | None, arrival: _Arrival) -> Response:
    headers = {"x-amzn-RequestId": arrival.request_id, "Content-Type": "text/xml;charset=UTF-8"}
    if arrival.oversized:
        headers["Connection"] = "close"
    return Response(content, error.status if error else 200, headers)


def _log_access(request_id: str, seen: _Seen, error: errors.ApiError | None, seconds: float) -> None:
    service, operation = seen.service.name if seen.service else None, seen.operation
    status, code = (error.status, error.code) if error else (200, None)
    access_log.info(
        "%s %s answered %d", service or "-", operation or "-", status,
        extra={
            "action": "api.call", "request_id": request_id, "service": service, "operation": operation,
            "caller": seen.caller, "status": status, "code": code, "ms": round(seconds * 1000, 2),
        },
    )  # fmt: skip
