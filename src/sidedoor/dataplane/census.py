"""Whose numbers the doors' are, and how many there are of what is counted by the head. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from sidedoor.counters.model import Kind, Passage, Population
from sidedoor.dataplane.desired import Door
from sidedoor.dataplane.wanted import Wanted
from sidedoor.endpoints.model import State
from sidedoor.loadbalancers.model import HealthState, LoadBalancer


class Finding(Protocol):
    """What is known of a target over all nodes."""

    @property
    def target_group_id(self) -> str: ...

    @property
    def state(self) -> HealthState: ...


Findings = Callable[[str], Iterable[Finding]]
"""Load balancer id -> what is known of its targets."""

States = Callable[[str], Mapping[str, HealthState]]
"""A node's interface id -> target id -> what this node found."""

_KINDS = {
    HealthState.HEALTHY: Kind.HEALTHY,
    HealthState.UNHEALTHY: Kind.UNHEALTHY,
    HealthState.UNHEALTHY_DRAINING: Kind.UNHEALTHY,
}


def passages(wanted: Wanted, doors: Iterable[Door]) -> dict[str, Passage]:
    """Door's name -> passage, for the doors of which everything is known."""
    found = ((door.name, _passage(wanted, door)) for door in doors)
    return {name: passage for name, passage in found if passage is not None}


def _passage(wanted: Wanted, door: Door) -> Passage | None:
    endpoint, interface = wanted.endpoints.get(door.endpoint_id), wanted.interfaces.get(door.interface_id)
    service = wanted.services.get(endpoint.service_id) if endpoint else None
    balancer = wanted.load_balancers.get(interface.load_balancer_id or "") if interface else None
    if endpoint is None or interface is None or service is None or balancer is None:
        return None
    return Passage(
        door=door.name, account=endpoint.account, region=endpoint.region, endpoint_id=endpoint.id, vpc_id=endpoint.vpc_id,
        subnet_id=interface.subnet_id, zone_id=interface.zone_id, service_id=service.id, service_name=service.name,
        service_account=service.account, balancer_id=balancer.id, balancer_account=balancer.account,
    )  # fmt: skip


def populations(wanted: Wanted, findings: Findings, states: States) -> dict[Population, int]:
    """How many endpoints each service has, and how many targets each load balancer and each of its nodes finds healthy or not.

    A target that is neither yet, or no more, is in neither number, and so is one that nobody checks.
    """
    found: dict[Population, int] = {}
    for service in wanted.services.values():
        endpoints = (wanted.endpoints[one] for one in wanted.endpoints_of_service[service.id])
        number = sum(one.state is State.AVAILABLE for one in endpoints)
        found[Population(kind=Kind.ENDPOINTS, account=service.account, region=service.region, id=service.id)] = number
    for balancer in wanted.load_balancers.values():
        groups = {wanted.listeners[one].target_group_id for one in wanted.listeners_of_balancer[balancer.id]}
        found |= _targets(balancer, groups, None, ((one.target_group_id, one.state) for one in findings(balancer.id)))
        for node in balancer.nodes:
            seen = states(node.interface_id).items()
            known = ((wanted.targets[one].target_group_id, state) for one, state in seen if one in wanted.targets)
            found |= _targets(balancer, groups, node.zone_id, known)
    return found


def _targets(
    balancer: LoadBalancer, groups: Iterable[str], zone_id: str | None, seen: Iterable[tuple[str, HealthState]]
) -> dict[Population, int]:
    """Both numbers of each group that has targets here."""
    findings = list(seen)
    numbers = Counter((group_id, _KINDS.get(state)) for group_id, state in findings)
    there = {group_id for group_id, _ in findings}
    return {
        Population(
            kind=kind, account=balancer.account, region=balancer.region, id=balancer.id, group_id=group_id, zone_id=zone_id
        ): numbers[group_id, kind]
        for group_id in sorted(there.intersection(groups))
        for kind in (Kind.HEALTHY, Kind.UNHEALTHY)
    }
