"""The records that the agent was told of, indexed, and which units of work a changed record touches.

Rule 1: no I/O. Rule 2: one changed record costs what it touches and never what there is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sidedoor.endpoints.model import Endpoint
from sidedoor.identity.model import ServerCertificate
from sidedoor.loadbalancers.model import Listener, LoadBalancer, Target, TargetGroup
from sidedoor.networks.model import Interface, InterfaceKind, PrefixList, SecurityGroup, SecurityGroupRule, Subnet, Vpc
from sidedoor.services.model import Service


class UnitKind(StrEnum):
    NETWORK = "network"
    BALANCER = "balancer"
    ENDPOINT = "endpoint"
    RULES = "rules"


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """A piece of the data plane that is compared and mended as a whole: a VPC's network, a load balancer, an endpoint.

    ``RULES``: of an endpoint, who may come in at its doors, where nothing else of it changed. It is a unit of its own because a
    group's member that comes or goes may touch every endpoint of a VPC.
    """

    kind: UnitKind
    id: str


RECORDS: dict[str, type[Any]] = {
    "vpcs": Vpc,
    "subnets": Subnet,
    "security_groups": SecurityGroup,
    "security_group_rules": SecurityGroupRule,
    "prefix_lists": PrefixList,
    "interfaces": Interface,
    "load_balancers": LoadBalancer,
    "target_groups": TargetGroup,
    "listeners": Listener,
    "server_certificates": ServerCertificate,
    "targets": Target,
    "services": Service,
    "endpoints": Endpoint,
}
"""The kinds of record in the feed, by the name of their table."""


class Index:
    """Ids of records by the value of one of their fields."""

    def __init__(self) -> None:
        self._ids: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, value: str, record_id: str) -> None:
        self._ids[value].add(record_id)

    def remove(self, value: str, record_id: str) -> None:
        self._ids[value].discard(record_id)
        if not self._ids[value]:
            del self._ids[value]

    def __getitem__(self, value: str) -> list[str]:
        return sorted(self._ids.get(value, ()))


class Wanted:
    """All records, by kind and id. ``attached``: the interfaces and subnets to which something of this host is attached."""

    def __init__(self) -> None:
        self.vpcs: dict[str, Vpc] = {}
        self.subnets: dict[str, Subnet] = {}
        self.security_groups: dict[str, SecurityGroup] = {}
        self.security_group_rules: dict[str, SecurityGroupRule] = {}
        self.prefix_lists: dict[str, PrefixList] = {}
        self.interfaces: dict[str, Interface] = {}
        self.load_balancers: dict[str, LoadBalancer] = {}
        self.target_groups: dict[str, TargetGroup] = {}
        self.listeners: dict[str, Listener] = {}
        self.server_certificates: dict[str, ServerCertificate] = {}
        self.targets: dict[str, Target] = {}
        self.services: dict[str, Service] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.attached: frozenset[str] = frozenset()
        self.subnets_of_vpc = Index()
        self.interfaces_of_vpc = Index()
        self.endpoints_of_vpc = Index()
        self.endpoints_of_service = Index()
        self.services_of_balancer = Index()
        self.balancers_of_vpc = Index()
        self.listeners_of_balancer = Index()
        self.listeners_of_group = Index()
        self.listeners_of_certificate = Index()
        self.targets_of_group = Index()
        self.targets_of_address = Index()
        self.rules_of_security_group = Index()
        self.rules_that_refer_to = Index()
        self.interfaces_of_security_group = Index()
        self.endpoints_of_security_group = Index()
        self.balancers_of_security_group = Index()
        self.members: dict[str, dict[str, Any]] = {}
        """What somebody computed of a security group's members, by group: forgotten as soon as one of them changes."""

    def put(self, kind: str, record: Any) -> set[Unit]:
        """Takes in a new or changed record. Returns the units that it touches, as it was and as it is."""
        touched = self.drop(kind, record.id)
        self._of(kind)[record.id] = record
        self._index(kind, record, Index.add)
        return touched | self._touched(kind, record)

    def drop(self, kind: str, record_id: str) -> set[Unit]:
        """Forgets a record. Returns the units that it touched."""
        record = self._of(kind).get(record_id)
        if record is None:
            return set()
        touched = self._touched(kind, record)
        self._index(kind, record, Index.remove)
        del self._of(kind)[record_id]
        return touched

    def ids(self, kind: str) -> list[str]:
        return list(self._of(kind))

    def units(self) -> set[Unit]:
        """Every unit that there is."""
        return {
            *(Unit(UnitKind.NETWORK, vpc_id) for vpc_id in self.vpcs),
            *(Unit(UnitKind.BALANCER, balancer_id) for balancer_id in self.load_balancers),
            *(Unit(UnitKind.ENDPOINT, endpoint_id) for endpoint_id in self.endpoints),
        }

    def served_by(self, balancer_id: str) -> set[str]:
        """The ids of the endpoints of the services that have this load balancer."""
        services = self.services_of_balancer[balancer_id]
        return {endpoint_id for service_id in services for endpoint_id in self.endpoints_of_service[service_id]}

    def _of(self, kind: str) -> dict[str, Any]:
        records: dict[str, Any] = getattr(self, kind)
        return records

    def _index(self, kind: str, record: Any, change: Any) -> None:
        for index, value in self._places(kind, record):
            change(index, value, record.id)
            if index is self.interfaces_of_security_group:
                self.members.pop(value, None)

    def _places(self, kind: str, record: Any) -> Iterable[tuple[Index, str]]:
        match kind:
            case "subnets":
                yield self.subnets_of_vpc, record.vpc_id
            case "interfaces":
                yield self.interfaces_of_vpc, record.vpc_id
                for group_id in record.group_ids:
                    yield self.interfaces_of_security_group, group_id
            case "security_group_rules":
                yield self.rules_of_security_group, record.group_id
                for source in filter(None, (record.referenced_group_id, record.prefix_list_id)):
                    yield self.rules_that_refer_to, source
            case "load_balancers":
                yield self.balancers_of_vpc, record.vpc_id
                for group_id in record.group_ids:
                    yield self.balancers_of_security_group, group_id
            case "endpoints":
                yield self.endpoints_of_vpc, record.vpc_id
                yield self.endpoints_of_service, record.service_id
                for group_id in record.group_ids:
                    yield self.endpoints_of_security_group, group_id
            case "services":
                for balancer_id in record.load_balancer_ids:
                    yield self.services_of_balancer, balancer_id
            case "listeners":
                yield self.listeners_of_balancer, record.load_balancer_id
                yield self.listeners_of_group, record.target_group_id
                for certificate_id in record.certificate_ids:
                    yield self.listeners_of_certificate, certificate_id
            case "targets":
                yield self.targets_of_group, record.target_group_id
                yield self.targets_of_address, record.address

    def _touched(self, kind: str, record: Any) -> set[Unit]:
        match kind:
            case "vpcs":
                return {Unit(UnitKind.NETWORK, record.id)}
            case "subnets":
                return {Unit(UnitKind.NETWORK, record.vpc_id)}
            case "interfaces":
                return {Unit(UnitKind.NETWORK, record.vpc_id)} | _holder(record) | self._needing(record)
            case "security_group_rules":
                return set() if record.egress else self._guarded_by(record.group_id)
            case "prefix_lists":
                return self._admitted_by(record.id)
            case "endpoints":
                return {Unit(UnitKind.ENDPOINT, record.id)}
            case "services":
                return self._endpoints_of([record.id])
            case "load_balancers":
                return self._balancers([record.id]) | {Unit(UnitKind.NETWORK, record.vpc_id)}
            case "listeners":
                return self._balancers([record.load_balancer_id])
            case "server_certificates":
                users = [self.listeners[one] for one in self.listeners_of_certificate[record.id]]
                return self._balancers(sorted({one.load_balancer_id for one in users}))
            case "target_groups":
                return self._balancers(self._balancers_of_group(record.id))
            case "targets":
                return {Unit(UnitKind.BALANCER, one) for one in self._balancers_of_group(record.target_group_id)}
        return set()

    def _needing(self, interface: Interface) -> set[Unit]:
        return self._leading_to(interface) | self._admitted_as_member(interface)

    def _leading_to(self, interface: Interface) -> set[Unit]:
        """The load balancers that have the interface's address for a target: one can be registered before it stands."""
        groups = {self.targets[one].target_group_id for one in self.targets_of_address[interface.address]}
        here = (one for one in groups if one in self.target_groups and self.target_groups[one].vpc_id == interface.vpc_id)
        return {Unit(UnitKind.BALANCER, balancer) for group in here for balancer in self._balancers_of_group(group)}

    def _admitted_as_member(self, interface: Interface) -> set[Unit]:
        """The endpoints that let this interface in, or that may, because of a group that it is in."""
        if interface.kind is InterfaceKind.ENDPOINT:
            return set()  # Nobody connects from an endpoint's own interface.
        return {unit for group_id in interface.group_ids for unit in self._admitted_by(group_id)}

    def _admitted_by(self, source: str) -> set[Unit]:
        """The endpoints with a rule that lets in who is in this security group or on this prefix list."""
        rules = (self.security_group_rules[one] for one in self.rules_that_refer_to[source])
        return {unit for group_id in {one.group_id for one in rules if not one.egress} for unit in self._guarded_by(group_id)}

    def _guarded_by(self, group_id: str) -> set[Unit]:
        """The endpoints that have this security group, or whose load balancer has it."""
        endpoint_ids = set(self.endpoints_of_security_group[group_id])
        for balancer_id in self.balancers_of_security_group[group_id]:
            for service_id in self.services_of_balancer[balancer_id]:
                endpoint_ids.update(self.endpoints_of_service[service_id])
        return {Unit(UnitKind.RULES, one) for one in endpoint_ids}

    def _balancers_of_group(self, group_id: str) -> list[str]:
        return sorted({self.listeners[one].load_balancer_id for one in self.listeners_of_group[group_id]})

    def _balancers(self, balancer_ids: list[str]) -> set[Unit]:
        """The load balancers and the endpoints that are served by them."""
        units = {Unit(UnitKind.BALANCER, one) for one in balancer_ids}
        for balancer_id in balancer_ids:
            units |= self._endpoints_of(self.services_of_balancer[balancer_id])
        return units

    def _endpoints_of(self, service_ids: list[str]) -> set[Unit]:
        return {Unit(UnitKind.ENDPOINT, one) for service_id in service_ids for one in self.endpoints_of_service[service_id]}


def _holder(interface: Interface) -> set[Unit]:
    if interface.holder is None:
        return set()
    kind = UnitKind.ENDPOINT if interface.kind is InterfaceKind.ENDPOINT else UnitKind.BALANCER
    return {Unit(kind, interface.holder)}
