"""The database: connect, migrate, read and write transactions. SQLite (WAL) by default, PostgreSQL by URL.

Writers are serial: they take turns in this process (``writers.py``), and against other processes ``BEGIN IMMEDIATE`` on
SQLite and the lock on the revision's row on PostgreSQL. So the order of revisions is the order of commits, and a watcher that
has seen revision n has seen everything before it.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

from sidedoor.store.schema import REVISION, metadata
from sidedoor.store.statements import Connection, Statements
from sidedoor.store.tables import Tables
from sidedoor.store.writers import Writers

log = logging.getLogger(__name__)

HEAD = "0011"
"""The newest migration; a test holds it to the directory."""

_BUSY_SECONDS = 30

_PASSING = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}  # fmt: skip

_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Alembic's own table, which says at which migration a database is."""

_MIGRATION_LOCK = 4680
"""PostgreSQL's advisory lock that keeps two processes from migrating at once."""


_SQLITE_READ = ("BEGIN",)
_SQLITE_WRITE = ("BEGIN IMMEDIATE",)
_POSTGRESQL_READ = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
_POSTGRESQL_WRITE = ("BEGIN ISOLATION LEVEL READ COMMITTED", "SELECT value FROM revision FOR UPDATE")
"""READ COMMITTED: a writer that waited for the revision's row then sees what the one before it committed."""


class DatabaseUnusable(Exception):
    """The database cannot be used. The message says why, and what to do where that is known."""


class DatabaseUnavailable(Exception):
    """The database cannot do it now: it is locked, full, or gone. Nothing was changed; it may work the next time."""


