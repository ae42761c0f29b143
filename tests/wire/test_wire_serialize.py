"""The serializer, with botocore as the client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from random import Random
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from wire_samples import OPERATIONS, SERVICES, botocore_model, botocore_reads, sample
from wire_shapes import values_of

from sidedoor import errors
from sidedoor.aws import serialize


def written(service: str, operation: str, answer: dict[str, Any]) -> bytes:
    return serialize.writer(SERVICES[service], operation)(answer, "req-1")


def read_back(service: str, operation: str, answer: dict[str, Any]) -> dict[str, Any]:
    parsed = botocore_reads(service, operation, written(service, operation, answer))
    assert parsed.pop("ResponseMetadata")["RequestId"] == "req-1"
    return parsed


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_botocore_reads_the_answer_as_the_operation_gave_it(service: str, operation: str) -> None:
    shape = botocore_model(service, operation).output_shape
    if shape is None or not shape.members:
        assert read_back(service, operation, {}) == {}
        return
    answer = sample(shape, Random(operation))
    assert read_back(service, operation, answer) == answer

    @settings(max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(values_of(shape, SERVICES[service].protocol, output=True))
    def whatever_it_is(answer: dict[str, Any]) -> None:
        assert read_back(service, operation, answer) == answer

    whatever_it_is()


def test_empty_lists_are_there_and_absent_members_are_not() -> None:
    answer = {"Unsuccessful": []}
    assert read_back("ec2", "AcceptVpcEndpointConnections", answer) == answer
    assert read_back("ec2", "AcceptVpcEndpointConnections", {}) == {}
    assert read_back("ec2", "DescribeVpcEndpoints", {"VpcEndpoints": [], "NextToken": None}) == {"VpcEndpoints": []}
    assert read_back("elbv2", "DescribeLoadBalancers", {"LoadBalancers": []}) == {"LoadBalancers": []}


def test_lists_of_ec2_are_sets_of_items() -> None:
    body = written("ec2", "DescribeVpcEndpoints", {"VpcEndpoints": [{"VpcEndpointId": "vpce-1", "SubnetIds": ["s"]}]})
    assert body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<DescribeVpcEndpointsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>req-1</requestId>'
        b"<vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId><subnetIdSet><item>s</item></subnetIdSet></item>"
        b"</vpcEndpointSet></DescribeVpcEndpointsResponse>"
    )


def test_answers_of_the_query_protocol_stand_in_a_result() -> None:
    body = written("sts", "GetCallerIdentity", {"Account": "1"})
    assert body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        b"<GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult>"
        b"<ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    )


def test_an_ec2_operation_without_output_answers_true() -> None:
    assert b"<return>true</return>" in written("ec2", "DeleteVpc", {})


def test_times_have_milliseconds_and_a_z() -> None:
    east = timezone(timedelta(hours=9))
    answer = {"VpcEndpoints": [{"CreationTimestamp": datetime(2017, 11, 30, 19, 0, 24, 350999, tzinfo=east)}]}
    assert b"<creationTimestamp>2017-11-30T10:00:24.350Z</creationTimestamp>" in written("ec2", "DescribeVpcEndpoints", answer)


def test_an_enum_is_written_as_its_value() -> None:
    class State(StrEnum):
        PENDING_ACCEPTANCE = "pendingAcceptance"

    answer = {"VpcEndpoints": [{"State": State.PENDING_ACCEPTANCE}]}
    assert read_back("ec2", "DescribeVpcEndpoints", answer) == {"VpcEndpoints": [{"State": "pendingAcceptance"}]}


def test_what_xml_cannot_hold_never_breaks_the_answer() -> None:
    text = "".join(map(chr, range(0x80))) + "\ud800\ufffe\uffff\U0010ffff"
    parsed = read_back("ec2", "DescribeVpcEndpoints", {"NextToken": text})
    allowed = {"\t", "\n", "\r"}
    assert parsed["NextToken"] == "".join(
        c if c in allowed or (c >= " " and c not in "\ud800\ufffe\uffff") else "\ufffd" for c in text
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"Bogus": 1},
        {"VpcEndpoints": [{"Bogus": 1}]},
        {"VpcEndpoints": {"VpcId": "v"}},
        {"VpcEndpoints": "text"},
        {"VpcEndpoints": [{"VpcId": 7}]},
        {"VpcEndpoints": [{"PrivateDnsEnabled": "true"}]},
        {"VpcEndpoints": [{"CreationTimestamp": datetime(2026, 1, 1)}]},
    ],
)
def test_an_answer_that_is_not_of_its_shape_is_our_bug(answer: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        written("ec2", "DescribeVpcEndpoints", answer)


def test_an_operation_without_output_may_answer_nothing_else() -> None:
    with pytest.raises(TypeError):
        written("sns", "DeleteTopic", {"Bogus": "x"})


@pytest.mark.parametrize(("service", "operation"), [("ec2", "DescribeVpcs"), ("iam", "GetUser"), ("sns", "ListTopics")])
def test_botocore_reads_errors_of_both_protocols(service: str, operation: str) -> None:
    error = errors.VpcNotFound(id="<&\x00\ud800")
    body = serialize.write_error(SERVICES[service], error, "req-1")
    parsed = botocore_reads(service, operation, body, error.status)
    assert parsed["Error"]["Code"] == "InvalidVpcID.NotFound"
    assert parsed["Error"]["Message"] == "The vpc ID '<&\ufffd\ufffd' does not exist"
    assert parsed["ResponseMetadata"]["RequestId"] == "req-1"


@pytest.mark.parametrize(
    ("error", "side"),
    [(errors.NoSuchEntity(kind="user", name="x"), "Sender"), (errors.InternalError(request_id="r"), "Receiver")],
)
def test_a_query_error_says_whose_fault_it_is(error: errors.ApiError, side: str) -> None:
    assert f"<Type>{side}</Type>".encode() in serialize.write_error(SERVICES["iam"], error, "r")


def test_an_error_of_no_known_service_is_read_by_clients_of_both_protocols() -> None:
    body = serialize.write_error(None, errors.MissingAction(), "req-1")
    assert ElementTree.fromstring(body).tag == "Response"
    for service, operation in (("ec2", "DescribeVpcs"), ("iam", "GetUser")):
        assert botocore_reads(service, operation, body, 400)["Error"]["Code"] == "MissingAction"


def test_a_time_before_the_common_era_of_computers_is_written() -> None:
    answer = {"VpcEndpoints": [{"CreationTimestamp": datetime(1, 1, 1, tzinfo=UTC)}]}
    assert b"0001-01-01T00:00:00.000Z" in written("ec2", "DescribeVpcEndpoints", answer)
