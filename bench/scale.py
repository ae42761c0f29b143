"""100 services and 1,000 endpoints on this machine: time from accept to the first byte, and what one change costs the agent.

    python bench/scale.py [--services 100] [--endpoints 1000] [--samples 30] [--network auto|netns|loopback]

Builds everything through boto3 against a ``sidedoor up`` of its own, in stages. At each stage it accepts some pending
endpoints one after the other, while a client inside the consumer's VPC tries to connect, and prints the figures as a Markdown
table; before that the memory of the idle system and the time from start to ready. Bounded: it makes exactly that many
endpoints and stops by itself. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab import CONSUMER, PROVIDER, cpu_seconds, memory_mb, session

from sidedoor.demo.system import SIDEDOOR, Process, System, processes_of, running, until

ENDPOINTS_PER_VPC = 40
PORT = 8000

SERVER = """
import os, socket
listening = socket.create_server((os.environ["SIDEDOOR_ADDRESS"], 8080), backlog=1024)
while True:
    connection, _ = listening.accept()
    with connection:
        try:
            connection.sendall(b"x")
        except OSError:
            pass
"""

CLIENT = """
import os, socket, sys, time
print("ready", flush=True)
for line in sys.stdin:
    address, end = line.strip(), time.monotonic() + 20
    while time.monotonic() < end:
        try:
            with socket.create_connection((address, 8000), 1) as connection:
                connection.settimeout(1)
                if connection.recv(1):
                    break
        except OSError:
            pass
        time.sleep(0.0005)
    print(time.monotonic(), flush=True)
