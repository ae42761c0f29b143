"""JSON and CBOR documents, with botocore as the client: of our operations, and of others whose shapes ours have not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

import cbor2
import pytest
from botocore.awsrequest import AWSPreparedRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_samples import SERVICES, botocore_model, sample
from wire_shapes import values_of

from api_client import botocore_asks, botocore_reads
from sidedoor import api, errors
from sidedoor.aws import documents, models
from sidedoor.aws.models import CBOR, JSON, DocumentProtocol
from sidedoor.aws.parse import MAX_DEPTH

OTHERS = {
    "dynamodb": ["BatchGetItem", "PutItem"],
    "resourcegroupstaggingapi": ["GetResources", "TagResources"],
    "sqs": ["DeleteQueue", "ReceiveMessage", "SendMessage"],
}
"""Services that are not ours: shapes within themselves, maps, blobs, operations without output."""

SPOKEN = {**SERVICES, **models.load(OTHERS)}
CASES = [
    (service, operation, protocol)
    for service, operations in {**api.OPERATIONS, **OTHERS}.items()
    for operation in operations
    for protocol in models.DOCUMENTS
    if protocol in SPOKEN[service].protocols
]
both = pytest.mark.parametrize("protocol", [JSON, CBOR])

WHEN = {"StartTime": datetime(2026, 1, 2, tzinfo=UTC), "EndTime": datetime(2026, 1, 3, tzinfo=UTC)}
STATISTICS = {"Namespace": "n", "MetricName": "m", **WHEN, "Period": 60, "Statistics": ["Sum"]}
POINT = {"Timestamp": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "Sum": 1.5}


def read(service: str, operation: str, protocol: DocumentProtocol, request: AWSPreparedRequest) -> dict[str, Any]:
    body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
    return documents.read(SPOKEN[service], operation, protocol, body)


def encoded(document: Any, protocol: DocumentProtocol) -> bytes:
    return cbor2.dumps(document, datetime_as_timestamp=True) if protocol == CBOR else json.dumps(document).encode()


def refusal(operation: str, document: Any, protocol: DocumentProtocol) -> errors.ApiError:
    body = document if isinstance(document, bytes) else encoded(document, protocol)
    with pytest.raises(errors.ApiError) as caught:
        documents.read(SERVICES["cloudwatch"], operation, protocol, body)
    return caught.value


def read_back(service: str, operation: str, protocol: DocumentProtocol, answer: dict[str, Any]) -> dict[str, Any]:
    body = documents.writer(SPOKEN[service], operation, protocol)(answer, "req-1")
    parsed = botocore_reads(service, operation, body, protocol=protocol)
    del parsed["ResponseMetadata"]
    return parsed


def in_seconds(value: Any) -> Any:
    """A value whose times are whole seconds: botocore sends no others, and is not exact in reading them."""
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    if isinstance(value, dict):
        return {name: in_seconds(one) for name, one in value.items()}
    return [in_seconds(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("service", "operation", "protocol"), CASES)
def test_what_botocore_sends_is_read_as_the_caller_wrote_it(service: str, operation: str, protocol: DocumentProtocol) -> None:
    shape = botocore_model(service, operation).input_shape

    @settings(max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(values_of(shape, "query", output=False).map(in_seconds))
    def whatever_it_is(params: dict[str, Any]) -> None:
        assert read(service, operation, protocol, botocore_asks(service, operation, params, protocol)) == params

    for thin in (False, True):
        params = in_seconds(sample(shape, Random(operation), thin=thin))
        assert read(service, operation, protocol, botocore_asks(service, operation, params, protocol)) == params
    whatever_it_is()


@pytest.mark.parametrize(("service", "operation", "protocol"), CASES)
def test_botocore_reads_the_answer_as_the_operation_gave_it(service: str, operation: str, protocol: DocumentProtocol) -> None:
    shape = botocore_model(service, operation).output_shape
    if shape is None:
        assert read_back(service, operation, protocol, {}) == {}
        return
    answer = in_seconds(sample(shape, Random(operation)))
    assert read_back(service, operation, protocol, answer) == answer

    @settings(max_examples=5, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(values_of(shape, "query", output=True).map(in_seconds))
    def whatever_it_is(answer: dict[str, Any]) -> None:
        assert read_back(service, operation, protocol, answer) == answer

    whatever_it_is()


@both
def test_what_is_absent_is_not_there_and_what_is_empty_is(protocol: DocumentProtocol) -> None:
    answer = {"Datapoints": [], "Label": None}
    assert read_back("cloudwatch", "GetMetricStatistics", protocol, answer) == {"Datapoints": []}
    assert documents.read(SERVICES["cloudwatch"], "ListMetrics", protocol, encoded({"Namespace": None}, protocol)) == {}


@pytest.mark.parametrize("answer", [
    {"Bogus": 1}, {"Datapoints": [{"Bogus": 1}]}, {"Datapoints": {}}, {"Datapoints": "text"}, {"Label": 7},
    {"Datapoints": [{"Timestamp": datetime(2026, 1, 1)}]}, {"Datapoints": [{"Sum": "many"}]},
])  # fmt: skip
@both
def test_an_answer_that_is_not_of_its_shape_is_our_bug(answer: dict[str, Any], protocol: DocumentProtocol) -> None:
    with pytest.raises((TypeError, ValueError)):
        documents.writer(SERVICES["cloudwatch"], "GetMetricStatistics", protocol)(answer, "req-1")


def test_times_are_seconds_since_the_epoch() -> None:
    write = {one: documents.writer(SERVICES["cloudwatch"], "GetMetricStatistics", one) for one in (JSON, CBOR)}
    answer = {"Datapoints": [POINT]}
    assert write[JSON](answer, "req-1") == b'{"Datapoints":[{"Timestamp":1767323045,"Sum":1.5}]}'
    later = {"Datapoints": [{"Timestamp": POINT["Timestamp"].replace(microsecond=678999)}]}
    assert write[JSON](later, "req-1") == b'{"Datapoints":[{"Timestamp":1767323045.678}]}'
    tagged = b"\xc1\x1a" + (1767323045).to_bytes(4)
    assert tagged in write[CBOR](answer, "req-1")
    assert b"\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00" in write[CBOR](answer, "req-1")  # 1.5 in 64 bits


@pytest.mark.parametrize(
    ("document", "code", "message"),
    [
        ({"Bogus": 1}, "ValidationError", "The parameter Bogus is not recognized"),
        ({"Dimensions": [{"Name": "a", "Bogus": 1}]}, "ValidationError", "The parameter Dimensions.member.1.Bogus is not"),
        ({"Dimensions": [{"Value": "a"}]}, "MissingParameter", "The parameter Dimensions.member.1.Name is required."),
        ({"Dimensions": {"Name": "a"}}, "InvalidParameterValue", "The value a dict for parameter Dimensions is invalid"),
        ({"Dimensions": [7]}, "InvalidParameterValue", "The value a int for parameter Dimensions.member.1 is invalid"),
        ({"Dimensions": [None]}, "InvalidParameterValue", "The value a NoneType for parameter Dimensions.member.1 is"),
        ({"Namespace": 7}, "InvalidParameterValue", "The value a int for parameter Namespace is invalid"),
        ({"Namespace": "\x00"}, "InvalidParameterValue", "The value \x00 for parameter Namespace is invalid"),
        ({"Namespace": ""}, "InvalidParameterValue", "The value  for parameter Namespace is invalid: it must have length"),
        ({"Namespace": ":a"}, "InvalidParameterValue", "The value :a for parameter Namespace is invalid: it must satisfy"),
        ({"IncludeLinkedAccounts": "true"}, "InvalidParameterValue", "The value true for parameter IncludeLinked"),
        ({"IncludeLinkedAccounts": 1}, "InvalidParameterValue", "The value a int for parameter IncludeLinkedAccounts"),
        ([], "SerializationException", "The request body is not a document of the protocol."),
        ("ListMetrics", "SerializationException", "The request body is not a document of the protocol."),
        (7, "SerializationException", "The request body is not a document of the protocol."),
    ],
)  # fmt: skip
@both
def test_what_the_shape_does_not_have_is_refused(document: Any, code: str, message: str, protocol: DocumentProtocol) -> None:
    error = refusal("ListMetrics", document, protocol)
    assert error.code == code
    assert error.message.startswith(message)


@pytest.mark.parametrize("changed", [
    {"Period": 60.5}, {"Period": "60"}, {"Period": True}, {"Period": 0}, {"Period": 1 << 31}, {"Period": 1 << 70},
    {"StartTime": "yesterday"}, {"StartTime": []}, {"StartTime": True}, {"StartTime": None}, {"Statistics": "Sum"},
])  # fmt: skip
@both
def test_a_value_of_another_type_is_refused(changed: dict[str, Any], protocol: DocumentProtocol) -> None:
    usual = STATISTICS if protocol == CBOR else {**STATISTICS, "StartTime": 1767312000, "EndTime": 1767398400.5}
    assert documents.read(SERVICES["cloudwatch"], "GetMetricStatistics", protocol, encoded(usual, protocol))["Period"] == 60
    assert refusal("GetMetricStatistics", {**usual, **changed}, protocol).code in ("InvalidParameterValue", "MissingParameter")


@pytest.mark.parametrize("body", [
    b"{", b"nonsense", b"\xff", b'{"Period":NaN}', b'{"a":1,"a":1}', b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000,
    b"{}{}",
])  # fmt: skip
def test_what_is_no_json_is_refused(body: bytes) -> None:
    assert refusal("ListMetrics", body, JSON).code == "SerializationException"


@pytest.mark.parametrize("body", [
    b"{}", b"\xff", b"\xa1", b"\xa1\x61a", b"\xa2\x61a\x01\x61a\x01", b"\xa0\xa0", b"\xa1\x01\x01", b"\x81" * 100_000,
    b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", b"\xa1\x61\xff\x01",
    b"\xc5\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01", b"\xd8\x23\x61(",
])  # fmt: skip
def test_what_is_no_cbor_is_refused(body: bytes) -> None:
    assert refusal("ListMetrics", body, CBOR).code == "SerializationException"


@pytest.mark.parametrize("value", [
    b"\xf7", b"\xf0", b"\xf9\x7e\x00", b"\xc2\x41\x01", b"\x41a", b"\xd8\x1c\x81\xd8\x1d\x00",
    b"\xc0\x74" + b"2026-01-02T03:04:05Z",
])  # fmt: skip
def test_what_cbor_has_and_shapes_have_not_is_refused(value: bytes) -> None:
    assert refusal("ListMetrics", b"\xa1\x69Namespace" + value, CBOR).code == "InvalidParameterValue"


def test_a_shape_within_itself_is_read_as_deep_as_its_document_may_be() -> None:
    def item(depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {"S": "deep"}
        for _ in range(depth):
            value = {"L": [value]}
        return {"TableName": "t", "Item": {"a": value}}

    def put(depth: int) -> Any:
        return documents.read(SPOKEN["dynamodb"], "PutItem", JSON, json.dumps(item(depth)).encode())

    assert put(5) == item(5)
    for depth in (MAX_DEPTH, 300):
        with pytest.raises(errors.ApiError):
            put(depth)


@both
def test_no_body_is_a_document_without_parameters(protocol: DocumentProtocol) -> None:
    assert documents.read(SERVICES["cloudwatch"], "ListMetrics", protocol, b"") == {}


def test_an_operation_without_parameters_or_output_has_none() -> None:
    for protocol in (JSON, CBOR):
        write = documents.writer(SPOKEN["sqs"], "DeleteQueue", protocol)
        assert write({}, "req-1") == encoded({}, protocol)
        with pytest.raises(TypeError):
            write({"Bogus": 1}, "req-1")


@both
def test_text_that_no_document_can_hold_never_breaks_the_answer(protocol: DocumentProtocol) -> None:
    parsed = read_back("cloudwatch", "ListMetrics", protocol, {"NextToken": "a\ud800b\x00\U0010ffff"})
    assert parsed == {"NextToken": "a\ufffdb\x00\U0010ffff"}


@pytest.mark.parametrize(
    ("service", "error", "code", "shape"),
    [
        ("cloudwatch", errors.InvalidParameterValue("wrong"), "InvalidParameterValue", "InvalidParameterValueException"),
        ("cloudwatch", errors.MissingParameter("wrong"), "MissingParameter", "MissingRequiredParameterException"),
        ("cloudwatch", errors.SignatureDoesNotMatch("wrong"), "SignatureDoesNotMatch", "InvalidSignatureException"),
        ("cloudwatch", errors.InvalidAction("wrong"), "InvalidAction", "UnknownOperationException"),
        ("cloudtrail", errors.SignatureDoesNotMatch("wrong"), "InvalidSignatureException", "InvalidSignatureException"),
        ("cloudtrail", errors.InvalidClientTokenId("wrong"), "UnrecognizedClientException", "UnrecognizedClientException"),
        ("cloudtrail", errors.UnknownParameter("wrong"), "UnknownParameter", "UnknownParameter"),
    ],
)  # fmt: skip
@both
def test_botocore_reads_errors_by_the_name_that_the_service_has_for_them(
    service: str, error: errors.ApiError, code: str, shape: str, protocol: DocumentProtocol
) -> None:
    body = documents.write_error(SPOKEN[service], error, protocol)
    decoded = cbor2.loads(body) if protocol == CBOR else json.loads(body)
    assert decoded == {"__type": f"com.amazonaws.{service}#{shape}", "message": "wrong"}
    sent = {name.decode(): value.decode() for name, value in documents.headers(SPOKEN[service], error, protocol)}
    operation = next(iter(SPOKEN[service].offered))
    parsed = botocore_reads(service, operation, body, error.status, protocol=protocol, headers=sent)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == (code, "wrong")


members = st.sampled_from(
    ["Namespace", "MetricName", "Dimensions", "Name", "Value", "NextToken", "Id", "MetricStat", "Metric", "MetricDataQueries",
     "Period", "Stat", "StartTime", "EndTime", "Statistics", "ReturnData"]
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(sorted(api.OPERATIONS["cloudwatch"])), st.dictionaries(members, values, max_size=6))
def test_whatever_a_document_holds_it_is_read_or_refused(operation: str, document: dict[str, Any]) -> None:
    for protocol, body in ((CBOR, cbor2.dumps(document)), (JSON, json.dumps(document, default=lambda _: "AA==").encode())):
        try:
            documents.read(SERVICES["cloudwatch"], operation, protocol, body)
        except errors.ApiError as error:
            assert error.status == 400


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_bytes_that_mean_nothing_are_refused(body: bytes) -> None:
    for protocol in (JSON, CBOR):
        try:
            documents.read(SERVICES["cloudwatch"], "ListMetrics", protocol, body)
        except errors.ApiError as error:
            assert error.status == 400
