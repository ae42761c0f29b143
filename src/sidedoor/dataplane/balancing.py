"""Load balancers in place: their clusters, hosts and certificates in Envoy, the probes of their targets, and what is told.

Rule: a verdict changes the hosts alone, so that no connection to another target notices.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from sidedoor.dataplane import certificates, desired, failover, source_ports
from sidedoor.dataplane.desired import Cluster
from sidedoor.dataplane.ending import Ending
from sidedoor.dataplane.envoy import resources, tls
from sidedoor.dataplane.ground import Ground
from sidedoor.dataplane.health import Prober
from sidedoor.dataplane.wanted import Unit, UnitKind
from sidedoor.loadbalancers.model import LoadBalancerState

LONGEST_WAIT_SECONDS = 5.0
"""After this the clock is looked at again, since somebody may have set it."""


def owner(balancer_id: str) -> str:
    """The name under which a load balancer's part of Envoy's configuration is kept."""
    return f"balancer/{balancer_id}"


class Balancing:
    """``_clusters``: load balancer id -> its clusters, as Envoy was last told of them.

    ``out``: load balancer id -> the zones to which no name should lead. ``on_zones(balancer_id)`` is called when they change.
    """

    def __init__(self, ground: Ground, *, connections_per_target: int, on_zones: Callable[[str], None]) -> None:
        self._ground = ground
        self._on_zones = on_zones
        self.out: dict[str, frozenset[str]] = {}
        self.ending = Ending(ground, settled=lambda one: ground.ads.status(owner(one)).settled)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._connections_per_target = connections_per_target
        self.prober = Prober(open_socket=self._probe_socket, locate=ground.driver.locate, on_change=self._health_changed)
        self._clusters: dict[str, tuple[Cluster, ...]] = {}

    def owners(self) -> list[str]:
        """Whose configuration Envoy has been told."""
        return [owner(one) for one in self._clusters]

    def stands(self, balancer_id: str) -> bool:
        """Whether the load balancer's network stands and Envoy has acknowledged its clusters."""
        balancer = self._ground.wanted.load_balancers.get(balancer_id)
        if balancer is None or balancer.vpc_id in self._ground.broken:
            return False
        return self._ground.ads.status(owner(balancer_id)).settled

    def _message(self, cluster: Cluster) -> Any:
        source, limit = self._ground.driver.locate(cluster.vpc_id, cluster.source), self._connections_per_target
        ports = source_ports.of_sockets(limit, own_network=source.namespace is not None)
        return resources.cluster(cluster, source, limit, ports)

    def mend(self, balancer_id: str) -> None:
        clusters = desired.clusters(self._ground.wanted, balancer_id)
        messages = {one.name: self._message(one) for one in clusters}
        self._clusters[balancer_id] = clusters
        self._ground.ads.set(owner(balancer_id), resources.CLUSTER, messages)
        found = certificates.of_balancer(self._ground.wanted, balancer_id)
        secrets = {name: tls.secret(name, one) for name, one in found.items()}
        self._ground.ads.set(owner(balancer_id), resources.CERTIFICATE, secrets)
        self.prober.set(balancer_id, clusters)
        self._follow(balancer_id)
        self._wait_for_next_end(balancer_id)
        balancer = self._ground.wanted.load_balancers.get(balancer_id)
        if balancer is None:
            del self._clusters[balancer_id]
        elif balancer.state is LoadBalancerState.PROVISIONING:
            self._ground.expect_network(balancer.vpc_id)
            self._ground.reports.active(balancer_id)

    def _follow(self, balancer_id: str) -> None:
        """Does what follows from the health of the load balancer's targets."""
        self._set_hosts(balancer_id)
        clusters, states = self._clusters[balancer_id], self.prober.states
        self.ending.want(balancer_id, failover.flows_to_end(clusters, states, self._ground.now()))
        before, out = self.out.pop(balancer_id, frozenset()), failover.zones_out(clusters, states)
        if out:
            self.out[balancer_id] = out
        if out != before:
            self._on_zones(balancer_id)
        self._report_health(balancer_id)

    def _wait_for_next_end(self, balancer_id: str) -> None:
        """Has the load balancer looked at when the next deregistered target's time is over."""
        timer = self._timers.pop(balancer_id, None)
        if timer is not None:
            timer.cancel()
        now = self._ground.now()
        end = failover.next_end(self._clusters[balancer_id], now)
        if end is not None:
            wait = min((end - now).total_seconds(), LONGEST_WAIT_SECONDS)
            look = {Unit(UnitKind.BALANCER, balancer_id)}
            self._timers[balancer_id] = asyncio.get_running_loop().call_later(wait, self._ground.look, look)

    def _set_hosts(self, balancer_id: str) -> None:
        assignments = {}
        for one in self._clusters[balancer_id]:
            found = desired.hosts(one, self.prober.states(one.node_interface_id))
            assignments[one.name] = resources.assignment(one.name, self._places(one.vpc_id, found))
        self._ground.ads.set(owner(balancer_id), resources.ENDPOINTS, assignments)

    def _places(self, vpc_id: str, hosts: tuple[desired.Host, ...]) -> list[tuple[str, int]]:
        """Where the hosts are. An address that no interface of the VPC has is used as it is: it leads nowhere."""
        return [(self._located(vpc_id, one.address), one.port) for one in hosts]

    def _located(self, vpc_id: str, address: str) -> str:
        try:
            return self._ground.driver.locate(vpc_id, address).address
        except KeyError:
            return address

    def _health_changed(self, balancer_id: str) -> None:
        if balancer_id in self._clusters:
            self._follow(balancer_id)

    def _report_health(self, balancer_id: str) -> None:
        for target in self.prober.report(balancer_id):
            self._ground.reports.target(target)

    def _probe_socket(self, vpc_id: str) -> socket.socket:
        return self._ground.driver.socket(vpc_id, socket.SOCK_STREAM)
