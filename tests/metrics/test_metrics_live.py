"""Metrics read over HTTP by clients that are not ours: boto3, the AWS CLI, and botocore in every protocol of the service."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from api_client import botocore_asks, botocore_reads
from api_server import served_here
from metric_samples import NOON, OTHER, OWNER, at, bytes_processed, told
from sidedoor.metrics.record import record
from sidedoor.store.engine import Store

ONE, OTHERS = bytes_processed("vpce-1"), bytes_processed("vpce-2", account=OTHER)
METRIC = {
    "Namespace": str(ONE.namespace), "MetricName": ONE.name,
    "Dimensions": [{"Name": name, "Value": value} for name, value in ONE.dimensions],
}  # fmt: skip
QUERY = {"Id": "sent", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Sum"}}
HOUR = {"StartTime": NOON, "EndTime": at(60)}


@pytest.fixture(scope="module")
def url(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Sidedoor at noon, five minutes of whose first endpoint were counted."""
    path = shutil.copyfile(migrated, tmp_path_factory.mktemp("metrics") / "sidedoor.db")
    with contextlib.closing(Store(f"sqlite:///{path}")) as store:
        data = [told(ONE, minute, 100 * minute) for minute in range(1, 6)]
        record(store, [*data, told(OTHERS, 0, 1)], source="agent", now=at(6))
        with served_here(store, clock=lambda: at(10)) as served:
            yield served


@pytest.fixture(scope="module")
def boto(url: str) -> Iterator[Any]:
    keys = {"aws_access_key_id": OWNER, "aws_secret_access_key": "any"}
    with contextlib.closing(boto3.client("cloudwatch", endpoint_url=url, region_name="us-east-1", **keys)) as client:
        yield client


def test_boto3_pages_through_data_points(boto: Any) -> None:
    pages = list(boto.get_paginator("get_metric_data").paginate(MetricDataQueries=[QUERY], MaxDatapoints=2, **HOUR))
    results = [page["MetricDataResults"][0] for page in pages]
    assert [one["Values"] for one in results] == [[500, 400], [300, 200], [100]]
    assert results[2]["Timestamps"] == [at(1)]


def test_boto3_lists_metrics_and_gets_statistics(boto: Any) -> None:
    assert boto.list_metrics(Namespace="AWS/PrivateLinkEndpoints")["Metrics"] == [METRIC]
    wanted = {**METRIC, **HOUR, "Period": 300, "Statistics": ["Sum", "Maximum"]}
    points = boto.get_metric_statistics(**wanted)["Datapoints"]
    assert sorted((one["Timestamp"], one["Sum"], one["Maximum"]) for one in points) == [(NOON, 1000, 400), (at(5), 500, 500)]


def test_boto3_raises_the_services_exceptions(boto: Any) -> None:
    with pytest.raises(boto.exceptions.InvalidNextToken):
        boto.get_metric_data(MetricDataQueries=[QUERY], NextToken="forged", **HOUR)
    with pytest.raises(boto.exceptions.MissingRequiredParameterException):
        boto.get_metric_statistics(**METRIC, **HOUR, Period=60)
    with pytest.raises(boto.exceptions.InvalidParameterCombinationException):
        boto.get_metric_statistics(**METRIC, StartTime=NOON, EndTime=at(1441), Period=60, Statistics=["Sum"])


def aws(url: str, *words: str) -> tuple[int, str, str]:
    environment = {"AWS_ACCESS_KEY_ID": OWNER, "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
    command = [str(Path(sys.executable).with_name("aws")), "--endpoint-url", url, "--output", "json", "cloudwatch", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


TIMES = ("--start-time", "2026-03-01T12:00:00Z", "--end-time", "2026-03-01T13:00:00Z")


def test_the_aws_cli_gets_metric_data(url: str) -> None:
    status, out, err = aws(url, "get-metric-data", *TIMES, "--metric-data-queries", json.dumps([QUERY]))
    assert status == 0, err
    (result,) = json.loads(out)["MetricDataResults"]
    assert (result["Id"], result["Label"], result["Values"]) == ("sent", "BytesProcessed", [500, 400, 300, 200, 100])
    assert result["Timestamps"][0] == at(5).timestamp()


def test_the_aws_cli_gets_metric_statistics(url: str) -> None:
    endpoint = ("--namespace", "AWS/PrivateLinkEndpoints", "--metric-name", "BytesProcessed", "--dimensions")
    dimensions = ("Name=VPC Endpoint Id,Value=vpce-1", f"Name=Service Name,Value={dict(ONE.dimensions)['Service Name']}")
    asked = ("get-metric-statistics", *endpoint, *dimensions, *TIMES, "--period", "3600", "--statistics")
    status, out, err = aws(url, *asked, "Sum", "SampleCount")
    assert status == 0, err
    (point,) = json.loads(out)["Datapoints"]
    assert (point["Sum"], point["SampleCount"], point["Unit"]) == (1500, 5, "Bytes")
    status, _, err = aws(url, *asked, "Median")
    assert status != 0
    assert "An error occurred (InvalidParameterValue) when calling the GetMetricStatistics operation" in err


def test_the_aws_cli_lists_metrics(url: str) -> None:
    status, out, err = aws(url, "list-metrics", "--dimensions", "Name=VPC Endpoint Id", "--recently-active", "PT3H")
    assert status == 0, err
    assert json.loads(out) == {"Metrics": [METRIC]}


ANSWERED = [
    ("ListMetrics", {"Namespace": METRIC["Namespace"]}),
    ("GetMetricStatistics", {**METRIC, **HOUR, "Period": 60, "Statistics": ["Sum", "Average"]}),
    ("GetMetricData", {"MetricDataQueries": [QUERY], **HOUR, "MaxDatapoints": 3}),
    ("GetMetricData", {"MetricDataQueries": [QUERY, QUERY], **HOUR}),
    ("GetMetricStatistics", {**METRIC, **HOUR, "Period": 61, "Statistics": ["Sum"]}),
]


@pytest.mark.parametrize(("operation", "params"), ANSWERED)
def test_every_protocol_has_the_same_answer(url: str, operation: str, params: dict[str, Any]) -> None:
    answers = [asked(url, operation, params, protocol) for protocol in ("query", "json", "smithy-rpc-v2-cbor")]
    assert answers[0].keys() > {"ResponseMetadata"}
    for answer in answers:
        assert answer.pop("ResponseMetadata")["RequestId"]
        answer.get("Error", {}).pop("Type", None)
        answer.get("Error", {}).pop("QueryErrorCode", None)
    assert answers[0] == answers[1] == answers[2]


def asked(url: str, operation: str, params: dict[str, Any], protocol: str) -> dict[str, Any]:
    unsigned = botocore_asks("cloudwatch", operation, params, protocol)
    path, sent = unsigned.url.removeprefix("http://localhost"), dict(unsigned.headers.items())
    request = AWSRequest(method="POST", url=url + path, data=unsigned.body, headers=sent)
    SigV4Auth(Credentials(OWNER, "any"), "monitoring", "us-east-1").add_auth(request)
    response = httpx.post(request.url, headers=dict(request.headers.items()), content=request.prepare().body)
    found = dict(response.headers)
    return botocore_reads("cloudwatch", operation, response.content, response.status_code, protocol=protocol, headers=found)
