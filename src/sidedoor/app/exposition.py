"""``/metrics``: what was counted, and how this process fares, as Prometheus reads it (docs/metrics.md).

Rule 1: nothing is asked of the agent or of Envoy for an answer: what was told last is shown, until it is too old to be true.
Rule 2: of things that are parts of one another only the finest are shown; a query sums them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sidedoor import __version__
from sidedoor.agents import Agents
from sidedoor.aws.door import Opened
from sidedoor.counters import series
from sidedoor.counters.model import Kind, Standing
from sidedoor.counters.series import METRICS, POPULATIONS, Thing
from sidedoor.metrics.model import Namespace
from sidedoor.store.engine import Store

STALE_SECONDS = 90.0
"""After so long a silence it is not known any more how many connections there are."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

LABELS: Mapping[Namespace, tuple[str, ...]] = {
    Namespace.ENDPOINTS: ("Endpoint Type", "Service Name", "Subnet Id", "VPC Endpoint Id", "VPC Id"),
    Namespace.SERVICES: ("Az", "Load Balancer Arn", "Service Id", "VPC Endpoint Id"),
    Namespace.LOAD_BALANCERS: ("AvailabilityZone", "LoadBalancer"),
}
"""The dimensions of the finest things, in the order of the labels."""

_OWNER = ("account_id", "region")


def snake(name: str) -> str:
    """``VPC Endpoint Id`` -> ``vpc_endpoint_id``, ``UnHealthyHostCount`` -> ``un_healthy_host_count``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.replace(" ", "_")).replace("__", "_").lower()


def metric_name(namespace: Namespace, name: str) -> str:
    """``aws_privatelinkendpoints_active_connections``: as the exporters of CloudWatch's metrics call it, but for the
    statistic at its end, of which there is no choice here."""
    return f"{namespace.lower().replace('/', '_')}_{snake(name)}"


class Exposition:
    """All metrics of this process. ``heard`` is to be told of every call that was answered."""

    def __init__(self, store: Store, agents: Agents) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._calls = Counter(
            "sidedoor_requests",
            "Calls of the API that were answered.",
            ("service", "operation", "code"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "sidedoor_request_seconds", "How long calls of the API took.", ("service", "operation"),
            buckets=BUCKETS, registry=self._registry,
        )  # fmt: skip
        self._registry.register(_DataPlane(agents))
        self._registry.register(_ControlPlane(store, agents))

    def heard(self, opened: Opened, code: str) -> None:
        """``code``: AWS's code of an error, or ``OK``. What is no operation is not named: clients make up names."""
        call = opened.invocation
        service = opened.service.name if opened.service is not None else "none"
        operation = call.operation if call is not None else "none"
        self._calls.labels(service, operation, code).inc()
        self._seconds.labels(service, operation).observe(time.perf_counter() - opened.began)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def application(self) -> Starlette:
        """The HTTP application for the metrics' own address."""

        async def metrics(_: Request) -> Response:
            return Response(await run_in_threadpool(self.text), media_type=CONTENT_TYPE_LATEST)

        return Starlette(routes=[Route("/metrics", metrics, methods=["GET"])])


class _DataPlane(Collector):
    """What the agent told last."""

    def __init__(self, agents: Agents) -> None:
        self._agents = agents

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        told, silence = self._agents.told, self._agents.silence
        standing = told.standing if told is not None and silence is not None and silence < STALE_SECONDS else Standing()
        yield from _of_flows(standing)
        yield from _of_populations(standing)


def _of_flows(standing: Standing) -> Iterator[Metric]:
    found = series.finest(standing.flows)
    for namespace, metrics in METRICS.items():
        labels = [*_OWNER, *map(snake, LABELS[namespace])]
        mine = [
            (_values(thing, LABELS[namespace]), *numbers) for thing, numbers in found.items() if thing.namespace is namespace
        ]
        for one in metrics:
            name, of = metric_name(namespace, one.name), one.of
            text = f"{one.name} of {namespace} ({one.unit})."
            family = (
                GaugeMetricFamily(name, text, labels=labels) if of is None else CounterMetricFamily(name, text, labels=labels)
            )
            for values, counts, number in mine:
                family.add_metric(values, number if of is None else of(counts))
            yield family


def _of_populations(standing: Standing) -> Iterator[Metric]:
    labels = {Kind.ENDPOINTS: ("Service Id",)}
    found = list(series.overall(standing.inhabitants))
    for kind, (namespace, name) in POPULATIONS.items():
        dimensions = labels.get(kind, ("LoadBalancer", "TargetGroup"))
        text = f"{name} of {namespace} (Count)."
        family = GaugeMetricFamily(metric_name(namespace, name), text, labels=[*_OWNER, *map(snake, dimensions)])
        for one, thing, number in found:
            if one is kind:
                family.add_metric(_values(thing, dimensions), number)
        yield family


def _values(thing: Thing, dimensions: Iterable[str]) -> list[str]:
    named = dict(thing.dimensions)
    return [thing.account, thing.region, *(named[one] for one in dimensions)]


class _ControlPlane(Collector):
    """Where this process is, and how far behind it the agent."""

    def __init__(self, store: Store, agents: Agents) -> None:
        self._store, self._agents = store, agents

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        with self._store.read() as tables:
            revision = tables.revision()
        applied, silence = self._agents.applied, self._agents.silence
        yield GaugeMetricFamily("sidedoor_revision", "The number of the newest change of what is wanted.", revision)
        yield GaugeMetricFamily("sidedoor_store_bytes", "The size of the database.", self._store.size())
        yield GaugeMetricFamily("sidedoor_agent_feeds", "Agents that follow what is wanted.", self._agents.followers)
        if applied is not None:
            yield GaugeMetricFamily("sidedoor_agent_applied_revision", "The revision up to which all stands.", applied)
            yield GaugeMetricFamily(
                "sidedoor_agent_lag_revisions", "Changes that do not stand yet.", max(0, revision - applied)
            )
        if silence is not None:
            yield GaugeMetricFamily("sidedoor_agent_silence_seconds", "Time since the agent told what it counted.", silence)
        version = GaugeMetricFamily("sidedoor_info", "The version that runs.", labels=("version",))
        version.add_metric([__version__], 1)
        yield version
