"""Endpoint services and who may connect to them.

Rule 1: everything that decides a service's state and its permissions is in this file.
Rule 2: this file does not know who is asking and does no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class ServiceState(StrEnum):
    """Values on the wire (PascalCase, unlike the endpoint's)."""

    PENDING = "Pending"
    AVAILABLE = "Available"
    DELETING = "Deleting"
    DELETED = "Deleted"
    FAILED = "Failed"


class DnsNameState(StrEnum):
    """Whether a private DNS name was proved to be the owner's. Values on the wire."""

    PENDING_VERIFICATION = "pendingVerification"
    VERIFIED = "verified"
    FAILED = "failed"


class DnsNameEvent(StrEnum):
    STARTED = "started"
    PROVED = "proved"
    VANISHED = "vanished"
    GIVEN_UP = "given-up"


DNS_NAME_TRANSITIONS: Mapping[DnsNameState, Mapping[DnsNameEvent, DnsNameState]] = {
    DnsNameState.PENDING_VERIFICATION: {
        DnsNameEvent.STARTED: DnsNameState.PENDING_VERIFICATION,
        DnsNameEvent.PROVED: DnsNameState.VERIFIED,
        DnsNameEvent.GIVEN_UP: DnsNameState.FAILED,
    },
    DnsNameState.VERIFIED: {
        DnsNameEvent.STARTED: DnsNameState.VERIFIED,
        DnsNameEvent.PROVED: DnsNameState.VERIFIED,
        DnsNameEvent.VANISHED: DnsNameState.PENDING_VERIFICATION,
    },
    DnsNameState.FAILED: {DnsNameEvent.STARTED: DnsNameState.PENDING_VERIFICATION},
}
"""The states of a private DNS name (PrivateLink guide, "Manage DNS names"; docs/decisions/0008)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A VPC endpoint service configuration.

    ``zone_ids``: the zones its load balancers had when they were associated. ``private_dns_pending_since``: when the present
    wait for the proof of the private name began; a new value is also the wish to look for the proof now.
    """

    id: str
    version: int = 0
    account: str
    region: str
    load_balancer_ids: tuple[str, ...]
    zone_ids: tuple[str, ...]
    acceptance_required: bool
    state: ServiceState
    created: datetime
    ip_address_types: tuple[str, ...] = ("ipv4",)
    payer_responsibility: str | None = None
    private_dns_name: str | None = None
    private_dns_state: DnsNameState | None = None
    private_dns_record_name: str | None = None
    private_dns_record_value: str | None = None
    private_dns_pending_since: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return service_name(self.id, self.region)

    @property
    def base_dns_name(self) -> str:
        return f"{self.id}.{self.region}.vpce.amazonaws.com"

    def after_dns(self, event: DnsNameEvent, now: datetime) -> Service:
        """The service after something that happened to its private name. Raises ``KeyError`` where that cannot happen."""
        assert self.private_dns_state is not None
        state = DNS_NAME_TRANSITIONS[self.private_dns_state][event]
        waits = state is DnsNameState.PENDING_VERIFICATION
        return replace(self, private_dns_state=state, private_dns_pending_since=now if waits else None)


def private_zone(private_dns_name: str) -> str:
    """The domain in which a private name speaks, which is the name itself or, for ``*.example.com``, example.com."""
    return private_dns_name.removeprefix("*.")


def service_name(service_id: str, region: str) -> str:
    """``com.amazonaws.vpce.us-east-1.vpce-svc-...`` (user guide, "Creating a VPC endpoint service configuration")."""
    return f"com.amazonaws.vpce.{region}.{service_id}"


def service_id_of(name: str) -> str | None:
    """The service id in a service name, or None where the name is not of an endpoint service."""
    match = re.fullmatch(r"com\.amazonaws\.vpce\.[a-z0-9-]+\.(vpce-svc-[0-9a-f]+)", name)
    return match.group(1) if match else None


def zones_after(current: Collection[str], kept: Iterable[Collection[str]], read: Iterable[Collection[str]]) -> tuple[str, ...]:
    """A service's zones after a change of its load balancers.

    ``kept``: the zones of each load balancer that the change did not name; ``read``: those of each that it named. A zone that
    a load balancer got after it was associated counts only once it is named again, as on AWS
    (github.com/hashicorp/terraform-provider-aws/issues/40809).
    """
    still = {zone_id for zone_ids in kept for zone_id in zone_ids if zone_id in current}
    return tuple(sorted(still.union(*read)))


class PrincipalType(StrEnum):
    ALL = "All"
    SERVICE = "Service"
    ORGANIZATION_UNIT = "OrganizationUnit"
    ACCOUNT = "Account"
    USER = "User"
    ROLE = "Role"


@dataclass(frozen=True, kw_only=True, slots=True)
class Permission:
    id: str
    version: int = 0
    account: str
    region: str
    service_id: str
    principal: str
    principal_type: PrincipalType
    created: datetime
    tags: dict[str, str] = field(default_factory=dict)


_PRINCIPALS = (
    (re.compile(r"\*"), PrincipalType.ALL),
    (re.compile(r"arn:aws:iam::\d{12}:root"), PrincipalType.ACCOUNT),
    (re.compile(r"arn:aws:iam::\d{12}:user/[\w+=,.@-]+"), PrincipalType.USER),
    (re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@-]+"), PrincipalType.ROLE),
    (re.compile(r"arn:aws:organizations::\d{12}:ou/o-[a-z0-9]+/ou-[a-z0-9-]+"), PrincipalType.ORGANIZATION_UNIT),
    (re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com"), PrincipalType.SERVICE),
)


def principal_type(principal: str) -> PrincipalType | None:
    """The type of a principal, or None for a form that AWS does not take ("path components aren't supported")."""
    for pattern, kind in _PRINCIPALS:
        if pattern.fullmatch(principal):
            return kind
    return None


def doors(account: str, principal: str) -> frozenset[str]:
    """The principals of permissions that let a caller in.

    ``principal`` is the IAM ARN of the caller's user or role (for an assumed role the role's, not the session's).
    """
    return frozenset({"*", f"arn:aws:iam::{account}:root", principal})


def may_connect(owner: str, principals: Iterable[str], caller_account: str, caller_principal: str) -> bool:
    """Whether a caller may see and connect to a service. The owning account needs no permission."""
    return caller_account == owner or not doors(caller_account, caller_principal).isdisjoint(principals)
