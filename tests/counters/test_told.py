"""What the agent tells over its link: kept once, however often it comes, and shown at ``/metrics``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from api_client import ApiClient
from api_server import served_here
from counted_samples import CONSUMER, GROUP, PROVIDER, a_passage, counts
from sidedoor import codec
from sidedoor.agents import Agents
from sidedoor.app import exposition as exposition_module
from sidedoor.app.control_plane import ControlPlane
from sidedoor.app.exposition import Exposition, metric_name, snake
from sidedoor.counters.model import Flow, Inhabitants, Kind, Minute, Population, Standing, Told
from sidedoor.counters.series import METRICS, POPULATIONS
from sidedoor.metrics.operations import get_metric_statistics
from world import START, World

NUMBER = int(START.timestamp()) // 60 - 5
ONE = a_passage()
HEALTHY = Population(
    kind=Kind.HEALTHY, account=PROVIDER, region="us-east-1", id=ONE.balancer_id, group_id=GROUP
)  # fmt: skip


def told(*minutes: Minute, flows: Iterable[Flow] = (), healthy: int = 2) -> Told:
    there = Inhabitants(population=HEALTHY, numbers=(healthy,))
    return Told(
        source="agent", at=0.0, standing=Standing(flows=tuple(flows), inhabitants=(there,)), minutes=minutes
    )  # fmt: skip


def minute(number: int = NUMBER, **counted: int) -> Minute:
    return Minute(number=number, flows=(Flow(passage=ONE, counts=counts(**counted), open=(1, 2)),))


def tell(agents: Agents, *messages: Told) -> list[int]:
    """The statuses with which the link answers."""

    async def send() -> list[int]:
        transport = httpx.ASGITransport(agents.application(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://control") as link:
            bodies = [{"counters": codec.to_document(one)} for one in messages]
            return [(await link.post("/v1/report", json=body)).status_code for body in bodies]

    return asyncio.run(send())


def bytes_processed(world: World) -> float:
    """What CloudWatch says of the endpoint's last ten minutes."""
    dimensions = {
        "Endpoint Type": "Interface", "Service Name": ONE.service_name, "VPC Endpoint Id": ONE.endpoint_id, "VPC Id": "vpc-1"
    }  # fmt: skip
    answer = world.ask(
        get_metric_statistics, account=CONSUMER, Namespace="AWS/PrivateLinkEndpoints", MetricName="BytesProcessed",
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()], Statistics=["Sum"], Period=60,
        StartTime=START - timedelta(minutes=10), EndTime=START + timedelta(minutes=10),
    )  # fmt: skip
    return sum(point["Sum"] for point in answer["Datapoints"])


def test_a_minute_that_comes_again_is_kept_once_and_takes_the_place_of_what_was_told_of_it(world: World) -> None:
    agents = Agents(world.store, lambda: START)
    assert tell(agents, told(minute(opened=1, bytes=100))) == [200]
    assert bytes_processed(world) == 100
    again = told(minute(opened=1, bytes=100)), told(minute(opened=2, bytes=150), minute(NUMBER + 1, opened=1, bytes=7))
    assert tell(agents, *again) == [200, 200]
    assert bytes_processed(world) == 157
    restarted = Agents(world.store, lambda: START)
    assert tell(restarted, told(minute(opened=2, bytes=150))) == [200]
    assert bytes_processed(world) == 157


def test_a_minute_that_cannot_be_kept_is_not_acknowledged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agents = Agents(world.store, lambda: START)
    with monkeypatch.context() as broken:
        broken.setattr(world.store, "write", lambda: 1 / 0)
        assert tell(agents, told(minute(opened=1, bytes=100))) == [500]
    assert tell(agents, told(minute(opened=1, bytes=100))) == [200]
    assert bytes_processed(world) == 100


