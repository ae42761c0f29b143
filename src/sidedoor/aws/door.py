"""What becomes of a request: whose it is, what it asks, and the answer's bytes. No sockets and no event loop.

Rule 1: the signature is verified before anything of the request is looked at, apart from what says which service it is for.
Rule 2: everything that AWS has a code for is answered in the envelope of the service's protocol; whatever else an operation
raises is a bug: 500 ``InternalError`` with the request id, and the traceback in the log.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

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


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A request as it came in. ``oversized``: its body was not read."""

    request_id: str
    http: HttpRequest
    oversized: bool
    source: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back over HTTP."""

    status: int
    content: bytes


@dataclass
class Opened:
    """A request that was read: what is known of it, for the envelope of its answer and its line in the access log.

    It has an ``invocation`` where it is a call, or else an ``error``.
    """

    request_id: str
    service: Service | None = None
    operation: str | None = None
    caller: str | None = None
    invocation: Invocation | None = None
    error: errors.ApiError | None = None
    began: float = field(default_factory=time.perf_counter)


@dataclass(frozen=True)
class Door:
    """Where all requests come in. ``open`` and then ``answer``: neither raises, whatever the request is."""

    services: Mapping[str, Service]
    writers: Mapping[tuple[str, str], AnswerWriter]
    authenticate: Authenticate
    invoke: Invoke
    clock: Callable[[], datetime]

    def open(self, arrival: Arrival) -> Opened:
        """Finds out who asks for what."""
        opened = Opened(arrival.request_id)
        with _noting_errors(opened):
            self._read(arrival, opened)
        return opened

    def answer(self, opened: Opened) -> Reply:
        """Carries the call out, if it is one. Writes the access log."""
        content = b""
        if opened.invocation is not None:
            with _noting_errors(opened):
                write = self.writers[opened.invocation.service, opened.invocation.operation]
                content = write(self.invoke(opened.invocation), opened.request_id)
        error = opened.error
        if error is not None:
            error = signature.for_protocol(error, opened.service.protocol if opened.service else "ec2")
            content = serialize.write_error(opened.service, error, opened.request_id)
        _log_access(opened, error)
        return Reply(error.status if error else 200, content)

    def repeat(self, opened: Opened, content: bytes) -> Reply:
        """Answers a call as it was answered before. Writes the access log."""
        _log_access(opened, None)
        return Reply(200, content)

    def _read(self, arrival: Arrival, opened: Opened) -> None:
        if arrival.oversized:
            with contextlib.suppress(errors.ApiError):
                self._claim(arrival.http, opened)
            raise errors.RequestEntityTooLarge(limit=MAX_BODY)
        claim = self._claim(arrival.http, opened)
        service = opened.service
        if service is None:
            raise errors.InvalidAction(f"Sidedoor does not have the service {refusals.shortened(claim.service)}.")
        caller = self._caller(arrival.http, claim)
        opened.caller = caller.arn
        given = parse.fields(arrival.http.query, arrival.http.body)
        opened.operation = refusals.shortened(given.get("Action", "")) or None
        operation = _operation(service, given)
        opened.invocation = Invocation(
            service=service.name, operation=operation, region=claim.region, caller=caller, request_id=arrival.request_id,
            params=parse.read(service, operation, given), source=arrival.source,
        )  # fmt: skip

    def _claim(self, request: HttpRequest, opened: Opened) -> Signature:
        """What the request's signature claims; it says which service the request is for."""
        try:
            claim = signature.read(request)
        except errors.ApiError:
            opened.service, action = self._unsigned(request)
            if opened.service is not None and action in opened.service.unsigned:
                _operation(opened.service, {"Action": action})
            raise
        opened.service = models.by_scope(self.services, claim.service)
        return claim

    def _unsigned(self, request: HttpRequest) -> tuple[Service | None, str]:
        """The service and the operation that a request without a sound signature seems to be for."""
        try:
            given = parse.fields(request.query, request.body)
        except errors.ApiError:
            return None, ""
        action = given.get("Action", "")
        return models.by_request(self.services, given.get("Version"), action), action

    def _caller(self, request: HttpRequest, claim: Signature) -> Caller:
        credential = self.authenticate(claim.access_key_id, claim.session_token)
        if credential.secret is not None:
            signature.verify(request, claim, credential.secret, self.clock())
        return credential.caller


@contextlib.contextmanager
def _noting_errors(opened: Opened) -> Iterator[None]:
    """What is raised within becomes the request's error."""
    try:
        yield
    except errors.ApiError as refusal:
        opened.error = refusal
    except Exception:
        context = {"action": "api.internal_error", "request_id": opened.request_id}
        log.exception("%s failed", opened.operation or "A call", extra=context)
        opened.error = errors.InternalError(request_id=opened.request_id)


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


def _log_access(opened: Opened, error: errors.ApiError | None) -> None:
    service, operation = opened.service.name if opened.service else None, opened.operation
    status, code = (error.status, error.code) if error else (200, None)
    access_log.info(
        "%s %s answered %d", service or "-", operation or "-", status,
        extra={
            "action": "api.call", "request_id": opened.request_id, "service": service, "operation": operation,
            "caller": opened.caller, "status": status, "code": code,
            "ms": round((time.perf_counter() - opened.began) * 1000, 2),
        },
    )  # fmt: skip
