"""Where the model and the product are played side by side: networks of three accounts, and how one looks at everything."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from privatelink_model import OK, Outcome, Place, State, may_see

from sidedoor import errors
from sidedoor.api import OPERATIONS
from sidedoor.call import Access, Settings, perform
from sidedoor.endpoints import lifecycle
from sidedoor.identity.credentials import root
from sidedoor.notifications.model import EVENTS
from sidedoor.store.engine import Store

PROVIDER, CONSUMER, STRANGER = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"
AZ1, AZ2, AZ3 = "use1-az1", "use1-az2", "use1-az3"
BLOCKS = {AZ1: ("10.0.0.0/20", "10.0.16.0/20"), AZ2: ("10.0.32.0/20",), AZ3: ("10.0.48.0/20",)}
"""The subnets that each account has: two of them in one zone."""

MADE = {
    "CreateLoadBalancer": lambda answer: answer["LoadBalancers"][0]["LoadBalancerArn"],
    "CreateVpcEndpointServiceConfiguration": lambda answer: answer["ServiceConfiguration"]["ServiceId"],
    "CreateVpcEndpoint": lambda answer: answer["VpcEndpoint"]["VpcEndpointId"],
}


def service_of(operation: str) -> str:
    return "elbv2" if operation.endswith(("LoadBalancer", "LoadBalancers")) else "ec2"


class Api(Protocol):
    def ask(self, account: str, operation: str, request: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """An error's code, or None and the answer."""


@dataclass
class DirectApi:
    """The operations as the server calls them, without the wire."""

    store: Store
    quota: int = 50
    now: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    random: random.Random = field(default_factory=lambda: random.Random(7))

    def ask(self, account: str, operation: str, request: Mapping[str, Any]) -> tuple[str | None, dict[str, Any]]:
        self.now += timedelta(seconds=1)
        access = Access(
            caller=root(account), region=REGION, now=self.now, request_id="req-1", entropy=self.random.randbytes,
            settings=Settings(paging_secret=b"s" * 32, endpoints_per_vpc=self.quota),
        )  # fmt: skip
        try:
            return None, perform(self.store, access, operation, OPERATIONS[service_of(operation)][operation], request)
        except errors.ApiError as error:
            return error.code, {}


def outcome(operation: str, code: str | None, answer: Mapping[str, Any]) -> Outcome:
    if code is not None:
        return Outcome(code=code)
    if operation in MADE:
        return Outcome(made=MADE[operation](answer))
    failed = frozenset((one["ResourceId"], one["Error"]["Code"]) for one in answer.get("Unsuccessful", ()))
    return Outcome(unsuccessful=failed) if failed else OK


def report(store: Store, kind: str, endpoint_id: str, generation: int) -> Outcome:
    """What the agent's link does with a report."""
    with store.write() as tables:
        if kind == "failed":
            taken = lifecycle.provision_failed(tables, endpoint_id, generation, "no listener", datetime.now(UTC))
        else:
            taken = {"provisioned": lifecycle.provisioned, "removed": lifecycle.removed}[kind](
                tables, endpoint_id, generation, datetime.now(UTC)
            )
    return Outcome(made="taken" if taken else "late")


@dataclass(frozen=True)
class Grounds:
    """The accounts' VPCs and subnets, which no step changes."""

    vpcs: Mapping[str, str]
    places: Mapping[str, Place]

    def subnets(self, account: str) -> list[str]:
        return [one for one, place in self.places.items() if place.account == account]


