"""SQL that is composed once: SQLAlchemy writes a statement's text at its first use, and from then on the driver runs the text.

What an operation asks of the database are a few small statements, over and over. Composing one anew and wrapping its rows
costs several times what SQLite needs to answer it (docs/performance.md).

Rule 1: a statement's key says everything that its text depends on; values are parameters, and never in the text.
Rule 2: how a value goes into a column and comes out of it is the column type's business (``schema.py``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.pool import PoolProxiedConnection

from sidedoor import codec
from sidedoor.store.schema import Kind

R = TypeVar("R")
Compose = Callable[[], sa.Executable]
Convert = Callable[[Any], Any]


class Statement:
    """A statement's text, and how its parameters are given to the driver."""

    def __init__(self, composed: sa.Executable, dialect: sa.Dialect) -> None:
        compiled = composed.compile(dialect=dialect)  # type: ignore[attr-defined]
        self.text = str(compiled)
        processors = {
            name: parameter.type.dialect_impl(dialect).bind_processor(dialect) for name, parameter in compiled.binds.items()
        }
        self._converted = [(name, convert) for name, convert in processors.items() if convert is not None]

    def parameters(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values as the driver takes them."""
        for name, convert in self._converted:
            values[name] = convert(values[name])
        return values


class RowReader(Generic[R]):
    """Makes the record of a row of its kind's table."""

    def __init__(self, kind: Kind[R], dialect: sa.Dialect) -> None:
        self._record = kind.record
        self._names = [field.name for field in kind.fields]
        self._converted: list[tuple[str, Convert]] = []
        for field in kind.fields:
            column = kind.table.c[field.name].type.dialect_impl(dialect).result_processor(dialect, None)
            steps = [step for step in (column, None if field.plain else codec.reader(field.annotation)) if step is not None]
            if field.annotation == tuple[str, ...] and len(steps) == 2:
                steps = [_remembering(*steps)]
            self._converted += [(field.name, step) for step in steps]

    def __call__(self, row: Iterable[Any]) -> R:
        values = dict(zip(self._names, row, strict=True))
        for name, convert in self._converted:
            value = values[name]
            if value is not None:
                values[name] = convert(value)
        return self._record(**values)

    def of_field(self, name: str) -> Convert:
        """What makes a field's value of its column's."""
        steps = [convert for field, convert in self._converted if field == name]

        def read(value: Any) -> Any:
            for convert in steps:
                value = value if value is None else convert(value)
            return value

        return read


def _remembering(read: Convert, structure: Convert) -> Convert:
    """Both steps in one, remembered by the column's text: rows of a listing share many of their lists, which never change."""

    @lru_cache(maxsize=4096)
    def convert(value: Any) -> Any:
        return structure(read(value))

    return convert


class RowWriter(Generic[R]):
    """Makes the values of a row of a record of its kind, as ``Statement.parameters`` takes them."""

    def __init__(self, kind: Kind[R]) -> None:
        self._names = [field.name for field in kind.fields]
        self._values = attrgetter(*self._names)
        self._converted = [(field.name, codec.writer(field.annotation)) for field in kind.fields if field.document]

    def __call__(self, record: R) -> dict[str, Any]:
        values = dict(zip(self._names, self._values(record), strict=True))
        for name, convert in self._converted:
            values[name] = convert(values[name])
        return values


class Statements:
    """The statements of one database, and the readers of its rows. Safe to use from several threads."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self.dialect = dialect
        self.integrity_error: type[Exception] = dialect.loaded_dbapi.IntegrityError
        self._statements: dict[Hashable, Statement] = {}
        self._readers: dict[str, RowReader[Any]] = {}
        self._dumps: dict[str, RowWriter[Any]] = {}

    def statement(self, key: Hashable, compose: Compose) -> Statement:
        found = self._statements.get(key)
        if found is None:
            found = self._statements[key] = Statement(compose(), self.dialect)
        return found

    def reader(self, kind: Kind[R]) -> RowReader[R]:
        found = self._readers.get(kind.name)
        if found is None:
            found = self._readers[kind.name] = RowReader(kind, self.dialect)
        return found

    def dump(self, kind: Kind[R]) -> RowWriter[R]:
        found = self._dumps.get(kind.name)
        if found is None:
            found = self._dumps[kind.name] = RowWriter(kind)
        return found

    def any_of(self, column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
        """The condition that a column has one of the values in the parameter ``name`` (``collection``), however many."""
        if self.dialect.name == "sqlite":
            return column.in_(sa.select(sa.func.json_each(sa.bindparam(name, type_=sa.Text())).table_valued("value").c.value))
        return column == sa.any_(sa.bindparam(name, type_=sa.ARRAY(sa.Text())))

    def collection(self, values: Iterable[Any]) -> Any:
        """The values of ``any_of`` as one parameter."""
        listed = [str(value) for value in values]
        return json.dumps(listed) if self.dialect.name == "sqlite" else listed


class Connection:
    """A connection within a transaction. ``known``: (kind, id) -> the record as this transaction last read or wrote it."""

    def __init__(self, driver: PoolProxiedConnection, statements: Statements) -> None:
        self.statements = statements
        self.known: dict[tuple[str, str], Any] = {}
        self._cursor: Callable[[], DBAPICursor] = driver.dbapi_connection.cursor  # type: ignore[union-attr]

    def execute(self, key: Hashable, compose: Compose, values: Mapping[str, Any] | None = None) -> DBAPICursor:
        """Runs the statement of this key, which ``compose`` writes at its first use."""
        statement = self.statements.statement(key, compose)
        cursor = self._cursor()
        cursor.execute(statement.text, statement.parameters(dict(values or {})))
        return cursor

    def execute_many(self, key: Hashable, compose: Compose, rows: Iterable[Mapping[str, Any]]) -> None:
        """Runs the statement once for each of these."""
        statement = self.statements.statement(key, compose)
        self._cursor().executemany(statement.text, [statement.parameters(dict(values)) for values in rows])
