"""The revisions and changes that a watching agent follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from record_samples import full_record, vpc

from sidedoor.store.engine import Store
from sidedoor.store.schema import FED, KINDS, Kind
from sidedoor.store.tables import Journal, Records, Tables


def add(tables: Tables, kind: Kind[Any], record_id: str = "id-1") -> None:
    Records(tables.connection, tables.journal, kind).add(full_record(kind, record_id))


def test_a_new_database_is_at_revision_0_and_forgets_nothing(any_store: Store) -> None:
    with any_store.read() as tables:
        assert (tables.revision(), tables.oldest_change(), tables.changes_after(0)) == (0, 1, [])


def test_a_transaction_is_one_revision_whatever_it_changes(any_store: Store) -> None:
    with any_store.write() as tables:
        first = tables.vpcs.add(vpc(1))
        tables.vpcs.update(first, replace(first, tenancy="dedicated"))
        tables.vpcs.add(vpc(2))
    with any_store.write() as tables:
        tables.vpcs.remove(tables.vpcs.where(id="vpc-2")[0])
    with any_store.read() as tables:
        assert tables.revision() == 2
        assert tables.changes_after(0) == [(1, "vpcs", "vpc-1"), (1, "vpcs", "vpc-2"), (2, "vpcs", "vpc-2")]
        assert tables.changes_after(1) == [(2, "vpcs", "vpc-2")]
        assert tables.changes_after(2) == []


def test_the_agent_is_told_of_the_kinds_that_it_needs_and_of_no_other(any_store: Store) -> None:
    for kind in KINDS:
        with any_store.write() as tables:
            add(tables, kind)
    with any_store.read() as tables:
        assert [kind for _, kind, _ in tables.changes_after(0)] == [kind.name for kind in KINDS if kind.fed]
        assert tables.revision() == len(FED)


def test_fed_records_are_read_by_kind_and_by_id(any_store: Store) -> None:
    with any_store.write() as tables:
        for number in range(3):
            tables.vpcs.add(vpc(number))
    with any_store.read() as tables:
        assert [one.id for one in tables.fed("vpcs")] == ["vpc-0", "vpc-1", "vpc-2"]
        assert [one.id for one in tables.fed("vpcs", ["vpc-2", "vpc-gone"])] == ["vpc-2"]
        assert tables.fed("vpcs", []) == []


def test_more_ids_may_be_asked_for_than_a_statement_takes(any_store: Store) -> None:
    with any_store.write() as tables:
        tables.vpcs.add(vpc(39_999))
    with any_store.read() as tables:
        assert [one.id for one in tables.fed("vpcs", [f"vpc-{number}" for number in range(70_000)])] == ["vpc-39999"]


def test_old_changes_are_forgotten_and_it_is_known_which(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "KEEP", 3)
    monkeypatch.setattr(Journal, "TRIM_EVERY", 5)
    for number in range(1, 10):
        with any_store.write() as tables:
            tables.vpcs.add(vpc(number))
    with any_store.read() as tables:
        assert tables.oldest_change() == 3
        assert [revision for revision, _, _ in tables.changes_after(0)] == [3, 4, 5, 6, 7, 8, 9]


def test_clearing_empties_every_table_and_tells_the_agent_of_each_record(any_store: Store) -> None:
    with any_store.write() as tables:
        for kind in KINDS:
            add(tables, kind)
    with any_store.write() as tables:
        tables.clear()
    with any_store.read() as tables:
        assert [kind.name for kind in KINDS if Records(tables.connection, tables.journal, kind).where()] == []
        assert tables.changes_after(1) == [(2, kind, "id-1") for kind in sorted(kind.name for kind in FED)]
