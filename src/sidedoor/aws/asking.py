"""Which protocol a request is written in, and which operation it asks for: before anybody knows whether it may.

There are three ways to ask: with fields (``ec2``, ``query``), whose ``Action`` is the operation; with a JSON document, whose
operation stands in the header ``X-Amz-Target``; and with a CBOR document (Smithy RPC v2), whose operation stands in the path.

https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sidedoor import errors
from sidedoor.aws import parse, refusals
from sidedoor.aws.models import CBOR, JSON, DocumentProtocol, Service
from sidedoor.aws.signature import HttpRequest

_PATH = re.compile(r"/service/(?:[^/]*\.)?([^/.]+)/operation/([^/]+)$")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request asks for. ``operation`` is empty where it does not say.

    ``protocol``: how its document is written, None where it has fields. A request with fields names its service by a
    ``version``, if it does, and one with a document by a ``target``.
    """

    protocol: DocumentProtocol | None
    operation: str
    target: str = ""
    version: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


def protocol(request: HttpRequest) -> DocumentProtocol | None:
    """The protocol of a request with a document, by its headers; None for one with fields."""
    if request.header("smithy-protocol") == "rpc-v2-cbor":
        return CBOR
    return JSON if request.header("x-amz-target") is not None else None


def read(request: HttpRequest) -> Asked:
    """Raises ``MalformedQueryString``."""
    spoken = protocol(request)
    if spoken == CBOR:
        found = _PATH.search(request.path)
        return Asked(protocol=CBOR, target=found[1] if found else "", operation=found[2] if found else "")
    if spoken == JSON:
        target, _, operation = (request.header("x-amz-target") or "").rpartition(".")
        return Asked(protocol=JSON, target=target, operation=operation)
    fields = parse.fields(request.query, request.body)
    return Asked(protocol=None, operation=fields.get("Action", ""), version=fields.get("Version"), fields=fields)


def operation(service: Service, asked: Asked) -> str:
    """The operation that is asked for, if the service offers it so. Raises ``MissingAction``, ``InvalidAction``."""
    named = refusals.shortened(asked.operation)
    if not asked.operation:
        raise errors.MissingAction
    if asked.protocol is not None and (asked.protocol not in service.protocols or asked.target != service.target):
        raise errors.InvalidAction(f"{service.scope} has no operation {named} of {refusals.shortened(asked.target)} there.")
    if asked.protocol is None and service.form is None:
        raise errors.InvalidAction(f"{service.scope} is not asked with fields: name the operation in X-Amz-Target.")
    # The first ELB signs for the same name as the second and has operations of the same names. EC2's old versions are
    # subsets of today's.
    version = service.version if asked.version is None else asked.version
    if service.form == "query" and version != service.version:
        raise errors.InvalidAction(f"Could not find operation {named} for version {refusals.shortened(version)}")
    if asked.operation in service.offered:
        return asked.operation
    if asked.operation in service.known:
        raise errors.InvalidAction(f"The action {asked.operation} of {service.scope} is one that Sidedoor does not have.")
    raise errors.InvalidAction(action=named)
