"""Snapshots, serial writers, and what a transaction that fails leaves behind: nothing."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from record_samples import START, vpc

from sidedoor.store.engine import DatabaseUnavailable, DatabaseUnusable, Store
from sidedoor.store.schema import OutboxEvent

EVENT = OutboxEvent(
    id="evt-1", account="1", region="r", name="Connect", service_id="vpce-svc-1", endpoint_id="vpce-1", created=START
)


class Change(Exception):
    """What an operation raises in the middle of its work."""


def test_a_transaction_that_raises_leaves_nothing_behind(any_store: Store) -> None:
    with pytest.raises(Change), any_store.write() as tables:
        tables.vpcs.add(vpc())
        tables.events.add(EVENT)
        raise Change
    with any_store.read() as tables:
        assert tables.vpcs.where() == []
        assert tables.events.where() == []
        assert (tables.revision(), tables.changes_after(0)) == (0, [])


def test_a_change_and_its_event_appear_together(any_store: Store, other_store: Store) -> None:
    with any_store.write() as tables:
        tables.vpcs.add(vpc())
        tables.events.add(EVENT)
        with other_store.read() as others:
            assert (others.vpcs.where(), others.events.where()) == ([], [])
    with other_store.read() as others:
        assert [one.id for one in (*others.vpcs.where(), *others.events.where())] == ["vpc-1", "evt-1"]


def test_a_read_is_of_one_moment(any_store: Store, other_store: Store) -> None:
    with any_store.write() as tables:
        before = tables.vpcs.add(vpc(1))
    with any_store.read() as tables:
        assert tables.vpcs.where() == [before]
        with other_store.write() as others:
            others.vpcs.update(before, replace(before, tenancy="dedicated"))
            others.vpcs.add(vpc(2))
        assert tables.vpcs.where() == [before]
        assert tables.revision() == 1
    with any_store.read() as tables:
        assert len(tables.vpcs.where()) == 2


def test_a_read_cannot_write(any_store: Store) -> None:
    refusals = (any_store.engine.dialect.loaded_dbapi.Error, DatabaseUnavailable)
    with pytest.raises(refusals), any_store.read() as tables:
        tables.vpcs.add(vpc())
    with any_store.write() as tables:
        tables.vpcs.add(vpc())


def test_a_writer_waits_for_the_one_before_it_even_in_another_process(any_store: Store, other_store: Store) -> None:
    entered = threading.Event()

    def second() -> list[str]:
        with other_store.write() as others:
            entered.set()
            return [one.id for one in others.vpcs.where()]

    with ThreadPoolExecutor(1) as thread:
        with any_store.write() as tables:
            found = thread.submit(second)
            assert not entered.wait(0.2)
            tables.vpcs.add(vpc())
        assert found.result(timeout=10) == ["vpc-1"]


def test_no_write_is_lost_between_concurrent_writers(any_store: Store, other_store: Store) -> None:
    with any_store.write() as tables:
        tables.vpcs.add(vpc(tags={"count": "0"}))

    def increment(store: Store) -> None:
        with store.write() as tables:
            (before,) = tables.vpcs.where()
            tables.vpcs.update(before, replace(before, tags={"count": str(int(before.tags["count"]) + 1)}))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(increment, [any_store, other_store] * 20))
    with any_store.read() as tables:
        (found,) = tables.vpcs.where()
    assert (found.tags["count"], found.version) == ("40", 41)


def test_who_sees_a_revision_has_seen_all_before_it(any_store: Store, other_store: Store) -> None:
    done = threading.Event()

    def write(number: int) -> None:
        with (any_store, other_store)[number % 2].write() as tables:
            tables.vpcs.add(vpc(number))

    def watch() -> int:
        snapshots = 0
        while not done.is_set():
            with other_store.read() as tables:
                seen = [revision for revision, _, _ in tables.changes_after(0)]
                assert seen == list(range(1, tables.revision() + 1))
                assert len(tables.vpcs.where()) == len(seen)
            snapshots += 1
        return snapshots

    with ThreadPoolExecutor(9) as threads:
        watcher = threads.submit(watch)
        try:
            list(threads.map(write, range(40)))
        finally:
            done.set()
        assert watcher.result(timeout=10) > 0
    with any_store.read() as tables:
        assert tables.revision() == 40


def test_watchers_hear_of_commits_and_of_nothing_else(any_store: Store) -> None:
    heard: list[int] = []
    stop = any_store.watch(heard.append)
    with any_store.write() as tables:
        tables.vpcs.add(vpc(1))
        assert heard == []
    with pytest.raises(Change), any_store.write() as tables:
        tables.vpcs.add(vpc(2))
        raise Change
    with any_store.write() as tables:
        tables.events.add(EVENT)
    with any_store.write() as tables:
        tables.vpcs.add(vpc(3))
    stop()
    with any_store.write() as tables:
        tables.vpcs.add(vpc(4))
    assert heard == [1, 2]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_store_outlives_a_restart_of_its_database(any_store: Store, postgres: Any) -> None:
    with any_store.write() as tables:
        tables.vpcs.add(vpc(1))
    postgres.end_connections(str(any_store.engine.url.database))
    with any_store.write() as tables:
        tables.vpcs.add(vpc(2))
    with any_store.read() as tables:
        assert len(tables.vpcs.where()) == 2


def test_the_database_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "sidedoor.db"
    store = Store(f"sqlite:///{path}")
    store.migrate()
    with store.write() as tables:
        tables.vpcs.add(vpc())
        modes = {one.name: oct(one.stat().st_mode & 0o777) for one in path.parent.iterdir()}
    assert modes == {"sidedoor.db": "0o600", "sidedoor.db-wal": "0o600", "sidedoor.db-shm": "0o600"}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    store.close()


def test_a_database_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "sidedoor.db"
    path.touch(0o644)
    Store(f"sqlite:///{path}").close()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match="name one"):
        Store(url)


def test_the_version_changes_with_every_commit_and_with_nothing_else(any_store: Store, other_store: Store) -> None:
    if not any_store.answers_at_once:
        pytest.skip("PostgreSQL has no such number")
    seen = [any_store.version()]
    for store in (any_store, other_store):
        with store.write() as tables:
            tables.vpcs.add(vpc(len(seen)))
            assert any_store.version() == seen[-1]
        seen.append(any_store.version())
        with store.read() as tables:
            tables.vpcs.where()
        with pytest.raises(Change), store.write() as tables:
            tables.vpcs.add(vpc(9))
            raise Change
        assert any_store.version() == seen[-1]
    assert len(set(seen)) == 3
