"""What a host should have, computed from the records it was told of: networks, listeners, clusters, names.

Rule 1: no I/O, and no knowledge of Envoy or of the kernel: a driver or an engine makes of this what it can.
Rule 2: each function computes one unit and reads only what that unit needs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sidedoor.dataplane import admission
from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.certificates import Tls, tls_of
from sidedoor.dataplane.wanted import Wanted
from sidedoor.endpoints.model import CARRIES_TRAFFIC, Endpoint, State
from sidedoor.loadbalancers.model import (
    ANY_ZONE,
    HealthCheck,
    HealthState,
    Listener,
    LoadBalancer,
    Minimum,
    Node,
    Target,
    TargetGroup,
)
from sidedoor.loadbalancers.tls_policies import ALPN_TO_TARGETS
from sidedoor.networks.model import Interface, InterfaceKind, gateway_address, private_dns_name, resolver_address
from sidedoor.networks.zones import zone_name
from sidedoor.services.model import private_zone

# --- networks -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Workload:
    """An interface in which somebody's processes run."""

    interface_id: str
    address: str
    mac: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A subnet in use. ``addresses``: those of endpoints and load balancer nodes, which the VPC's router holds itself."""

    subnet_id: str
    cidr: str
    gateway: str
    addresses: tuple[str, ...]
    workloads: tuple[Workload, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A VPC in use. ``resolver``: the address on which its names are answered, None where the VPC has DNS off."""

    vpc_id: str
    cidr: str
    resolver: str | None
    segments: tuple[Segment, ...]


def network(wanted: Wanted, vpc_id: str) -> Network | None:
    """The network of a VPC, or None where nothing uses it (then nothing of it is placed)."""
    vpc = wanted.vpcs.get(vpc_id)
    if vpc is None:
        return None
    interfaces = [wanted.interfaces[one] for one in wanted.interfaces_of_vpc[vpc_id]]
    placed = [interface for interface in interfaces if _is_placed(wanted, interface)]
    used = {one.subnet_id for one in placed} | {one for one in wanted.subnets_of_vpc[vpc_id] if one in wanted.attached}
    segments = tuple(_segment(wanted, subnet_id, placed) for subnet_id in sorted(used))
    if not segments:
        return None
    resolver = resolver_address(vpc.cidr) if vpc.dns_support else None
    return Network(vpc_id=vpc_id, cidr=vpc.cidr, resolver=resolver, segments=segments)


def _is_placed(wanted: Wanted, interface: Interface) -> bool:
    """An interface stands as long as its record does: a deleted endpoint's goes when its flows have ended.

    A stopped instance has its interface, which stands nowhere.
    """
    stopped = interface.attachment is not None and not interface.attachment.running
    return interface.subnet_id in wanted.subnets and not stopped


def _segment(wanted: Wanted, subnet_id: str, placed: Collection[Interface]) -> Segment:
    subnet = wanted.subnets[subnet_id]
    mine = [interface for interface in placed if interface.subnet_id == subnet_id]
    return Segment(
        subnet_id=subnet_id,
        cidr=subnet.cidr,
        gateway=gateway_address(subnet.cidr),
        addresses=tuple(sorted(one.address for one in mine if one.kind is not InterfaceKind.WORKLOAD)),
        workloads=tuple(
            sorted(
                Workload(interface_id=one.id, address=one.address, mac=one.mac)
                for one in mine
                if one.kind is InterfaceKind.WORKLOAD and one.id not in wanted.attached
            )
        ),
    )


# --- load balancers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Host:
    """A place that connections can go to. ``target``: the ``Target`` record's id; ``address`` as the provider's VPC has it."""

    target: str
    address: str
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaving:
    """A target that was deregistered: it gets no new connection. ``ends``: when its flows are ended, None where never."""

    host: Host
    ends: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A load balancer's node with one of its target groups: the address that targets see, and the targets that it may use.

    ``listener_port``: the port of the listener that forwards to the group; of several, the lowest. ``tls``: targets are spoken
    to in TLS, in which ``alpn`` is offered. ``leaving``: those of the targets that were deregistered. What else is here about
    health: see ``TargetGroup``.
    """

    name: str
    vpc_id: str
    node_interface_id: str
    source: str
    target_group_id: str
    listener_port: int
    proxy_protocol: bool
    sticky: bool
    tls: bool = False
    alpn: tuple[str, ...] = ()
    check: HealthCheck
    candidates: tuple[Host, ...]
    zone_id: str = ""
    leaving: tuple[Leaving, ...] = ()
    minimum_to_choose: Minimum = field(default_factory=Minimum)
    minimum_in_dns: Minimum = field(default_factory=Minimum)
    ends_flows_of_unhealthy: bool = True
    unhealthy_draining: int = 0


def cluster_name(node_interface_id: str, target_group_id: str) -> str:
    """``eni-.../targetgroup/name/id``: unique on a host, readable in Envoy's statistics."""
    return f"{node_interface_id}/{target_group_id.rpartition(':')[2]}"


def clusters(wanted: Wanted, balancer_id: str) -> tuple[Cluster, ...]:
    """The clusters of a load balancer: one for each of its nodes and each target group that a listener of it names."""
    balancer = wanted.load_balancers.get(balancer_id)
    if balancer is None:
        return ()
    listeners = [wanted.listeners[one] for one in wanted.listeners_of_balancer[balancer_id]]
    lowest: dict[str, Listener] = {}
    for one in sorted(listeners, key=lambda listener: listener.port):
        lowest.setdefault(one.target_group_id, one)
    groups = [wanted.target_groups[one] for one in sorted(lowest) if one in wanted.target_groups]
    return tuple(_cluster(wanted, balancer, node, group, lowest[group.id]) for node in balancer.nodes for group in groups)


def _cluster(wanted: Wanted, balancer: LoadBalancer, node: Node, group: TargetGroup, listener: Listener) -> Cluster:
    targets = _targets(wanted, balancer, node, group)
    return Cluster(
        name=cluster_name(node.interface_id, group.id),
        vpc_id=balancer.vpc_id,
        node_interface_id=node.interface_id,
        source=node.address,
        target_group_id=group.id,
        listener_port=listener.port,
        proxy_protocol=group.proxy_protocol,
        sticky=group.source_ip_stickiness,
        tls=group.protocol == "TLS",
        alpn=ALPN_TO_TARGETS.get(listener.alpn_policy or "", ()),
        check=group.health_check,
        candidates=tuple(sorted(_host(one) for one in targets if one.draining_since is None)),
        zone_id=node.zone_id,
        leaving=tuple(_leaving(one, group) for one in targets if one.draining_since is not None),
        minimum_to_choose=group.minimum_to_choose,
        minimum_in_dns=group.minimum_in_dns,
        ends_flows_of_unhealthy=group.ends_flows_of_unhealthy,
        unhealthy_draining=group.unhealthy_draining,
    )


def _targets(wanted: Wanted, balancer: LoadBalancer, node: Node, group: TargetGroup) -> list[Target]:
    """The targets that a node may have flows to."""
    enabled = {one.zone_id for one in balancer.nodes} if group.cross_zone(balancer) else {node.zone_id}
    targets = (wanted.targets[one] for one in wanted.targets_of_group[group.id])
    return [one for one in targets if one.running and (one.zone == ANY_ZONE or one.zone in enabled)]


def _host(target: Target) -> Host:
    return Host(target=target.id, address=target.address, port=target.port)


def _leaving(target: Target, group: TargetGroup) -> Leaving:
    return Leaving(host=_host(target), ends=target.drained_at(group) if group.ends_flows_of_deregistered else None)


def hosts(cluster: Cluster, states: Mapping[str, HealthState]) -> tuple[Host, ...]:
    """The hosts that get new connections: the healthy ones, or all of them where these are too few (fail open).

    ``states``: target id -> what this node's probes found. A target without probes counts as healthy.
    """
    healthy = tuple(one for one in cluster.candidates if states.get(one.target, HealthState.HEALTHY) is HealthState.HEALTHY)
    return healthy if cluster.minimum_to_choose.is_met(len(healthy), len(cluster.candidates)) else cluster.candidates


# --- endpoints ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """One port of one of an endpoint's interfaces: where consumers connect, who of them comes in, and the cluster behind it."""

    name: str
    endpoint_id: str
    vpc_id: str
    interface_id: str
    address: str
    port: int
    cluster: str
    idle_timeout: int
    sticky: bool
    admission: Admission
    tls: Tls | None = None


def doors(wanted: Wanted, endpoint_id: str) -> tuple[Door, ...]:
    """The doors of an endpoint: none unless it is accepted; else one for each interface and listener of its load balancer."""
    endpoint = wanted.endpoints.get(endpoint_id)
    if endpoint is None or endpoint.state not in CARRIES_TRAFFIC or endpoint.service_id not in wanted.services:
        return ()
    found: list[Door] = []
    for interface_id in endpoint.interface_ids:
        interface = wanted.interfaces.get(interface_id)
        served = _node_of(wanted, endpoint, interface) if interface else None
        if interface is None or served is None:
            continue
        balancer, node = served
        listeners = [wanted.listeners[one] for one in wanted.listeners_of_balancer[balancer.id]]
        found += [
            _door(wanted, endpoint, interface, balancer, node, one)
            for one in listeners
            if one.target_group_id in wanted.target_groups and one.certificate_ids <= wanted.server_certificates.keys()
        ]
    return tuple(sorted(found, key=lambda door: door.name))


def _node_of(wanted: Wanted, endpoint: Endpoint, interface: Interface) -> tuple[LoadBalancer, Node] | None:
    """The load balancer's node that serves an endpoint's interface: the chosen load balancer's, in the interface's own zone."""
    service = wanted.services[endpoint.service_id]
    balancer = wanted.load_balancers.get(interface.load_balancer_id or "")
    if balancer is None or balancer.id not in service.load_balancer_ids:
        return None
    for node in balancer.nodes:
        if node.zone_id == interface.zone_id:
            return balancer, node
    return None


def _door(
    wanted: Wanted, endpoint: Endpoint, interface: Interface, balancer: LoadBalancer, node: Node, listener: Listener
) -> Door:
    return Door(
        name=f"{endpoint.id}/{interface.id}/{listener.port}",
        endpoint_id=endpoint.id,
        vpc_id=endpoint.vpc_id,
        interface_id=interface.id,
        address=interface.address,
        port=listener.port,
        cluster=cluster_name(node.interface_id, listener.target_group_id),
        idle_timeout=listener.idle_timeout,
        sticky=wanted.target_groups[listener.target_group_id].source_ip_stickiness,
        admission=_admission(wanted, endpoint, balancer, listener.port),
        tls=tls_of(wanted, listener),
    )


def _admission(wanted: Wanted, endpoint: Endpoint, balancer: LoadBalancer, port: int) -> Admission:
    """Who comes in: whom the endpoint's security groups and the load balancer's let in.

    A load balancer that was made without groups asks nobody who he is, and neither does one that is told not to
    (``EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic``).
    """
    asked = [endpoint.group_ids]
    if balancer.group_ids and balancer.enforce_private_link_rules:
        asked.append(balancer.group_ids)
    return admission.by_all(wanted, asked, endpoint.vpc_id, port)


# --- names --------------------------------------------------------------------------------------------------------


ZonesOut = Mapping[str, Collection[str]]
"""Load balancer id -> the zones that have too few healthy targets for names to lead there (``failover.zones_out``)."""


def names(wanted: Wanted, vpc_id: str, out: ZonesOut) -> dict[str, tuple[str, ...]]:
    """The names that a VPC's resolver answers, in lower case and without a final dot, with their addresses.

    An endpoint's names answer from its creation to its deletion; what is not ``available`` refuses the connection, which
    tells a caller more than a missing name. Its regional and private names lead where there are healthy targets, unless there
    are none at all; a zonal name always leads to its zone. An instance's name answers as long as it has its interface.
    """
    answers: dict[str, tuple[str, ...]] = {
        private_dns_name(interface.region, interface.address): (interface.address,)
        for interface in (wanted.interfaces[one] for one in wanted.interfaces_of_vpc[vpc_id])
        if interface.attachment is not None
    }
    for endpoint_id in wanted.endpoints_of_vpc[vpc_id]:
        endpoint = wanted.endpoints[endpoint_id]
        if endpoint.state in (State.DELETING, State.DELETED):
            continue
        found = (wanted.interfaces.get(one) for one in endpoint.interface_ids)
        interfaces = {interface.subnet_id: interface for interface in found if interface is not None}
        in_order = [interfaces[one] for one in endpoint.subnet_ids if one in interfaces]
        leading = tuple(one.address for one in _healthy(in_order, out))
        answers |= _endpoint_names(wanted, endpoint, {one.subnet_id: one.address for one in in_order}, leading)
        if _private_zone(wanted, endpoint) is not None:
            answers[endpoint.private_dns_name or ""] = leading
    for balancer_id in wanted.balancers_of_vpc[vpc_id]:
        answers |= _balancer_names(wanted.load_balancers[balancer_id], out)
    return answers


def _healthy(interfaces: list[Interface], out: ZonesOut) -> list[Interface]:
    """An endpoint's interfaces behind which there are healthy targets, or all where there are none."""
    return [one for one in interfaces if one.zone_id not in out.get(one.load_balancer_id or "", ())] or interfaces


def _balancer_names(balancer: LoadBalancer, out: ZonesOut) -> dict[str, tuple[str, ...]]:
    """A load balancer's own name, and one for each of its zones (NLB user guide, "DNS name")."""
    name = balancer.dns_name.lower()
    zonal = {f"{zone_name(balancer.account, balancer.region, one.zone_id)}.{name}": (one.address,) for one in balancer.nodes}
    healthy = tuple(one.address for one in balancer.nodes if one.zone_id not in out.get(balancer.id, ()))
    return zonal | {name: healthy or tuple(one.address for one in balancer.nodes)}


def private_zones(wanted: Wanted, vpc_id: str) -> frozenset[str]:
    """The domains in which a VPC's resolver alone decides which names there are: those of its endpoints' private names."""
    zones = (_private_zone(wanted, wanted.endpoints[one]) for one in wanted.endpoints_of_vpc[vpc_id])
    return frozenset(zone for zone in zones if zone is not None)


def _private_zone(wanted: Wanted, endpoint: Endpoint) -> str | None:
    """The domain of an endpoint's private name, None where it has none or its VPC does not let private names be."""
    vpc = wanted.vpcs.get(endpoint.vpc_id)
    if endpoint.private_dns_name is None or endpoint.state in (State.DELETING, State.DELETED):
        return None
    return private_zone(endpoint.private_dns_name) if vpc is not None and vpc.dns_support and vpc.dns_hostnames else None


def _endpoint_names(
    wanted: Wanted, endpoint: Endpoint, addresses: Mapping[str, str], leading: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    """``addresses``: by subnet, for the zonal names. ``leading``: those of the regional name."""
    zone_names = {
        subnet_id: zone_name(endpoint.account, endpoint.region, wanted.subnets[subnet_id].zone_id)
        for subnet_id in endpoint.subnet_ids
        if subnet_id in wanted.subnets
    }
    if set(zone_names) != set(endpoint.subnet_ids):
        return {}
    regional, *zonal = endpoint.dns_names(zone_names)
    answers = {regional: leading}
    for subnet_id, name in zip(endpoint.subnet_ids, zonal, strict=True):
        if subnet_id in addresses:
            answers[name] = (addresses[subnet_id],)
    return answers
