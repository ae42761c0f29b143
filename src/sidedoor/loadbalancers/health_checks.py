"""A target group's health check: from a request, within AWS's ranges, and as answers show it. Pure.

Ranges and defaults: ELBv2 API reference, CreateTargetGroup (aws-reference 1.6.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidedoor import errors
from sidedoor.loadbalancers.model import HealthCheck

RANGES: Mapping[str, tuple[str, int, int]] = {
    "HealthCheckIntervalSeconds": ("Health check interval", 5, 300),
    "HealthCheckTimeoutSeconds": ("Health check timeout", 2, 120),
    "HealthyThresholdCount": ("Healthy threshold count", 2, 10),
    "UnhealthyThresholdCount": ("Unhealthy threshold count", 2, 10),
}
"""Parameter -> what an error calls it, least and greatest value."""

TRAFFIC_PORT = "traffic-port"


def new_check(request: Mapping[str, Any]) -> HealthCheck:
    """The health check of a new target group. Where only the interval is given, the timeout is not longer than it."""
    default = HealthCheck()
    interval = request.get("HealthCheckIntervalSeconds") or default.interval
    return changed(replace(default, timeout=min(default.timeout, interval)), request)


def changed(check: HealthCheck, request: Mapping[str, Any]) -> HealthCheck:
    """The check with what the request names. Raises ``ValidationError``, ``InvalidConfigurationRequest``."""
    _check_supported(request)
    after = replace(
        check,
        port=_port(request.get("HealthCheckPort") or check.port),
        interval=_number(request, "HealthCheckIntervalSeconds", check.interval),
        timeout=_number(request, "HealthCheckTimeoutSeconds", check.timeout),
        healthy_threshold=_number(request, "HealthyThresholdCount", check.healthy_threshold),
        unhealthy_threshold=_number(request, "UnhealthyThresholdCount", check.unhealthy_threshold),
    )
    if after.timeout > after.interval:
        raise errors.ValidationError(
            f"Health check timeout '{after.timeout}' must be smaller than or equal to the interval '{after.interval}'"
        )
    return after


def _check_supported(request: Mapping[str, Any]) -> None:
    protocol = request.get("HealthCheckProtocol") or "TCP"
    if protocol in ("HTTP", "HTTPS"):
        raise errors.InvalidConfigurationRequest(f"{protocol} health checks are not supported yet; use TCP")
    if protocol != "TCP":
        raise errors.InvalidConfigurationRequest(f"Health check protocol '{protocol}' is not supported; use TCP")
    if request.get("HealthCheckEnabled") is False:
        raise errors.InvalidConfigurationRequest(
            "Health checks are always enabled for target groups with target type 'instance' or 'ip'"
        )
    if request.get("HealthCheckPath"):
        raise errors.InvalidConfigurationRequest(
            "Custom health check paths are not supported for health checks with the TCP protocol"
        )
    if request.get("Matcher"):
        raise errors.InvalidConfigurationRequest(
            "Custom health check matchers are not supported for health checks with the TCP protocol"
        )


def _number(request: Mapping[str, Any], name: str, current: int) -> int:
    what, least, most = RANGES[name]
    value: int | None = request.get(name)
    if value is None:
        return current
    if not least <= value <= most:
        raise errors.ValidationError(f"{what} '{value}' not supported. Must be a number between {least} and {most}")
    return value


def _port(port: str) -> str:
    if port == TRAFFIC_PORT or (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        return port
    raise errors.ValidationError(f"Health check port '{port}' must be '{TRAFFIC_PORT}' or a number between 1 and 65535")


def port_of(check: HealthCheck, target_port: int) -> str:
    """The port on which a target is probed."""
    return str(target_port) if check.port == TRAFFIC_PORT else check.port


def to_wire(check: HealthCheck) -> dict[str, Any]:
    """The check's members of a target group."""
    return {
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckEnabled": check.enabled,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
    }
