"""AWS's policies for TLS, which clients look up; Sidedoor has no TLS listeners yet.

Facts: ELB user guides, "Security policies": versions of TLS and ciphers, in the order of preference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.loadbalancers import choices, pages

TLS13 = frozenset(("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"))
GCM = frozenset(f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384"))
CBC = frozenset(f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in ("AES128-SHA256", "AES256-SHA384"))
CBC_SHA1 = frozenset(f"ECDHE-{key}-{cipher}" for key in ("ECDSA", "RSA") for cipher in ("AES128-SHA", "AES256-SHA"))
RSA = frozenset(("AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256"))
RSA_SHA1 = frozenset(("AES128-SHA", "AES256-SHA"))

PREFERENCE = (
    "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256", "AES128-SHA256",
    "AES128-SHA", "AES256-GCM-SHA384", "AES256-SHA256", "AES256-SHA",
)  # fmt: skip
"""All ciphers, the preferred ones first; each policy has its own in this order."""

VERSIONS = ("TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1")


@dataclass(frozen=True, slots=True)
class Policy:
    """``oldest`` and ``newest``: positions in ``VERSIONS``."""

    newest: int
    oldest: int
    ciphers: frozenset[str]


_FORWARD_SECRET = GCM | CBC | CBC_SHA1
_ALL = _FORWARD_SECRET | RSA | RSA_SHA1

POLICIES: Mapping[str, Policy] = {
    **{
        f"ELBSecurityPolicy-TLS13-{name}-{date}": Policy(0, oldest, TLS13 | ciphers)
        for name, oldest, ciphers in (
            ("1-3", 0, frozenset[str]()),
            ("1-2", 1, GCM | CBC),
            ("1-2-Res", 1, GCM),
            ("1-2-Ext1", 1, GCM | CBC | RSA),
            ("1-2-Ext2", 1, _ALL),
            ("1-1", 2, _ALL),
            ("1-0", 3, _ALL),
        )
        for date in (("2021-06",) if name == "1-1" else ("2021-06", "PQ-2025-09"))
    },
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": Policy(1, 1, _ALL),
    "ELBSecurityPolicy-TLS-1-2-2017-01": Policy(1, 1, GCM | CBC | RSA),
    "ELBSecurityPolicy-TLS-1-1-2017-01": Policy(1, 2, _ALL),
    "ELBSecurityPolicy-2016-08": Policy(1, 3, _ALL),
    "ELBSecurityPolicy-FS-1-2-Res-2020-10": Policy(1, 1, GCM),
    "ELBSecurityPolicy-FS-1-2-Res-2019-08": Policy(1, 1, GCM | CBC),
    "ELBSecurityPolicy-FS-1-2-2019-08": Policy(1, 1, _FORWARD_SECRET),
    "ELBSecurityPolicy-FS-1-1-2019-08": Policy(1, 2, _FORWARD_SECRET),
    "ELBSecurityPolicy-FS-2018-06": Policy(1, 3, _FORWARD_SECRET),
}


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
        "SslProtocols": list(VERSIONS[policy.newest : policy.oldest + 1]),
        "Ciphers": [{"Name": cipher, "Priority": priority} for priority, cipher in enumerate(_ordered(policy), start=1)],
        "SupportedLoadBalancerTypes": ["application", "network"],
    }


def _ordered(policy: Policy) -> Iterator[str]:
    return (cipher for cipher in PREFERENCE if cipher in policy.ciphers)
