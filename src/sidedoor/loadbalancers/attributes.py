"""The attributes of load balancers, target groups and listeners: their keys, defaults and possible values. Pure.

Rule 1: a record keeps only what was set; what is not set has the default of the table here.
Rule 2: what AWS has, is kept and shown, also where the data plane does not use it (docs/decisions/0005).
Tables: ELBv2 API reference, LoadBalancerAttribute, TargetGroupAttribute, ListenerAttribute; those of network load balancers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidedoor import errors
from sidedoor.loadbalancers.model import Listener, LoadBalancer, TargetGroup

Attributes = dict[str, str]


@dataclass(frozen=True, slots=True)
class Rule:
    """An attribute's default and the values that it takes; ``values`` says which in an error's words."""

    default: str
    values: str
    accepts: Callable[[str], bool]


def _one_of(default: str, *others: str) -> Rule:
    choices = (default, *others)
    return Rule(default, " or ".join(choices), choices.__contains__)


def _is_number(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isdigit() and least <= int(text) <= most


def _number(default: int, least: int, most: int) -> Rule:
    return Rule(str(default), f"a number from {least} to {most}", lambda text: _is_number(text, least, most))


def _number_or_off(default: str, most: int) -> Rule:
    return Rule(default, f"off or a number from 1 to {most}", lambda text: text == "off" or _is_number(text, 1, most))


def _text(longest: int) -> Rule:
    return Rule("", f"at most {longest} characters", lambda text: len(text) <= longest)


_FLAG = _one_of("false", "true")
_LONGEST = 1024
_MOST_TARGETS = 1000

LOAD_BALANCER: Mapping[str, Rule] = {
    "deletion_protection.enabled": _FLAG,
    "load_balancing.cross_zone.enabled": _FLAG,
    "access_logs.s3.enabled": _FLAG,
    "access_logs.s3.bucket": _text(_LONGEST),
    "access_logs.s3.prefix": _text(_LONGEST),
    "ipv6.deny_all_igw_traffic": _FLAG,
    "dns_record.client_routing_policy": _one_of(
        "any_availability_zone", "availability_zone_affinity", "partial_availability_zone_affinity"
    ),
    "zonal_shift.config.enabled": _FLAG,
    "secondary_ips.auto_assigned.per_subnet": _number(0, 0, 7),
}

OTHERS_OF_LOAD_BALANCERS = frozenset(
    (
        "connection_logs.s3.bucket", "connection_logs.s3.enabled", "connection_logs.s3.prefix", "client_keep_alive.seconds",
        "health_check_logs.s3.bucket", "health_check_logs.s3.enabled", "health_check_logs.s3.prefix",
        "idle_timeout.timeout_seconds", "routing.http.desync_mitigation_mode",
        "routing.http.drop_invalid_header_fields.enabled", "routing.http.preserve_host_header.enabled",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "routing.http.xff_client_port.enabled",
        "routing.http.xff_header_processing.mode", "routing.http2.enabled", "waf.fail_open.enabled",
    )
)  # fmt: skip
"""Attributes of application load balancers alone."""

STICKINESS_TYPES = ("app_cookie", "lb_cookie", "source_ip")
"""Of any load balancer; the cookies are an application load balancer's."""

TARGET_GROUP: Mapping[str, Rule] = {
    "deregistration_delay.timeout_seconds": _number(300, 0, 3600),
    "deregistration_delay.connection_termination.enabled": _FLAG,
    "preserve_client_ip.enabled": _FLAG,
    "proxy_protocol_v2.enabled": _FLAG,
    "stickiness.enabled": _FLAG,
    "stickiness.type": _one_of("source_ip"),
    "load_balancing.cross_zone.enabled": _one_of("use_load_balancer_configuration", "true", "false"),
    "target_group_health.dns_failover.minimum_healthy_targets.count": _number_or_off("1", _MOST_TARGETS),
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": _number_or_off("off", 100),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": _number(1, 1, _MOST_TARGETS),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": _number_or_off("off", 100),
    "target_health_state.unhealthy.connection_termination.enabled": _one_of("true", "false"),
    "target_health_state.unhealthy.draining_interval_seconds": _number(0, 0, 360_000),
}

LISTENER: Mapping[str, Rule] = {"tcp.idle_timeout.seconds": _number(350, 60, 6000)}


def of_load_balancer(balancer: LoadBalancer) -> Attributes:
    """All attributes of a load balancer."""
    own_defaults = {"ipv6.deny_all_igw_traffic": "true" if balancer.scheme == "internal" else "false"}
    return _defaults(LOAD_BALANCER) | own_defaults | balancer.attributes


def of_target_group(group: TargetGroup) -> Attributes:
    """All attributes of a target group. Addresses of clients are kept by default for instances, and not for addresses."""
    own_defaults = {"preserve_client_ip.enabled": "true" if group.target_type == "instance" else "false"}
    return _defaults(TARGET_GROUP) | own_defaults | group.attributes


