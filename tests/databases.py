"""One suite, two engines: the fixture ``any_store`` is an empty store on SQLite and then on PostgreSQL.

A PostgreSQL of our own runs for the length of the session, on a Unix socket. The schema is made once: each test has a copy of a
migrated file on SQLite, and on PostgreSQL, where a new database takes a quarter of a second, the same one emptied. Where
PostgreSQL is not installed its half of the suite is skipped, and says so.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sidedoor.store.engine import Store
from sidedoor.store.schema import REVISION, metadata


@dataclass(frozen=True)
class Postgres:
    """A running PostgreSQL. ``directory``: where its socket is."""

    directory: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        return f"postgresql://sidedoor@/{database}?host={self.directory}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(host=str(self.directory), user="sidedoor", dbname=database, autocommit=True) as connection:
            connection.execute(statement.encode())

    def create(self) -> str:
        """A new database without tables. Returns its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return name

    def empty(self, database: str) -> None:
        """Leaves the tables, without records."""
        tables = [table.name for table in metadata.tables.values() if table is not REVISION]
        self.execute("; ".join(f"DELETE FROM {name}" for name in tables) + "; UPDATE revision SET value = 0", database)

    def end_connections(self, database: str) -> None:
        """What a restart of the server does to its clients."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")


def _programs() -> Path | None:
    """The directory of PostgreSQL's programs; Debian does not put it on PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return installed[-1].parent if installed else None


def _as_ordinary_user() -> dict[str, Any]:
    """How to start a child process that is not root: PostgreSQL refuses to be."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (no initdb): what needs a database is tested on SQLite alone")
    user = _as_ordinary_user()
    directory = Path(tempfile.mkdtemp(prefix="sidedoor-"))
    run = {"cwd": directory, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user}
    try:
        if user:
            os.chown(directory, user["user"], user["group"])
        # Another order of text than the bytes' own, so that what depends on the order is found.
        language = ("--locale=C", "--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8")
        subprocess.run([programs / "initdb", "-D", "data", "-A", "trust", "-U", "sidedoor", "--no-sync", *language], **run)
        options = f"-k {directory} -c listen_addresses='' -c fsync=off -c full_page_writes=off -c autovacuum=off"
        subprocess.run([programs / "pg_ctl", "start", "-w", "-D", "data", "-l", "log", "-o", options], **run)
        try:
            yield Postgres(directory)
        finally:
            subprocess.run([programs / "pg_ctl", "stop", "-D", "data", "-m", "immediate"], **run)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"PostgreSQL does not start here ({error}): what needs a database is tested on SQLite alone")
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres_database(postgres: Postgres) -> str:
    """The name of a database at the newest schema."""
    name = postgres.create()
    _migrate(postgres.url(name))
    return name


def _migrate(url: str) -> None:
    store = Store(url)
    store.migrate()
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def empty_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables."""
    if engine == "sqlite":
        return f"sqlite:///{tmp_path / 'sidedoor.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.url(postgres.create())


@pytest.fixture
def any_url(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database at the newest schema, without records."""
    if engine == "sqlite":
        shutil.copyfile(request.getfixturevalue("migrated"), tmp_path / "sidedoor.db")
        return f"sqlite:///{tmp_path / 'sidedoor.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    database: str = request.getfixturevalue("postgres_database")
    postgres.empty(database)
    return postgres.url(database)


@pytest.fixture
def any_store(any_url: str) -> Iterator[Store]:
    store = Store(any_url)
    yield store
    store.close()


@pytest.fixture
def other_store(any_url: str) -> Iterator[Store]:
    """A second store on the database of ``any_store``, as another process has it."""
    store = Store(any_url)
    yield store
    store.close()
