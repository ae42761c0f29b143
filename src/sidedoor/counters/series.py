"""From the data plane's minutes to AWS's series: what was counted where, under the names that CloudWatch has for it. Pure.

Rule 1: a series is in the account of the one whose thing it speaks of: the endpoint's, the service's, the load balancer's. What
a number of another account's says (an endpoint's id in a service's series) is what AWS says too.
Rule 2: a zone is called as the series' account calls it.
Rule 3: a thing has a series in the minutes in which it was used, all of its metrics then, and zeros too.

Names and dimensions: PrivateLink guide, "CloudWatch metrics for AWS PrivateLink"; NLB guide, "CloudWatch metrics for your
Network Load Balancer". What our numbers mean where AWS counts packets: docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import zip_longest

from sidedoor.counters.model import NONE, Counts, Flow, Inhabitants, Kind, Minute, Passage, Population
from sidedoor.metrics.model import MINUTE, Datum, Namespace, StatisticSet, Unit, sample, series
from sidedoor.networks.zones import zone_name

ENDPOINT_TYPE = "Interface"


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of flows: its name and what of the counts it is; None: how many connections are open."""

    name: str
    of: Callable[[Counts], int] | None = None
    unit: Unit = Unit.COUNT


def _from_service(counts: Counts) -> int:
    return counts.target_resets + counts.port_errors + counts.given_up


METRICS: Mapping[Namespace, tuple[Metric, ...]] = {
    Namespace.ENDPOINTS: (
        Metric("ActiveConnections"),
        Metric("NewConnections", lambda counts: counts.established),
        Metric("BytesProcessed", lambda counts: counts.bytes, Unit.BYTES),
        Metric("PacketsDropped", lambda counts: counts.dropped),
        Metric("RstPacketsReceived", _from_service),
    ),
    Namespace.SERVICES: (
        Metric("ActiveConnections"),
        Metric("NewConnections", lambda counts: counts.established),
        Metric("BytesProcessed", lambda counts: counts.bytes, Unit.BYTES),
        Metric("RstPacketsSent", _from_service),
    ),
    Namespace.LOAD_BALANCERS: (
        Metric("ActiveFlowCount"),
        Metric("NewFlowCount", lambda counts: counts.established),
        Metric("ProcessedBytes", lambda counts: counts.bytes, Unit.BYTES),
        Metric("PortAllocationErrorCount", lambda counts: counts.port_errors),
        Metric("TCP_Client_Reset_Count", lambda counts: counts.client_resets),
        Metric("TCP_Target_Reset_Count", lambda counts: counts.target_resets),
        Metric("TCP_ELB_Reset_Count", lambda counts: counts.given_up),
    ),
}

POPULATIONS: Mapping[Kind, tuple[Namespace, str]] = {
    Kind.ENDPOINTS: (Namespace.SERVICES, "EndpointsCount"),
    Kind.HEALTHY: (Namespace.LOAD_BALANCERS, "HealthyHostCount"),
    Kind.UNHEALTHY: (Namespace.LOAD_BALANCERS, "UnHealthyHostCount"),
}

Dimensions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Thing:
    """Of what there are series: one of its namespace, by its dimensions."""

    namespace: Namespace
    account: str
    region: str
    dimensions: Dimensions


@dataclass(slots=True)
class _Sum:
    counts: Counts = NONE
    open: list[int] = field(default_factory=list)

    def add(self, flow: Flow) -> None:
        self.counts += flow.counts
        if any(flow.open):
            self.open = [one + another for one, another in zip_longest(self.open, flow.open, fillvalue=0)]
        elif len(flow.open) > len(self.open):
            self.open += [0] * (len(flow.open) - len(self.open))


def data(minute: Minute) -> Iterator[Datum]:
    """All that a minute comes to."""
    at = datetime.fromtimestamp(minute.number * MINUTE, UTC)
    for thing, total in _summed(minute.flows, all_things).items():
        for metric in METRICS[thing.namespace]:
            numbers = _set(total.open) if metric.of is None else sample(metric.of(total.counts))
            if numbers is not None:
                yield _datum(thing, metric.name, metric.unit, at, numbers)
    for one in minute.inhabitants:
        numbers = _set(one.numbers)
        if numbers is not None:
            thing = populated(one.population)
            yield _datum(thing, POPULATIONS[one.population.kind][1], Unit.COUNT, at, numbers)


def finest(flows: Iterable[Flow]) -> dict[Thing, tuple[Counts, int]]:
    """What things came to that no other is a part of, and how many connections are open: the rest are sums of these."""
    return {thing: (total.counts, sum(total.open)) for thing, total in _summed(flows, _finest_things).items()}


