"""What becomes of a request: whose it is, what it asks, and the answer's bytes. No sockets and no event loop.

Rule 1: the signature is verified before anything of the request is looked at, apart from what says which service it is for.
Rule 2: everything that AWS has a code for is answered in the envelope of the service's protocol; whatever else an operation
raises is a bug: 500 ``InternalError`` with the request id, and the traceback in the log.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sidedoor import errors
from sidedoor.aws import asking, documents, models, parse, refusals, serialize, signature
from sidedoor.aws.asking import Asked
from sidedoor.aws.models import DocumentProtocol, Protocol, Service
from sidedoor.aws.serialize import AnswerWriter
from sidedoor.aws.signature import HttpRequest, Signature
from sidedoor.identity.model import Caller

log = logging.getLogger("sidedoor.aws")
access_log = logging.getLogger("sidedoor.access")

MAX_BODY = 1024 * 1024
"""Bytes of a request's body. AWS's own limits are of this order."""

XML = ((b"content-type", b"text/xml;charset=UTF-8"),)


@dataclass(frozen=True, kw_only=True)
class Credential:
    """Whose an access key is. ``secret`` None: any signature is accepted (``--dev``)."""

    secret: str | None
    caller: Caller


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """A call that is authentic and well-formed. ``source`` is the client's address, ``user_agent`` what it calls itself."""

    service: str
    operation: str
    region: str
    caller: Caller
    request_id: str
    params: dict[str, Any]
    source: str | None
    user_agent: str | None = None


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
    headers: Sequence[tuple[bytes, bytes]] = ()


@dataclass
class Opened:
    """A request that was read: what is known of it, for the envelope of its answer and its line in the access log.

    ``document``: the protocol of its document, None where it has fields. It has an ``invocation`` where it is a call, or
    else an ``error``.
    """

    request_id: str
    document: DocumentProtocol | None = None
    service: Service | None = None
    operation: str | None = None
    caller: str | None = None
    invocation: Invocation | None = None
    error: errors.ApiError | None = None
    began: float = field(default_factory=time.perf_counter)


OK = "OK"

Heard = Callable[[Opened, str], None]
"""Is told of a request that was answered, with the code of its error or ``OK``. On any thread."""

Writers = Mapping[tuple[str, str, DocumentProtocol | None], AnswerWriter]
"""Service, operation and the protocol of the document, None for XML, to what writes the answer."""


def writers(services: Mapping[str, Service]) -> Writers:
    """What writes the answers of all operations that these services offer, in all protocols that they speak."""
    offered = [(service, operation) for service in services.values() for operation in service.offered]
    spoken: dict[tuple[str, str, DocumentProtocol | None], AnswerWriter] = {
        (service.name, operation, None): serialize.writer(service, operation) for service, operation in offered if service.form
    }
    for protocol in models.DOCUMENTS:
        spoken |= {
            (service.name, operation, protocol): documents.writer(service, operation, protocol)
            for service, operation in offered
            if protocol in service.protocols
        }
    return spoken


@dataclass(frozen=True)
class Door:
    """Where all requests come in. ``open`` and then ``answer``: neither raises, whatever the request is."""

    services: Mapping[str, Service]
    writers: Writers
    authenticate: Authenticate
    invoke: Invoke
    clock: Callable[[], datetime]
    heard: Heard | None = None

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
                write = self.writers[opened.invocation.service, opened.invocation.operation, opened.document]
                content = write(self.invoke(opened.invocation), opened.request_id)
        error = opened.error
        if error is not None:
            error = signature.for_protocol(error, opened.service.protocol if opened.service else "ec2")
            content = _error(opened, error)
        self._note(opened, error)
        return Reply(error.status if error else 200, content, _headers(opened, error))

    def repeat(self, opened: Opened, content: bytes) -> Reply:
        """Answers a call as it was answered before. Writes the access log."""
        self._note(opened, None)
        return Reply(200, content, _headers(opened, None))

    def _note(self, opened: Opened, error: errors.ApiError | None) -> None:
        _log_access(opened, error)
        if self.heard is not None:
            self.heard(opened, error.code if error else OK)

    def _read(self, arrival: Arrival, opened: Opened) -> None:
        opened.document = asking.protocol(arrival.http)
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
        asked = asking.read(arrival.http)
        opened.operation = refusals.shortened(asked.operation) or None
        operation = asking.operation(service, asked)
        opened.invocation = Invocation(
            service=service.name, operation=operation, region=claim.region, caller=caller, request_id=arrival.request_id,
            params=_params(service, operation, asked, arrival.http), source=arrival.source,
            user_agent=refusals.shortened(arrival.http.header("user-agent") or "") or None,
        )  # fmt: skip

    def _claim(self, request: HttpRequest, opened: Opened) -> Signature:
        """What the request's signature claims; it says which service the request is for."""
        try:
            claim = signature.read(request)
        except errors.ApiError:
            opened.service, asked = self._unsigned(request)
            if opened.service is not None and asked.operation in opened.service.unsigned:
                asking.operation(opened.service, asked)
            raise
        opened.service = models.by_scope(self.services, claim.service)
        return claim

    def _unsigned(self, request: HttpRequest) -> tuple[Service | None, Asked]:
        """The service and the operation that a request without a sound signature seems to be for."""
        try:
            asked = asking.read(request)
        except errors.ApiError:
            return None, Asked(protocol=None, operation="")
        if asked.protocol is not None:
            return models.by_target(self.services, asked.target), asked
        return models.by_request(self.services, asked.version, asked.operation), asked

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


def _params(service: Service, operation: str, asked: Asked, request: HttpRequest) -> dict[str, Any]:
    if asked.protocol is None:
        return parse.read(service, operation, asked.fields)
    return documents.read(service, operation, asked.protocol, request.body)


def _document(opened: Opened) -> tuple[Service, DocumentProtocol] | None:
    """The service and the protocol of the document that answers a request; None where it is answered in XML."""
    service = opened.service
    if service is None:
        return None
    protocol: Protocol = opened.document if opened.document in service.protocols else service.protocol
    return (service, protocol) if protocol in (models.JSON, models.CBOR) else None


def _error(opened: Opened, error: errors.ApiError) -> bytes:
    spoken = _document(opened)
    return (
        documents.write_error(spoken[0], error, spoken[1])
        if spoken
        else serialize.write_error(opened.service, error, opened.request_id)
    )


def _headers(opened: Opened, error: errors.ApiError | None) -> Sequence[tuple[bytes, bytes]]:
    spoken = _document(opened)
    return documents.headers(spoken[0], error, spoken[1]) if spoken else XML


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
