"""A target group's health check: from a request, within AWS's ranges, and as answers show it. Pure.

Ranges and defaults: ELBv2 API reference, CreateTargetGroup (aws-reference 1.6.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sidedoor import errors
from sidedoor.loadbalancers import choices
from sidedoor.loadbalancers.model import HealthCheck

RANGES: Mapping[str, tuple[str, int, int]] = {
    "HealthCheckIntervalSeconds": ("Health check interval", 5, 300),
    "HealthCheckTimeoutSeconds": ("Health check timeout", 2, 120),
    "HealthyThresholdCount": ("Healthy threshold count", 2, 10),
    "UnhealthyThresholdCount": ("Unhealthy threshold count", 2, 10),
}
"""Parameter -> what an error calls it, least and greatest value."""

TRAFFIC_PORT = "traffic-port"

HTTP = ("HTTP", "HTTPS")
TIMEOUTS: Mapping[str, int] = {"TCP": 10, "HTTP": 6, "HTTPS": 10}
"""Protocol of a check -> its timeout where a request does not say."""

DEFAULT_PATH, LONGEST_PATH = "/", 1024
DEFAULT_MATCHER = "200-399"
LEAST_CODE, MOST_CODE = 200, 599


def new_check(request: Mapping[str, Any]) -> HealthCheck:
    """The health check of a new target group. Where only the interval is given, the timeout is not longer than it."""
    default = HealthCheck()
    timeout = TIMEOUTS.get(request.get("HealthCheckProtocol") or default.protocol, default.timeout)
    interval = request.get("HealthCheckIntervalSeconds") or default.interval
    return changed(replace(default, timeout=min(timeout, interval)), request)


def changed(check: HealthCheck, request: Mapping[str, Any]) -> HealthCheck:
    """The check with what the request names. Raises ``ValidationError``, ``InvalidConfigurationRequest``."""
    protocol = _protocol(request.get("HealthCheckProtocol") or check.protocol)
    _check_supported(request, protocol)
    after = replace(
        check,
        protocol=protocol,
        port=_port(request.get("HealthCheckPort") or check.port),
        path=_path(request.get("HealthCheckPath") or check.path or DEFAULT_PATH) if protocol in HTTP else None,
        matcher=_matcher(request.get("Matcher") or {}, check.matcher or DEFAULT_MATCHER) if protocol in HTTP else None,
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


def _protocol(protocol: str) -> str:
    choices.check("healthCheckProtocol", protocol, choices.PROTOCOLS)
    if protocol not in TIMEOUTS:
        raise errors.ValidationError(f"Health check protocol '{protocol}' must be one of [HTTP, HTTPS, TCP]")
    return protocol


def _check_supported(request: Mapping[str, Any], protocol: str) -> None:
    if request.get("HealthCheckEnabled") is False:
        raise errors.InvalidConfigurationRequest(
            "Health checks are always enabled for target groups with target type 'instance' or 'ip'"
        )
    if request.get("HealthCheckPath") and protocol not in HTTP:
        raise errors.InvalidConfigurationRequest(
            f"Custom health check paths are not supported for health checks with the {protocol} protocol"
        )
    if request.get("Matcher") and protocol not in HTTP:
        raise errors.InvalidConfigurationRequest(
            f"Custom health check matchers are not supported for health checks with the {protocol} protocol"
        )


def _path(path: str) -> str:
    if len(path) > LONGEST_PATH:
        raise errors.ValidationError(f"Health check path must not be longer than {LONGEST_PATH} characters")
    if not re.fullmatch(r"/[!-~]*", path):
        raise errors.ValidationError(
            f"Health check path '{path}' must begin with a '/' character, and can only contain printable ASCII characters "
            "without whitespace"
        )
    return path


def _matcher(matcher: Mapping[str, Any], current: str) -> str:
    """``HttpCode``: statuses and ranges of them, joined by commas."""
    if matcher.get("GrpcCode"):
        raise errors.InvalidConfigurationRequest("GRPC codes cannot be specified with network load balancers; use HttpCode")
    text: str = matcher.get("HttpCode") or current
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{3})(?:-([0-9]{3}))?", part)
        if found is None or not LEAST_CODE <= int(found[1]) <= int(found[2] or found[1]) <= MOST_CODE:
            raise errors.ValidationError(
                f"Health check matcher HTTP code '{text}' must be within '{LEAST_CODE}-{MOST_CODE}' inclusive"
            )
    return text


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
    of_http = {"HealthCheckPath": check.path, "Matcher": {"HttpCode": check.matcher}} if check.protocol in HTTP else {}
    return {
        "HealthCheckProtocol": check.protocol,
        "HealthCheckPort": check.port,
        "HealthCheckEnabled": check.enabled,
        "HealthCheckIntervalSeconds": check.interval,
        "HealthCheckTimeoutSeconds": check.timeout,
        "HealthyThresholdCount": check.healthy_threshold,
        "UnhealthyThresholdCount": check.unhealthy_threshold,
        **of_http,
    }
