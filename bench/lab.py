"""What the benches of the data plane build through boto3: networks, servers, load balancers, services, endpoints.

Also what they read of processes in /proc. Not a bench itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from sidedoor.demo.system import System, processes_of, until

PROVIDER, CONSUMER = "111111111111", "222222222222"
ZONE = "use1-az1"


def session(account: str) -> boto3.Session:
    return boto3.Session(aws_access_key_id=account, aws_secret_access_key="any", region_name="us-east-1")


@dataclass(frozen=True)
class Subnet:
    account: str
    vpc_id: str
    id: str


@dataclass(frozen=True)
class Workload:
    """A network interface in which programs run."""

    id: str
    address: str


class Account:
    """One account's clients, and what they make."""

    def __init__(self, system: System, account: str) -> None:
        self.system, self.id = system, account
        self.ec2 = system.client(session(account), "ec2")
        self.elb = system.client(session(account), "elbv2")

    def subnet(self, vpc_id: str | None = None, cidr: str = "10.0.0.0/20") -> Subnet:
        """A subnet in this VPC, or in a new one with the CIDR 10.0.0.0/16."""
        vpc_id = vpc_id or self._vpc()
        made = self.ec2.create_subnet(VpcId=vpc_id, CidrBlock=cidr, AvailabilityZoneId=ZONE)["Subnet"]
        return Subnet(self.id, vpc_id, made["SubnetId"])

    def _vpc(self) -> str:
        """A VPC whose default security group, that of everything in it, lets everybody in."""
        vpc_id: str = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        filters = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": ["default"]}]
        (group,) = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        everybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        self.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=everybody)
        return vpc_id

    def workload(self, subnet: Subnet) -> Workload:
        made = self.ec2.create_network_interface(SubnetId=subnet.id)["NetworkInterface"]
        return Workload(made["NetworkInterfaceId"], made["PrivateIpAddress"])

    def balancer(self, name: str, subnet: Subnet) -> str:
        request = {"Name": name, "Type": "network", "Scheme": "internal", "Subnets": [subnet.id]}
        arn: str = self.elb.create_load_balancer(**request)["LoadBalancers"][0]["LoadBalancerArn"]
        return arn

    def forward(self, balancer: str, port: int, group: str) -> str:
        """A listener that forwards a port to a target group."""
        actions = [{"Type": "forward", "TargetGroupArn": group}]
        made = self.elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=port, DefaultActions=actions)
        arn: str = made["Listeners"][0]["ListenerArn"]
        return arn

    def group(self, name: str, subnet: Subnet, port: int, *, proxy: bool = False, **check: Any) -> str:
        request = {"Name": name, "Protocol": "TCP", "Port": port, "VpcId": subnet.vpc_id, "TargetType": "ip", **check}
        made = self.elb.create_target_group(**request)
        arn: str = made["TargetGroups"][0]["TargetGroupArn"]
        if proxy:
            attributes = [{"Key": "proxy_protocol_v2.enabled", "Value": "true"}]
            self.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
        return arn

    def register(self, group: str, *targets: tuple[str, int]) -> None:
        self.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": one, "Port": port} for one, port in targets])

    def deregister(self, group: str, *targets: tuple[str, int]) -> None:
        self.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": one, "Port": port} for one, port in targets])

    def service(self, *balancers: str, acceptance: bool = False) -> str:
        """A service that every account may connect to."""
        request = {"NetworkLoadBalancerArns": list(balancers), "AcceptanceRequired": acceptance}
        service_id: str = self.ec2.create_vpc_endpoint_service_configuration(**request)["ServiceConfiguration"]["ServiceId"]
        self.ec2.modify_vpc_endpoint_service_permissions(ServiceId=service_id, AddAllowedPrincipals=["*"])
        return service_id

    def endpoint(self, subnet: Subnet, service_id: str) -> str:
        name = f"com.amazonaws.vpce.us-east-1.{service_id}"
        request = {"VpcId": subnet.vpc_id, "ServiceName": name, "VpcEndpointType": "Interface", "SubnetIds": [subnet.id]}
        endpoint_id: str = self.ec2.create_vpc_endpoint(**request)["VpcEndpoint"]["VpcEndpointId"]
        return endpoint_id

    def state(self, endpoint_id: str) -> str:
        found: str = self.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"][0]["State"]
        return found

    def address(self, endpoint_id: str) -> str:
        """The address of an endpoint that has one subnet."""
        found = self.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"][0]
        interfaces = self.ec2.describe_network_interfaces(NetworkInterfaceIds=found["NetworkInterfaceIds"])
        address: str = interfaces["NetworkInterfaces"][0]["PrivateIpAddress"]
        return address

    def available(self, endpoint_id: str) -> str:
        """The address of the endpoint, as soon as it is available."""
        until(lambda: self.state(endpoint_id) == "available", f"{endpoint_id} is available")
        return self.address(endpoint_id)

    def healthy(self, group: str, count: int = 1, seconds: float = 30) -> None:
        """Waits until so many targets of a group are healthy."""

        def look() -> bool:
            found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            return [one["TargetHealth"]["State"] for one in found].count("healthy") >= count

        until(look, f"{count} targets of {group} are healthy", seconds)

    def node_address(self, balancer: str) -> str:
        """The address of the only node of a load balancer: that of its network interface."""
        description = f"ELB {balancer.partition(':loadbalancer/')[2]}"
        filters = [{"Name": "description", "Values": [description]}]
        (found,) = self.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
        address: str = found["PrivateIpAddress"]
        return address


# --- processes ----------------------------------------------------------------------------------------------------


def envoy_pid(state: Path) -> int:
    (found,) = (one.pid for one in processes_of(state) if "--config-path" in one.command)
    return found


def parts(state: Path) -> dict[str, int]:
    """The process ids of a running system, by the part that they are."""
    found = {"envoy": envoy_pid(state)}
    for part in ("up", "serve", "agent"):
        mark = f" -m sidedoor --log-level info {part} " if part != "up" else " -m sidedoor up "
        (found[part],) = (one.pid for one in processes_of(state) if mark in one.command)
    return found


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


# --- programs -----------------------------------------------------------------------------------------------------

_INSIDE = """
import sys, time
from pathlib import Path
from sidedoor.dataplane.netns.enter import exec_in, stands
end = time.monotonic() + 10
while not stands(Path(sys.argv[1]), sys.argv[2]) and time.monotonic() < end:
    time.sleep(0.02)
exec_in(Path(sys.argv[1]), sys.argv[2], "", sys.argv[3:])
"""


def inside(state: Path, place: str, *command: str) -> list[str]:
    """The command line that runs a command inside any namespace of a system: a workload's, or a VPC's router."""
    return [sys.executable, "-c", _INSIDE, str(state / "run"), place, *command]


def said(state: Path, place: str, *command: str, seconds: float = 60) -> str:
    """What a command inside a namespace prints. Raises ``RuntimeError`` with what it says where it fails."""
    where = inside(state, place, *command)
    done = subprocess.run(where, capture_output=True, text=True, timeout=seconds, check=False, start_new_session=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout} {done.stderr}")
    return done.stdout


def rows(*lines: tuple[Any, ...]) -> Iterator[str]:
    """Markdown: the first line is the head."""
    for number, line in enumerate(lines):
        yield "| " + " | ".join(str(cell) for cell in line) + " |"
        if number == 0:
            yield "|" + "---|" * len(line)
