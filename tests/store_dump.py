"""Everything that a database holds, to be compared."""

from __future__ import annotations

from typing import Any

from sidedoor.store.engine import Store
from sidedoor.store.schema import KINDS
from sidedoor.store.tables import Records


def dump(store: Store) -> dict[str, list[Any]]:
    """The records of every kind, in order."""
    with store.read() as tables:
        return {kind.name: Records(tables.connection, tables.journal, kind).where() for kind in KINDS}


def differences(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Kind -> the records that are in one of the two alone."""
    found = {
        name: [one for one in (*records, *after[name]) if (one in records) is not (one in after[name])]
        for name, records in before.items()
    }
    return {name: records for name, records in found.items() if records}
