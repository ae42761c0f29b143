"""A provider's servers in two zones and a consumer's client, on whatever the suite is given, and AWS's API in front."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from subprocess import Popen
from typing import Any

from ends import PROGRAM, End, Program, connected
from given import Given
from rules_lab import APPLICATION_PORT, AZ1, AZ2, AZ3, PORT, Lab, attributes_of

NAMING, ALSO_NAMING, HOLDING, NOBODY = APPLICATION_PORT, 8081, 8090, 8099
"""Ports of every server: two on which it names itself, one on which it keeps connections, and one on which nobody listens."""

OUTSIDE = "10.9.0"

MANY_NAMING = (NAMING, ALSO_NAMING, 8082, 8083)
"""So that there are sixteen targets in all."""

LEAST_IDLE_TIMEOUT, KEEPALIVE_SECONDS = 60, 20


@dataclass
class Server:
    """A provider's program. ``address`` as its VPC has it; ``seen``: as programs have it."""

    program: Program
    interface: str
    address: str
    zone: str | None = None

    @property
    def seen(self) -> str:
        return self.program.address

    @property
    def target(self) -> dict[str, str]:
        return {"Id": self.address, **({"AvailabilityZone": self.zone} if self.zone else {})}


@dataclass
class Reached:
    """An endpoint that is available. ``addresses``: zone id -> where it is in the consumer's network, as programs have it."""

    endpoint: dict[str, Any]
    addresses: dict[str, str]
    service: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, zone_id: str) -> str:
        return self.addresses[zone_id]


