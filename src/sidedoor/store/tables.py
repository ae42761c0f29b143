"""What an open transaction offers: for every kind of record find, where, add, update-if-version, remove.

Rule 1: a record is written only through here, so that each write moves its version and is noted in ``changes``.
Rule 2: ``update`` and ``remove`` name the version that they read; when somebody was newer they raise ``Superseded``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor

from sidedoor.store import schema
from sidedoor.store.metric_rows import MetricRows
from sidedoor.store.schema import CHANGES, REVISION, Kind
from sidedoor.store.statements import Compose, Connection

R = TypeVar("R")


class Superseded(Exception):
    """The record was changed since it was read."""


class Duplicate(Exception):
    """Another record has this one's id or unique fields.

    Writers are serial, so an operation that looks before it writes never meets this. PostgreSQL has given the transaction up.
    """


class Journal:
    """What one transaction changes of the records that the agent is told of."""

    KEEP = 20_000
    """How many revisions back an agent may resume; older ones read everything again."""

    TRIM_EVERY = 1_000

    def __init__(self) -> None:
        self._changed: dict[tuple[str, str], None] = {}

    def note(self, kind: Kind[Any], record_id: str) -> None:
        """Remembers that a record changed."""
        if kind.fed:
            self._changed[kind.name, record_id] = None

    def write(self, connection: Connection) -> int | None:
        """Ends the transaction: takes its revision and writes its changes. Returns the revision, or None without changes."""
        if not self._changed:
            return None
        revision: int = connection.execute("next revision", _next_revision).fetchall()[0][0]
        notes = [{"revision": revision, "kind": kind, "id": record_id} for kind, record_id in self._changed]
        connection.execute_many("note", _note, notes)
        if revision % self.TRIM_EVERY == 0:
            connection.execute("trim", _trim, {"oldest": revision - self.KEEP})
        return revision


def _next_revision() -> sa.Update:
    return sa.update(REVISION).values(value=REVISION.c.value + sa.literal_column("1")).returning(REVISION.c.value)


def _note() -> sa.Insert:
    return sa.insert(CHANGES)


def _trim() -> sa.Delete:
    return sa.delete(CHANGES).where(CHANGES.c.revision <= sa.bindparam("oldest"))


class Records(Generic[R]):
    """The records of one kind, in one transaction."""

    def __init__(self, connection: Connection, journal: Journal, kind: Kind[R]) -> None:
        self._connection = connection
        self._journal = journal
        self._kind = kind

    def find(self, record_id: str) -> R | None:
        """The record with this id, or None."""
        return next(iter(self.where(id=record_id)), None)

    def where(self, **equal: Any) -> list[R]:
        """The records whose fields have these values (a collection of values: any of them), oldest first.

        A record that this transaction has seen already is not read again by its id.
        """
        known, name = self._connection.known, self._kind.name
        if equal.keys() == {"id"}:
            record_id = _sole(equal["id"])
            if isinstance(record_id, str) and (name, record_id) in known:
                return [known[name, record_id]]
        read = self._connection.statements.reader(self._kind)
        found = [read(row) for row in self._select(equal)]
        for record in found:
            known[name, record.id] = record  # type: ignore[attr-defined]
        return found

    def values(self, field: str, **equal: Any) -> list[Any]:
        """One field of the records that ``where`` finds."""
        read = self._connection.statements.reader(self._kind).of_field(field)
        return [read(row[0]) for row in self._select(equal, (field,))]

    def pairs(self, one: str, other: str, **equal: Any) -> list[tuple[Any, Any]]:
        """Two fields of the records that ``where`` finds."""
        reader = self._connection.statements.reader(self._kind)
        first, second = reader.of_field(one), reader.of_field(other)
        return [(first(row[0]), second(row[1])) for row in self._select(equal, (one, other))]

    def until(self, field: str, moment: datetime, most: int) -> list[R]:
        """The ``most`` oldest records by this field, a time, which have it and have it not after ``moment``."""

        def compose() -> sa.Select[Any]:
            columns = self._kind.table.c
            not_after = columns[field] <= sa.bindparam("moment", type_=columns[field].type)
            in_order = sa.select(self._kind.table).where(not_after).order_by(columns[field], columns.id)
            return in_order.limit(sa.literal_column(str(most))).offset(sa.literal_column("0"))

        read = self._connection.statements.reader(self._kind)
        found = self._connection.execute(("until", self._kind.name, field, most), compose, {"moment": moment})
        return [read(row) for row in found.fetchall()]

    def _select(self, equal: Mapping[str, Any], fields: tuple[str, ...] = ()) -> list[Any]:
        """Rows of these fields, or of all."""
        equal = {name: _sole(value) for name, value in equal.items()}
        comparisons = tuple((name, _comparison(value)) for name, value in equal.items())

        def compose() -> sa.Select[Any]:
            columns = self._kind.table.c
            order = [columns.created, columns.id] if "created" in columns else [columns.id]
            wanted = [columns[field] for field in fields] if fields else list(columns)
            return sa.select(*wanted).where(*(self._condition(*one) for one in comparisons)).order_by(*order)

        given = {
            f"{name}_": self._connection.statements.collection(equal[name]) if comparison == "any" else equal[name]
            for name, comparison in comparisons
            if comparison != "null"
        }
        return list(self._connection.execute(("select", self._kind.name, fields, comparisons), compose, given).fetchall())

    def _condition(self, name: str, comparison: str) -> sa.ColumnElement[bool]:
        column = self._kind.table.c[name]
        if comparison == "null":
            return column.is_(None)
        if comparison == "any":
            return self._connection.statements.any_of(column, f"{name}_")
        return column == sa.bindparam(f"{name}_", type_=column.type)

    def add(self, record: R) -> R:
        """A new record, at version 1. Raises ``Duplicate``."""
        stored = replace(record, version=1)  # type: ignore[type-var]
        self._write("add", lambda: sa.insert(self._kind.table), self._dump(stored))
        self._journal.note(self._kind, stored.id)  # type: ignore[attr-defined]
        self._connection.known[self._kind.name, stored.id] = stored  # type: ignore[attr-defined]
        return stored

    def add_all(self, records: Iterable[R]) -> None:
        """New records, at version 1. Raises ``Duplicate``."""
        stored = [replace(record, version=1) for record in records]  # type: ignore[type-var]
        rows = [self._dump(record) for record in stored]
        try:
            self._connection.execute_many(("add", self._kind.name), lambda: sa.insert(self._kind.table), rows)
        except self._connection.statements.integrity_error as error:
            raise Duplicate(str(error)) from error
        for record in stored:
            self._journal.note(self._kind, record.id)  # type: ignore[attr-defined]
            self._connection.known[self._kind.name, record.id] = record  # type: ignore[attr-defined]

    def update(self, before: R, after: R) -> R:
        """Writes ``after`` where ``before`` still stands; unchanged records cost nothing.

        Raises ``Superseded`` and ``Duplicate``.
        """
        if before == after:
            return before
        version: int = before.version  # type: ignore[attr-defined]
        stored = replace(after, version=version + 1)  # type: ignore[type-var]
        self._overwrite("update", lambda: sa.update(self._kind.table), before, self._dump(stored))
        self._connection.known[self._kind.name, stored.id] = stored  # type: ignore[attr-defined]
        return stored

    def remove(self, record: R) -> None:
        """Deletes the record where it still stands as read. Raises ``Superseded``."""
        self._overwrite("remove", lambda: sa.delete(self._kind.table), record, {})
        self._connection.known.pop((self._kind.name, record.id), None)  # type: ignore[attr-defined]

    def remove_all(self, records: Iterable[R]) -> None:
        for record in records:
            self.remove(record)

    def _overwrite(self, verb: str, compose: Callable[[], sa.Update | sa.Delete], before: Any, values: dict[str, Any]) -> None:
        columns = self._kind.table.c

        def standing() -> sa.Update | sa.Delete:
            read = (columns.id == sa.bindparam("before_id"), columns.version == sa.bindparam("before_version"))
            return compose().where(*read)

        values |= {"before_id": before.id, "before_version": before.version}
        if self._write(verb, standing, values).rowcount != 1:
            raise Superseded(f"{self._kind.name} {before.id} is newer than version {before.version}")
        self._journal.note(self._kind, before.id)

    def _write(self, verb: str, compose: Compose, values: dict[str, Any]) -> DBAPICursor:
        try:
            return self._connection.execute((verb, self._kind.name), compose, values)
        except self._connection.statements.integrity_error as error:
            raise Duplicate(str(error)) from error

    def _dump(self, record: R) -> dict[str, Any]:
        return self._connection.statements.dump(self._kind)(record)


_COLLECTIONS = (list, tuple, set, frozenset)


def _sole(value: Any) -> Any:
    """The one value of a collection that has but one: it is found faster so."""
    return next(iter(value)) if isinstance(value, _COLLECTIONS) and len(value) == 1 else value


def _comparison(value: Any) -> Literal["null", "any", "equal"]:
    if value is None:
        return "null"
    return "any" if isinstance(value, _COLLECTIONS) else "equal"


class RecordsOf(Generic[R]):
    """An attribute of ``Tables``: the records of a kind, in its transaction."""

    def __init__(self, kind: Kind[R]) -> None:
        self._kind = kind

    def __get__(self, tables: Tables, _: type[Tables]) -> Records[R]:
        return Records(tables.connection, tables.journal, self._kind)


class Tables:
    """Everything that a transaction can read and write."""

    accounts = RecordsOf(schema.ACCOUNTS)
    users = RecordsOf(schema.USERS)
    roles = RecordsOf(schema.ROLES)
    instance_profiles = RecordsOf(schema.INSTANCE_PROFILES)
    policies = RecordsOf(schema.POLICIES)
    server_certificates = RecordsOf(schema.SERVER_CERTIFICATES)
    access_keys = RecordsOf(schema.ACCESS_KEYS)
    vpcs = RecordsOf(schema.VPCS)
    dhcp_options = RecordsOf(schema.DHCP_OPTIONS)
    prefix_lists = RecordsOf(schema.PREFIX_LISTS)
    subnets = RecordsOf(schema.SUBNETS)
    subnet_reservations = RecordsOf(schema.SUBNET_RESERVATIONS)
    security_groups = RecordsOf(schema.SECURITY_GROUPS)
    security_group_rules = RecordsOf(schema.SECURITY_GROUP_RULES)
    interfaces = RecordsOf(schema.INTERFACES)
    route_tables = RecordsOf(schema.ROUTE_TABLES)
    route_table_associations = RecordsOf(schema.ROUTE_TABLE_ASSOCIATIONS)
    network_acls = RecordsOf(schema.NETWORK_ACLS)
    network_acl_associations = RecordsOf(schema.NETWORK_ACL_ASSOCIATIONS)
    internet_gateways = RecordsOf(schema.INTERNET_GATEWAYS)
    instances = RecordsOf(schema.INSTANCES)
    load_balancers = RecordsOf(schema.LOAD_BALANCERS)
    target_groups = RecordsOf(schema.TARGET_GROUPS)
    listeners = RecordsOf(schema.LISTENERS)
    targets = RecordsOf(schema.TARGETS)
    target_health = RecordsOf(schema.TARGET_HEALTH)
    services = RecordsOf(schema.SERVICES)
    permissions = RecordsOf(schema.PERMISSIONS)
    endpoints = RecordsOf(schema.ENDPOINTS)
    connection_notifications = RecordsOf(schema.CONNECTION_NOTIFICATIONS)
    topics = RecordsOf(schema.TOPICS)
    subscriptions = RecordsOf(schema.SUBSCRIPTIONS)
    messages = RecordsOf(schema.MESSAGES)
    deliveries = RecordsOf(schema.DELIVERIES)
    client_tokens = RecordsOf(schema.CLIENT_TOKENS)
    events = RecordsOf(schema.EVENTS)
    settings = RecordsOf(schema.SETTINGS)
    dns_records = RecordsOf(schema.DNS_RECORDS)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.journal = Journal()

    @property
    def metrics(self) -> MetricRows:
        return MetricRows(self.connection)

    def revision(self) -> int:
        """The number of the last committed change that this transaction sees."""
        value: int = self.connection.execute("revision", lambda: sa.select(REVISION.c.value)).fetchall()[0][0]
        return value

    def oldest_change(self) -> int:
        """The oldest revision of which ``changes_after`` still knows everything."""
        rows = self.connection.execute("oldest change", lambda: sa.select(sa.func.min(CHANGES.c.revision))).fetchall()
        value: int | None = rows[0][0]
        return value if value is not None else self.revision() + 1

    def changes_after(self, revision: int) -> list[tuple[int, str, str]]:
        """(revision, kind, id) of what changed after ``revision``, oldest first."""

        def compose() -> sa.Select[Any]:
            return sa.select(CHANGES).where(CHANGES.c.revision > sa.bindparam("after")).order_by(*CHANGES.primary_key)

        rows = self.connection.execute("changes after", compose, {"after": revision}).fetchall()
        return [(number, kind, record_id) for number, kind, record_id in rows]

    def fed(self, kind_name: str, record_ids: Collection[str] | None = None) -> list[Any]:
        """The records of one kind that the agent is told of: all, or those with these ids."""
        (kind,) = (kind for kind in schema.FED if kind.name == kind_name)
        records: Records[Any] = Records(self.connection, self.journal, kind)
        return records.where(**kind.fed_where, **({} if record_ids is None else {"id": list(record_ids)}))

    def clear(self) -> None:
        """Empties every table; the agent sees every record go."""
        self.connection.known.clear()
        self.metrics.clear()
        for kind in schema.KINDS:
            if kind.fed:
                records: Records[Any] = Records(self.connection, self.journal, kind)
                for record_id in records.values("id"):
                    self.journal.note(kind, record_id)
            self.connection.execute(("clear", kind.name), partial(sa.delete, kind.table))