def scraped(exposition: Exposition) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Name -> labels -> value."""
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(exposition.text().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def only(found: dict[str, Any], name: str) -> float:
    (value,) = found[name].values()
    return float(value)


def test_what_was_told_last_is_shown_until_it_is_too_old(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agents = Agents(world.store)
    exposition = Exposition(world.store, agents)
    assert scraped(exposition).get("aws_networkelb_active_flow_count") is None
    flow = Flow(passage=ONE, counts=counts(opened=7, closed=3, bytes=100, port_errors=2), open=(4,))
    tell(agents, told(flows=[flow]))
    found = scraped(exposition)
    assert only(found, "aws_privatelinkendpoints_active_connections") == 4
    assert only(found, "aws_privatelinkendpoints_bytes_processed_total") == 100
    assert only(found, "aws_networkelb_port_allocation_error_count_total") == 2
    assert only(found, "aws_networkelb_healthy_host_count") == 2
    assert found["aws_privatelinkservices_new_connections_total"] == {
        frozenset({
            ("account_id", PROVIDER), ("region", "us-east-1"), ("az", "us-east-1f"), ("service_id", ONE.service_id),
            ("load_balancer_arn", ONE.balancer_id), ("vpc_endpoint_id", ONE.endpoint_id),
        }): 7
    }  # fmt: skip
    assert only(found, "sidedoor_agent_silence_seconds") < 60
    monkeypatch.setattr(exposition_module, "STALE_SECONDS", 0.0)
    assert scraped(exposition).get("aws_networkelb_active_flow_count") is None


def test_calls_are_counted_by_operation_and_code_and_made_up_names_are_not_repeated(world: World) -> None:
    control = ControlPlane(world.store, dev=True)
    exposition = Exposition(world.store, control.agents)
    with served_here(world.store, heard=exposition.heard) as url, ApiClient(url, CONSUMER) as client:
        for _ in range(3):
            client.must("ec2", "DescribeVpcEndpoints")
        client.ask("ec2", "DescribeVpcEndpoints", VpcEndpointIds=["vpce-0123456789abcdef0"])
        client.send(b"Action=MadeUp&Version=2016-11-15", "ec2")
    found = scraped(exposition)

    def calls(operation: str, code: str) -> float:
        return found["sidedoor_requests_total"][frozenset({("service", "ec2"), ("operation", operation), ("code", code)})]

    assert calls("DescribeVpcEndpoints", "OK") == 3
    assert calls("DescribeVpcEndpoints", "InvalidVpcEndpointId.NotFound") == 1
    assert calls("none", "InvalidAction") == 1
    assert "MadeUp" not in exposition.text().decode()
    took = found["sidedoor_request_seconds_count"][frozenset({("service", "ec2"), ("operation", "DescribeVpcEndpoints")})]
    assert took == 4


def test_the_process_says_how_far_it_is_and_how_far_the_agent_lags(world: World) -> None:
    agents = Agents(world.store)
    exposition = Exposition(world.store, agents)
    found = scraped(exposition)
    assert "sidedoor_agent_applied_revision" not in found
    assert only(found, "sidedoor_agent_feeds") == 0
    assert only(found, "sidedoor_store_bytes") > 10_000
    with world.store.read() as tables:
        assert only(found, "sidedoor_revision") == tables.revision()
        agents.applied = tables.revision() - 3
    assert only(scraped(exposition), "sidedoor_agent_lag_revisions") == 3


def test_metrics_have_the_names_that_cloudwatchs_exporters_give_them() -> None:
    named = [metric_name(namespace, one.name) for namespace, metrics in METRICS.items() for one in metrics]
    named += [metric_name(namespace, name) for namespace, name in POPULATIONS.values()]
    assert len(set(named)) == len(named)
    assert "aws_networkelb_tcp_client_reset_count" in named
    assert "aws_networkelb_un_healthy_host_count" in named
    assert snake("VPC Endpoint Id") == "vpc_endpoint_id"
    assert snake("AvailabilityZone") == "availability_zone"