class Fleet(Lab):
    """Programs take long to start and an API call does not: all rules share the places, and each has balancers of its own."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.given = given
        self.servers = {zone_id: (self._server(zone_id), self._server(zone_id)) for zone_id in (AZ1, AZ2)}
        self.client = Program(given, self.consumer.workload(AZ1)[0])
        for server in self.all:
            prepare(server.program)
        self._endpoints: list[str] = []
        self.idle = self._idle()
        self._endpoints.clear()

    def _idle(self) -> dict[str, tuple[End, End]]:
        """Connections over which nothing passes: ``silent``, with keepalive packets of the ``client`` or of the ``target``, and
        one whose timeout is ``changed`` to the same when it is open already.

        Their minute runs while the other rules are at work.
        """
        balancer, group = self.forwarding(AZ1, to=[self.all[0].target], port=HOLDING, idle_timeout=LEAST_IDLE_TIMEOUT)
        other = self.listener(balancer, group, PORT + 1)
        address, server = self.through(balancer)[AZ1], self.all[0].program
        found = {name: connected(self.client, address, PORT, server) for name in ("silent", "client", "target")}
        found["client"][0].keep_alive(KEEPALIVE_SECONDS)
        found["target"][1].keep_alive(KEEPALIVE_SECONDS)
        found["changed"] = connected(self.client, address, PORT + 1, server)
        self.set_idle_timeout(other, LEAST_IDLE_TIMEOUT)
        return found

    @property
    def all(self) -> list[Server]:
        return [server for zone in self.servers.values() for server in zone]

    def seen(self, *zone_ids: str) -> set[str]:
        """The addresses of the servers in these zones, as programs have them."""
        return {server.seen for zone_id in zone_ids for server in self.servers[zone_id]}

    def _server(self, zone_id: str) -> Server:
        interface, address = self.provider.workload(zone_id)
        return Server(Program(self.given, interface), interface, address)

    # --- load balancers -------------------------------------------------------------------------------------------

    def forwarding(
        self, *zone_ids: str, to: list[dict[str, Any]] | None = None, port: int = NAMING, group: dict[str, str] | None = None,
        healthy: bool = True, check: dict[str, Any] | None = None, idle_timeout: int | None = None, **attributes: str,
    ) -> tuple[str, str]:  # fmt: skip
        """(load balancer, target group): new ones. ``to``: the targets, or all servers. ``healthy``: waits until they are."""
        targets = [server.target for server in self.all] if to is None else to
        made = self.group(targets, port, check, **(group or {}))
        balancer = self.balancer(*zone_ids, **attributes)
        listener = self.listener(balancer, made)
        if idle_timeout is not None:
            self.set_idle_timeout(listener, idle_timeout)
        if healthy:
            self.healthy(made)
        return balancer, made

    def nodes_of(self, balancer: str) -> dict[str, str]:
        """Zone id -> the address of the load balancer's node there, as the provider's programs see it."""
        name = balancer.split(":loadbalancer/")[1]
        wanted = [{"Name": "description", "Values": [f"ELB {name}"]}]
        found = self.provider.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
        zones = {subnet: zone_id for zone_id, subnet in self.provider.subnets.items()}
        return {zones[one["SubnetId"]]: self.placed(self.provider, one["PrivateIpAddress"]) for one in found}

    def set_idle_timeout(self, listener: str, seconds: int) -> None:
        changed = [{"Key": "tcp.idle_timeout.seconds", "Value": str(seconds)}]
        self.provider.elb.modify_listener_attributes(ListenerArn=listener, Attributes=changed)

    def set_balancer(self, balancer: str, **attributes: str) -> None:
        changed = attributes_of(attributes)
        self.provider.elb.modify_load_balancer_attributes(LoadBalancerArn=balancer, Attributes=changed)

    def registered(self, group: str, *servers: Server) -> None:
        self.provider.elb.register_targets(TargetGroupArn=group, Targets=[server.target for server in servers])

    def deregistered(self, group: str, *servers: Server) -> None:
        self.provider.elb.deregister_targets(TargetGroupArn=group, Targets=[server.target for server in servers])

    # --- a target outside of the VPC's subnets ---------------------------------------------------------------------

    def outside(self) -> Server:
        """A server in no subnet of the VPC's yet: nobody is there."""
        return Server(self.client, "", f"{OUTSIDE}.10", zone="all")

    def move_in(self, server: Server) -> None:
        """Makes the subnet around a server's address, and starts the program."""
        ec2, vpc = self.provider.ec2, {"VpcId": self.provider.vpc}
        ec2.associate_vpc_cidr_block(CidrBlock=f"{OUTSIDE}.0/24", **vpc)
        subnet = ec2.create_subnet(CidrBlock=f"{OUTSIDE}.0/24", AvailabilityZoneId=AZ3, **vpc)["Subnet"]["SubnetId"]
        made = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=server.address)["NetworkInterface"]
        server.interface = made["NetworkInterfaceId"]
        server.program = Program(self.given, server.interface)
        prepare(server.program)

    # --- endpoints ------------------------------------------------------------------------------------------------

    def reached(self, service: dict[str, Any], *zone_ids: str) -> Reached:
        """A new endpoint in these zones, when it is available."""
        endpoint = self.available(self.endpoint(service, *zone_ids))
        return Reached(endpoint, self.addresses_of(endpoint), service)

    def through(self, balancer: str, *zone_ids: str) -> Reached:
        """A new endpoint to a new service of this load balancer."""
        return self.reached(self.service(balancer), *zone_ids)

    def endpoint(self, service: dict[str, Any], *zone_ids: str, by: Any = None, **request: Any) -> dict[str, Any]:
        endpoint = super().endpoint(service, *zone_ids, by=by, **request)
        self._endpoints.append(endpoint["VpcEndpointId"])
        return endpoint

    def clear(self) -> None:
        """Deletes a test's endpoints: a VPC has no more than fifty."""
        if self._endpoints:
            self.consumer.ec2.delete_vpc_endpoints(VpcEndpointIds=self._endpoints)
        self._endpoints.clear()

    def addresses_of(self, endpoint: dict[str, Any]) -> dict[str, str]:
        ids = self.described(endpoint)["NetworkInterfaceIds"]
        found = self.consumer.ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"]
        zones = {subnet: zone_id for zone_id, subnet in self.consumer.subnets.items()}
        return {zones[one["SubnetId"]]: self.placed(self.consumer, one["PrivateIpAddress"]) for one in found}

    # --- connections ----------------------------------------------------------------------------------------------

    def answering(self, address: str, port: int = PORT, times: int = 24) -> set[tuple[str, str]]:
        """(target, source as the target sees it) of so many connections. Each has to be answered."""
        answers = [answer.split() for answer in self.client.count(address, port, times, at_once=4)]
        assert all(len(answer) == 3 for answer in answers), answers
        return {(target, source) for target, source, _ in answers}

    def counting(self, address: str, port: int, times: int) -> Popen[str]:
        """A client of its own, in a place of its own, that makes so many connections and counts the answers."""
        command = [sys.executable, PROGRAM, address, str(port), str(times)]
        return self.given.start(self.consumer.workload(AZ1)[0], *command)

    def provider_sees(self, service: dict[str, Any]) -> list[dict[str, Any]]:
        """The service's connections."""
        of_service = [{"Name": "service-id", "Values": [service["ServiceId"]]}]
        found: list[dict[str, Any]] = self.provider.ec2.describe_vpc_endpoint_connections(Filters=of_service)[
            "VpcEndpointConnections"
        ]
        return found

    @cached_property
    def programs(self) -> list[Program]:
        return [server.program for server in self.all]


def prepare(program: Program) -> None:
    for port in MANY_NAMING:
        program.ask("listen", port=port, naming=True)
    program.ask("listen", port=HOLDING, naming=False)
