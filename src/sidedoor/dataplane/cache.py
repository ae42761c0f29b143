"""The last wanted state on disk, so that an agent can go on while there is no control plane.

Rule 1: the file has a revision only while it holds every record up to that revision. A write that fails therefore ends writing
until the next complete snapshot: what is on disk stays old, and stays whole.
Rule 2: a change costs what it changes, whatever else there is.
Rule 3: the agent works without its cache, so nothing here stops it: a file that cannot be read is put aside.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sidedoor import codec
from sidedoor.codec import Document, UnreadableDocument
from sidedoor.dataplane.wanted import RECORDS

Change = tuple[str, str, Document | None]
"""Kind, id, and the record as a document, or None where it is gone."""

VERSION = 2
"""Of the file's layout and of the kinds of record that the feed has. A file with another one is put aside: the control plane
has everything that is in it, and also what an older feed did not tell."""

_SCHEMA = """
CREATE TABLE records (kind TEXT NOT NULL, id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE meta (revision INTEGER NOT NULL);
"""

log = logging.getLogger(__name__)


class _WrongVersion(Exception):
    """Another version of Sidedoor wrote the file."""


class Cache:
    """The file ``agent.db``. To be used on the thread that made it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._whole = True
        try:
            self._db = _open(path)
        except (sqlite3.DatabaseError, _WrongVersion) as error:
            self._db = self._put_aside(error)

    def load(self) -> tuple[int | None, list[tuple[str, Any]]]:
        """The revision and the records with their kinds, or None and nothing.

        Kinds that this version does not know stay in the file and are left out here.
        """
        try:
            row = self._db.execute("SELECT revision FROM meta").fetchone()
            documents = self._db.execute("SELECT kind, document FROM records").fetchall()
            records = [
                (kind, codec.from_document(json.loads(document), RECORDS[kind]))
                for kind, document in documents
                if kind in RECORDS
            ]
        except (sqlite3.DatabaseError, json.JSONDecodeError, UnreadableDocument) as error:
            self._db.close()
            self._db = self._put_aside(error)
            return None, []
        return (row[0], records) if row else (None, [])

    def apply(self, revision: int, changes: Iterable[Change]) -> None:
        """Takes in a batch, all of it or nothing. Does nothing before the first complete snapshot."""
        if not self._whole:
            return
        try:
            with self._db:
                if self._db.execute("UPDATE meta SET revision = ?", (revision,)).rowcount == 1:
                    self._write(changes)
        except sqlite3.DatabaseError as error:
            self._give_up(error)

    def replace(self, revision: int, documents: Sequence[Change]) -> None:
        """Takes in a complete snapshot: what it does not name is gone."""
        try:
            self._replace(revision, documents)
        except sqlite3.DatabaseError as error:
            self._db.close()
            self._db = self._put_aside(error)
            try:
                self._replace(revision, documents)
            except sqlite3.DatabaseError as second:
                self._give_up(second)
                return
        self._whole = True

    def close(self) -> None:
        self._db.close()

    def _replace(self, revision: int, documents: Sequence[Change]) -> None:
        with self._db:
            self._db.execute("DELETE FROM meta")
            self._db.execute("DELETE FROM records")
            self._write(documents)
            self._db.execute("INSERT INTO meta (revision) VALUES (?)", (revision,))

    def _write(self, changes: Iterable[Change]) -> None:
        for kind, record_id, document in changes:
            if document is None:
                self._db.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, record_id))
            else:
                row = (kind, record_id, json.dumps(document, separators=(",", ":")))
                self._db.execute("INSERT OR REPLACE INTO records (kind, id, document) VALUES (?, ?, ?)", row)

    def _give_up(self, error: Exception) -> None:
        self._whole = False
        log.error("the wanted state on disk stays as it is: %s", error, extra={"action": "cache.write_failed"})

    def _put_aside(self, error: Exception) -> sqlite3.Connection:
        """Renames the file with what belongs to it, and begins a new one: in memory, where the disk takes none."""
        aside = self._path.with_name(f"{self._path.name}.bad")
        log.warning("%s cannot be used and is now %s: %s", self._path, aside, error, extra={"action": "cache.put_aside"})
        try:
            for suffix in ("", "-wal", "-shm"):
                part = self._path.with_name(self._path.name + suffix)
                if part.exists():
                    part.replace(aside.with_name(aside.name + suffix))
            return _open(self._path)
        except (sqlite3.Error, OSError) as second:
            log.error("the wanted state is kept in memory alone: %s", second, extra={"action": "cache.in_memory"})
            return _in_memory()


def _in_memory() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(_SCHEMA)
    return db


def _open(path: Path) -> sqlite3.Connection:
    """The file, made where there is none, for our own user alone; SQLite gives its log the same mode."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    db = sqlite3.connect(path)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # The loss of the last batches in a power cut is no loss: the feed goes on from the revision that is there.
        db.execute("PRAGMA synchronous = NORMAL")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version != VERSION:
            raise _WrongVersion(f"its layout has version {version}, not {VERSION}")
    except (sqlite3.DatabaseError, _WrongVersion):
        db.close()
        raise
    return db


def glance(path: Path, kind: str | None = None, record_id: str | None = None) -> list[tuple[str, Any]]:
    """The records of a cache that belongs to a running agent, all or those of one kind and id: read, never mended.

    Nothing where there is no cache, or none that can be read.
    """
    conditions = {"kind": kind, "id": record_id}
    given = {name: value for name, value in conditions.items() if value is not None}
    where = " AND ".join(f"{name} = :{name}" for name in given) or "TRUE"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            found = db.execute(f"SELECT kind, document FROM records WHERE {where}", given).fetchall()  # noqa: S608
    except sqlite3.DatabaseError:
        return []
    return [(name, codec.from_document(json.loads(document), RECORDS[name])) for name, document in found if name in RECORDS]
