"""Passages and readings for tests of what is counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sidedoor.counters.model import Counts, Passage

CONSUMER, PROVIDER = "123456789012", "123456789013"
BALANCER = f"arn:aws:elasticloadbalancing:us-east-1:{PROVIDER}:loadbalancer/net/front/0123456789abcdef"
GROUP = f"arn:aws:elasticloadbalancing:us-east-1:{PROVIDER}:targetgroup/web/0123456789abcdef"
SERVICE = "vpce-svc-0123456789abcdef0"


def a_passage(number: int = 1, **changes: Any) -> Passage:
    """The passage of an endpoint's only door."""
    endpoint = f"vpce-{number:017x}"
    one = Passage(
        door=f"{endpoint}/eni-{number}/80", account=CONSUMER, region="us-east-1", endpoint_id=endpoint, vpc_id="vpc-1",
        subnet_id="subnet-1", zone_id="use1-az1", service_id=SERVICE, service_name=f"com.amazonaws.vpce.us-east-1.{SERVICE}",
        service_account=PROVIDER, balancer_id=BALANCER, balancer_account=PROVIDER,
    )  # fmt: skip
    return replace(one, **changes)


def counts(opened: int = 0, closed: int = 0, **others: int) -> Counts:
    """Of connections that all reached a target, unless told otherwise."""
    return Counts(opened=opened, closed=closed, **{"established": opened} | others)
