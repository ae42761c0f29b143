"""What the tests of load balancers begin with: an account's VPC with subnets and a group, and short ways to ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import botocore
import botocore.session
from botocore.validate import ParamValidator

from sidedoor.loadbalancers.listeners import create_listener
from sidedoor.loadbalancers.load_balancers import create_load_balancer
from sidedoor.loadbalancers.target_groups import create_target_group
from sidedoor.loadbalancers.targets import describe_target_health
from sidedoor.networks.model import SecurityGroup, Subnet, Vpc
from sidedoor.services.model import Service, ServiceState
from sidedoor.store.engine import Store

MODEL = botocore.session.get_session().get_service_model("elbv2")
OPERATIONS = {botocore.xform_name(name): name for name in MODEL.operation_names}
REGION = "us-east-1"
OWNER = "111111111111"
STRANGER = "222222222222"
ZONES = ("use1-az1", "use1-az2", "use1-az3")
HOME = "vpc-00000000000000001"
ELSEWHERE = "vpc-00000000000000002"
SUBNETS = ("subnet-00000000000000001", "subnet-00000000000000002", "subnet-00000000000000003")
"""10.0.0.0/24 in the first zone, 10.0.1.0/24 in the second, 10.0.2.0/24 in the third."""
SECOND_IN_ZONE_1 = "subnet-00000000000000004"
SUBNET_ELSEWHERE = "subnet-00000000000000005"
GROUP = "sg-00000000000000001"
GROUP_2 = "sg-00000000000000002"
GROUP_ELSEWHERE = "sg-00000000000000003"


class Asker(Protocol):
    """The ``World`` of the top conftest."""

    store: Store
    now: datetime

    def ask(self, operation: Any, /, **request: Any) -> dict[str, Any]: ...


@dataclass
class Site:
    """Asks for the owner's resources, with what a test does not care about filled in."""

    world: Asker

    def ask(self, operation: Any, **request: Any) -> dict[str, Any]:
        """Calls an operation and holds its answer to botocore's shape of it, so that the wire loses nothing."""
        answer = self.world.ask(operation, **request)
        shape = MODEL.operation_model(OPERATIONS[operation.__name__]).output_shape
        report = ParamValidator().validate(answer, shape)
        assert not report.has_errors(), report.generate_report()
        return answer

    def balancer(self, name: str = "front", **request: Any) -> dict[str, Any]:
        if "SubnetMappings" not in request:
            request.setdefault("Subnets", [SUBNETS[0]])
        request = {"Scheme": "internal", "Type": "network", **request}
        (created,) = self.ask(create_load_balancer, Name=name, **request)["LoadBalancers"]
        return created

    def group(self, name: str = "web", **request: Any) -> dict[str, Any]:
        request = {"Protocol": "TCP", "Port": 80, "VpcId": HOME, "TargetType": "ip", **request}
        (created,) = self.ask(create_target_group, Name=name, **request)["TargetGroups"]
        return created

    def listener(self, balancer: dict[str, Any], group: dict[str, Any], port: int = 80, **request: Any) -> dict[str, Any]:
        actions = [{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}]
        request = {"Protocol": "TCP", "DefaultActions": actions, **request}
        answer = self.ask(create_listener, LoadBalancerArn=balancer["LoadBalancerArn"], Port=port, **request)
        (created,) = answer["Listeners"]
        return created

    def health(self, group: dict[str, Any], *targets: dict[str, Any]) -> list[dict[str, Any]]:
        asked = {"Targets": list(targets)} if targets else {}
        answer = self.ask(describe_target_health, TargetGroupArn=group["TargetGroupArn"], **asked)
        found: list[dict[str, Any]] = answer["TargetHealthDescriptions"]
        return found

    def put_behind_service(self, balancer: dict[str, Any], state: ServiceState = ServiceState.AVAILABLE) -> None:
        with self.world.store.write() as tables:
            tables.services.add(
                Service(
                    id="vpce-svc-00000000000000001", account=OWNER, region=REGION, zone_ids=(ZONES[0],), state=state,
                    load_balancer_ids=(balancer["LoadBalancerArn"],), acceptance_required=True, created=self.world.now,
                )
            )  # fmt: skip


def furnish(world: Asker) -> Site:
    """Writes the owner's networks."""
    vpcs = ((HOME, "10.0.0.0/16"), (ELSEWHERE, "10.9.0.0/16"))
    subnets = (
        (SUBNETS[0], HOME, "10.0.0.0/24", ZONES[0]),
        (SUBNETS[1], HOME, "10.0.1.0/24", ZONES[1]),
        (SUBNETS[2], HOME, "10.0.2.0/24", ZONES[2]),
        (SECOND_IN_ZONE_1, HOME, "10.0.3.0/24", ZONES[0]),
        (SUBNET_ELSEWHERE, ELSEWHERE, "10.9.0.0/24", ZONES[1]),
    )
    groups = ((GROUP, HOME, "one"), (GROUP_2, HOME, "two"), (GROUP_ELSEWHERE, ELSEWHERE, "three"))
    owned: dict[str, Any] = {"account": OWNER, "region": REGION, "created": world.now}
    with world.store.write() as tables:
        for vpc_id, cidr in vpcs:
            tables.vpcs.add(Vpc(id=vpc_id, cidr=cidr, **owned))
        for subnet_id, vpc_id, cidr, zone in subnets:
            tables.subnets.add(Subnet(id=subnet_id, vpc_id=vpc_id, cidr=cidr, zone_id=zone, **owned))
        for group_id, vpc_id, name in groups:
            tables.security_groups.add(SecurityGroup(id=group_id, vpc_id=vpc_id, name=name, description=name, **owned))
    return Site(world)
