"""Target groups with HTTP health checks, in whole systems: who asks, what they ask, and what follows from the answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sidedoor.demo.play import Play
from sidedoor.demo.system import until

PROGRAMS = Path(__file__).with_name("programs.py")
ZONE = "use1-az1"


def checked_group(play: Play, name: str, port: int) -> str:
    """A target group with an HTTP check, which holds the provider's server of the first zone, behind a listener of its own."""
    group = play.elb.create_target_group(
        Name=name, Protocol="TCP", Port=port, VpcId=play.provider.vpc, TargetType="ip", HealthCheckProtocol="HTTP",
        HealthCheckPath=f"/health/{name}", Matcher={"HttpCode": "200-299"}, HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2, UnhealthyThresholdCount=2,
    )  # fmt: skip
    arn: str = group["TargetGroups"][0]["TargetGroupArn"]
    play.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": play.provider.interfaces[ZONE]["PrivateIpAddress"]}])
    action = {"Type": "forward", "TargetGroupArn": arn}
    play.elb.create_listener(LoadBalancerArn=play.balancer, Protocol="TCP", Port=port + 1000, DefaultActions=[action])
    return arn


def health(play: Play, group: str) -> dict[str, str]:
    found: dict[str, str] = play.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["TargetHealth"]
    return found


def first_answer(play: Play, port: int, status: int) -> dict[str, Any]:
    """Starts a server with that status, and waits for the first request that it answers."""
    interface = play.provider.interfaces[ZONE]
    address = play.system.addresses().get(f"{play.provider.vpc}/{interface['PrivateIpAddress']}", interface["PrivateIpAddress"])
    arguments = (sys.executable, str(PROGRAMS), "answer", address, str(port), str(status))
    program = play.system.start(interface["NetworkInterfaceId"], *arguments)
    assert program.stdout is not None
    assert json.loads(program.stdout.readline()) == {"ready": True}
    asked: dict[str, Any] = json.loads(program.stdout.readline())
    return asked


def test_a_target_that_answers_as_the_matcher_wants_is_healthy(play: Play) -> None:
    group = checked_group(play, "good", 7001)
    asked = first_answer(play, 7001, 204)
    node = play.nodes[ZONE]
    assert asked["peer"] == play.system.addresses().get(f"{play.provider.vpc}/{node}", node)
    assert asked["head"][0] == "GET /health/good HTTP/1.1"
    assert f"Host: {node}:8001" in asked["head"]
    until(lambda: health(play, group) == {"State": "healthy"}, "the target is healthy", 30)


@pytest.mark.parametrize(
    ("port", "status", "shown"),
    [
        (
            7002,
            503,
            {"Reason": "Target.ResponseCodeMismatch", "Description": "Health checks failed with these codes: [503]"},
        ),
        (7003, None, {"Reason": "Target.FailedHealthChecks", "Description": "Health checks failed"}),
    ],
)
def test_a_target_that_answers_otherwise_or_not_is_unhealthy_and_says_why(
    play: Play, port: int, status: int | None, shown: dict[str, str]
) -> None:
    group = checked_group(play, f"bad-{port}", port)
    if status is not None:
        first_answer(play, port, status)
    until(lambda: health(play, group) == {"State": "unhealthy", **shown}, "the target is unhealthy", 30)
