"""Instances through boto3 on a whole system: a program in one is a target, and is reached through an endpoint from another."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import pytest

from sidedoor.demo.system import System, until

PROVIDER, CONSUMER = "111111111111", "222222222222"
LAUNCH = {"ImageId": "ami-0123456789abcdef0", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}


@dataclass
class Service:
    """A server in an instance of the provider's, and an endpoint to it with a client in an instance of the consumer's."""

    system: System
    ec2: Any
    elb: Any
    server: dict[str, Any]
    group: str
    client: dict[str, Any]
    name: str

    def health(self) -> dict[str, str]:
        (found,) = self.elb.describe_target_health(TargetGroupArn=self.group)["TargetHealthDescriptions"]
        assert found["Target"]["Id"] == self.server["InstanceId"]
        return dict(found["TargetHealth"])

    def serve(self, log: str) -> None:
        output = self.system.state / log
        self.system.start(self.server["InstanceId"], sys.executable, "-m", "sidedoor.demo.server", "", "8080", log=output)
        until(lambda: "listening" in output.read_text(), "the server listens")

    def get(self) -> Any:
        return self.system.ask(self.client["InstanceId"], "get", self.name, "80")


def launched(ec2: Any) -> dict[str, Any]:
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24", AvailabilityZoneId="use1-az1")["Subnet"]["SubnetId"]
    instance: dict[str, Any] = ec2.run_instances(**LAUNCH, SubnetId=subnet)["Instances"][0]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance["InstanceId"]])
    return instance


def balanced(elb: Any, server: dict[str, Any]) -> tuple[str, str]:
    """A load balancer and its target group, whose one target is the server."""
    request = {"Type": "network", "Scheme": "internal", "Subnets": [server["SubnetId"]]}
    balancer: str = elb.create_load_balancer(Name="web", **request)["LoadBalancers"][0]["LoadBalancerArn"]
    check = {"HealthCheckIntervalSeconds": 5, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2}
    made = elb.create_target_group(Name="web", Protocol="TCP", Port=8080, VpcId=server["VpcId"], **check)
    group: str = made["TargetGroups"][0]["TargetGroupArn"]
    attributes = [{"Key": "proxy_protocol_v2.enabled", "Value": "true"}]
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server["InstanceId"]}])
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=80, DefaultActions=forward)
    return balancer, group


@pytest.fixture(scope="module")
def service(system: System) -> Service:
    provider, consumer = system.account("provider", PROVIDER), system.account("consumer", CONSUMER)
    ec2, elb, theirs = (system.client(provider, "ec2"), system.client(provider, "elbv2"), system.client(consumer, "ec2"))
    server, client = launched(ec2), launched(theirs)
    balancer, group = balanced(elb, server)
    made = ec2.create_vpc_endpoint_service_configuration(NetworkLoadBalancerArns=[balancer], AcceptanceRequired=False)
    configuration = made["ServiceConfiguration"]
    principals = [f"arn:aws:iam::{CONSUMER}:root"]
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=configuration["ServiceId"], AddAllowedPrincipals=principals)
    wanted = {"VpcEndpointType": "Interface", "VpcId": client["VpcId"], "SubnetIds": [client["SubnetId"]]}
    endpoint = theirs.create_vpc_endpoint(**wanted, ServiceName=configuration["ServiceName"])["VpcEndpoint"]

    def state() -> str:
        request = {"VpcEndpointIds": [endpoint["VpcEndpointId"]]}
        return str(theirs.describe_vpc_endpoints(**request)["VpcEndpoints"][0]["State"])

    until(lambda: state() == "available", "the endpoint is available")
    return Service(system, ec2, elb, server, group, client, endpoint["DnsEntries"][0]["DnsName"])


def test_a_program_in_an_instance_is_reached_through_an_endpoint_until_the_instance_stops(service: Service) -> None:
    service.serve("first.log")
    until(lambda: service.health()["State"] == "healthy", "the instance is a healthy target")
    assert service.get()["source"] != service.client["PrivateIpAddress"]
    ids = [service.server["InstanceId"]]
    service.ec2.stop_instances(InstanceIds=ids)
    assert service.health()["Reason"] == "Target.InvalidState"
    until(lambda: "error" in service.get(), "nothing of the stopped instance is reached")
    service.ec2.start_instances(InstanceIds=ids)
    service.serve("second.log")
    until(lambda: "error" not in service.get(), "the instance that was started again is reached")
    service.ec2.terminate_instances(InstanceIds=ids)
    until(lambda: "error" in service.get(), "nothing of the terminated instance is reached")


def test_an_instance_is_known_by_its_name_in_its_vpc(service: Service) -> None:
    client, address = service.client, service.client["PrivateIpAddress"]
    stands = service.system.addresses().get(f"{client['VpcId']}/{address}", address)
    assert service.system.ask(client["InstanceId"], "resolve", client["PrivateDnsName"]) == [stands]