def overall(inhabitants: Iterable[Inhabitants]) -> Iterator[tuple[Kind, Thing, int]]:
    """The populations that are not of one zone, as they were last."""
    for one in inhabitants:
        if one.population.zone_id is None and one.numbers:
            yield one.population.kind, populated(one.population), one.numbers[-1]


def _summed(flows: Iterable[Flow], things: Callable[[Passage], Iterable[Thing]]) -> dict[Thing, _Sum]:
    found: dict[Thing, _Sum] = {}
    for flow in flows:
        for thing in things(flow.passage):
            found.setdefault(thing, _Sum()).add(flow)
    return found


def all_things(passage: Passage) -> Iterator[Thing]:
    """All that a passage is a part of, in each combination of dimensions that AWS has."""
    endpoint = {
        "Endpoint Type": ENDPOINT_TYPE, "Service Name": passage.service_name,
        "VPC Endpoint Id": passage.endpoint_id, "VPC Id": passage.vpc_id,
    }  # fmt: skip
    yield _endpoint(passage, endpoint)
    yield _endpoint(passage, endpoint | {"Subnet Id": passage.subnet_id})
    service = {"Service Id": passage.service_id}
    zone = {"Az": zone_name(passage.service_account, passage.region, passage.zone_id)}
    balancer = {"Load Balancer Arn": passage.balancer_id}
    yield _service(passage, service)
    yield _service(passage, service | zone)
    yield _service(passage, service | balancer)
    yield _service(passage, service | zone | balancer)
    yield _service(passage, service | {"VPC Endpoint Id": passage.endpoint_id})
    yield _balancer(passage, _of_balancer(passage.balancer_id))
    yield _balancer(
        passage, _of_balancer(passage.balancer_id) | _zone(passage.balancer_account, passage.region, passage.zone_id)
    )


def _finest_things(passage: Passage) -> Iterator[Thing]:
    yield _endpoint(passage, {
        "Endpoint Type": ENDPOINT_TYPE, "Service Name": passage.service_name, "Subnet Id": passage.subnet_id,
        "VPC Endpoint Id": passage.endpoint_id, "VPC Id": passage.vpc_id,
    })  # fmt: skip
    yield _service(passage, {
        "Service Id": passage.service_id, "VPC Endpoint Id": passage.endpoint_id, "Load Balancer Arn": passage.balancer_id,
        "Az": zone_name(passage.service_account, passage.region, passage.zone_id),
    })  # fmt: skip
    yield _balancer(
        passage, _of_balancer(passage.balancer_id) | _zone(passage.balancer_account, passage.region, passage.zone_id)
    )


def populated(population: Population) -> Thing:
    namespace = POPULATIONS[population.kind][0]
    if population.kind is Kind.ENDPOINTS:
        return Thing(namespace, population.account, population.region, (("Service Id", population.id),))
    dimensions = _of_balancer(population.id) | {"TargetGroup": (population.group_id or "").rpartition(":")[2]}
    if population.zone_id is not None:
        dimensions |= _zone(population.account, population.region, population.zone_id)
    return Thing(namespace, population.account, population.region, _ordered(dimensions))


def _endpoint(passage: Passage, dimensions: Mapping[str, str]) -> Thing:
    return Thing(Namespace.ENDPOINTS, passage.account, passage.region, _ordered(dimensions))


def _service(passage: Passage, dimensions: Mapping[str, str]) -> Thing:
    return Thing(Namespace.SERVICES, passage.service_account, passage.region, _ordered(dimensions))


def _balancer(passage: Passage, dimensions: Mapping[str, str]) -> Thing:
    return Thing(Namespace.LOAD_BALANCERS, passage.balancer_account, passage.region, _ordered(dimensions))


def _of_balancer(arn: str) -> dict[str, str]:
    """``net/name/id``: what of the ARN follows ``loadbalancer/``."""
    return {"LoadBalancer": arn.partition(":loadbalancer/")[2]}


def _zone(account: str, region: str, zone_id: str) -> dict[str, str]:
    return {"AvailabilityZone": zone_name(account, region, zone_id)}


def _ordered(dimensions: Mapping[str, str]) -> Dimensions:
    return tuple(sorted(dimensions.items()))


def _datum(thing: Thing, name: str, unit: Unit, at: datetime, numbers: StatisticSet) -> Datum:
    named = series(thing.account, thing.region, thing.namespace, name, dict(thing.dimensions), unit)
    return Datum(series=named, minute=at, statistics=numbers)


def _set(samples: Iterable[int]) -> StatisticSet | None:
    numbers = list(samples)
    return StatisticSet(sum(numbers), min(numbers), max(numbers), len(numbers)) if numbers else None
