"""The operation on AWS's policies for TLS."""

from __future__ import annotations

from typing import Any

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.loadbalancers import choices, pages
from sidedoor.loadbalancers.tls_policies import POLICIES, Policy


def describe_ssl_policies(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeSSLPolicies.html"""
    choices.check("loadBalancerType", request.get("LoadBalancerType"), choices.LOAD_BALANCER_TYPES)
    names = set(request.get("Names") or POLICIES)
    if names - set(POLICIES):
        raise errors.SslPolicyNotFound(names=", ".join(sorted(names - set(POLICIES))))
    found = [name for name in POLICIES if name in names] if request.get("LoadBalancerType") != "gateway" else []
    page, more = pages.page(call, request, found, key=_place)
    return {"SslPolicies": [_to_wire(name, POLICIES[name]) for name in page], **more}


def _place(name: str) -> str:
    """Orders policies as the table does."""
    return f"{list(POLICIES).index(name):03}"


def _to_wire(name: str, policy: Policy) -> dict[str, Any]:
    return {
        "Name": name,
        "SslProtocols": list(policy.versions),
        "Ciphers": [{"Name": cipher, "Priority": priority} for priority, cipher in enumerate(policy.ordered_ciphers, start=1)],
        "SupportedLoadBalancerTypes": ["application", "network"],
    }