def prepare(api: Api) -> Grounds:
    """Makes the same VPC 10.0.0.0/16 and subnets for each account."""
    vpcs: dict[str, str] = {}
    places: dict[str, Place] = {}
    for account in (PROVIDER, CONSUMER, STRANGER):
        vpcs[account] = vpc = _must(api, account, "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for zone, blocks in BLOCKS.items():
            for block in blocks:
                request = {"VpcId": vpc, "CidrBlock": block, "AvailabilityZoneId": zone}
                subnet = _must(api, account, "CreateSubnet", **request)["Subnet"]["SubnetId"]
                places[subnet] = Place(account, vpc, zone)
    return Grounds(vpcs, places)


def _must(api: Api, account: str, operation: str, **request: Any) -> dict[str, Any]:
    code, answer = api.ask(account, operation, request)
    assert code is None, f"{operation} {request} answered {code}"
    return answer


# --- everything that can be seen, as the product and as the model have it ------------------------------------------


def described(api: Api) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "services": {},
        "permissions": {},
        "endpoints": {},
        "connections": {},
        "balancers": {},
        "visible": {},
    }
    for one in _must(api, PROVIDER, "DescribeVpcEndpointServiceConfigurations")["ServiceConfigurations"]:
        arns, zones = frozenset(one["NetworkLoadBalancerArns"]), frozenset(one["AvailabilityZoneIds"])
        seen["services"][one["ServiceId"]] = (arns, zones, one["AcceptanceRequired"])
        allowed = _must(api, PROVIDER, "DescribeVpcEndpointServicePermissions", ServiceId=one["ServiceId"])
        seen["permissions"][one["ServiceId"]] = frozenset(one["Principal"] for one in allowed["AllowedPrincipals"])
    for one in _must(api, PROVIDER, "DescribeVpcEndpointConnections")["VpcEndpointConnections"]:
        seen["connections"][one["VpcEndpointId"]] = (one["ServiceId"], one["VpcEndpointOwner"], one["VpcEndpointState"])
    for one in _must(api, PROVIDER, "DescribeLoadBalancers")["LoadBalancers"]:
        subnets = frozenset(zone["SubnetId"] for zone in one["AvailabilityZones"])
        seen["balancers"][one["LoadBalancerArn"]] = (one["LoadBalancerName"], subnets)
    for account in (PROVIDER, CONSUMER, STRANGER):
        for one in _must(api, account, "DescribeVpcEndpoints")["VpcEndpoints"]:
            seen["endpoints"][one["VpcEndpointId"]] = (
                account, one["VpcId"], one["ServiceName"], one["State"], frozenset(one["SubnetIds"]),
                len(one["NetworkInterfaceIds"]), one["PolicyDocument"],
            )  # fmt: skip
        seen["visible"][account] = frozenset(_must(api, account, "DescribeVpcEndpointServices")["ServiceNames"])
    return seen


def expected(state: State) -> dict[str, Any]:
    """What ``described`` has to see in the model's state."""
    return {
        "services": {one.id: (one.balancers, one.zones, one.acceptance) for one in state.services.values()},
        "permissions": {one.id: one.allowed for one in state.services.values()},
        "connections": {
            one.id: (one.service, one.account, one.state)
            for one in state.endpoints.values()
            if one.service in state.services
        },
        "balancers": {one.id: (one.name, one.subnets) for one in state.balancers.values()},
        "endpoints": {
            one.id: (
                one.account, one.vpc, f"com.amazonaws.vpce.{REGION}.{one.service}", one.state, one.subnets, len(one.subnets),
                one.policy or FULL_ACCESS,
            )
            for one in state.endpoints.values()
        },
        "visible": {
            account: frozenset(one.name for one in state.services.values() if may_see(one, account))
            for account in (PROVIDER, CONSUMER, STRANGER)
        },
    }  # fmt: skip


FULL_ACCESS = '{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}'


def stored(store: Store) -> dict[str, Any]:
    """What only the database shows: counts, events, and which load balancer serves an interface."""
    with store.read() as tables:
        endpoints = {one.id: (one.version, one.generation) for one in tables.endpoints.where()}
        events: dict[str, list[str]] = {}
        for event in tables.events.where():
            if event.name in EVENTS:
                events.setdefault(event.endpoint_id, []).append(event.name)
        held = tables.interfaces.where(holder=list(endpoints)) if endpoints else []
        served = {(one.holder, one.subnet_id): one.load_balancer_id for one in held}
    return {"endpoints": endpoints, "events": {one: sorted(names) for one, names in events.items()}, "served": served}


def expected_stored(state: State) -> dict[str, Any]:
    return {
        "endpoints": {one.id: (one.version, one.generation) for one in state.endpoints.values()},
        "events": {one: sorted(names) for one, names in state.events.items()},
        "served": dict(state.served),
    }


def service_name(service_id: str) -> str:
    return f"com.amazonaws.vpce.{REGION}.{service_id}"


def account_arns(accounts: Iterable[str]) -> list[str]:
    return [f"arn:aws:iam::{account}:root" for account in accounts]
