"""The rows that keep metrics: the series, and for each hour of each series the points that a source told.

They are no records: they have no version, nobody is told of their changes, and a commit of theirs takes no revision.
An hour is a number, of hours since the epoch.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sidedoor.metrics.model import Series, Unit
from sidedoor.store.schema import METRIC_HOURS as HOURS
from sidedoor.store.schema import METRIC_SERIES as SERIES
from sidedoor.store.statements import Connection, Statements


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """A series that is stored, and the hour of its newest point."""

    id: int
    series: Series
    newest: int


@dataclass(frozen=True, slots=True)
class HourRow:
    """An hour of a series as one source told it."""

    hour: int
    series_id: int
    source: str
    points: bytes


class MetricRows:
    """The rows, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, rows: Collection[SeriesRow]) -> None:
        """Sees to it that these series are stored, and have points at least as new as this."""
        newest = self.which(row.id for row in rows)
        missing = [_series_values(row) for row in rows if row.id not in newest]
        older = [{"series_id": row.id, "hour": row.newest} for row in rows if newest.get(row.id, row.newest) < row.newest]
        if missing:
            self._connection.execute_many("add series", lambda: sa.insert(SERIES), missing)
        if older:
            self._connection.execute_many("newer series", _newer, older)

    def which(self, series_ids: Iterable[int]) -> dict[int, int]:
        """Those of these series that are stored -> the hour of their newest point."""
        statements = self._connection.statements

        def known() -> sa.Select[Any]:
            return sa.select(SERIES.c.id, SERIES.c.newest).where(_any_number(statements, SERIES.c.id))

        given = {"numbers": _numbers(statements, series_ids)}
        return dict(self._connection.execute("known series", known, given).fetchall())

    def append(self, rows: Iterable[HourRow]) -> None:
        """Adds these points to the ones that their hours have."""
        dialect = self._connection.statements.dialect.name

        def compose() -> sa.Executable:
            added = _insert(dialect, HOURS)
            both = HOURS.c.points.op("||")(added.excluded.points)  # of two blobs SQLite makes a text
            joined = sa.cast(both, sa.LargeBinary)
            return added.on_conflict_do_update(index_elements=list(HOURS.primary_key), set_={"points": joined})  # type: ignore[no-any-return]

        values = [{"hour": row.hour, "series": row.series_id, "source": row.source, "points": row.points} for row in rows]
        self._connection.execute_many("append points", compose, values)

    def series(self, account: str, region: str, namespace: str | None, name: str | None, since: int) -> list[SeriesRow]:
        """The series of an account with points in the hour ``since`` or later, by what they are called."""
        wanted = {"namespace": namespace, "name": name}
        equal = {key: value for key, value in wanted.items() if value is not None}

        def compose() -> sa.Select[Any]:
            columns = SERIES.c
            owned = [columns[key] == sa.bindparam(f"{key}_") for key in ("account", "region", *equal)]
            order = columns.namespace, columns.name, columns.dimensions, columns.unit
            return sa.select(SERIES).where(*owned, columns.newest >= sa.bindparam("since")).order_by(*order)

        given = {f"{key}_": value for key, value in equal.items()}
        given |= {"account_": account, "region_": region}
        rows = self._connection.execute(("series", *equal), compose, {**given, "since": since}).fetchall()
        return [_series_row(*row) for row in rows]

    def hours(self, series_id: int, hours: Collection[int]) -> Iterator[tuple[int, bytes]]:
        """(hour, points) of a series within these hours, one for each source."""
        statements = self._connection.statements

        def compose() -> sa.Select[Any]:
            columns = HOURS.c
            those = columns.series == sa.bindparam("series_id"), _any_number(statements, columns.hour)
            return sa.select(columns.hour, columns.points).where(*those).order_by(columns.hour, columns.source)

        given = {"series_id": series_id, "numbers": _numbers(statements, hours)}
        for hour, points in self._connection.execute("hours", compose, given).fetchall():
            yield hour, bytes(points)

    def oldest(self) -> int | None:
        """The oldest hour of which there is something."""
        found = self._connection.execute("oldest hour", lambda: sa.select(sa.func.min(HOURS.c.hour))).fetchall()
        hour: int | None = found[0][0]
        return hour

    def purge(self, before: int, most: int) -> int:
        """Removes at most so many of the hours before this one, and the series that have nothing since. How many hours."""

        def old() -> sa.Delete:
            columns = HOURS.c
            key = columns.hour, columns.series, columns.source
            oldest = sa.select(*key).where(columns.hour < sa.bindparam("before")).order_by(*key)
            first = oldest.limit(sa.literal_column(str(most))).offset(sa.literal_column("0"))
            return sa.delete(HOURS).where(sa.tuple_(*key).in_(first))

        def silent() -> sa.Delete:
            return sa.delete(SERIES).where(SERIES.c.newest < sa.bindparam("before"))

        removed = self._connection.execute(("purge hours", most), old, {"before": before}).rowcount
        if removed < most:
            self._connection.execute("purge series", silent, {"before": before})
        return removed

    def clear(self) -> None:
        for table in (HOURS, SERIES):
            self._connection.execute(("clear", table.name), lambda table=table: sa.delete(table))  # type: ignore[misc]


def _newer() -> sa.Update:
    return sa.update(SERIES).where(SERIES.c.id == sa.bindparam("series_id")).values(newest=sa.bindparam("hour"))


def _series_values(row: SeriesRow) -> dict[str, Any]:
    one = row.series
    return {
        "id": row.id, "account": one.account, "region": one.region, "namespace": one.namespace, "name": one.name,
        "dimensions": json.dumps(one.dimensions), "unit": one.unit, "newest": row.newest,
    }  # fmt: skip


def _series_row(
    number: int, account: str, region: str, namespace: str, name: str, dimensions: str, unit: str, newest: int
) -> SeriesRow:
    pairs = tuple((key, value) for key, value in json.loads(dimensions))
    one = Series(account=account, region=region, namespace=namespace, name=name, dimensions=pairs, unit=Unit(unit))
    return SeriesRow(number, one, newest)


def _any_number(statements: Statements, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The condition that a column has one of the values in the parameter ``numbers``."""
    if statements.dialect.name == "sqlite":
        each = sa.func.json_each(sa.bindparam("numbers", type_=sa.Text())).table_valued("value")
        return column.in_(sa.select(each.c.value))
    return column == sa.any_(sa.bindparam("numbers", type_=sa.ARRAY(sa.BigInteger())))


def _insert(dialect: str, table: sa.Table) -> Any:
    """An insert that may meet a row; the dialects are large, and one of them is loaded already."""
    if dialect == "sqlite":
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def _numbers(statements: Statements, values: Iterable[int]) -> Any:
    listed = list(values)
    return json.dumps(listed) if statements.dialect.name == "sqlite" else listed
