"""What an open transaction offers: for every kind of record find, where, add, update-if-version, remove.

Rule 1: a record is written only through here, so that each write moves its version and is noted in ``changes``.
Rule 2: ``update`` and ``remove`` name the version that they read; when somebody was newer they raise ``Superseded``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from sidedoor import codec
from sidedoor.store import schema
from sidedoor.store.schema import CHANGES, REVISION, Kind

R = TypeVar("R")

_MOST_PARAMETERS = 10_000
"""SQLite takes 32,766 parameters in a statement, PostgreSQL 65,535."""


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

    def write(self, connection: sa.Connection) -> int | None:
        """Ends the transaction: takes its revision and writes its changes. Returns the revision, or None without changes."""
        if not self._changed:
            return None
        statement = sa.update(REVISION).values(value=REVISION.c.value + 1).returning(REVISION.c.value)
        revision: int = connection.execute(statement).scalar_one()
        rows = [{"revision": revision, "kind": kind, "id": record_id} for kind, record_id in self._changed]
        connection.execute(sa.insert(CHANGES), rows)
        if revision % self.TRIM_EVERY == 0:
            connection.execute(sa.delete(CHANGES).where(CHANGES.c.revision <= revision - self.KEEP))
        return revision


class Records(Generic[R]):
    """The records of one kind, in one transaction."""

    def __init__(self, connection: sa.Connection, journal: Journal, kind: Kind[R]) -> None:
        self._connection = connection
        self._journal = journal
        self._kind = kind

    def find(self, record_id: str) -> R | None:
        """The record with this id, or None."""
        row = self._connection.execute(_by_id(self._kind), {"record_id": record_id}).one_or_none()
        return None if row is None else self._load(row)

    def where(self, **equal: Any) -> list[R]:
        """The records whose fields have these values (a collection of values: any of them), oldest first."""
        columns = self._kind.table.c
        conditions = [
            columns[name].in_(list(value)) if isinstance(value, (list, tuple, set, frozenset)) else columns[name] == value
            for name, value in equal.items()
        ]
        order = [columns.created, columns.id] if "created" in columns else [columns.id]
        rows = self._connection.execute(sa.select(self._kind.table).where(*conditions).order_by(*order))
        return [self._load(row) for row in rows]

    def add(self, record: R) -> R:
        """A new record, at version 1. Raises ``Duplicate``."""
        stored = replace(record, version=1)  # type: ignore[type-var]
        self._execute(sa.insert(self._kind.table).values(self._dump(stored)))
        self._journal.note(self._kind, stored.id)  # type: ignore[attr-defined]
        return stored

    def update(self, before: R, after: R) -> R:
        """Writes ``after`` where ``before`` still stands; unchanged records cost nothing.

        Raises ``Superseded`` and ``Duplicate``.
        """
        if before == after:
            return before
        version: int = before.version  # type: ignore[attr-defined]
        stored = replace(after, version=version + 1)  # type: ignore[type-var]
        self._write(sa.update(self._kind.table).values(self._dump(stored)), before)
        return stored

    def remove(self, record: R) -> None:
        """Deletes the record where it still stands as read. Raises ``Superseded``."""
        self._write(sa.delete(self._kind.table), record)

    def remove_all(self, records: Iterable[R]) -> None:
        for record in records:
            self.remove(record)

    def _write(self, statement: sa.Update | sa.Delete, before: Any) -> None:
        columns = self._kind.table.c
        result = self._execute(statement.where(columns.id == before.id, columns.version == before.version))
        if result.rowcount != 1:
            raise Superseded(f"{self._kind.name} {before.id} is newer than version {before.version}")
        self._journal.note(self._kind, before.id)

    def _execute(self, statement: sa.Insert | sa.Update | sa.Delete) -> sa.CursorResult[Any]:
        try:
            return self._connection.execute(statement)
        except IntegrityError as error:
            raise Duplicate(str(error.orig)) from error

    def _load(self, row: sa.Row[Any]) -> R:
        return load(self._kind, row)

    def _dump(self, record: R) -> dict[str, Any]:
        return {
            field.name: codec.to_json_value(getattr(record, field.name)) if field.document else getattr(record, field.name)
            for field in self._kind.fields
        }


_SELECT_BY_ID: dict[str, sa.Select[Any]] = {}


def _by_id(kind: Kind[Any]) -> sa.Select[Any]:
    if kind.name not in _SELECT_BY_ID:
        _SELECT_BY_ID[kind.name] = sa.select(kind.table).where(kind.table.c.id == sa.bindparam("record_id"))
    return _SELECT_BY_ID[kind.name]


def load(kind: Kind[R], row: Any) -> R:
    """The record of a row of its kind's table."""
    values = {
        field.name: value if field.plain else codec.from_json_value(value, field.annotation)
        for field, value in zip(kind.fields, row, strict=True)
    }
    return kind.record(**values)


