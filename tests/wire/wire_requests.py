"""Requests signed by botocore's own signers, and an application to send them to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.credentials import Credentials
from starlette.routing import Mount, Route
from wire_samples import SERVICES

from api_client import botocore_asks
from sidedoor import errors
from sidedoor.aws.door import Credential, Invocation
from sidedoor.aws.server import Quick, application
from sidedoor.aws.signature import HttpRequest
from sidedoor.identity.model import Caller, CallerKind

KEY = "AKIAIOSFODNN7EXAMPLE"
DEV_KEY = "111111111111"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "session/token+with=signs"
HOST = "localhost:4680"

CALLER = Caller(
    account="111111111111", arn="arn:aws:iam::111111111111:root", user_id="111111111111",
    principal="arn:aws:iam::111111111111:root", kind=CallerKind.ROOT, access_key_id=KEY,
)  # fmt: skip


def signed(
    fields: Mapping[str, str] | bytes | str,
    *,
    service: str = "ec2",
    region: str = "us-east-1",
    secret: str = SECRET,
    key: str = KEY,
    token: str | None = None,
    path: str = "/",
    headers: Mapping[str, str] | None = None,
) -> AWSPreparedRequest:
    """A POST with an Authorization header. ``service`` is the credential scope's."""
    data = urlencode(fields) if isinstance(fields, Mapping) else fields
    sent = {"Host": HOST, "Content-Type": "application/x-www-form-urlencoded; charset=utf-8", **(headers or {})}
    request = AWSRequest(method="POST", url=f"http://{HOST}{path}", data=data, headers=sent)
    SigV4Auth(Credentials(key, secret, token), service, region).add_auth(request)
    return request.prepare()


def signed_document(
    service: str, operation: str, params: dict[str, Any], protocol: str, *, secret: str = SECRET, key: str = KEY
) -> AWSPreparedRequest:
    """The request in which botocore asks for an operation in a protocol of documents. ``service`` is botocore's name."""
    asked = botocore_asks(service, operation, params, protocol)
    path, headers = urlsplit(asked.url).path, dict(asked.headers.items())
    return signed(asked.body or b"", service=SERVICES[service].scope, secret=secret, key=key, path=path, headers=headers)


def presigned(
    fields: Mapping[str, str], *, service: str = "ec2", expires: int = 60, token: str | None = None, secret: str = SECRET
) -> AWSPreparedRequest:
    request = AWSRequest(method="GET", url=f"http://{HOST}/?{urlencode(fields)}", headers={"Host": HOST})
    SigV4QueryAuth(Credentials(KEY, secret, token), service, "us-east-1", expires=expires).add_auth(request)
    return request.prepare()


def as_received(request: AWSPreparedRequest) -> HttpRequest:
    """A request as the server sees it."""
    body = request.body or b""
    url = urlsplit(request.url)
    return HttpRequest(
        method=request.method, path=url.path, query=url.query,
        headers=[(name.lower(), _text(value)) for name, value in request.headers.items()],
        body=body.encode() if isinstance(body, str) else body,
    )  # fmt: skip


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@dataclass
class Server:
    """The application with an ``invoke`` that remembers what it was asked and answers what it is told to."""

    table: Mapping[str, list[str]] = field(default_factory=lambda: {name: list(s.offered) for name, s in SERVICES.items()})
    answer: Callable[[Invocation], dict[str, Any]] = lambda invocation: {}
    routes: list[Route | Mount] = field(default_factory=list)
    quick: Quick | None = None
    invocations: list[Invocation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = application(
            table=self.table,
            authenticate=self._authenticate,
            invoke=self._invoke,
            clock=lambda: datetime.now(UTC),
            routes=self.routes,
            quick=self.quick,
        )

    @staticmethod
    def _authenticate(access_key_id: str, session_token: str | None) -> Credential:
        if access_key_id == DEV_KEY:
            return Credential(secret=None, caller=CALLER)
        if access_key_id != KEY:
            raise errors.InvalidClientTokenId
        if session_token not in (None, TOKEN):
            raise errors.ExpiredToken
        return Credential(secret=SECRET, caller=CALLER)

    def _invoke(self, invocation: Invocation) -> dict[str, Any]:
        self.invocations.append(invocation)
        return self.answer(invocation)

    def send(self, request: AWSPreparedRequest) -> httpx.Response:
        return self.ask(request.method, request.url, headers=dict(request.headers.items()), content=request.body or b"")

    def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app)) as client:
                return await client.request(method, url, **options)

        return asyncio.run(ask())
