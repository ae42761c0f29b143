"""What is counted of real connections, to the connection and to the byte: at ``/metrics``, and where CloudWatch is asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rules_lab import AZ1, Account, Lab

from sidedoor.demo.system import System, processes_of, running, until

LIMIT = 4
"""Even: the kernel gives out an even number of a range's ports."""

BYTES = 1000
PORT, APPLICATION_PORT = 8000, 8080
PROGRAMS = Path(__file__).with_name("counted_programs.py")


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    options = ["--connections-per-target", str(LIMIT), "--metrics", "127.0.0.1:0", "--beat-seconds", "0.5"]
    with running("--dev", *options) as started:
        if started.placement["mode"] == "loopback":
            pytest.skip("the limit is the size of a port range, and in the loopback placement the host's ports are not ours")
        yield started


@dataclass
class Talk:
    """A client whose connections end when they are told to."""

    program: subprocess.Popen[str]

    def does(self, line: str) -> str:
        assert self.program.stdin is not None and self.program.stdout is not None
        self.program.stdin.write(f"{line}\n")
        self.program.stdin.flush()
        return self.program.stdout.readline().strip()


@dataclass
class Road:
    """An endpoint, its service and load balancer, and one target that echoes."""

    lab: Lab
    balancer: str
    group: str
    service: dict[str, Any]
    endpoint: dict[str, Any]
    client: str

    def talk(self) -> Talk:
        address = self.lab.system.ask(self.client, "resolve", next(self.lab.names(self.endpoint)))[0]
        arguments = ["exec", "--state", str(self.lab.system.state), self.client, "--"]
        program = [sys.executable, str(PROGRAMS), "talk", address, str(PORT)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return Talk(subprocess.Popen([sys.executable, "-m", "sidedoor", *arguments, *program], **pipes))


@pytest.fixture(scope="module")
def road(system: System) -> Road:
    lab = Lab(system)
    interface, address = lab.provider.workload(AZ1)
    log = system.state / "echo.log"
    system.start(interface, sys.executable, str(PROGRAMS), "echo", "", str(APPLICATION_PORT), log=log)
    until(lambda: "listening" in log.read_text(), "the server listens")
    balancer = lab.balancer()
    elb = lab.provider.elb
    group = elb.create_target_group(
        Name="echo", Protocol="TCP", Port=APPLICATION_PORT, VpcId=lab.provider.vpc, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address}])
    forward = {"Type": "forward", "TargetGroupArn": group}
    elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=PORT, DefaultActions=[forward])
    service = lab.service(balancer)
    endpoint = lab.available(lab.endpoint(service))
    client, _ = lab.consumer.workload()
    return Road(lab, balancer, group, service, endpoint, client)


