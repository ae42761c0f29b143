"""What follows from the health of targets besides who gets new connections: flows that have to end, zones that leave DNS.

Rule 1: no I/O, and the time is an argument.
Rule 2: an answer says what should be, not what changed: whoever asks again after a restart gets the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sidedoor.dataplane.desired import Cluster, Host, hosts
from sidedoor.loadbalancers.model import HealthState

States = Callable[[str], Mapping[str, HealthState]]
"""Node interface id -> target id -> what that node's probes found."""

_MAY_BE_HEALTHY = (HealthState.HEALTHY, HealthState.INITIAL)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Flows:
    """The connections from a node's address to a target, all of them."""

    vpc_id: str
    source: str
    address: str
    port: int


def flows_to_end(clusters: Iterable[Cluster], states: States, now: datetime) -> frozenset[Flows]:
    """The flows of one load balancer that must not be: to unhealthy targets, and to deregistered ones after their delay.

    Two target groups may have the same place behind the same node, and nobody can tell whose a flow is. Then it lives as long
    as one of the two lets it.
    """
    ending: set[Flows] = set()
    living: set[Flows] = set()
    for cluster in clusters:
        dead = _dead(cluster, states(cluster.node_interface_id), now)
        for host in (*cluster.candidates, *(one.host for one in cluster.leaving)):
            (ending if host in dead else living).add(_flows(cluster, host))
    return frozenset(ending - living)


def _dead(cluster: Cluster, states: Mapping[str, HealthState], now: datetime) -> set[Host]:
    """A target that is still needed because too few are healthy keeps its flows ("unless ... to fail open", NLB user guide)."""
    dead = {one.host for one in cluster.leaving if one.ends is not None and one.ends <= now}
    if cluster.ends_flows_of_unhealthy:
        unhealthy = {one for one in cluster.candidates if states.get(one.target) is HealthState.UNHEALTHY}
        dead |= unhealthy.difference(hosts(cluster, states))
    return dead


def _flows(cluster: Cluster, host: Host) -> Flows:
    return Flows(vpc_id=cluster.vpc_id, source=cluster.source, address=host.address, port=host.port)


def next_end(clusters: Iterable[Cluster], now: datetime) -> datetime | None:
    """When the next deregistered target's flows are to be ended."""
    coming = [leaving.ends for one in clusters for leaving in one.leaving if leaving.ends is not None and leaving.ends > now]
    return min(coming, default=None)


def zones_out(clusters: Iterable[Cluster], states: States) -> frozenset[str]:
    """The zones of one load balancer to which no name should lead: one of its target groups has too few healthy targets there.

    A target of which nothing is known yet counts as healthy, for else every restart would lead names away from good zones.
    """
    return frozenset(one.zone_id for one in clusters if not _serves(one, states(one.node_interface_id)))


def _serves(cluster: Cluster, states: Mapping[str, HealthState]) -> bool:
    healthy = sum(states.get(one.target, HealthState.HEALTHY) in _MAY_BE_HEALTHY for one in cluster.candidates)
    return cluster.minimum_in_dns.is_met(healthy, len(cluster.candidates))
