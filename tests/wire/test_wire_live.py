"""boto3 against the server on a real port: one call of each service."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import httpx
import pytest
import uvicorn
from botocore.config import Config
from botocore.exceptions import ClientError
from wire_requests import KEY, SECRET, TOKEN, Server

ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("ec2", "DescribeVpcEndpoints"): {"VpcEndpoints": [{"VpcEndpointId": "vpce-1", "State": "pendingAcceptance"}]},
    ("elbv2", "DescribeLoadBalancers"): {"LoadBalancers": [{"LoadBalancerName": "front", "SecurityGroups": []}]},
    ("sns", "GetTopicAttributes"): {"Attributes": {"TopicArn": "arn", "Policy": '{"a": "<b>"}'}},
    ("sts", "GetCallerIdentity"): {"Account": "111111111111"},
    ("iam", "ListAccountAliases"): {"AccountAliases": ["alias"], "IsTruncated": False},
    ("cloudwatch", "ListMetrics"): {"Metrics": [{"MetricName": "BytesProcessed", "Dimensions": []}]},
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    app = Server(answer=lambda invocation: ANSWERS[invocation.service, invocation.operation]).app
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=20)
        assert not thread.is_alive()


def client(endpoint: str, service: str, secret: str = SECRET, token: str | None = TOKEN) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=secret,
        aws_session_token=token, config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip


@pytest.mark.parametrize(("service", "method", "params"), [
    ("ec2", "describe_vpc_endpoints", {}),
    ("elbv2", "describe_load_balancers", {"Names": ["front"]}),
    ("sns", "get_topic_attributes", {"TopicArn": "arn"}),
    ("sts", "get_caller_identity", {}),
    ("iam", "list_account_aliases", {}),
    ("cloudwatch", "list_metrics", {}),
])  # fmt: skip
def test_boto3_gets_its_answer(endpoint: str, service: str, method: str, params: dict[str, Any]) -> None:
    boto = client(endpoint, service)
    answer = getattr(boto, method)(**params)
    metadata = answer.pop("ResponseMetadata")
    boto.close()
    assert answer == next(wanted for (name, _), wanted in ANSWERS.items() if name == service)
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("service", "method", "code"),
    [
        ("ec2", "describe_vpc_endpoints", "AuthFailure"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("cloudwatch", "list_metrics", "SignatureDoesNotMatch"),
    ],
)
def test_boto3_is_told_that_its_secret_is_wrong(endpoint: str, service: str, method: str, code: str) -> None:
    boto = client(endpoint, service, secret="wrong", token=None)
    with pytest.raises(ClientError) as caught:
        getattr(boto, method)()
    boto.close()
    assert caught.value.response["Error"]["Code"] == code


def test_a_presigned_url_of_boto3_is_a_call(endpoint: str) -> None:
    boto = client(endpoint, "sts")
    url = boto.generate_presigned_url("get_caller_identity", HttpMethod="GET")
    boto.close()
    assert "<Account>111111111111</Account>" in httpx.get(url).text
