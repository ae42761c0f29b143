"""A load balancer in two zones with a target group for each rule, an endpoint to it, and programs that do as a test says."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from rules_lab import AZ1, AZ2, Account

from sidedoor.demo.system import SIDEDOOR, System, until

PROGRAMS = Path(__file__).with_name("flow_programs.py")
PATIENCE = 30.0


class Program:
    """One of our programs inside an interface, which answers each line of ours with one of its own."""

    def __init__(self, system: System, interface: str, *arguments: str) -> None:
        command = [*SIDEDOOR, "exec", "--state", str(system.state), interface, "--", sys.executable, str(PROGRAMS), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answers: Queue[dict[str, Any]] = Queue()
        self.ends: list[tuple[int, str]] = []
        """(port, how) of the flows that ended and had said something."""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            fact = json.loads(text)
            if "port" in fact:
                self.ends.append((fact["port"], fact["ended"]))
            else:
                self._answers.put(fact)

    def do(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answers.get(timeout=PATIENCE)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@dataclass(frozen=True)
class Group:
    """A target group whose listener has its port. ``ports``: those of its targets, all at the server of the first zone."""

    port: int
    arn: str
    ports: tuple[int, ...]


@dataclass
class FlowLab:
    system: System
    provider: Account = field(init=False)
    consumer: Account = field(init=False)
    servers: dict[str, Program] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    """Zone id -> the address of the server there."""

    def __post_init__(self) -> None:
        self.provider, self.consumer = Account(self.system), Account(self.system)
        for zone in (AZ1, AZ2):
            interface, self.addresses[zone] = self.provider.workload(zone)
            self.servers[zone] = Program(self.system, interface, "serve", zone)
        client, _ = self.consumer.workload()
        self.client = Program(self.system, client, "talk")
        elb = self.provider.elb
        made = elb.create_load_balancer(
            Name="flows", Type="network", Scheme="internal", Subnets=[self.provider.subnet(zone) for zone in (AZ1, AZ2)]
        )
        self.balancer = made["LoadBalancers"][0]["LoadBalancerArn"]

    def offer(self) -> None:
        """Makes the endpoint, in both zones."""
        service = self.provider.ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[self.balancer], AcceptanceRequired=False
        )["ServiceConfiguration"]
        self.provider.ec2.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
        subnets = [self.consumer.subnet(zone) for zone in (AZ1, AZ2)]
        self.endpoint = self.consumer.ec2.create_vpc_endpoint(
            VpcEndpointType="Interface", VpcId=self.consumer.vpc, ServiceName=service["ServiceName"], SubnetIds=subnets
        )["VpcEndpoint"]
        self.names = [entry["DnsName"] for entry in self.endpoint["DnsEntries"]]

        def available() -> bool:
            found = self.consumer.ec2.describe_vpc_endpoints(VpcEndpointIds=[self.endpoint["VpcEndpointId"]])["VpcEndpoints"]
            return bool(found[0]["State"] == "available")

        until(available, "the endpoint is available")
        by_subnet = {
            one["SubnetId"]: one["PrivateIpAddress"]
            for one in self.consumer.ec2.describe_network_interfaces(
                Filters=[{"Name": "interface-type", "Values": ["vpc_endpoint"]}]
            )["NetworkInterfaces"]
        }
        self.doors = {zone: self.placed(by_subnet[self.consumer.subnets[zone]]) for zone in (AZ1, AZ2)}

    def placed(self, address: str) -> str:
        return self.system.addresses().get(f"{self.consumer.vpc}/{address}", address)

    def group(self, port: int, *more_ports: int, check: dict[str, Any] | None = None, **attributes: str) -> Group:
        """A group with targets at the first zone's server, which listens there, behind a listener at the first port."""
        elb = self.provider.elb
        made = elb.create_target_group(
            Name=f"port-{port}", Protocol="TCP", Port=port, VpcId=self.provider.vpc, TargetType="ip",
            HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
            **(check or {}),
        )  # fmt: skip
        group = Group(port, made["TargetGroups"][0]["TargetGroupArn"], (port, *more_ports))
        chosen = {key.replace("__", "."): value for key, value in attributes.items()}
        wanted = [{"Key": key, "Value": value} for key, value in chosen.items()]
        elb.modify_target_group_attributes(TargetGroupArn=group.arn, Attributes=wanted)
        for one in group.ports:
            self.servers[AZ1].do(open=one)
            self.register(group, one)
        forward = {"Type": "forward", "TargetGroupArn": group.arn}
        elb.create_listener(LoadBalancerArn=self.balancer, Protocol="TCP", Port=port, DefaultActions=[forward])
        return group

    def register(self, group: Group, port: int, zone: str = AZ1) -> None:
        targets = [{"Id": self.addresses[zone], "Port": port}]
        self.provider.elb.register_targets(TargetGroupArn=group.arn, Targets=targets)

    def deregister(self, group: Group, port: int, zone: str = AZ1) -> None:
        targets = [{"Id": self.addresses[zone], "Port": port}]
        self.provider.elb.deregister_targets(TargetGroupArn=group.arn, Targets=targets)

    def states(self, group: Group) -> dict[int, str]:
        """Port -> state of the group's targets at the first zone's server."""
        found = self.provider.elb.describe_target_health(TargetGroupArn=group.arn)["TargetHealthDescriptions"]
        mine = [one for one in found if one["Target"]["Id"] == self.addresses[AZ1]]
        return {one["Target"]["Port"]: one["TargetHealth"]["State"] for one in mine}

    # --- the client -----------------------------------------------------------------------------------------------

    def connect(self, group: Group, key: str = "probe", zone: str = AZ1) -> dict[str, Any]:
        return self.client.do(connect=key, to=[self.doors[zone], group.port])

    def flow(self, group: Group, port: int) -> str:
        """The key of a new flow that has reached this one of the group's targets, and has said something."""
        key = f"{group.port} to {port}"
        until(lambda: self.connect(group, key).get("greeting") == f"{AZ1}:{port}", f"a flow from {key}")
        assert self.lives(key)
        return key

    def lives(self, key: str) -> bool:
        return self.client.do(say=key) == {"echo": True}

    def ends(self, key: str) -> str:
        """How a flow ends, which it must."""
        answer = self.client.do(wait=key)
        return str(answer.get("error") or answer.get("ended"))

    def reached(self, group: Group, times: int = 12) -> set[str]:
        """What answers new connections."""
        return {str(self.connect(group)) for _ in range(times)}

    def addresses_of(self, name: str) -> set[str]:
        return set(self.client.do(resolve=name)["addresses"])

    def close(self) -> None:
        for program in (*self.servers.values(), self.client):
            program.close()


def greetings(*ports: int) -> set[str]:
    return {str({"greeting": f"{AZ1}:{port}"}) for port in ports}
