"""The database's tables, each derived from the record that it keeps.

Rule 1: a table's columns are its record's fields, by name; a field that is no text, number, flag or time is a JSON document.
Rule 2: a change here needs a migration (``migrations/versions``); a test holds the two equal on both engines.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from sidedoor.endpoints.model import Endpoint
from sidedoor.identity.model import AccessKey, Account, InstanceProfile, Policy, Role, ServerCertificate, User
from sidedoor.instances.model import Instance
from sidedoor.loadbalancers.model import Listener, LoadBalancer, Target, TargetGroup, TargetHealth
from sidedoor.names.model import DnsRecord
from sidedoor.networks.model import (
    DhcpOptions,
    Interface,
    InternetGateway,
    NetworkAcl,
    NetworkAclAssociation,
    PrefixList,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    SubnetReservation,
    Vpc,
)
from sidedoor.notifications.model import ConnectionNotification, Delivery, Message, Subscription, Topic
from sidedoor.services.model import Permission, Service

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(sa.TypeDecorator[datetime]):
    """A moment, kept in UTC; SQLite has no time zones of its own."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text in the order of its bytes, as SQLite has it: pages of a listing must not depend on a database's language."""

DOCUMENT = sa.JSON()
"""Not PostgreSQL's JSONB: that gives a mapping back in another order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientToken:
    """A token that a client sent to make a request idempotent. ``fingerprint``: hash of the request's parameters."""

    id: str
    version: int = 0
    account: str
    region: str
    fingerprint: str
    resource_id: str
    created: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Who asked to be told of an event: a connection notification, and the topic that it named at that moment.

    ``source_arn``: the service or endpoint that it is about, for whose owner the topic is published to.
    """

    notification_id: str
    topic_arn: str
    source_arn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who did it and from where: a call's caller. ``source``: the address that it came from."""

    account: str
    arn: str
    user_id: str
    access_key_id: str
    operation: str
    request_id: str
    source: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxEvent:
    """Something that happened to an endpoint, written in the transaction that made it happen.

    ``name``: Connect, Accept, Reject, Delete, which notifications name; Modify; or what the agent reported (Available, Failed,
    Removed). ``sequence``: the order of events. ``account``: the service's owner; ``consumer``: the endpoint's. ``before`` and
    ``after``: the endpoint's states, None where there was no endpoint. ``actor``: None where the data plane did it.
    ``notices``: who is to be told. ``announced``: the notices are on their way.
    """

    id: str
    version: int = 0
    account: str
    region: str
    name: str
    service_id: str
    endpoint_id: str
    created: datetime
    sequence: int = 0
    consumer: str = ""
    before: str | None = None
    after: str | None = None
    actor: Actor | None = None
    notices: tuple[Notice, ...] = ()
    announced: bool = True
    body: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """A value that the installation made for itself once, such as the key of its paging tokens."""

    id: str
    version: int = 0
    value: str


