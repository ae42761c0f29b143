"""What the tests of the chapter's rules begin with: fresh accounts on a running system, and boto3 in front of them."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3

from sidedoor.demo.system import System, until

AZ1, AZ2, AZ3 = "use1-az1", "use1-az2", "use1-az3"
PORT, APPLICATION_PORT = 8000, 8080
PROGRAMS = Path(__file__).with_name("programs.py")
ANY_EVENT = ["Connect", "Accept", "Reject", "Delete"]
_NUMBERS = itertools.count(100_000_000_001)


def attributes_of(named: dict[str, str]) -> list[dict[str, str]]:
    """``stickiness__enabled="true"`` as ELBv2 has it."""
    return [{"Key": name.replace("__", "."), "Value": value} for name, value in named.items()]


def root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


@dataclass
class Server:
    """A program of the provider's. ``address`` as its VPC has it; ``log``: a line of JSON for each request."""

    interface: str
    address: str
    log: Path

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@dataclass
class Account:
    """An account that nobody had before, with a VPC 10.0.0.0/16 once it needs one."""

    system: System
    id: str = field(default_factory=lambda: str(next(_NUMBERS)))
    subnets: dict[str, str] = field(default_factory=dict)

    def session(self, **keys: str) -> boto3.Session:
        keys = keys or {"aws_access_key_id": self.id, "aws_secret_access_key": "any"}
        return boto3.Session(region_name="us-east-1", **keys)

    def client(self, service: str, **keys: str) -> Any:
        return self.system.client(self.session(**keys), service)

    @cached_property
    def ec2(self) -> Any:
        return self.client("ec2")

    @cached_property
    def elb(self) -> Any:
        return self.client("elbv2")

    @cached_property
    def vpc(self) -> str:
        vpc_id: str = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        return vpc_id

    def subnet(self, zone_id: str = AZ1) -> str:
        if zone_id not in self.subnets:
            request = {"CidrBlock": f"10.0.{len(self.subnets)}.0/24", "AvailabilityZoneId": zone_id}
            self.subnets[zone_id] = self.ec2.create_subnet(VpcId=self.vpc, **request)["Subnet"]["SubnetId"]
        return self.subnets[zone_id]

    def workload(self, zone_id: str = AZ1) -> tuple[str, str]:
        """(id, address) of a new interface in which programs run."""
        made = self.ec2.create_network_interface(SubnetId=self.subnet(zone_id))["NetworkInterface"]
        return made["NetworkInterfaceId"], made["PrivateIpAddress"]


