"""The migrations lead to the tables of ``store/schema.py``, on both engines, and so does the short way to them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from sidedoor.store import engine as engine_module
from sidedoor.store.engine import HEAD, DatabaseUnusable, Store
from sidedoor.store.schema import metadata

MIGRATIONS = Path(engine_module.__file__).parent / "migrations"


def test_the_newest_migration_is_the_one_that_the_store_asks_for() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


@pytest.fixture
def migrated_store(empty_url: str) -> Iterator[Store]:
    """A database in which all migrations were carried out, one after the other."""
    store = Store(empty_url.replace("sidedoor.db", "migrated.db"))
    store.upgrade()
    yield store
    store.close()


def test_migrations_leave_nothing_to_do(migrated_store: Store) -> None:
    with migrated_store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_a_database_that_was_made_at_once_is_what_the_migrations_lead_to(any_store: Store, migrated_store: Store) -> None:
    made = shape(any_store)
    assert made.keys() == metadata.tables.keys() | {"alembic_version"}
    assert made == shape(migrated_store)


def shape(store: Store) -> dict[str, dict[str, Any]]:
    """Everything that the database says of its tables, but for the order of their columns."""
    with store.engine.connect() as connection:
        asked = sa.inspect(connection)
        return {
            name: {
                "columns": {one["name"]: repr(one) for one in asked.get_columns(name)},
                "primary key": asked.get_pk_constraint(name),
                "unique": {repr(one) for one in asked.get_unique_constraints(name)},
                "indexes": {repr(one) for one in asked.get_indexes(name)},
                "foreign keys": {repr(one) for one in asked.get_foreign_keys(name)},
                "checks": {repr(one) for one in asked.get_check_constraints(name)},
                "rows": [tuple(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}"))],
            }
            for name in asked.get_table_names()
        }


def test_migrating_again_changes_nothing(any_store: Store) -> None:
    any_store.migrate()
    with any_store.read() as tables:
        assert tables.revision() == 0


def test_several_processes_may_begin_at_once_with_an_empty_database(empty_url: str) -> None:
    def begin(_: int) -> Store:
        store = Store(empty_url)
        store.migrate()
        return store

    with ThreadPoolExecutor(8) as threads:
        stores = list(threads.map(begin, range(8)))
    with stores[0].read() as tables:
        assert tables.revision() == 0
    for store in stores:
        store.close()


def test_a_database_of_a_newer_sidedoor_is_refused(empty_url: str) -> None:
    store = Store(empty_url)
    store.migrate()
    with store.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseUnusable, match="9999"):
        store.migrate()
    store.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_every_text_column_sorts_by_its_bytes_as_on_sqlite(any_store: Store) -> None:
    statement = """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
    """
    with any_store.engine.connect() as connection:
        assert connection.execute(sa.text(statement)).all() == []


def test_a_file_that_is_no_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sidedoor.db"
    path.write_text("Dear diary, today I was no database, and of more than a hundred bytes. " * 3)
    with pytest.raises(DatabaseUnusable, match=r"sidedoor\.db cannot be used: file is not a database"):
        Store(f"sqlite:///{path}")


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnusable, match="cannot be used"):
        Store(f"sqlite:///{tmp_path / 'file' / 'sidedoor.db'}")


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    store = Store(f"postgresql://somebody:secret@/sidedoor?host={tmp_path}")
    with pytest.raises(DatabaseUnusable, match="somebody") as refusal:
        store.migrate()
    assert "secret" not in str(refusal.value)
    store.close()


@pytest.mark.parametrize("url", ["mysql://host/name", "sidedoor.db", ""])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="named by a URL"):
        Store(url)