R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record. ``document``: its column is a JSON document; ``plain``: the column's value is the field's."""

    name: str
    annotation: Any
    document: bool
    plain: bool


@dataclass(frozen=True)
class Kind(Generic[R]):
    """A kind of record: its table, whether the agent is told of its changes, and of which records alone (fields' values)."""

    name: str
    record: type[R]
    table: sa.Table
    fields: tuple[Field, ...]
    fed: bool
    fed_where: Mapping[str, Any] = field(default_factory=dict)


def _column_type(annotation: Any) -> sa.types.TypeEngine[Any] | None:
    """The column type of a scalar field, None for a document."""
    scalars: dict[Any, sa.types.TypeEngine[Any]] = {
        str: TEXT, int: sa.BigInteger(), bool: sa.Boolean(), datetime: UtcTime()
    }  # fmt: skip
    return TEXT if _is_enum(annotation) else scalars.get(annotation)


def _is_enum(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, StrEnum)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """(``T``, True) for ``T | None``, (``T``, False) for ``T``."""
    if isinstance(annotation, types.UnionType):
        (inner,) = (part for part in typing.get_args(annotation) if part is not type(None))
        return inner, True
    return annotation, False


def _kind(
    name: str,
    record: type[R],
    *,
    fed: bool = False,
    fed_where: Mapping[str, Any] | None = None,
    unique: tuple[tuple[str, ...], ...] = (),
    index: tuple[tuple[str, ...], ...] = (),
) -> Kind[R]:
    hints = typing.get_type_hints(record)
    columns: list[sa.Column[Any]] = []
    fields: list[Field] = []
    for item in dataclasses.fields(record):  # type: ignore[arg-type]
        inner, optional = _without_none(hints[item.name])
        scalar = _column_type(inner)
        kind = scalar if scalar is not None else DOCUMENT
        columns.append(sa.Column(item.name, kind, primary_key=item.name == "id", nullable=optional))
        plain = scalar is not None and not _is_enum(inner)
        fields.append(Field(item.name, hints[item.name], document=scalar is None, plain=plain))
    table = sa.Table(
        name,
        metadata,
        *columns,
        *(sa.UniqueConstraint(*names) for names in unique),
        *(sa.Index(None, *names) for names in index),
    )
    return Kind(name, record, table, tuple(fields), fed, fed_where or {})


_OWNED = (("account", "region"),)

ACCOUNTS = _kind("accounts", Account)
USERS = _kind("users", User, unique=(("account", "name"),))
ROLES = _kind("roles", Role, unique=(("account", "name"),))
INSTANCE_PROFILES = _kind("instance_profiles", InstanceProfile, unique=(("account", "name"),))
POLICIES = _kind("policies", Policy, unique=(("account", "name"),))
SERVER_CERTIFICATES = _kind(
    "server_certificates", ServerCertificate, fed=True, fed_where={"in_use": True}, unique=(("account", "name"),)
)
ACCESS_KEYS = _kind("access_keys", AccessKey, index=(("account", "user_name"), ("expires",)))
VPCS = _kind("vpcs", Vpc, fed=True, index=_OWNED)
DHCP_OPTIONS = _kind("dhcp_options", DhcpOptions, index=_OWNED)
PREFIX_LISTS = _kind("prefix_lists", PrefixList, fed=True, index=_OWNED)
SUBNETS = _kind("subnets", Subnet, fed=True, index=(*_OWNED, ("vpc_id",)))
SUBNET_RESERVATIONS = _kind("subnet_reservations", SubnetReservation, index=(*_OWNED, ("subnet_id",)))
SECURITY_GROUPS = _kind("security_groups", SecurityGroup, fed=True, index=_OWNED, unique=(("vpc_id", "name"),))
SECURITY_GROUP_RULES = _kind("security_group_rules", SecurityGroupRule, fed=True, index=(*_OWNED, ("group_id",)))
INTERFACES = _kind(
    "interfaces", Interface, fed=True, index=(*_OWNED, ("vpc_id",), ("holder",)), unique=(("subnet_id", "address"),)
)
ROUTE_TABLES = _kind("route_tables", RouteTable, index=(*_OWNED, ("vpc_id",)))
ROUTE_TABLE_ASSOCIATIONS = _kind(
    "route_table_associations",
    RouteTableAssociation,
    index=(*_OWNED, ("vpc_id",), ("table_id",), ("gateway_id",)),
    unique=(("subnet_id",),),
)
NETWORK_ACLS = _kind("network_acls", NetworkAcl, index=(*_OWNED, ("vpc_id",)))
NETWORK_ACL_ASSOCIATIONS = _kind(
    "network_acl_associations", NetworkAclAssociation, index=(*_OWNED, ("acl_id",)), unique=(("subnet_id",),)
)
INTERNET_GATEWAYS = _kind("internet_gateways", InternetGateway, index=_OWNED, unique=(("vpc_id",),))
INSTANCES = _kind("instances", Instance, index=(*_OWNED, ("reservation_id",)))
LOAD_BALANCERS = _kind("load_balancers", LoadBalancer, fed=True, unique=(("account", "region", "name"),))
TARGET_GROUPS = _kind("target_groups", TargetGroup, fed=True, unique=(("account", "region", "name"),))
LISTENERS = _kind(
    "listeners",
    Listener,
    fed=True,
    index=(*_OWNED, ("target_group_id",)),
    unique=(("load_balancer_id", "port"),),
)
TARGETS = _kind("targets", Target, fed=True, index=(*_OWNED, ("target_group_id",)))
TARGET_HEALTH = _kind("target_health", TargetHealth, index=(("target_group_id",),))
SERVICES = _kind("services", Service, fed=True, index=(*_OWNED, ("private_dns_state",)))
PERMISSIONS = _kind("permissions", Permission, index=(("principal",),), unique=(("service_id", "principal"),))
ENDPOINTS = _kind("endpoints", Endpoint, fed=True, index=(*_OWNED, ("service_id", "state"), ("vpc_id",)))
CONNECTION_NOTIFICATIONS = _kind(
    "connection_notifications", ConnectionNotification, index=(*_OWNED, ("service_id",), ("endpoint_id",))
)
TOPICS = _kind("topics", Topic, index=_OWNED)
SUBSCRIPTIONS = _kind("subscriptions", Subscription, index=_OWNED, unique=(("topic_arn", "protocol", "endpoint"),))
MESSAGES = _kind("messages", Message, index=(("topic_arn",),))
DELIVERIES = _kind(
    "deliveries",
    Delivery,
    index=(("subscription_id", "lane", "sequence"), ("subscription_id", "due"), ("message_id",), ("sequence",)),
)
CLIENT_TOKENS = _kind("client_tokens", ClientToken, index=(("created",),))
EVENTS = _kind(
    "events",
    OutboxEvent,
    index=(("service_id",), ("sequence",), ("announced",), ("created",), ("account", "sequence"), ("consumer", "sequence")),
)
SETTINGS = _kind("settings", Setting)
DNS_RECORDS = _kind("dns_records", DnsRecord, unique=(("name", "type", "value"),))

KINDS: tuple[Kind[Any], ...] = (
    ACCOUNTS, USERS, ROLES, ACCESS_KEYS, VPCS, SUBNETS, SECURITY_GROUPS, SECURITY_GROUP_RULES, INTERFACES, LOAD_BALANCERS,
    ROUTE_TABLES, ROUTE_TABLE_ASSOCIATIONS, NETWORK_ACLS, NETWORK_ACL_ASSOCIATIONS, INTERNET_GATEWAYS,
    TARGET_GROUPS, LISTENERS, TARGETS, TARGET_HEALTH, SERVICES, PERMISSIONS, ENDPOINTS, CONNECTION_NOTIFICATIONS,
    TOPICS, SUBSCRIPTIONS, MESSAGES, DELIVERIES, CLIENT_TOKENS, EVENTS, SETTINGS, INSTANCES, INSTANCE_PROFILES, POLICIES,
    SERVER_CERTIFICATES, DNS_RECORDS,
    DHCP_OPTIONS, PREFIX_LISTS, SUBNET_RESERVATIONS,
)  # fmt: skip

FED: tuple[Kind[Any], ...] = tuple(kind for kind in KINDS if kind.fed)

REVISION = sa.Table(
    "revision",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("value", sa.BigInteger, nullable=False),
)
"""One row: the number of the last transaction that changed something. Its row lock orders the writers on PostgreSQL."""

CHANGES = sa.Table(
    "changes",
    metadata,
    sa.Column("revision", sa.BigInteger, primary_key=True),
    sa.Column("kind", TEXT, primary_key=True),
    sa.Column("id", TEXT, primary_key=True),
    sqlite_with_rowid=False,
)
"""Which record changed in which revision: what a watching agent has to read again."""

METRIC_SERIES = sa.Table(
    "metric_series",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account", TEXT, nullable=False),
    sa.Column("region", TEXT, nullable=False),
    sa.Column("namespace", TEXT, nullable=False),
    sa.Column("name", TEXT, nullable=False),
    sa.Column("dimensions", TEXT, nullable=False),
    sa.Column("unit", TEXT, nullable=False),
    sa.Column("newest", sa.BigInteger, nullable=False),
    sa.Index(None, "account", "region", "namespace", "name"),
)
"""The metrics of which there is something. ``id`` follows from what the series is; ``newest``: the hour of its newest point."""

METRIC_HOURS = sa.Table(
    "metric_hours",
    metadata,
    sa.Column("hour", sa.BigInteger, primary_key=True),
    sa.Column("series", sa.BigInteger, primary_key=True),
    sa.Column("source", TEXT, primary_key=True),
    sa.Column("points", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""An hour of a series, as one source told it (``metrics/packing.py``). Hours come first: what is written together and removed
together lies together."""