def scraped(system: System, labels: dict[str, str]) -> dict[str, float]:
    """Name -> value of the metrics with these labels."""
    with urllib.request.urlopen((system.state / "run" / "metrics-url").read_text(), timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    samples = (sample for family in families for sample in family.samples)
    return {one.name: one.value for one in samples if labels.items() <= one.labels.items()}


@dataclass
class Traffic:
    """``LIMIT`` connections of ``BYTES`` each way that are open, and one more for which there was no port."""

    road: Road
    talk: Talk
    began: datetime

    @property
    def balancer(self) -> dict[str, str]:
        return {"load_balancer": self.road.balancer.partition(":loadbalancer/")[2], "account_id": self.road.lab.provider.id}


@pytest.fixture(scope="module")
def traffic(system: System, road: Road) -> Iterator[Traffic]:
    made = Traffic(road, road.talk(), datetime.now(UTC))
    assert [made.talk.does(f"open {BYTES}") for _ in range(LIMIT)] == ["echoed"] * LIMIT
    assert made.talk.does(f"open {BYTES}") in ("closed", "ConnectionResetError", "BrokenPipeError")
    refused = "aws_networkelb_port_allocation_error_count_total"
    until(lambda: scraped(system, made.balancer).get(refused), "the refusal is counted")
    yield made
    made.talk.program.communicate()


BOTH_WAYS = 2 * BYTES * LIMIT


def test_an_endpoints_connections_and_bytes_are_counted_exactly(system: System, traffic: Traffic) -> None:
    consumer, endpoint_id = traffic.road.lab.consumer, traffic.road.endpoint["VpcEndpointId"]
    labels = {"account_id": consumer.id, "vpc_endpoint_id": endpoint_id, "vpc_id": consumer.vpc}
    assert scraped(system, labels | {"endpoint_type": "Interface", "subnet_id": consumer.subnet()}) == {
        "aws_privatelinkendpoints_active_connections": LIMIT,
        "aws_privatelinkendpoints_new_connections_total": LIMIT,
        "aws_privatelinkendpoints_bytes_processed_total": BOTH_WAYS,
        "aws_privatelinkendpoints_packets_dropped_total": 0,
        "aws_privatelinkendpoints_rst_packets_received_total": 1,
    }


def test_a_services_connections_and_bytes_are_counted_by_endpoint_and_load_balancer(system: System, traffic: Traffic) -> None:
    road = traffic.road
    service = {"account_id": road.lab.provider.id, "service_id": road.service["ServiceId"]}
    of_endpoint = {"load_balancer_arn": road.balancer, "vpc_endpoint_id": road.endpoint["VpcEndpointId"]}
    assert scraped(system, service | of_endpoint) == {
        "aws_privatelinkservices_active_connections": LIMIT,
        "aws_privatelinkservices_new_connections_total": LIMIT,
        "aws_privatelinkservices_bytes_processed_total": BOTH_WAYS,
        "aws_privatelinkservices_rst_packets_sent_total": 1,
    }
    assert scraped(system, service)["aws_privatelinkservices_endpoints_count"] == 1


def test_a_refused_connection_is_one_port_allocation_error_of_the_load_balancer(system: System, traffic: Traffic) -> None:
    zone = traffic.road.lab.provider.ec2.describe_availability_zones(ZoneIds=[AZ1])["AvailabilityZones"][0]["ZoneName"]
    assert scraped(system, traffic.balancer | {"availability_zone": zone}) == {
        "aws_networkelb_active_flow_count": LIMIT,
        "aws_networkelb_new_flow_count_total": LIMIT,
        "aws_networkelb_processed_bytes_total": BOTH_WAYS,
        "aws_networkelb_port_allocation_error_count_total": 1,
        "aws_networkelb_tcp_client_reset_count_total": 0,
        "aws_networkelb_tcp_target_reset_count_total": 0,
        "aws_networkelb_tcp_elb_reset_count_total": 0,
    }
    hosts = scraped(system, traffic.balancer | {"target_group": traffic.road.group.rpartition(":")[2]})
    assert hosts == {"aws_networkelb_healthy_host_count": 1, "aws_networkelb_un_healthy_host_count": 0}


def test_cloudwatch_is_told_the_same_numbers_to_each_account_its_own(system: System, traffic: Traffic) -> None:
    assert [traffic.talk.does(verb) for verb in ("reset", "close", "close", "close")] == ["ended"] * LIMIT
    until(lambda: scraped(system, traffic.balancer)["aws_networkelb_active_flow_count"] == 0, "nothing is open")
    assert scraped(system, traffic.balancer)["aws_networkelb_tcp_client_reset_count_total"] == 1
    # An agent that ends tells the minute that is not over.
    (agent,) = (one for one in processes_of(system.state) if " agent --state" in one.command)
    os.kill(agent.pid, signal.SIGTERM)
    consumer = traffic.road.lab.consumer
    endpoint = {
        "Endpoint Type": "Interface", "Service Name": traffic.road.service["ServiceName"],
        "VPC Endpoint Id": traffic.road.endpoint["VpcEndpointId"], "VPC Id": consumer.vpc,
    }  # fmt: skip

    def values(account: Account, statistic: str, namespace: str, name: str, dimensions: dict[str, str]) -> list[float]:
        answer = account.client("cloudwatch").get_metric_statistics(
            Namespace=namespace, MetricName=name, Dimensions=[{"Name": key, "Value": one} for key, one in dimensions.items()],
            StartTime=traffic.began - timedelta(minutes=1), EndTime=traffic.began + timedelta(hours=1), Period=60,
            Statistics=[statistic],
        )  # fmt: skip
        return [point[statistic] for point in answer["Datapoints"]]

    def of_endpoint(name: str, statistic: str = "Sum") -> list[float]:
        return values(consumer, statistic, "AWS/PrivateLinkEndpoints", name, endpoint)

    def of_balancer(account: Account, name: str) -> list[float]:
        return values(account, "Sum", "AWS/NetworkELB", name, {"LoadBalancer": traffic.balancer["load_balancer"]})

    until(lambda: sum(of_endpoint("NewConnections")) == LIMIT, "CloudWatch knows them")
    assert sum(of_endpoint("BytesProcessed")) == BOTH_WAYS
    assert max(of_endpoint("ActiveConnections", "Maximum")) == LIMIT
    assert sum(of_balancer(traffic.road.lab.provider, "PortAllocationErrorCount")) == 1
    assert sum(of_balancer(traffic.road.lab.provider, "TCP_Client_Reset_Count")) == 1
    assert of_balancer(consumer, "PortAllocationErrorCount") == []