class Store:
    """One database. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        """``url``: for example ``sqlite:////var/lib/sidedoor/sidedoor.db`` or ``postgresql://host/db``.

        Raises ``DatabaseUnusable``.
        """
        self._url = _parsed(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self._url) if self._sqlite else _postgresql_engine(self._url)
        self._readers = _sqlite_engine(self._url, reads_only=True) if self._sqlite else self.engine
        self._statements = Statements(self.engine.dialect)
        self._writers = Writers(lambda: self._begun(self.engine, _SQLITE_WRITE if self._sqlite else _POSTGRESQL_WRITE))
        self._watchers: list[Callable[[int], None]] = []
        self._observer: PoolProxiedConnection | None = None

    @property
    def answers_at_once(self) -> bool:
        """Whether a read of a few records waits for nobody: no other process, and (in WAL mode) no writer."""
        return self._sqlite

    def version(self) -> int:
        """A number that changes with every commit, also another process's. Only where ``answers_at_once``; for one thread."""
        if self._observer is None:
            self._observer = self._readers.raw_connection()
        number: int = self._observer.cursor().execute("PRAGMA data_version").fetchone()[0]
        return number

    def size(self) -> int:
        """Bytes that the database takes on its disk."""
        if self._sqlite:
            files = (Path(f"{self._url.database}{suffix}") for suffix in ("", "-wal"))
            return sum(file.stat().st_size for file in files if file.exists())
        with self.engine.connect() as connection:
            return int(connection.execute(sa.text("SELECT pg_database_size(current_database())")).scalar_one())

    def migrate(self) -> None:
        """Brings the schema to ``HEAD``: an empty database at once, another by its migrations. Raises ``DatabaseUnusable``."""
        version = self._schema_version()
        if version is None:
            self._make()
            version = self._schema_version()
        if version == HEAD:
            return
        if version is not None and version > HEAD:
            message = f"The database has schema {version}, and this Sidedoor only knows {HEAD}: install a newer Sidedoor."
            raise DatabaseUnusable(message)
        self.upgrade()

    def upgrade(self) -> None:
        """Carries out the migrations that a database lacks, in an empty one all: they lead to what ``migrate`` makes there."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._alone() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        log.info("the database is at schema %s", HEAD, extra={"action": "store.migrated", "schema": HEAD})

    def _make(self) -> None:
        """Makes the newest schema in an empty database, which takes a fraction of the time of all migrations one by one."""
        with self._alone() as connection:
            if sa.inspect(connection).has_table(_VERSION.name):  # Another process was faster.
                return
            metadata.create_all(connection)
            _VERSION.create(connection)
            connection.execute(REVISION.insert().values(id=1, value=0))
            connection.execute(_VERSION.insert().values(version_num=HEAD))
        log.info("the database was made at schema %s", HEAD, extra={"action": "store.made", "schema": HEAD})

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        """A transaction that changes the schema, while no other process does."""
        options = {"write": True} if self._sqlite else {"isolation_level": "READ COMMITTED"}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            if not self._sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            yield connection

    def _schema_version(self) -> str | None:
        try:
            with self.engine.connect() as connection:
                if not sa.inspect(connection).has_table(_VERSION.name):
                    return None
                version: str | None = connection.execute(sa.select(_VERSION.c.version_num)).scalar()
        except DBAPIError as error:
            raise DatabaseUnusable(f"The database {self._url.render_as_string()} cannot be used: {error.orig}") from error
        return version

    @contextmanager
    def read(self) -> Iterator[Tables]:
        """A snapshot: everything read in it is of one moment, and nothing can be written. Raises ``DatabaseUnavailable``."""
        with self._translating():
            driver = self._begun(self._readers, _SQLITE_READ if self._sqlite else _POSTGRESQL_READ)
            try:
                yield Tables(Connection(driver, self._statements))
                driver.cursor().execute("COMMIT")
            finally:
                driver.close()  # back to the pool, which rolls back what has not come to its end

    @contextmanager
    def write(self) -> Iterator[Tables]:
        """The only writer until it ends: commits at the end of the block, undoes its work when it raises.

        Raises ``DatabaseUnavailable``.
        """
        with self._translating(), self._writers.turn() as driver:
            tables = Tables(Connection(driver, self._statements))
            yield tables
            revision = tables.journal.write(tables.connection)
        if revision is not None:
            for watcher in tuple(self._watchers):
                watcher(revision)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Makes what the driver says of a database that cannot be used now our own error; a fault in a statement stays one."""
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise DatabaseUnavailable("every connection is in use") from error
        except Exception as error:
            if not self._is_passing(error):
                raise
            raise DatabaseUnavailable(str(error).strip()) from error

    def _is_passing(self, error: Exception) -> bool:
        """For SQLite by its primary result code (sqlite.org/rescode.html), for PostgreSQL by its driver's class."""
        if isinstance(error, sqlite3.Error):
            return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _PASSING
        return not self._sqlite and isinstance(error, self.engine.dialect.loaded_dbapi.OperationalError)

    @staticmethod
    def _begun(engine: sa.Engine, opening: Sequence[str]) -> PoolProxiedConnection:
        """A connection with a transaction that these statements begin."""
        driver = engine.raw_connection()
        try:
            cursor = driver.cursor()
            for statement in opening:
                cursor.execute(statement)
        except BaseException:
            driver.close()
            raise
        return driver

    def watch(self, watcher: Callable[[int], None]) -> Callable[[], None]:
        """Calls ``watcher`` with the revision after each commit of this process. Returns the function that ends it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def close(self) -> None:
        if self._observer is not None:
            self._observer.close()
        self._readers.dispose()
        self.engine.dispose()


def _parsed(text: str) -> sa.URL:
    try:
        url = sa.make_url(text)
    except ArgumentError:
        url = sa.URL.create("")
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite")
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseUnusable("A database is named by a URL: sqlite:////path/to/file or postgresql://user@host/name.")


def _sqlite_engine(url: sa.URL, *, reads_only: bool = False) -> sa.Engine:
    """Readers have connections of their own: to turn ``query_only`` on or off expires every prepared statement.

    The connection that was used last is used next, for it has its pages and statements at hand.
    """
    if not url.database or url.database == ":memory:":
        raise DatabaseUnusable("Sidedoor keeps its database in a file: name one, as in sqlite:////var/lib/sidedoor/sidedoor.db")
    try:
        _create_private(Path(url.database))
        _use_wal(Path(url.database))
    except (OSError, sqlite3.DatabaseError) as error:
        raise DatabaseUnusable(f"The database {url.database} cannot be used: {error}") from error
    engine = sa.create_engine(
        url, pool_size=8, max_overflow=24, pool_use_lifo=True, paramstyle="named", json_deserializer=_read_json,
        connect_args={"timeout": _BUSY_SECONDS, "cached_statements": 512},
    )  # fmt: skip
    sa.event.listen(engine, "connect", _prepare_sqlite_reader if reads_only else _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _read_json(text: str) -> Any:
    """``json.loads`` without its preparations, for what ``json.dumps`` wrote."""
    return _JSON.raw_decode(text)[0]


_JSON = json.JSONDecoder()


def _postgresql_engine(url: sa.URL) -> sa.Engine:
    """Connections are tried before use, so that a restart of the database fails no call.

    AUTOCOMMIT: the driver begins no transaction of its own accord; ours begin with statements of ours.
    """
    try:
        return sa.create_engine(url, pool_size=8, max_overflow=24, pool_pre_ping=True, isolation_level="AUTOCOMMIT")
    except ModuleNotFoundError as error:
        raise DatabaseUnusable("PostgreSQL needs its driver: pip install 'sidedoor[postgres]'.") from error


def _create_private(path: Path) -> None:
    """Makes the file, readable by its owner alone: it holds the secrets that SigV4 needs.

    A file that is there is not opened: closing it would take SQLite's locks from other connections of this process
    (sqlite.org/howtocorrupt.html, 2.2).
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        path.chmod(0o600)


def _use_wal(path: Path) -> None:
    """Switches the file to WAL, which it remembers. Processes take turns: SQLite does not wait for a lock when it switches."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    finally:
        os.close(directory)


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "synchronous=FULL",
        f"busy_timeout={_BUSY_SECONDS * 1000}",
        "foreign_keys=ON",
        "cache_size=-32000",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_sqlite_reader(connection: Any, record: object) -> None:
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA query_only=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
