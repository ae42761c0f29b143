"""Network load balancers, target groups, listeners and targets.

Rule 1: no I/O, no clock, no randomness.
Rule 2: ids are ARNs, as on the wire. What the agent observes of a target (``TargetHealth``) is a record of its own, so that
a report of health never touches what somebody wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum


class LoadBalancerState(StrEnum):
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A load balancer's place in one zone: its interface there and the address that targets see.

    ``address_chosen``: the address was asked for, so that answers list it ("PrivateIPv4Address" of a subnet mapping).
    """

    zone_id: str
    subnet_id: str
    interface_id: str
    address: str
    address_chosen: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadBalancer:
    id: str
    version: int = 0
    account: str
    region: str
    name: str
    scheme: str
    vpc_id: str
    dns_name: str
    state: LoadBalancerState
    created: datetime
    nodes: tuple[Node, ...] = ()
    group_ids: tuple[str, ...] = ()
    enforce_private_link_rules: bool = True
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def cross_zone(self) -> bool:
        return self.attributes.get("load_balancing.cross_zone.enabled", "false") == "true"

    @property
    def deletion_protection(self) -> bool:
        return self.attributes.get("deletion_protection.enabled", "false") == "true"

    @property
    def zone_ids(self) -> frozenset[str]:
        """The zones that are enabled for it."""
        return frozenset(node.zone_id for node in self.nodes)


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthCheck:
    """How a target is probed. Times are seconds; ``port`` is ``traffic-port`` or a number."""

    enabled: bool = True
    protocol: str = "TCP"
    port: str = "traffic-port"
    path: str | None = None
    matcher: str | None = None
    interval: int = 30
    timeout: int = 10
    healthy_threshold: int = 5
    unhealthy_threshold: int = 2

    def accepts(self, code: int) -> bool:
        """Whether the matcher ("200-399", "200,202") has this status of an HTTP answer."""
        for part in (self.matcher or "").split(","):
            first, _, last = part.partition("-")
            if first and int(first) <= code <= int(last or first):
                return True
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Minimum:
    """How many healthy targets are enough: at least so many, and at least such a part of all. None: no such demand."""

    count: int | None = 1
    percentage: int | None = None

    def is_met(self, healthy: int, total: int) -> bool:
        enough = self.count is None or healthy >= self.count
        return enough and (self.percentage is None or healthy * 100 >= total * self.percentage)


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetGroup:
    id: str
    version: int = 0
    account: str
    region: str
    name: str
    protocol: str
    port: int
    vpc_id: str
    target_type: str
    created: datetime
    health_check: HealthCheck
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def proxy_protocol(self) -> bool:
        return self.attributes.get("proxy_protocol_v2.enabled", "false") == "true"

    @property
    def source_ip_stickiness(self) -> bool:
        return self.attributes.get("stickiness.enabled", "false") == "true"

    @property
    def deregistration_delay(self) -> timedelta:
        """How long a deregistered target keeps its flows and is shown as ``draining``."""
        return timedelta(seconds=int(self.attributes.get("deregistration_delay.timeout_seconds", "300")))

    @property
    def ends_flows_of_deregistered(self) -> bool:
        """Whether what is left of a deregistered target's flows is ended with the delay."""
        return self.attributes.get("deregistration_delay.connection_termination.enabled", "false") == "true"

    @property
    def ends_flows_of_unhealthy(self) -> bool:
        """Whether an unhealthy target loses its flows: at once, or where it has an interval for that at the end of this one."""
        at_once = self.attributes.get("target_health_state.unhealthy.connection_termination.enabled", "true") == "true"
        return at_once or self.unhealthy_draining > 0

    @property
    def unhealthy_draining(self) -> int:
        """Seconds for which a target that turned unhealthy is ``unhealthy.draining``, and keeps its flows."""
        return int(self.attributes.get("target_health_state.unhealthy.draining_interval_seconds", "0"))

    @property
    def minimum_in_dns(self) -> Minimum:
        """The healthy targets without which a zone leaves the names."""
        return self._minimum("dns_failover")

    @property
    def minimum_to_choose(self) -> Minimum:
        """The healthy targets without which a node sends to the others too."""
        return self._minimum("unhealthy_state_routing")

    def _minimum(self, action: str) -> Minimum:
        def number(of: str, default: str) -> int | None:
            text = self.attributes.get(f"target_group_health.{action}.minimum_healthy_targets.{of}", default)
            return None if text == "off" else int(text)

        return Minimum(count=number("count", "1"), percentage=number("percentage", "off"))

    def cross_zone(self, load_balancer: LoadBalancer) -> bool:
        """The group's own setting, or the load balancer's where the group leaves it to that."""
        own = self.attributes.get("load_balancing.cross_zone.enabled", "use_load_balancer_configuration")
        return load_balancer.cross_zone if own == "use_load_balancer_configuration" else own == "true"


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """A port of a load balancer, and the target group to which it forwards.

    ``action_order`` and ``target_group_weight``: where the action was written with them. With one action of one target group
    neither decides anything; they are shown again as they were given. Of a TLS listener: ``certificate_id`` names its default
    certificate, ``more_certificate_ids`` those that are chosen by the name for which a client asks.
    """

    id: str
    version: int = 0
    account: str
    region: str
    load_balancer_id: str
    target_group_id: str
    protocol: str
    port: int
    created: datetime
    action_order: int | None = None
    target_group_weight: int | None = None
    certificate_id: str | None = None
    more_certificate_ids: tuple[str, ...] = ()
    ssl_policy: str | None = None
    alpn_policy: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def certificate_ids(self) -> frozenset[str]:
        """All certificates that it has."""
        return frozenset(self.more_certificate_ids) | ({self.certificate_id} if self.certificate_id else frozenset())

    @property
    def idle_timeout(self) -> int:
        """Seconds after which a silent flow is cut."""
        return int(self.attributes.get("tcp.idle_timeout.seconds", "350"))


