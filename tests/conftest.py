"""What most tests need: a clock, entropy and a store that are made anew for each test, and a way to call an operation."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.session
import pytest
from sqlalchemy import Dialect

import sidedoor.aws.models
from databases import any_store, any_url, empty_url, engine, other_store, postgres, postgres_database
from sidedoor.store import engine as store_engine
from sidedoor.store.engine import Store
from sidedoor.store.statements import Statements
from world import World

__all__ = ["any_store", "any_url", "empty_url", "engine", "other_store", "postgres", "postgres_database"]
"""Fixtures that every folder has."""


botocore.session.create_loader = cache(botocore.session.create_loader)
sidedoor.aws.models.Loader = cache(sidedoor.aws.models.Loader)
"""AWS's models are read once for all sessions and once for all servers of a test process: it takes a third of a second."""


ON_SQLITE: dict[str, Statements] = {}


def statements_of(dialect: Dialect) -> Statements:
    """One for all of a test process's SQLite databases, as a server has one for all of its calls: each test opens a database
    of its own, and to compose the same statements for it anew would take a third of its time.
    """
    if dialect.name != "sqlite":
        return Statements(dialect)
    return ON_SQLITE.setdefault(dialect.name, Statements(dialect))


store_engine.Statements = statements_of


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database at the newest schema, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("migrated") / "sidedoor.db"
    store = Store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


@pytest.fixture
def world(tmp_path: Path, migrated: Path) -> Iterator[World]:
    path = shutil.copyfile(migrated, tmp_path / "sidedoor.db")
    store = Store(f"sqlite:///{path}")
    yield World(store)
    store.close()
