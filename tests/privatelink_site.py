"""What the tests of services and endpoints begin with: a provider and a consumer whose networks have the same block.

The two accounts call their zones differently: use1-az1 is us-east-1d for the provider and us-east-1a for the consumer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from sidedoor.aws import models, serialize
from sidedoor.call import Settings
from sidedoor.connections import accept_vpc_endpoint_connections, reject_vpc_endpoint_connections
from sidedoor.endpoints import lifecycle
from sidedoor.endpoints.model import Endpoint, State
from sidedoor.endpoints.operations import create_vpc_endpoint, delete_vpc_endpoints, describe_vpc_endpoints
from sidedoor.identity.model import Caller, CallerKind
from sidedoor.loadbalancers.load_balancers import create_load_balancer
from sidedoor.networks.model import Interface
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc, modify_vpc_attribute
from sidedoor.notifications.model import EVENTS
from sidedoor.services.operations import (
    create_vpc_endpoint_service_configuration,
    delete_vpc_endpoint_service_configurations,
    describe_vpc_endpoint_service_configurations,
)
from sidedoor.services.permissions import modify_vpc_endpoint_service_permissions
from sidedoor.store.engine import Store
from sidedoor.store.schema import OutboxEvent
from sidedoor.verifier import Verifier

PROVIDER, CONSUMER, STRANGER = "111111111111", "222222222222", "333333333333"
REGION = "us-east-1"
AZ1, AZ2, AZ3 = "use1-az1", "use1-az2", "use1-az3"
ANYBODY = "*"
UNKNOWN_SERVICE, UNKNOWN_ENDPOINT = "vpce-svc-00000000000000000", "vpce-00000000000000000"


class Asker(Protocol):
    """The ``World`` of the top conftest."""

    store: Store
    now: datetime
    settings: Settings

    def ask(self, operation: Any, /, **request: Any) -> dict[str, Any]: ...


def root(account: str) -> str:
    return f"arn:aws:iam::{account}:root"


def user(account: str, name: str) -> Caller:
    arn = f"arn:aws:iam::{account}:user/{name}"
    return Caller(account=account, arn=arn, user_id=name, principal=arn, kind=CallerKind.USER, access_key_id=f"key-of-{name}")


def role_session(account: str, role: str, session: str) -> Caller:
    return Caller(
        account=account, arn=f"arn:aws:sts::{account}:assumed-role/{role}/{session}", user_id=f"{role}:{session}",
        principal=f"arn:aws:iam::{account}:role/{role}", kind=CallerKind.ASSUMED_ROLE, access_key_id=f"key-of-{session}",
    )  # fmt: skip


@cache
def _ec2() -> models.Service:
    operations = [
        name for name in models.Loader().load_service_model("ec2", "service-2")["operations"] if "VpcEndpoint" in name
    ]
    return models.load({"ec2": operations})["ec2"]


@cache
def _writer(operation: str) -> serialize.AnswerWriter:
    return serialize.writer(_ec2(), operation)


@dataclass
class Site:
    """Asks for resources, with what a test does not care about filled in. Each answer is held to botocore's shape."""

    world: Asker
    vpcs: dict[str, str] = field(default_factory=dict)
    subnets: dict[tuple[str, str], str] = field(default_factory=dict)

    def ask(self, operation: Any, **request: Any) -> dict[str, Any]:
        answer = self.world.ask(operation, **request)
        name = "".join(part.capitalize() for part in operation.__name__.split("_"))
        if name in _ec2().offered:
            _writer(name)(answer, "req-1")
        return answer

    def vpc(self, account: str = CONSUMER) -> str:
        """The account's VPC 10.0.0.0/16."""
        if account not in self.vpcs:
            self.vpcs[account] = self.ask(create_vpc, account=account, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        return self.vpcs[account]

    def subnet(self, zone_id: str = AZ1, account: str = CONSUMER) -> str:
        """The account's subnet in this zone."""
        if (account, zone_id) not in self.subnets:
            cidr = f"10.0.{len(self.subnets)}.0/24"
            request = {"VpcId": self.vpc(account), "CidrBlock": cidr, "AvailabilityZoneId": zone_id}
            self.subnets[account, zone_id] = self.ask(create_subnet, account=account, **request)["Subnet"]["SubnetId"]
        return self.subnets[account, zone_id]

    def balancer(self, name: str = "front", *zone_ids: str) -> str:
        """The ARN of a new load balancer of the provider's, with nodes in these zones (by default in the first)."""
        subnets = [self.subnet(zone_id, PROVIDER) for zone_id in zone_ids or (AZ1,)]
        request = {"Name": name, "Type": "network", "Scheme": "internal", "Subnets": subnets}
        return self.ask(create_load_balancer, account=PROVIDER, **request)["LoadBalancers"][0]["LoadBalancerArn"]

    def service(self, *balancers: str, **request: Any) -> dict[str, Any]:
        """A new service of the provider's, by default with a load balancer of its own and without acceptance."""
        arns = list(balancers) or [self.balancer()]
        request = {"NetworkLoadBalancerArns": arns, "AcceptanceRequired": False, **request}
        return self.ask(create_vpc_endpoint_service_configuration, **request)["ServiceConfiguration"]

    def allow(self, service: dict[str, Any], *principals: str) -> None:
        request = {"ServiceId": service["ServiceId"], "AddAllowedPrincipals": list(principals) or [root(CONSUMER)]}
        self.ask(modify_vpc_endpoint_service_permissions, **request)

    def open_service(self, *balancers: str, **request: Any) -> dict[str, Any]:
        """A service that the consumer may connect to."""
        service = self.service(*balancers, **request)
        self.allow(service)
        return service

    def endpoint(self, service: dict[str, Any], *zone_ids: str, account: str = CONSUMER, **request: Any) -> dict[str, Any]:
        """A new endpoint of the account's to the service, in these zones (by default in the first)."""
        subnets = [self.subnet(zone_id, account) for zone_id in zone_ids or (AZ1,)]
        request = {
            "VpcEndpointType": "Interface", "VpcId": self.vpc(account), "ServiceName": service["ServiceName"],
            "SubnetIds": subnets, **request,
        }  # fmt: skip
        return self.ask(create_vpc_endpoint, account=account, **request)["VpcEndpoint"]

    def available_endpoint(self, service: dict[str, Any], *zone_ids: str, **request: Any) -> dict[str, Any]:
        """A new endpoint to a service without acceptance, that the agent has reported as up."""
        endpoint = self.endpoint(service, *zone_ids, **request)
        assert self.provision(endpoint)
        return self.described(endpoint)

    def accept(self, service: dict[str, Any], *endpoints: dict[str, Any]) -> list[dict[str, Any]]:
        return self._decide(accept_vpc_endpoint_connections, service, endpoints)

    def reject(self, service: dict[str, Any], *endpoints: dict[str, Any]) -> list[dict[str, Any]]:
        return self._decide(reject_vpc_endpoint_connections, service, endpoints)

    def _decide(self, operation: Any, service: dict[str, Any], endpoints: Any) -> list[dict[str, Any]]:
        endpoint_ids = [endpoint["VpcEndpointId"] for endpoint in endpoints]
        return self.ask(operation, ServiceId=service["ServiceId"], VpcEndpointIds=endpoint_ids)["Unsuccessful"]

    def delete(self, endpoint: dict[str, Any], account: str = CONSUMER) -> list[dict[str, Any]]:
        return self.ask(delete_vpc_endpoints, account=account, VpcEndpointIds=[endpoint["VpcEndpointId"]])["Unsuccessful"]

    def prove(self) -> None:
        """Proves every private DNS name that waits for it."""
        self.verify(trust=True)

    def verify(self, texts: Any = None, *, trust: bool = False) -> None:
        """One turn of a verifier that looks at the world's clock."""
        asyncio.run(Verifier(self.world.store, texts=texts, trust=trust, every=60, clock=lambda: self.world.now).turn())

    def name_state(self, service: dict[str, Any]) -> str:
        found: str = self.described_service(service)["PrivateDnsNameConfiguration"]["State"]
        return found

    def allow_private_names(self, account: str = CONSUMER) -> None:
        """Turns the account's VPC's DNS hostnames on."""
        self.ask(modify_vpc_attribute, account=account, VpcId=self.vpc(account), EnableDnsHostnames={"Value": True})

    def delete_service(self, service: dict[str, Any], account: str = PROVIDER) -> list[dict[str, Any]]:
        request = {"ServiceIds": [service["ServiceId"]]}
        return self.ask(delete_vpc_endpoint_service_configurations, account=account, **request)["Unsuccessful"]

    def provision(self, endpoint: dict[str, Any]) -> bool:
        """The agent's report that the endpoint, as it is now, is up."""
        record = self.record(endpoint)
        with self.world.store.write() as tables:
            return lifecycle.provisioned(tables, record.id, record.generation, self.world.now)

    def fail(self, endpoint: dict[str, Any], message: str) -> bool:
        record = self.record(endpoint)
        with self.world.store.write() as tables:
            return lifecycle.provision_failed(tables, record.id, record.generation, message, self.world.now)

    def remove(self, endpoint: dict[str, Any]) -> bool:
        """The agent's report that nothing of the deleted endpoint is left."""
        record = self.record(endpoint)
        with self.world.store.write() as tables:
            return lifecycle.removed(tables, record.id, record.generation, self.world.now)

    def record(self, endpoint: dict[str, Any]) -> Endpoint:
        with self.world.store.read() as tables:
            found = tables.endpoints.find(endpoint["VpcEndpointId"])
        assert found is not None
        return found

    def put(self, endpoint: dict[str, Any], **fields: Any) -> None:
        """Writes fields of an endpoint's record, for states that no operation leads to."""
        record = self.record(endpoint)
        with self.world.store.write() as tables:
            tables.endpoints.update(record, replace(record, **fields))

    def state(self, endpoint: dict[str, Any]) -> State:
        return self.record(endpoint).state

    def interfaces(self, endpoint: dict[str, Any]) -> list[Interface]:
        """The interfaces that the endpoint holds, in the order in which it names its subnets."""
        with self.world.store.read() as tables:
            held = tables.interfaces.where(holder=endpoint["VpcEndpointId"])
        order = list(self.record(endpoint).subnet_ids) if held else []
        return sorted(held, key=lambda one: order.index(one.subnet_id))

    def described(self, endpoint: dict[str, Any], account: str = CONSUMER) -> dict[str, Any]:
        request = {"VpcEndpointIds": [endpoint["VpcEndpointId"]]}
        (found,) = self.ask(describe_vpc_endpoints, account=account, **request)["VpcEndpoints"]
        return found

    def described_service(self, service: dict[str, Any]) -> dict[str, Any]:
        request = {"ServiceIds": [service["ServiceId"]]}
        (found,) = self.ask(describe_vpc_endpoint_service_configurations, **request)["ServiceConfigurations"]
        return found

    def events(self) -> list[OutboxEvent]:
        with self.world.store.read() as tables:
            return [event for event in tables.events.where() if event.name in EVENTS]

    def event_names(self) -> list[str]:
        return [event.name for event in self.events()]


def filters(**values: str | list[str]) -> list[dict[str, Any]]:
    """``filters(vpc_id="vpc-1")`` as a request's ``Filters``."""
    return [
        {"Name": name.replace("_", "-"), "Values": [value] if isinstance(value, str) else value}
        for name, value in values.items()
    ]
