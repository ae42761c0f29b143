"""A VPC with a subnet, and short ways to ask for instances; each answer is held to botocore's shape of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import botocore
import botocore.session
from botocore.validate import ParamValidator

from sidedoor.instances.launch import run_instances
from sidedoor.instances.operations import describe_instances
from sidedoor.networks.interfaces import describe_network_interfaces
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc

MODEL = botocore.session.get_session().get_service_model("ec2")
OPERATIONS = {botocore.xform_name(name): name for name in MODEL.operation_names}
IMAGE = "ami-0123456789abcdef0"


@dataclass
class Lab:
    world: Any
    vpc: str
    subnet: str
    zone: str

    def ask(self, operation: Any, **request: Any) -> Any:
        answer = self.world.ask(operation, **request)
        shape = MODEL.operation_model(OPERATIONS[operation.__name__]).output_shape
        if shape is not None:
            given = {name: value for name, value in answer.items() if value is not None}
            report = ParamValidator().validate(given, shape)
            assert not report.has_errors(), report.generate_report()
        return answer

    def reserve(self, **request: Any) -> dict[str, Any]:
        place = {} if "NetworkInterfaces" in request else {"SubnetId": self.subnet}
        wanted = {"ImageId": IMAGE, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **place, **request}
        reservation: dict[str, Any] = self.ask(
            run_instances, **{name: value for name, value in wanted.items() if value is not None}
        )
        return reservation

    def run(self, **request: Any) -> dict[str, Any]:
        """One new instance, as the answer of its launch shows it."""
        (instance,) = self.reserve(**request)["Instances"]
        assert isinstance(instance, dict)
        return instance

    def instances(self, **request: Any) -> list[dict[str, Any]]:
        found = self.ask(describe_instances, **request)["Reservations"]
        return [instance for reservation in found for instance in reservation["Instances"]]

    def described(self, instance: dict[str, Any]) -> dict[str, Any]:
        (found,) = self.instances(InstanceIds=[instance["InstanceId"]])
        return found

    def state(self, instance: dict[str, Any]) -> str:
        return str(self.described(instance)["State"]["Name"])

    def interfaces(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(describe_network_interfaces)["NetworkInterfaces"]
        return found


def furnish(world: Any) -> Lab:
    vpc = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = world.ask(create_subnet, VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]
    return Lab(world, vpc, subnet["SubnetId"], subnet["AvailabilityZone"])