"""


class Bench:
    def __init__(self, system: System) -> None:
        self.system = system
        self.provider = system.client(session(PROVIDER), "ec2")
        self.consumer = system.client(session(CONSUMER), "ec2")
        self.elb = system.client(session(PROVIDER), "elbv2")
        self.services: list[str] = []
        self.subnets: list[tuple[str, str]] = []
        self.made = 0

    def build_services(self, count: int) -> None:
        """``count`` services, each with a load balancer of its own in one provider's VPC, all in front of one server."""
        vpc = self.provider.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = self.provider.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", AvailabilityZoneId="use1-az1")["Subnet"][
            "SubnetId"
        ]
        server = self.provider.create_network_interface(SubnetId=subnet)["NetworkInterface"]
        log = self.system.state / "server.log"
        self.system.start(server["NetworkInterfaceId"], sys.executable, "-c", SERVER, log=log)
        for number in range(count):
            self._service(vpc, subnet, server["PrivateIpAddress"], number)

    def _service(self, vpc: str, subnet: str, target: str, number: int) -> None:
        name = f"bench-{number}"
        balancer = self.elb.create_load_balancer(Name=name, Type="network", Scheme="internal", Subnets=[subnet])[
            "LoadBalancers"
        ][0]
        group = self.elb.create_target_group(Name=name, Protocol="TCP", Port=8080, VpcId=vpc, TargetType="ip")["TargetGroups"][
            0
        ]
        arn, group_arn = balancer["LoadBalancerArn"], group["TargetGroupArn"]
        self.elb.register_targets(TargetGroupArn=group_arn, Targets=[{"Id": target}])
        action = {"Type": "forward", "TargetGroupArn": group_arn}
        self.elb.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=PORT, DefaultActions=[action])
        service = self.provider.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[arn], AcceptanceRequired=True
        )
        service_id = service["ServiceConfiguration"]["ServiceId"]
        self.provider.modify_vpc_endpoint_service_permissions(
            ServiceId=service_id, AddAllowedPrincipals=[f"arn:aws:iam::{CONSUMER}:root"]
        )
        self.services.append(service_id)

    def _subnet(self) -> tuple[str, str]:
        """(VPC, subnet) with room for one more endpoint."""
        if self.made % ENDPOINTS_PER_VPC == 0:
            vpc = self.consumer.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
            subnet = self.consumer.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", AvailabilityZoneId="use1-az1")["Subnet"]
            self.subnets.append((vpc, subnet["SubnetId"]))
        return self.subnets[-1]

    def request(self) -> tuple[str, str]:
        """(service, endpoint): one more endpoint, pending acceptance."""
        vpc, subnet = self._subnet()
        service = self.services[self.made % len(self.services)]
        self.made += 1
        return service, self._create(vpc, subnet, service)

    def _create(self, vpc: str, subnet: str, service: str) -> str:
        name = f"com.amazonaws.vpce.us-east-1.{service}"
        endpoint = self.consumer.create_vpc_endpoint(
            VpcId=vpc, ServiceName=name, VpcEndpointType="Interface", SubnetIds=[subnet]
        )
        endpoint_id: str = endpoint["VpcEndpoint"]["VpcEndpointId"]
        return endpoint_id

    def fill(self, total: int) -> None:
        """Endpoints up to ``total``, all accepted and available."""
        while self.made < total:
            batch = [self.request() for _ in range(min(100, total - self.made))]
            for service, endpoint in batch:
                self.provider.accept_vpc_endpoint_connections(ServiceId=service, VpcEndpointIds=[endpoint])
        until(self._all_available, f"{total} endpoints are available", 120)

    def _all_available(self) -> bool:
        pages = self.consumer.get_paginator("describe_vpc_endpoints").paginate()
        states = [one["State"] for page in pages for one in page["VpcEndpoints"]]
        return states.count("available") == len(states)

    def sample(self, count: int) -> tuple[list[float], float]:
        """(seconds from accept to the first byte of each of ``count`` endpoints, the agent's CPU seconds for one of them)."""
        agent = process(self.system.state, " agent ")
        if self.made + count > ENDPOINTS_PER_VPC * len(self.subnets):
            self.made = ENDPOINTS_PER_VPC * len(self.subnets)
        pending = [self.request() for _ in range(count)]
        subnet = self.subnets[-1][1]
        workload = self.consumer.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
        client = subprocess.Popen(
            [*SIDEDOOR, "exec", "--state", str(self.system.state), workload, "--", sys.executable, "-c", CLIENT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert client.stdin and client.stdout and client.stdout.readline()
        before, seconds = cpu_seconds(agent.pid), []
        for service, endpoint in pending:
            client.stdin.write(self._address(endpoint) + "\n")
            client.stdin.flush()
            start = time.monotonic()
            self.provider.accept_vpc_endpoint_connections(ServiceId=service, VpcEndpointIds=[endpoint])
            seconds.append(float(client.stdout.readline()) - start)
        spent = cpu_seconds(agent.pid) - before
        client.stdin.close()
        client.wait(10)
        return seconds, spent / count

    def _address(self, endpoint: str) -> str:
        found = self.consumer.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
        interface = found["NetworkInterfaceIds"][0]
        address = self.consumer.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0][
            "PrivateIpAddress"
        ]
        return self.system.addresses().get(f"{found['VpcId']}/{address}", address)


def process(state: Path, part: str) -> Process:
    (found,) = (
        one for one in processes_of(state) if part in one.command and "sidedoor" in one.command and " exec " not in one.command
    )
    return found


def idle(system: System, ready_seconds: float) -> dict[str, Any]:
    parts = {part.strip(): process(system.state, part) for part in (" up ", " serve ", " agent ")}
    memory = {name: round(memory_mb(one.pid)) for name, one in parts.items()}
    return {"start to ready, s": round(ready_seconds, 2), "memory, MB": memory, "together, MB": sum(memory.values())}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--endpoints", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--network", default="auto")
    options = parser.parse_args()
    started = time.monotonic()
    with running("--dev", "--network", options.network) as system:
        print(json.dumps(idle(system, time.monotonic() - started)))
        bench = Bench(system)
        bench.build_services(options.services)
        print(
            "| endpoints in place | accept to first byte: median, ms | p90, ms | worst, ms | agent's CPU for one accept, ms |"
        )
        print("|---|---|---|---|---|")
        for total in (0, options.endpoints // 4, options.endpoints // 2, options.endpoints):
            bench.fill(max(total, bench.made))
            seconds, spent = bench.sample(options.samples)
            times = [one * 1000 for one in seconds]
            p90 = statistics.quantiles(times, n=10)[8]
            print(
                f"| {total} | {statistics.median(times):.0f} | {p90:.0f} | {max(times):.0f} | {spent * 1000:.1f} |", flush=True
            )
        print(json.dumps({"memory with all in place, MB": idle(system, 0)["memory, MB"]}))


if __name__ == "__main__":
    main()