def of_listener(listener: Listener) -> Attributes:
    """All attributes of a listener."""
    return _defaults(LISTENER) | listener.attributes


def _defaults(rules: Mapping[str, Rule]) -> Attributes:
    return {key: rule.default for key, rule in rules.items()}


def changed_load_balancer(balancer: LoadBalancer, asked: Sequence[Mapping[str, Any]]) -> Attributes:
    """What a load balancer keeps after a request. Raises ``InvalidConfigurationRequest``."""
    for attribute in asked:
        if attribute.get("Key") in OTHERS_OF_LOAD_BALANCERS:
            raise errors.InvalidConfigurationRequest(
                f"Load balancer attribute key '{attribute['Key']}' is not supported on load balancers with type 'network'"
            )
    changed = balancer.attributes | _checked("Load balancer", LOAD_BALANCER, asked)
    _check_access_logs(changed)
    _check_secondary_addresses(of_load_balancer(balancer), changed)
    return changed


def _check_access_logs(changed: Mapping[str, str]) -> None:
    if changed.get("access_logs.s3.enabled") == "true" and not changed.get("access_logs.s3.bucket"):
        raise errors.InvalidConfigurationRequest("The value of 'access_logs.s3.bucket' cannot be empty")


def _check_secondary_addresses(before: Mapping[str, str], changed: Mapping[str, str]) -> None:
    key = "secondary_ips.auto_assigned.per_subnet"
    if int(changed.get(key, before[key])) < int(before[key]):
        raise errors.InvalidConfigurationRequest(f"The value of '{key}' cannot be decreased from {before[key]}")


def changed_target_group(group: TargetGroup, asked: Sequence[Mapping[str, Any]]) -> Attributes:
    """What a target group keeps after a request. Raises ``InvalidConfigurationRequest``."""
    for attribute in asked:
        if attribute.get("Key") == "stickiness.type":
            _check_stickiness(group, str(attribute.get("Value") or ""))
    attributes = group.attributes | _checked("Target group", TARGET_GROUP, asked)
    terminates = attributes.get("target_health_state.unhealthy.connection_termination.enabled", "true") == "true"
    if terminates and attributes.get("target_health_state.unhealthy.draining_interval_seconds", "0") != "0":
        raise errors.InvalidConfigurationRequest(
            "target_health_state.unhealthy.draining_interval_seconds can be set only while "
            "target_health_state.unhealthy.connection_termination.enabled is false"
        )
    _check_minimums(_defaults(TARGET_GROUP) | attributes)
    return attributes


def _check_minimums(attributes: Mapping[str, str]) -> None:
    """A zone leaves the names with or before the moment from which its node sends to unhealthy targets (NLB user guide)."""
    for of in ("count", "percentage"):
        names = f"target_group_health.dns_failover.minimum_healthy_targets.{of}"
        routing = f"target_group_health.unhealthy_state_routing.minimum_healthy_targets.{of}"
        limits = attributes[names], attributes[routing]
        if "off" not in limits and int(limits[0]) < int(limits[1]):
            raise errors.InvalidConfigurationRequest(
                f"The value of '{names}' must be greater than or equal to the value of '{routing}': {limits[0]} is less than "
                f"{limits[1]}"
            )


def _check_stickiness(group: TargetGroup, kind: str) -> None:
    if kind not in STICKINESS_TYPES:
        raise errors.InvalidConfigurationRequest(f"'Stickiness type' must be one of [{', '.join(STICKINESS_TYPES)}]")
    if kind != "source_ip":
        raise errors.InvalidConfigurationRequest(
            f"Stickiness type '{kind}' is not supported for target groups with the {group.protocol} protocol"
        )


def changed_listener(listener: Listener, asked: Sequence[Mapping[str, Any]]) -> Attributes:
    """What a listener keeps after a request. Raises ``InvalidConfigurationRequest``."""
    return listener.attributes | _checked("Listener", LISTENER, asked)


def _checked(what: str, rules: Mapping[str, Rule], asked: Sequence[Mapping[str, Any]]) -> Attributes:
    checked: Attributes = {}
    for attribute in asked:
        key, value = str(attribute.get("Key") or ""), str(attribute.get("Value") or "")
        if key not in rules:
            raise errors.InvalidConfigurationRequest(f"{what} attribute key '{key}' is not recognized")
        if not rules[key].accepts(value):
            raise errors.InvalidConfigurationRequest(
                f"The value '{value}' is not valid for the attribute '{key}': it must be {rules[key].values}"
            )
        checked[key] = value
    return checked


def to_wire(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    """Attributes as answers list them."""
    return [{"Key": key, "Value": value} for key, value in attributes.items()]
