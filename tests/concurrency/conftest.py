from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from databases import Postgres
from sidedoor.store.engine import Store


@pytest.fixture
def fresh_store(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Gives an empty store at each call, to be closed before the next one."""
    numbers = itertools.count()
    if engine == "sqlite":
        migrated: Path = request.getfixturevalue("migrated")

        def on_sqlite() -> Store:
            return Store(f"sqlite:///{shutil.copyfile(migrated, tmp_path / f'{next(numbers)}.db')}")

        return on_sqlite
    postgres: Postgres = request.getfixturevalue("postgres")
    database: str = request.getfixturevalue("postgres_database")

    def on_postgresql() -> Store:
        postgres.empty(database)
        return Store(postgres.url(database))

    return on_postgresql
