"""Accounts, users, roles and access keys; who a caller is. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """``id`` is the 12-digit account number."""

    id: str
    version: int = 0
    name: str
    created: datetime
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """``id`` is IAM's unique id (``AIDA...``)."""

    id: str
    version: int = 0
    account: str
    name: str
    path: str
    created: datetime
    policies: dict[str, str] = field(default_factory=dict)
    attached_policies: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:user{self.path}{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """``id`` is IAM's unique id (``AROA...``); ``trust_policy`` the JSON text that says who may assume it."""

    id: str
    version: int = 0
    account: str
    name: str
    path: str
    trust_policy: str
    created: datetime
    description: str | None = None
    max_session_seconds: int = 3600
    policies: dict[str, str] = field(default_factory=dict)
    attached_policies: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:role{self.path}{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceProfile:
    """``id`` is IAM's unique id (``AIPA...``); ``role_name`` the one role that instances with this profile have, if any."""

    id: str
    version: int = 0
    account: str
    name: str
    path: str
    created: datetime
    role_name: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:instance-profile{self.path}{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyVersion:
    """One text of a managed policy. ``id`` is ``v1``, ``v2`` and so on."""

    id: str
    document: str
    created: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A managed policy. ``id`` is IAM's unique id (``ANPA...``); ``last_version`` counts the versions ever made."""

    id: str
    version: int = 0
    account: str
    name: str
    path: str
    created: datetime
    updated: datetime
    versions: tuple[PolicyVersion, ...]
    default_version: str
    last_version: int = 1
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:policy{self.path}{self.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerCertificate:
    """A certificate for TLS, with its private key, that a user gave. ``id`` is IAM's unique id (``ASCA...``).

    ``certificate``, ``chain`` and ``private_key`` are PEM. ``domains``: the names that it is for, as TLS clients ask for them.
    ``in_use``: some listener has it; the agent is told of no other. ``private_key`` stands in no answer and in no log; it is
    the last field, so that whoever shows the beginning of a document shows none of it.
    """

    id: str
    version: int = 0
    account: str
    name: str
    path: str
    created: datetime
    expires: datetime
    domains: tuple[str, ...]
    in_use: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    certificate: str
    chain: str | None = None
    private_key: str = field(repr=False)

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.account}:server-certificate{self.path}{self.name}"


class CallerKind(StrEnum):
    ROOT = "root"
    USER = "user"
    ASSUMED_ROLE = "assumed-role"
    FEDERATED_USER = "federated-user"


@dataclass(frozen=True, kw_only=True, slots=True)
class AccessKey:
    """``id`` is the access key id (``AKIA...``, temporary ``ASIA...``).

    ``secret`` is kept as it is: SigV4 cannot be verified without it. ``arn`` and ``user_id`` are the caller's, as
    ``GetCallerIdentity`` prints them; ``principal`` the user's or role's IAM ARN that permissions name.
    """

    id: str
    version: int = 0
    account: str
    secret: str
    kind: CallerKind
    arn: str
    user_id: str
    principal: str
    created: datetime
    user_name: str | None = None
    active: bool = True
    session_token: str | None = None
    expires: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks. ``principal`` is what a service's permission has to name (aws-reference 6.2)."""

    account: str
    arn: str
    user_id: str
    principal: str
    kind: CallerKind
    access_key_id: str


def root_arn(account: str) -> str:
    return f"arn:aws:iam::{account}:root"
