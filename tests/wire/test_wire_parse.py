"""The parser, with botocore as the client."""

from __future__ import annotations

from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from wire_samples import OPERATIONS, SERVICES, botocore_model, botocore_sends, sample
from wire_shapes import values_of

from sidedoor import errors
from sidedoor.aws import parse

ENDPOINT = {"VpcId": "vpc-1", "ServiceName": "s"}
ATTRIBUTE = {
    "Message": "m", "MessageAttributes.entry.1.Name": "n", "MessageAttributes.entry.1.Value.DataType": "String"
}  # fmt: skip


def read(service: str, operation: str, body: str) -> dict[str, object]:
    return parse.read(SERVICES[service], operation, parse.fields(body))


def refusal(service: str, operation: str, **given: str) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        parse.read(SERVICES[service], operation, given)
    return caught.value


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_what_botocore_sends_is_read_as_the_caller_wrote_it(service: str, operation: str) -> None:
    shape = botocore_model(service, operation).input_shape
    if shape is None:
        assert read(service, operation, botocore_sends(service, operation, {})) == {}
        return
    for thin in (False, True):
        params = sample(shape, Random(operation), thin=thin)
        assert read(service, operation, botocore_sends(service, operation, params)) == params

    @settings(max_examples=3, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(values_of(shape, SERVICES[service].protocol, output=False))
    def whatever_it_is(params: dict[str, Any]) -> None:
        assert read(service, operation, botocore_sends(service, operation, params)) == params

    whatever_it_is()


def test_the_irregular_names_of_ec2_are_read() -> None:
    body = "ServiceId=v&AddAllowedPrincipals.1=arn:x&AddAllowedPrincipals.2=*&RemoveAllowedPrincipals.1=z"
    assert read("ec2", "ModifyVpcEndpointServicePermissions", body) == {
        "ServiceId": "v", "AddAllowedPrincipals": ["arn:x", "*"], "RemoveAllowedPrincipals": ["z"]
    }  # fmt: skip
    body = "Filter.1.Name=vpc-endpoint-state&Filter.1.Value.1=pendingAcceptance&Filter.1.Value.2=available&MaxResults=5"
    assert read("ec2", "DescribeVpcEndpointConnections", body) == {
        "Filters": [{"Name": "vpc-endpoint-state", "Values": ["pendingAcceptance", "available"]}], "MaxResults": 5
    }  # fmt: skip


def test_an_empty_list_of_the_query_protocol_stays_an_empty_list() -> None:
    params = {"LoadBalancerArns": [], "Names": ["a"]}
    assert read("elbv2", "DescribeLoadBalancers", botocore_sends("elbv2", "DescribeLoadBalancers", params)) == params


def test_dry_run_is_a_parameter_like_any_other() -> None:
    assert read("ec2", "DescribeVpcs", "DryRun=true") == {"DryRun": True}


def test_list_items_are_taken_in_the_order_of_their_numbers_whatever_these_are() -> None:
    body = "VpcId=v&ServiceName=s&SubnetId.999999999=c&SubnetId.10=b&SubnetId.9=a"
    assert read("ec2", "CreateVpcEndpoint", body) == {"VpcId": "v", "ServiceName": "s", "SubnetIds": ["a", "b", "c"]}


@pytest.mark.parametrize("index", ["0", "-1", "01", "x", "", "1e3", "\u0661", "9" * 30])
def test_what_is_no_list_number_is_an_unknown_parameter(index: str) -> None:
    error = refusal("ec2", "CreateVpcEndpoint", **ENDPOINT, **{f"SubnetId.{index}": "a"})
    assert (error.code, error.message) == ("UnknownParameter", f"The parameter SubnetId.{index} is not recognized")


def test_the_fields_of_the_protocol_and_of_presigning_are_skipped() -> None:
    own = {"Action": "DescribeVpcs", "Version": "2016-11-15", "AWSAccessKeyId": "a", "SignatureVersion": "2", "Signature": "x"}
    presigned = {"X-Amz-Credential": "a/b", "X-Amz-Signature": "f", "X-Amz-Expires": "60", "Timestamp": "t"}
    assert parse.read(SERVICES["ec2"], "DescribeVpcs", {**own, **presigned, "VpcId.1": "vpc-1"}) == {"VpcIds": ["vpc-1"]}


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ec2", "DescribeVpcs", "UnknownParameter"),
        ("elbv2", "DescribeLoadBalancers", "ValidationError"),
        ("sts", "GetCallerIdentity", "ValidationError"),
        ("iam", "ListAccountAliases", "ValidationError"),
        ("sns", "ListTopics", "InvalidParameter"),
    ],
)
def test_an_unknown_parameter_is_refused_by_name(service: str, operation: str, code: str) -> None:
    error = refusal(service, operation, Bogus="1")
    assert error.code == code
    assert "Bogus" in error.message


@pytest.mark.parametrize("name", ["Filter.1.Bogus", "Filter.1.Name.1", "Filter.1.Value.1.Name", ".", "a..b", "DryRun.1", ""])
def test_an_unknown_parameter_is_found_at_any_depth(name: str) -> None:
    assert refusal("ec2", "DescribeVpcs", **{name: "x"}).code == "UnknownParameter"