class Tables:
    """Everything that a transaction can read and write."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.journal = journal = Journal()

        def of(kind: Kind[R]) -> Records[R]:
            return Records(connection, journal, kind)

        self.accounts = of(schema.ACCOUNTS)
        self.users = of(schema.USERS)
        self.roles = of(schema.ROLES)
        self.access_keys = of(schema.ACCESS_KEYS)
        self.vpcs = of(schema.VPCS)
        self.subnets = of(schema.SUBNETS)
        self.security_groups = of(schema.SECURITY_GROUPS)
        self.security_group_rules = of(schema.SECURITY_GROUP_RULES)
        self.interfaces = of(schema.INTERFACES)
        self.load_balancers = of(schema.LOAD_BALANCERS)
        self.target_groups = of(schema.TARGET_GROUPS)
        self.listeners = of(schema.LISTENERS)
        self.targets = of(schema.TARGETS)
        self.target_health = of(schema.TARGET_HEALTH)
        self.services = of(schema.SERVICES)
        self.permissions = of(schema.PERMISSIONS)
        self.endpoints = of(schema.ENDPOINTS)
        self.connection_notifications = of(schema.CONNECTION_NOTIFICATIONS)
        self.client_tokens = of(schema.CLIENT_TOKENS)
        self.events = of(schema.EVENTS)
        self.settings = of(schema.SETTINGS)

    def revision(self) -> int:
        """The number of the last committed change that this transaction sees."""
        value: int = self.connection.execute(sa.select(REVISION.c.value)).scalar_one()
        return value

    def oldest_change(self) -> int:
        """The oldest revision of which ``changes_after`` still knows everything."""
        value: int | None = self.connection.execute(sa.select(sa.func.min(CHANGES.c.revision))).scalar_one()
        return value if value is not None else self.revision() + 1

    def changes_after(self, revision: int) -> list[tuple[int, str, str]]:
        """(revision, kind, id) of what changed after ``revision``, oldest first."""
        statement = sa.select(CHANGES).where(CHANGES.c.revision > revision).order_by(*CHANGES.primary_key)
        return [(row.revision, row.kind, row.id) for row in self.connection.execute(statement)]

    def fed(self, kind_name: str, record_ids: Collection[str] | None = None) -> list[Any]:
        """The records of one kind that the agent is told of: all, or those with these ids."""
        (kind,) = (kind for kind in schema.FED if kind.name == kind_name)
        records: Records[Any] = Records(self.connection, self.journal, kind)
        if record_ids is None:
            return records.where()
        wanted = list(record_ids)
        parts = (wanted[start : start + _MOST_PARAMETERS] for start in range(0, len(wanted), _MOST_PARAMETERS))
        return [record for part in parts for record in records.where(id=part)]

    def clear(self) -> None:
        """Empties every table; the agent sees every record go."""
        for kind in schema.KINDS:
            if kind.fed:
                for record_id in self.connection.execute(sa.select(kind.table.c.id)).scalars():
                    self.journal.note(kind, record_id)
            self.connection.execute(sa.delete(kind.table))
