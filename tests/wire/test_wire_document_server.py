"""The server asked with documents: which operation is meant, who asks, and in which envelope it answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import cbor2
import httpx
import pytest
from botocore.awsrequest import AWSPreparedRequest
from wire_requests import CALLER, HOST, Server, signed, signed_document
from wire_samples import botocore_reads

from sidedoor.aws.door import MAX_BODY, Invocation
from sidedoor.aws.models import CBOR, JSON, DocumentProtocol

SERVER = Server()
TARGET = "GraniteServiceVersion20100801"
TYPES = {JSON: "application/x-amz-json-1.0", CBOR: "application/cbor"}
QUERY: dict[str, Any] = {
    "MetricDataQueries": [{"Id": "a", "Expression": "1"}], "StartTime": datetime(2026, 1, 2, tzinfo=UTC),
    "EndTime": datetime(2026, 1, 3, tzinfo=UTC),
}  # fmt: skip

both = pytest.mark.parametrize("protocol", [JSON, CBOR])


@pytest.fixture
def server() -> Server:
    """One application for all tests; what it was asked is forgotten."""
    SERVER.invocations.clear()
    SERVER.answer = lambda invocation: {}
    return SERVER


def ask(server: Server, protocol: DocumentProtocol, operation: str = "ListMetrics", **changes: Any) -> httpx.Response:
    return server.send(signed_document("cloudwatch", operation, changes.pop("params", {}), protocol, **changes))


def error_of(response: httpx.Response, protocol: DocumentProtocol) -> tuple[int, str, str, str]:
    """Status, name, message and old code of an error, which must be a document of the protocol and have a request id."""
    assert response.headers["content-type"] == TYPES[protocol]
    assert response.headers.get("smithy-protocol") == ("rpc-v2-cbor" if protocol == CBOR else None)
    assert response.headers["x-amzn-requestid"]
    document = cbor2.loads(response.content) if protocol == CBOR else json.loads(response.content)
    assert document.keys() == {"__type", "message"}
    code, side = response.headers["x-amzn-query-error"].split(";")
    assert side == ("Sender" if response.status_code < 500 else "Receiver")
    return response.status_code, document["__type"].removeprefix("com.amazonaws.cloudwatch#"), document["message"], code


@both
def test_a_call_reaches_its_operation_and_its_answer_comes_back(server: Server, protocol: DocumentProtocol) -> None:
    answer = {"MetricDataResults": [{"Id": "a", "Timestamps": [datetime(2026, 1, 2, 12, tzinfo=UTC)], "Values": [1.5]}]}
    server.answer = lambda invocation: answer
    response = ask(server, protocol, "GetMetricData", params=QUERY)
    assert (response.status_code, response.headers["content-type"]) == (200, TYPES[protocol])
    found = botocore_reads("cloudwatch", "GetMetricData", response.content, protocol=protocol, headers=dict(response.headers))
    request_id = found.pop("ResponseMetadata")["RequestId"]
    assert found == answer
    assert server.invocations == [
        Invocation(
            service="cloudwatch", operation="GetMetricData", region="us-east-1", caller=CALLER, request_id=request_id,
            params=QUERY, source="127.0.0.1", user_agent=f"python-httpx/{httpx.__version__}",
        )
    ]  # fmt: skip


def test_the_same_operation_is_asked_for_with_fields(server: Server) -> None:
    server.answer = lambda invocation: {"Metrics": [{"MetricName": "a"}]}
    response = server.send(signed({"Action": "ListMetrics", "Version": "2010-08-01", "Namespace": "b"}, service="monitoring"))
    assert response.headers["content-type"] == "text/xml;charset=UTF-8"
    assert botocore_reads("cloudwatch", "ListMetrics", response.content)["Metrics"] == [{"MetricName": "a"}]
    assert server.invocations[0].params == {"Namespace": "b"}


@pytest.mark.parametrize(
    ("changes", "code", "name"),
    [
        ({"secret": "wrong"}, "SignatureDoesNotMatch", "InvalidSignatureException"),
        ({"key": "AKIAUNKNOWN"}, "InvalidClientTokenId", "UnrecognizedClientException"),
    ],
)
@both
def test_who_is_not_who_they_say_is_refused(
    server: Server, changes: dict[str, str], code: str, name: str, protocol: DocumentProtocol
) -> None:
    status, called, _, old = error_of(ask(server, protocol, **changes), protocol)
    assert (status, called, old) == (403, name, code)
    assert server.invocations == []


@both
def test_a_body_or_an_operation_that_was_not_signed_is_refused(server: Server, protocol: DocumentProtocol) -> None:
    def altered(request: AWSPreparedRequest, body: bytes, url: str, target: str) -> httpx.Response:
        headers = dict(request.headers.items())
        if "X-Amz-Target" in headers:
            headers["X-Amz-Target"] = target
        return server.ask("POST", url, headers=headers, content=body)

    request = signed_document("cloudwatch", "ListMetrics", {"Namespace": "a"}, protocol)
    other = signed_document("cloudwatch", "GetMetricData", QUERY, protocol)
    target, another = (one.headers.get("X-Amz-Target", "") for one in (request, other))
    assert altered(request, request.body, request.url, target).status_code == 200
    for response in (altered(request, other.body, request.url, target), altered(request, request.body, other.url, another)):
        assert error_of(response, protocol)[3] == "SignatureDoesNotMatch"
    assert len(server.invocations) == 1


@both
def test_a_request_without_a_signature_is_refused_in_the_envelope_of_its_target(
    server: Server, protocol: DocumentProtocol
) -> None:
    request = signed_document("cloudwatch", "ListMetrics", {}, protocol)
    headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
    response = server.ask("POST", request.url, headers=headers, content=request.body)
    assert error_of(response, protocol)[:2] == (403, "MissingAuthenticationTokenException")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (f"{TARGET}.ListDashboards", "The action ListDashboards of monitoring is one that Sidedoor does not have."),
        (f"{TARGET}.Frobnicate", "The action Frobnicate is not valid for this web service."),
        ("CloudTrail_20131101.ListMetrics", "monitoring has no operation ListMetrics of CloudTrail_20131101 there."),
        (f"{TARGET}.", "The request must contain the parameter Action."),
    ],
)
def test_an_operation_that_is_not_there_is_unknown(server: Server, target: str, message: str) -> None:
    service, _, operation = target.rpartition(".")
    asked = {
        JSON: ("/", {"X-Amz-Target": target}),
        CBOR: (f"/service/{service}/operation/{operation}", {"Smithy-Protocol": "rpc-v2-cbor"}),
    }
    for protocol, (path, headers) in asked.items():
        response = server.send(signed(b"", service="monitoring", path=path, headers=headers))
        status, name, said, _ = error_of(response, protocol)
        assert (status, name) == (400, "UnknownOperationException")
        assert said == (message if operation or protocol == JSON else "The request must contain the parameter Action.")
    assert server.invocations == []


@both
def test_a_service_that_speaks_no_documents_says_so_in_its_own_words(server: Server, protocol: DocumentProtocol) -> None:
    path, headers = "/service/AmazonEC2/operation/DescribeVpcs", {"Smithy-Protocol": "rpc-v2-cbor"}
    if protocol == JSON:
        path, headers = "/", {"X-Amz-Target": "AmazonEC2.DescribeVpcs"}
    response = server.send(signed(b"", service="ec2", path=path, headers=headers))
    assert response.headers["content-type"] == "text/xml;charset=UTF-8"
    assert botocore_reads("ec2", "DescribeVpcs", response.content, 400)["Error"]["Code"] == "InvalidAction"


@both
def test_what_is_no_document_is_refused(server: Server, protocol: DocumentProtocol) -> None:
    request = signed_document("cloudwatch", "ListMetrics", {}, protocol)
    path = request.url.removeprefix(f"http://{HOST}")
    headers = {name: value for name, value in request.headers.items() if name in ("X-Amz-Target", "smithy-protocol")}
    response = server.send(signed(b"\xff{", service="monitoring", path=path, headers=headers))
    assert error_of(response, protocol)[1] == "SerializationException"


@both
def test_what_breaks_is_an_internal_failure(server: Server, protocol: DocumentProtocol) -> None:
    def broken(invocation: Invocation) -> dict[str, Any]:
        raise RuntimeError("broken")

    server.answer = broken
    status, name, _, code = error_of(ask(server, protocol), protocol)
    assert (status, name, code) == (500, "InternalFailure", "InternalError")


@both
def test_a_document_over_the_limit_is_refused_in_its_protocol(server: Server, protocol: DocumentProtocol) -> None:
    request = signed_document("cloudwatch", "ListMetrics", {}, protocol)
    response = server.ask("POST", request.url, headers={**request.headers, "Content-Length": str(MAX_BODY + 1)}, content=b"x")
    assert error_of(response, protocol)[:2] == (413, "RequestEntityTooLarge")


def test_an_unsigned_request_for_nobody_is_answered_all_the_same(server: Server) -> None:
    for headers in ({"X-Amz-Target": "Nobody.Nothing"}, {"X-Amz-Target": ""}, {"Smithy-Protocol": "rpc-v2-cbor"}):
        response = server.ask("POST", f"http://{HOST}/", headers=headers, content=b"")
        assert (response.status_code, response.headers["content-type"]) == (403, "text/xml;charset=UTF-8")