def test_depth_is_bounded() -> None:
    assert refusal("ec2", "DescribeVpcs", **{".".join("1" * 100_000): "x"}).code == "UnknownParameter"


@pytest.mark.parametrize(
    ("service", "operation", "given", "code", "message"),
    [
        ("ec2", "CreateVpcEndpoint", {"ServiceName": "s"}, "MissingParameter", "The request must contain the parameter VpcId"),
        (
            "ec2", "ModifyVpcEndpointServicePermissions", {},
            "MissingParameter", "The request must contain the parameter ServiceId",
        ),
        (
            "iam", "CreateRole", {"RoleName": "r"}, "ValidationError",
            "1 validation error detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            "iam", "CreateUser", {"UserName": "u", "Tags.member.1.Key": "k"}, "ValidationError",
            "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: "
            "Member must not be null",
        ),
        ("sns", "CreateTopic", {}, "InvalidParameter", "Invalid parameter: Name Reason: no value for required parameter"),
    ],
)  # fmt: skip
def test_a_missing_parameter_is_refused_as_the_service_words_it(
    service: str, operation: str, given: dict[str, str], code: str, message: str
) -> None:
    error = refusal(service, operation, **given)
    assert (error.code, error.message) == (code, message)


@pytest.mark.parametrize(
    ("service", "operation", "given", "code"),
    [
        ("ec2", "DescribeVpcs", {"MaxResults": "many"}, "InvalidParameterValue"),
        ("ec2", "DescribeVpcs", {"MaxResults": "99999999999"}, "InvalidParameterValue"),
        ("ec2", "DescribeVpcs", {"MaxResults": ""}, "InvalidParameterValue"),
        ("ec2", "DescribeVpcs", {"MaxResults": "\u0661"}, "InvalidParameterValue"),
        ("ec2", "DescribeVpcs", {"MaxResults": "1" * 9999}, "InvalidParameterValue"),
        ("ec2", "DescribeVpcs", {"DryRun": "maybe"}, "InvalidParameterValue"),
        ("ec2", "DescribeVpcs", {"VpcId": "vpc-1"}, "InvalidParameterValue"),
        ("ec2", "DescribeVpcs", {"VpcId.1": "a\x00b"}, "InvalidParameterValue"),
        ("ec2", "DescribeVpcs", {"VpcId.1": "\ufffe"}, "InvalidParameterValue"),
        ("elbv2", "DescribeLoadBalancers", {"PageSize": "x"}, "ValidationError"),
        ("elbv2", "DescribeLoadBalancers", {"Names.member.1": "\x1b"}, "ValidationError"),
        ("elbv2", "CreateTargetGroup", {"Name": "a", "Port": "0"}, "ValidationError"),
        ("sns", "CreateTopic", {"Name": "\x07"}, "InvalidParameter"),
        ("sns", "Publish", {**ATTRIBUTE, "MessageAttributes.entry.1.Value.BinaryValue": "!"}, "InvalidParameter"),
    ],
)  # fmt: skip
def test_a_malformed_value_is_refused_with_the_services_code(
    service: str, operation: str, given: dict[str, str], code: str
) -> None:
    assert refusal(service, operation, **given).code == code


@pytest.mark.parametrize(
    ("given", "constraint"),
    [
        ({"RoleArn": "x", "RoleSessionName": "ok"}, "Value 'x' at 'roleArn' failed to satisfy constraint: "
         "Member must have length greater than or equal to 20"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "o" * 65}, "less than or equal to 64"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "a b"},
         "Member must satisfy regular expression pattern: [\\w+=,.@-]*"),
        ({"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "ok", "DurationSeconds": "1"},
         "Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"),
    ],
)  # fmt: skip
def test_a_query_service_names_the_constraint_that_a_value_breaks(given: dict[str, str], constraint: str) -> None:
    error = refusal("sts", "AssumeRole", **given)
    assert error.code == "ValidationError"
    assert error.message.startswith("1 validation error detected: Value '")
    assert error.message.endswith(constraint)


@pytest.mark.parametrize("missing", ["Name", "Value.DataType"])
def test_half_a_map_entry_is_refused(missing: str) -> None:
    half = {name: value for name, value in ATTRIBUTE.items() if not name.endswith(missing)}
    assert refusal("sns", "Publish", **half).code == "InvalidParameter"


@pytest.mark.parametrize(
    "body", ["VpcId.1=%ff", "a=1&a=2", "Action=A&Action=B", "&".join(f"k{n}=" for n in range(parse.MAX_FIELDS + 1)), b"\xff=1"]
)
def test_a_body_that_has_no_one_meaning_is_malformed(body: str | bytes) -> None:
    with pytest.raises(errors.MalformedQueryString):
        parse.fields(body)


def test_a_quoted_value_is_cut_short() -> None:
    error = refusal("ec2", "DescribeVpcs", MaxResults="x" * 5000)
    assert len(error.message) < 400


def test_values_that_only_look_alike_are_read_alike() -> None:
    given = urlencode({"VpcId": "v", "ServiceName": "s", "PrivateDnsEnabled": "True"})
    assert read("ec2", "CreateVpcEndpoint", given)["PrivateDnsEnabled"] is True
