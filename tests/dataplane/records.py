"""Records as the agent gets them, by hand: a service in VPC P behind a load balancer in two zones, and a consumer's VPC C."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sidedoor.dataplane.wanted import Wanted
from sidedoor.endpoints.model import Endpoint, State
from sidedoor.loadbalancers.model import (
    HealthCheck,
    Listener,
    LoadBalancer,
    LoadBalancerState,
    Node,
    Target,
    TargetGroup,
    target_key,
)
from sidedoor.networks.model import Interface, InterfaceKind, Subnet, Vpc, mac_address
from sidedoor.services.model import Service, ServiceState

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ZONES = ("use1-az1", "use1-az2")
BALANCER = "arn:aws:elasticloadbalancing:us-east-1:111111111111:loadbalancer/net/shop/0123456789abcdef"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:111111111111:targetgroup/web/fedcba9876543210"
LISTENER = f"{BALANCER.replace(':loadbalancer/', ':listener/')}/1111111111111111"
SERVICE, ENDPOINT = "vpce-svc-0123456789abcdef0", "vpce-0123456789abcdef0"
VPC_P, VPC_C = "vpc-0000000000000000a", "vpc-0000000000000000c"
PROVIDER: dict[str, Any] = {"account": "111111111111", "region": "us-east-1", "created": AT}
CONSUMER: dict[str, Any] = {"account": "222222222222", "region": "us-east-1", "created": AT}


def subnet_id(vpc_id: str, zone: int) -> str:
    return f"subnet-0{vpc_id[-1]}{zone:015x}"


def interface(vpc_id: str, zone: int, number: int, kind: InterfaceKind, **more: Any) -> Interface:
    """An interface at 10.0.<zone>.<number> of a VPC."""
    interface_id = f"eni-0{vpc_id[-1]}{zone:07x}{number:08x}"
    owner = PROVIDER if vpc_id == VPC_P else CONSUMER
    return Interface(
        **owner, id=interface_id, vpc_id=vpc_id, subnet_id=subnet_id(vpc_id, zone), zone_id=ZONES[zone],
        address=f"10.0.{zone}.{number}", mac=mac_address(interface_id), kind=kind, **more,
    )  # fmt: skip


NODES = [interface(VPC_P, zone, 10, InterfaceKind.LOAD_BALANCER_NODE, holder=BALANCER) for zone in (0, 1)]
SERVERS = [interface(VPC_P, zone, 20, InterfaceKind.WORKLOAD) for zone in (0, 1)]
CLIENT = interface(VPC_C, 0, 20, InterfaceKind.WORKLOAD)
DOORS = [interface(VPC_C, zone, 10, InterfaceKind.ENDPOINT, holder=ENDPOINT, load_balancer_id=BALANCER) for zone in (0, 1)]


def target(of_zone: int, port: int = 80, **more: Any) -> Target:
    address = SERVERS[of_zone].address
    owner = {"account": "111111111111", "region": "us-east-1"}
    fields = {"zone": ZONES[of_zone], "registered": AT} | more
    key = target_key(GROUP, address, port)
    return Target(**owner, id=key, target_group_id=GROUP, target_id=address, address=address, port=port, **fields)


GROUP_RECORD = TargetGroup(
    **PROVIDER, id=GROUP, name="web", protocol="TCP", port=80, vpc_id=VPC_P, target_type="ip", health_check=HealthCheck()
)
LISTENER_RECORD = Listener(**PROVIDER, id=LISTENER, load_balancer_id=BALANCER, target_group_id=GROUP, protocol="TCP", port=443)
BALANCER_RECORD = LoadBalancer(
    **PROVIDER, id=BALANCER, name="shop", scheme="internal", vpc_id=VPC_P, dns_name="shop.elb", state=LoadBalancerState.ACTIVE,
    nodes=tuple(Node(zone_id=one.zone_id, subnet_id=one.subnet_id, interface_id=one.id, address=one.address) for one in NODES),
)  # fmt: skip
SERVICE_RECORD = Service(
    **PROVIDER,
    id=SERVICE,
    load_balancer_ids=(BALANCER,),
    zone_ids=ZONES,
    acceptance_required=True,
    state=ServiceState.AVAILABLE,
)
ENDPOINT_RECORD = Endpoint(
    **CONSUMER, id=ENDPOINT, service_id=SERVICE, service_region="us-east-1", connection_id="vpce-con-0123456789abcdef0",
    vpc_id=VPC_C, subnet_ids=tuple(one.subnet_id for one in DOORS), interface_ids=tuple(one.id for one in DOORS),
    group_ids=(), state=State.AVAILABLE, dns_suffix="k3x9q2ab",
)  # fmt: skip


def everything() -> dict[str, list[Any]]:
    """All records by kind."""
    vpcs = [Vpc(**owner, id=vpc_id, cidr="10.0.0.0/16") for vpc_id, owner in ((VPC_P, PROVIDER), (VPC_C, CONSUMER))]
    subnets = [
        Subnet(**(PROVIDER if vpc.id == VPC_P else CONSUMER), id=subnet_id(vpc.id, zone), vpc_id=vpc.id,
               cidr=f"10.0.{zone}.0/24", zone_id=ZONES[zone])
        for vpc in vpcs for zone in (0, 1)
    ]  # fmt: skip
    return {
        "vpcs": vpcs,
        "subnets": subnets,
        "interfaces": [*NODES, *SERVERS, CLIENT, *DOORS],
        "load_balancers": [BALANCER_RECORD],
        "target_groups": [GROUP_RECORD],
        "listeners": [LISTENER_RECORD],
        "targets": [target(0), target(1)],
        "services": [SERVICE_RECORD],
        "endpoints": [ENDPOINT_RECORD],
    }


def wanted() -> Wanted:
    told = Wanted()
    for kind, records in everything().items():
        for record in records:
            told.put(kind, record)
    return told


def change(told: Wanted, kind: str, record_id: str, **fields: Any) -> None:
    told.put(kind, replace(getattr(told, kind)[record_id], **fields))
