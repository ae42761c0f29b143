"""A client of the API over real HTTP, with botocore's serialiser and parser and nothing else: no retries, no pool, no session.

Its signature is a form without meaning, which ``--dev`` accepts: the access key id is the account.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

SCOPES = {"cloudwatch": "monitoring", "elbv2": "elasticloadbalancing"}


@cache
def described(service: str) -> ServiceModel:
    """botocore's model, whole."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def botocore_model(service: str, operation: str) -> OperationModel:
    return described(service).operation_model(operation)


def form_of(service: str) -> str:
    """The protocol with fields that the service speaks, which may be one of several."""
    return next(protocol for protocol in ("ec2", "query") if protocol in described(service).metadata["protocols"])


def botocore_asks(service: str, operation: str, params: dict[str, Any], protocol: str) -> AWSPreparedRequest:
    """The unsigned request in which botocore sends an input in this protocol."""
    model = botocore_model(service, operation)
    request = create_serializer(protocol).serialize_to_request(params, model)
    url = f"http://localhost{request['url_path']}"
    return AWSRequest(method="POST", url=url, data=request["body"], headers=request["headers"]).prepare()


def botocore_sends(service: str, operation: str, params: dict[str, Any]) -> str:
    """The form body in which botocore sends an input."""
    body = botocore_asks(service, operation, params, form_of(service)).body
    return body.decode() if isinstance(body, bytes) else body


def botocore_reads(
    service: str,
    operation: str,
    body: bytes,
    status: int = 200,
    *,
    protocol: str | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """What botocore makes of a response. ``ResponseMetadata`` stays in."""
    model = botocore_model(service, operation)
    parser = create_parser(protocol or form_of(service))
    return parser.parse({"body": body, "headers": headers, "status_code": status}, model.output_shape)


@dataclass(frozen=True)
class Reply:
    """An answer; ``code`` and ``message`` of an error, None of a success."""

    status: int
    body: bytes
    parsed: dict[str, Any]

    @property
    def code(self) -> str | None:
        return None if self.status == 200 else self.parsed.get("Error", {}).get("Code")

    @property
    def message(self) -> str | None:
        return None if self.status == 200 else self.parsed.get("Error", {}).get("Message")


def headers(account: str, service: str, region: str = "us-east-1") -> dict[str, str]:
    scope = f"{account}/20260102/{region}/{SCOPES.get(service, service)}/aws4_request"
    return {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "X-Amz-Date": "20260102T030405Z",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}",
    }


TRUSTED_SECONDS = 30.0
"""Half of what the server keeps an idle connection."""


@dataclass
class ApiClient:
    """One connection of one account, for one thread."""

    url: str
    account: str
    region: str = "us-east-1"
    timeout: float = 60
    _connection: http.client.HTTPConnection = field(init=False)
    _used: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=self.timeout)

    def ask(self, service: str, operation: str, /, **params: Any) -> Reply:
        """Raises an ``OSError`` or ``http.client.HTTPException`` where no answer came."""
        body = botocore_sends(service, operation, params)
        status, content = self.send(body.encode(), service)
        return Reply(status, content, botocore_reads(service, operation, content, status))

    def send(self, body: bytes, service: str) -> tuple[int, bytes]:
        """(status, body) of the answer to a form. A connection that was idle for long is not trusted: servers close those."""
        if time.monotonic() - self._used > TRUSTED_SECONDS:
            self._connection.close()  # the next request opens it again
        self._used = time.monotonic()
        try:
            self._connection.request("POST", "/", body, headers(self.account, service, self.region))
            response = self._connection.getresponse()
            return response.status, response.read()
        except BaseException:
            self._connection.close()
            raise

    def must(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        """The answer of a call that has to succeed."""
        reply = self.ask(service, operation, **params)
        assert reply.status == 200, f"{operation} answered {reply.status} {reply.code}: {reply.message}"
        reply.parsed.pop("ResponseMetadata")
        return reply.parsed

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