ANY_ZONE = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A registered target. ``id`` is made of the group, the target's own id and its port; ``zone`` is a zone id or ``all``.

    ``running``: False for an instance that was stopped or terminated; it gets no connection. ``draining_since``: when it was
    deregistered. It gets no new connection then, and for everybody but the data plane it is gone with the group's delay.
    """

    id: str
    version: int = 0
    account: str
    region: str
    target_group_id: str
    target_id: str
    address: str
    port: int
    zone: str
    registered: datetime
    draining_since: datetime | None = None
    running: bool = True

    def drained_at(self, group: TargetGroup) -> datetime | None:
        """When a deregistered target's delay is over, by the delay that its group has now."""
        return None if self.draining_since is None else self.draining_since + group.deregistration_delay

    def is_drained(self, group: TargetGroup, now: datetime) -> bool:
        """Whether it was deregistered, and the delay is over."""
        at = self.drained_at(group)
        return at is not None and at <= now


def target_key(target_group_id: str, target_id: str, port: int) -> str:
    """The id of a ``Target``."""
    return f"{target_group_id}|{target_id}|{port}"


class HealthState(StrEnum):
    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNHEALTHY_DRAINING = "unhealthy.draining"
    UNUSED = "unused"
    DRAINING = "draining"
    UNAVAILABLE = "unavailable"


class HealthReason(StrEnum):
    REGISTRATION = "Elb.RegistrationInProgress"
    INITIAL_CHECKS = "Elb.InitialHealthChecking"
    FAILED_CHECKS = "Target.FailedHealthChecks"
    MISMATCH = "Target.ResponseCodeMismatch"
    TIMEOUT = "Target.Timeout"
    NOT_REGISTERED = "Target.NotRegistered"
    NOT_IN_USE = "Target.NotInUse"
    DEREGISTRATION = "Target.DeregistrationInProgress"
    UNUSABLE = "Target.IpUnusable"
    DISABLED = "Target.HealthCheckDisabled"
    INVALID_STATE = "Target.InvalidState"


@dataclass(frozen=True, kw_only=True, slots=True)
class TargetHealth:
    """What the agent last found about a target. ``id`` is the target's id.

    ``codes``: the statuses of HTTP answers by which it failed.
    """

    id: str
    version: int = 0
    target_group_id: str
    state: HealthState
    reason: HealthReason | None = None
    codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a probe failed. ``code``: the status of an HTTP answer that the matcher does not have."""

    reason: HealthReason
    code: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The running count of one prober for one target: how many equal results in a row, and what follows from them."""

    state: HealthState = HealthState.INITIAL
    reason: HealthReason | None = HealthReason.INITIAL_CHECKS
    code: int | None = None
    streak: int = 0
    passing: bool = False

    def after(self, failure: Failure | None, check: HealthCheck) -> Verdict:
        """The verdict after one more probe: None where it passed, else why it failed.

        A new target comes into service with the first probe that it passes ("Your target is not in service until it
        passes one health check", NLB guide, troubleshooting); after that ``check``'s thresholds count.
        """
        passed = failure is None
        streak = self.streak + 1 if self.streak and passed is self.passing else 1
        if streak < _needed(self.state, passed, check):
            return replace(self, streak=streak, passing=passed)
        if failure is None:
            return Verdict(state=HealthState.HEALTHY, reason=None, streak=streak, passing=True)
        return Verdict(state=HealthState.UNHEALTHY, reason=failure.reason, code=failure.code, streak=streak, passing=False)


def _needed(state: HealthState, passed: bool, check: HealthCheck) -> int:
    if not passed:
        return check.unhealthy_threshold
    return 1 if state is HealthState.INITIAL else check.healthy_threshold


LISTENER_TO_GROUP: Mapping[str, frozenset[str]] = {
    "TCP": frozenset({"TCP", "TCP_UDP"}),
    "TLS": frozenset({"TCP", "TLS"}),
    "UDP": frozenset({"UDP", "TCP_UDP"}),
    "TCP_UDP": frozenset({"TCP_UDP"}),
}
"""Listener protocol -> protocols of target groups that it may forward to (NLB guide, "Listeners")."""

LISTENERS_PER_LOAD_BALANCER = 50
CERTIFICATES_PER_LOAD_BALANCER = 25
"""On all its listeners together, besides their default ones (NLB guide, "Quotas")."""

LOAD_BALANCERS = 1000
TARGET_GROUPS = 3000
TARGETS_PER_GROUP = 1000
GROUPS_PER_ACTION = 1

LIMITS: Mapping[str, int] = {
    "network-load-balancers": LOAD_BALANCERS,
    "target-groups": TARGET_GROUPS,
    "listeners-per-network-load-balancer": LISTENERS_PER_LOAD_BALANCER,
    "targets-per-target-group": TARGETS_PER_GROUP,
    "target-groups-per-action-on-network-load-balancer": GROUPS_PER_ACTION,
}
"""The limits that the operations hold, by the names that DescribeAccountLimits gives them."""
