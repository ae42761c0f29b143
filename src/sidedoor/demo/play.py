"""The chapter, played: a provider publishes, a consumer asks, the provider accepts, bytes flow, the provider rejects."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import boto3

from sidedoor.demo.screen import Screen
from sidedoor.demo.system import System, until

PROVIDER, CONSUMER = "111111111111", "222222222222"
CIDR = "10.0.0.0/16"
ZONES = {"use1-az1": "10.0.1", "use1-az2": "10.0.2"}
"""Zone id -> the first three bytes of its subnet, the same on both sides."""
PORT, APPLICATION_PORT = 8000, 8080


@dataclass
class Side:
    """One account with its VPC: subnets and interfaces by zone id. ``host``: the last byte of its workloads' addresses."""

    session: boto3.Session
    ec2: Any
    host: int
    vpc: str = ""
    subnets: dict[str, str] = field(default_factory=dict)
    interfaces: dict[str, dict[str, Any]] = field(default_factory=dict)


class Play:
    def __init__(self, system: System, screen: Screen) -> None:
        self.system = system
        self.screen = screen
        self.provider = self._side("provider", PROVIDER, 10)
        self.consumer = self._side("consumer", CONSUMER, 20)
        self.elb = system.client(self.provider.session, "elbv2")
        self.nodes: dict[str, str] = {}
        self.balancer = self.service = self.service_name = self.endpoint = ""
        self.names: list[str] = []

    def _side(self, name: str, account_id: str, host: int) -> Side:
        session = self.system.account(name, account_id)
        return Side(session, self.system.client(session, "ec2"), host)

    def run(self) -> None:
        """All five acts. Raises ``StepFailed``."""
        self.prepare()
        self.offer()
        self.request()
        self.accept()
        self.reject()

    # --- 1 --------------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        self.screen.step(1, f"The provider (account {PROVIDER}) puts two servers behind a Network Load Balancer")
        self._network(self.provider)
        for zone, interface in self.provider.interfaces.items():
            self._start_server(zone, interface)
        subnets = list(self.provider.subnets.values())
        self.screen.call("elbv2", "create-load-balancer", Name="demo", Type="network", Subnets=",".join(subnets))
        balancer = self.elb.create_load_balancer(Name="demo", Type="network", Scheme="internal", Subnets=subnets)[
            "LoadBalancers"
        ][0]
        self.balancer = balancer["LoadBalancerArn"]
        self._target_group()
        found = self.provider.ec2.describe_network_interfaces(
            Filters=[{"Name": "interface-type", "Values": ["network_load_balancer"]}]
        )["NetworkInterfaces"]
        by_subnet = {one["SubnetId"]: one["PrivateIpAddress"] for one in found}
        self.nodes = {zone: by_subnet[subnet] for zone, subnet in self.provider.subnets.items()}
        self.screen.shows(f"nodes of the load balancer: {', '.join(f'{zone} {node}' for zone, node in self.nodes.items())}")

    def _network(self, side: Side) -> None:
        self.screen.call("ec2", "create-vpc", CidrBlock=CIDR)
        side.vpc = side.ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
        for zone, prefix in ZONES.items():
            cidr = f"{prefix}.0/24"
            subnet = side.ec2.create_subnet(VpcId=side.vpc, CidrBlock=cidr, AvailabilityZoneId=zone)["Subnet"]
            side.subnets[zone] = subnet["SubnetId"]
            interface = side.ec2.create_network_interface(
                SubnetId=subnet["SubnetId"], PrivateIpAddress=f"{prefix}.{side.host}"
            )["NetworkInterface"]
            side.interfaces[zone] = interface
            self.screen.call("ec2", "create-subnet", CidrBlock=cidr, AvailabilityZoneId=zone)
            self.screen.shows(
                f"{subnet['SubnetId']} in {subnet['AvailabilityZone']} ({zone}); workload {interface['NetworkInterfaceId']} "
                f"at {interface['PrivateIpAddress']}"
            )

    def _start_server(self, zone: str, interface: dict[str, Any]) -> None:
        log = self.system.state / f"server-{zone}.log"
        program = [sys.executable, "-m", "sidedoor.demo.server", "", str(APPLICATION_PORT)]
        self.system.start(interface["NetworkInterfaceId"], *program, log=log)
        until(lambda: "listening" in log.read_text(), f"the server in {zone} listens")

    def _target_group(self) -> None:
        self.screen.call("elbv2", "create-target-group", Name="demo", Protocol="TCP", Port=APPLICATION_PORT)
        group = self.elb.create_target_group(
            Name="demo", Protocol="TCP", Port=APPLICATION_PORT, VpcId=self.provider.vpc, TargetType="ip",
            HealthCheckIntervalSeconds=5, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
        self.screen.call("elbv2", "modify-target-group-attributes", **{"proxy_protocol_v2.enabled": "true"})
        attributes = [{"Key": "proxy_protocol_v2.enabled", "Value": "true"}]
        self.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
        targets = [{"Id": one["PrivateIpAddress"]} for one in self.provider.interfaces.values()]
        self.screen.call("elbv2", "register-targets", Targets=",".join(one["Id"] for one in targets))
        self.elb.register_targets(TargetGroupArn=group, Targets=targets)
        self.screen.call("elbv2", "create-listener", Protocol="TCP", Port=PORT)
        action = {"Type": "forward", "TargetGroupArn": group}
        self.elb.create_listener(LoadBalancerArn=self.balancer, Protocol="TCP", Port=PORT, DefaultActions=[action])

        def healthy() -> bool:
            found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            return {one["TargetHealth"]["State"] for one in found} == {"healthy"}

        until(healthy, "both targets are healthy")
        self.screen.expect(True, "both targets are healthy")

    # --- 2 --------------------------------------------------------------------------------------------------------

    def offer(self) -> None:
        self.screen.step(2, "It makes an endpoint service of it and lets the consumer's account ask for a connection")
        ec2 = self.provider.ec2
        self.screen.call("ec2", "create-vpc-endpoint-service-configuration", AcceptanceRequired=True)
        service = ec2.create_vpc_endpoint_service_configuration(
            NetworkLoadBalancerArns=[self.balancer], AcceptanceRequired=True
        )["ServiceConfiguration"]
        self.service, self.service_name = service["ServiceId"], service["ServiceName"]
        self.screen.shows(f"{self.service_name} in {', '.join(service['AvailabilityZones'])}: {service['ServiceState']}")
        principal = f"arn:aws:iam::{CONSUMER}:root"
        visible = self._visible()
        self.screen.expect(not visible, "without permission the service does not exist for the consumer")
        self.screen.call("ec2", "modify-vpc-endpoint-service-permissions", AddAllowedPrincipals=principal)
        ec2.modify_vpc_endpoint_service_permissions(ServiceId=self.service, AddAllowedPrincipals=[principal])
        self.screen.expect(self._visible(), "with permission it does")

    def _visible(self) -> bool:
        filters = [{"Name": "service-name", "Values": [self.service_name]}]
        return bool(self.consumer.ec2.describe_vpc_endpoint_services(Filters=filters)["ServiceNames"])

    # --- 3 --------------------------------------------------------------------------------------------------------

    def request(self) -> None:
        self.screen.step(
            3, f"The consumer (account {CONSUMER}), whose VPC has the same {CIDR}, asks for an endpoint in each zone"
        )
        side = self.consumer
        self._network(side)
        self.screen.call("ec2", "create-vpc-endpoint", ServiceName=self.service_name, VpcEndpointType="Interface")
        endpoint = side.ec2.create_vpc_endpoint(
            VpcId=side.vpc, ServiceName=self.service_name, VpcEndpointType="Interface", SubnetIds=list(side.subnets.values())
        )["VpcEndpoint"]
        self.endpoint = endpoint["VpcEndpointId"]
        self.names = [one["DnsName"] for one in endpoint["DnsEntries"]]
        self.screen.expect(endpoint["State"] == "pendingAcceptance", f"{self.endpoint} is {endpoint['State']}")
        answer = self._ask("use1-az1", "get", self.names[0], str(PORT))
        self.screen.expect("error" in answer, f"a connection attempt fails: {answer.get('error')} {answer.get('message', '')}")

    def _ask(self, zone: str, *arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.system.ask(self.consumer.interfaces[zone]["NetworkInterfaceId"], *arguments)
        return answer

    # --- 4 --------------------------------------------------------------------------------------------------------

    def accept(self) -> None:
        self.screen.step(4, "The provider accepts; the consumer's requests arrive")
        states = self._accepted_states()
        self.screen.expect(states[-2:] == ["pending", "available"], f"states seen: {' -> '.join(states)}")
        for zone, name in zip([None, *self.consumer.subnets], self.names, strict=True):
            self._show_reply(zone, name)

    def _accepted_states(self) -> list[str]:
        """The states that a reader sees while the provider accepts."""
        states: list[str] = []
        reader = threading.Thread(target=self._read_states, args=(states,))
        reader.start()
        until(lambda: states, "the reader reads")
        self.screen.call("ec2", "accept-vpc-endpoint-connections", VpcEndpointIds=self.endpoint)
        self.provider.ec2.accept_vpc_endpoint_connections(ServiceId=self.service, VpcEndpointIds=[self.endpoint])
        reader.join()
        return states

    def _read_states(self, states: list[str]) -> None:
        """Notes each new state of the endpoint, until it is available or a quarter of a minute is over."""
        reader = self.system.client(self.consumer.session, "ec2")
        end = time.monotonic() + 15
        while states[-1:] != ["available"] and time.monotonic() < end:
            state = reader.describe_vpc_endpoints(VpcEndpointIds=[self.endpoint])["VpcEndpoints"][0]["State"]
            if states[-1:] != [state]:
                states.append(state)

    def _show_reply(self, zone: str | None, name: str) -> None:
        addresses = self._ask("use1-az1", "resolve", name)
        self.screen.shows(f"{'regional' if zone is None else f'zonal, {zone}'} name {name}: {' '.join(addresses)}")
        self.screen.expect(len(addresses) == (2 if zone is None else 1), "it resolves")
        answer = self._ask("use1-az1", "get", name, str(PORT))
        client = self.consumer.interfaces["use1-az1"]["PrivateIpAddress"]
        nodes = self.nodes.values() if zone is None else [self.nodes[zone]]
        self.screen.shows(f"the server at {answer.get('server')} answers: {json.dumps(answer)}")
        self.screen.expect(answer.get("endpoint") == self.endpoint, "the PROXY header names the endpoint")
        self._expect_addresses(answer, client, nodes)

    def _expect_addresses(self, answer: dict[str, Any], client: str, nodes: Any) -> None:
        """In the loopback placement an address of a VPC stands on one of 127.0.0.0/8."""
        placed = self.system.addresses()
        provider = {placed.get(f"{self.provider.vpc}/{node}", node) for node in nodes}
        consumer = placed.get(f"{self.consumer.vpc}/{client}", client)
        self.screen.expect(
            str(answer.get("client")).startswith(f"{consumer}:"), f"the PROXY header names the client, {answer.get('client')}"
        )
        self.screen.expect(
            answer.get("source") in provider, f"the source address is the load balancer node's, {answer.get('source')}"
        )

    # --- 5 --------------------------------------------------------------------------------------------------------

    def reject(self) -> None:
        self.screen.step(5, "The provider rejects while a connection is open")
        interface = self.consumer.interfaces["use1-az1"]["NetworkInterfaceId"]
        program = self.system.start(interface, sys.executable, "-m", "sidedoor.demo.client", "watch", self.names[1], str(PORT))
        first = program.stdout.readline() if program.stdout else ""
        self.screen.expect(json.loads(first or "{}").get("open") is True, "a connection is open and receives")
        self.screen.call("ec2", "reject-vpc-endpoint-connections", VpcEndpointIds=self.endpoint)
        self.provider.ec2.reject_vpc_endpoint_connections(ServiceId=self.service, VpcEndpointIds=[self.endpoint])
        rejected = time.time()
        end = self._end_of(program)
        self.screen.expect(
            "end" in end, f"the open connection is cut ({end.get('end')}) after {float(end.get('at', 0)) - rejected:.2f} s"
        )
        answer = self._ask("use1-az1", "get", self.names[1], str(PORT))
        self.screen.expect("error" in answer, f"a new one is refused: {answer.get('error')}")

    def _end_of(self, program: subprocess.Popen[str]) -> dict[str, Any]:
        output, errors = program.communicate(timeout=10)
        answer: dict[str, Any] = json.loads(output.splitlines()[-1]) if output else {"error": errors}
        return answer