class Lab:
    """A provider and a consumer, and steps between them that many rules need."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.provider, self.consumer = Account(system), Account(system)
        self._names = (f"{self.provider.id}-{number}" for number in itertools.count(1))

    # --- the provider ---------------------------------------------------------------------------------------------

    def server(self, zone_id: str = AZ1) -> Server:
        """An HTTP server that says who asked, behind PROXY protocol."""
        interface, address = self.provider.workload(zone_id)
        log = self.system.state / f"server-{interface}.log"
        program = [sys.executable, "-m", "sidedoor.demo.server", "", str(APPLICATION_PORT)]
        self.system.start(interface, *program, log=log)
        until(lambda: "listening" in log.read_text(), "the server listens")
        return Server(interface, address, log)

    def balancer(self, *zone_ids: str, servers: list[Server] | None = None, **attributes: str) -> str:
        """The ARN of a new load balancer with nodes in these zones, with a listener where it has servers."""
        subnets = [self.provider.subnet(zone_id) for zone_id in zone_ids or (AZ1,)]
        request = {"Name": next(self._names), "Type": "network", "Scheme": "internal", "Subnets": subnets}
        balancer: str = self.provider.elb.create_load_balancer(**request)["LoadBalancers"][0]["LoadBalancerArn"]
        if attributes:
            changed = attributes_of(attributes)
            self.provider.elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=changed)
        if servers:
            self._listen(balancer, servers)
        return balancer

    def _listen(self, balancer: str, servers: list[Server]) -> None:
        group = self.group([{"Id": server.address} for server in servers], proxy_protocol_v2__enabled="true")
        self.listener(balancer, group)
        self.healthy(group)

    def group(
        self,
        targets: list[dict[str, Any]],
        port: int = APPLICATION_PORT,
        check: dict[str, Any] | None = None,
        **attributes: str,
    ) -> str:
        """The ARN of a new target group with these targets. ``check``: what its health checks have of their own."""
        elb = self.provider.elb
        checks = {"HealthCheckIntervalSeconds": 5, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2, **(check or {})}
        request = {"Name": next(self._names), "Protocol": "TCP", "Port": port, "VpcId": self.provider.vpc, "TargetType": "ip"}
        group: str = elb.create_target_group(**request, **checks)["TargetGroups"][0]["TargetGroupArn"]
        if attributes:
            elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes_of(attributes))
        if targets:
            elb.register_targets(TargetGroupArn=group, Targets=targets)
        return group

    def listener(self, balancer: str, group: str, port: int = PORT) -> str:
        forward = {"Type": "forward", "TargetGroupArn": group}
        request = {"LoadBalancerArn": balancer, "Protocol": "TCP", "Port": port, "DefaultActions": [forward]}
        arn: str = self.provider.elb.create_listener(**request)["Listeners"][0]["ListenerArn"]
        return arn

    def healthy(self, group: str) -> None:
        """Waits until the group's targets are, those aside whose zone the load balancer has no node in."""

        def all_are() -> bool:
            found = self.provider.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            return {one["TargetHealth"]["State"] for one in found} - {"unused"} == {"healthy"}

        until(all_are, "the servers are healthy")

    def service(self, *balancers: str, allow: str | None = "consumer", **request: Any) -> dict[str, Any]:
        """A new service, without acceptance unless asked for, to which the consumer may connect unless told otherwise."""
        arns = list(balancers) or [self.balancer()]
        request = {"NetworkLoadBalancerArns": arns, "AcceptanceRequired": False, **request}
        made: dict[str, Any] = self.provider.ec2.create_vpc_endpoint_service_configuration(**request)["ServiceConfiguration"]
        if allow == "consumer":
            self.allow(made, root(self.consumer.id))
        return made

    def allow(self, service: dict[str, Any], *principals: str) -> None:
        request = {"ServiceId": service["ServiceId"], "AddAllowedPrincipals": list(principals)}
        self.provider.ec2.modify_vpc_endpoint_service_permissions(**request)

    def change(self, service: dict[str, Any], **request: Any) -> None:
        self.provider.ec2.modify_vpc_endpoint_service_configuration(ServiceId=service["ServiceId"], **request)

    def decide(self, verb: str, service: dict[str, Any], *endpoints: dict[str, Any]) -> list[dict[str, Any]]:
        """Accepts or rejects. Returns what did not go."""
        ids = [endpoint["VpcEndpointId"] for endpoint in endpoints]
        decision = getattr(self.provider.ec2, f"{verb}_vpc_endpoint_connections")
        unsuccessful: list[dict[str, Any]] = decision(ServiceId=service["ServiceId"], VpcEndpointIds=ids)["Unsuccessful"]
        return unsuccessful

    def delete_service(self, service: dict[str, Any]) -> list[str]:
        """The error codes of what did not go."""
        delete = self.provider.ec2.delete_vpc_endpoint_service_configurations
        return [one["Error"]["Code"] for one in delete(ServiceIds=[service["ServiceId"]])["Unsuccessful"]]

    def described_service(self, service: dict[str, Any]) -> dict[str, Any]:
        describe = self.provider.ec2.describe_vpc_endpoint_service_configurations
        found: dict[str, Any] = describe(ServiceIds=[service["ServiceId"]])["ServiceConfigurations"][0]
        return found

    def nodes(self) -> dict[str, str]:
        """Zone id -> the address of the provider's load balancer node there, where its programs see it."""
        wanted = [{"Name": "interface-type", "Values": ["network_load_balancer"]}]
        found = self.provider.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
        zones = {subnet: zone_id for zone_id, subnet in self.provider.subnets.items()}
        return {zones[one["SubnetId"]]: self.placed(self.provider, one["PrivateIpAddress"]) for one in found}

    # --- the consumer ---------------------------------------------------------------------------------------------

    def endpoint(self, service: dict[str, Any], *zone_ids: str, by: Any = None, **request: Any) -> dict[str, Any]:
        """A new endpoint of the consumer's in these zones."""
        subnets = [self.consumer.subnet(zone_id) for zone_id in zone_ids or (AZ1,)]
        request = {
            "VpcEndpointType": "Interface", "VpcId": self.consumer.vpc, "ServiceName": service["ServiceName"],
            "SubnetIds": subnets, **request,
        }  # fmt: skip
        endpoint: dict[str, Any] = (by or self.consumer.ec2).create_vpc_endpoint(**request)["VpcEndpoint"]
        return endpoint

    def available(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        until(lambda: self.state(endpoint) == "available", "the endpoint is available")
        return endpoint

    def described(self, endpoint: dict[str, Any]) -> dict[str, Any]:
        ids = [endpoint["VpcEndpointId"]]
        found: dict[str, Any] = self.consumer.ec2.describe_vpc_endpoints(VpcEndpointIds=ids)["VpcEndpoints"][0]
        return found

    def state(self, endpoint: dict[str, Any]) -> str:
        state: str = self.described(endpoint)["State"]
        return state

    def names(self, endpoint: dict[str, Any]) -> Iterator[str]:
        """The regional name, and then the zonal ones."""
        return (entry["DnsName"] for entry in endpoint["DnsEntries"])

    def get(self, client: str, endpoint: dict[str, Any], name: int = 0) -> dict[str, Any]:
        """What the server answers to a client at one of the endpoint's names, or the error that it met."""
        answer: dict[str, Any] = self.system.ask(client, "get", list(self.names(endpoint))[name], str(PORT))
        return answer

    def placed(self, account: Account, address: str) -> str:
        """Where an address of a VPC stands on this host: only the loopback placement has another place for it."""
        return self.system.addresses().get(f"{account.vpc}/{address}", address)
