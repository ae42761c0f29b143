"""Writers that wait share a commit, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa
from record_samples import vpc

from sidedoor.store.engine import Store
from sidedoor.store.writers import MOST_TURNS

MANY = 10


class Mistake(Exception):
    """What an operation raises in the middle of its work."""


def transactions(store: Store) -> list[object]:
    """A list that grows with each transaction of the writers'."""
    begun: list[object] = []
    begin = store._writers._begin

    def counted() -> object:
        begun.append(begin())
        return begun[-1]

    store._writers._begin = counted
    return begun


def queued(store: Store, works: list[Callable[[], Any]]) -> list[Future[Any]]:
    """Does each of the works, which write, after all of them have begun to wait behind a first writer."""
    holding = threading.Event()

    def first() -> None:
        with store.write():
            holding.set()
            while store._writers._waiting < len(works):
                threading.Event().wait(0.001)

    with ThreadPoolExecutor(len(works) + 1) as threads:
        holder = threads.submit(first)
        assert holding.wait(10)
        found = [threads.submit(work) for work in works]
        holder.exception(30)
        return found


def adding(store: Store, number: int, *, fails: bool = False) -> Callable[[], str]:
    def add() -> str:
        with store.write() as tables:
            tables.vpcs.add(vpc(number))
            if fails:
                raise Mistake
        with store.read() as tables:
            assert tables.vpcs.find(f"vpc-{number}") is not None, "it is committed before its writer goes on"
        return f"vpc-{number}"

    return add


def ids(store: Store) -> set[str]:
    with store.read() as tables:
        return {one.id for one in tables.vpcs.where()}


def test_writers_that_wait_share_one_transaction(any_store: Store) -> None:
    begun = transactions(any_store)
    found = queued(any_store, [adding(any_store, number) for number in range(MANY)])
    assert {one.result() for one in found} == ids(any_store)
    assert len(begun) == 1
    with any_store.read() as tables:
        assert tables.revision() == MANY, "a revision for each of them"


def test_a_writer_that_nobody_waits_for_has_one_of_its_own(any_store: Store) -> None:
    begun = transactions(any_store)
    for number in range(3):
        adding(any_store, number)()
    assert len(begun) == 3


def test_a_transaction_takes_so_many_turns_and_no_more(any_store: Store) -> None:
    begun = transactions(any_store)
    queued(any_store, [adding(any_store, number) for number in range(MOST_TURNS + 2)])
    assert len(begun) == 2
    assert len(ids(any_store)) == MOST_TURNS + 2


def test_what_fails_takes_nothing_of_the_others_along(any_store: Store) -> None:
    found = queued(any_store, [adding(any_store, number, fails=number % 3 == 0) for number in range(MANY)])
    assert [type(one.exception()) for one in found] == [Mistake if number % 3 == 0 else type(None) for number in range(MANY)]
    assert ids(any_store) == {f"vpc-{number}" for number in range(MANY) if number % 3}


def test_everybody_hears_of_a_commit_that_fails(any_store: Store) -> None:
    """The constraint is one that the database looks at when it commits."""
    with any_store.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(sa.text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        reference = "REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED"
        connection.execute(sa.text(f"CREATE TABLE child (parent INTEGER {reference})"))

    def orphan() -> None:
        with any_store.write() as tables:
            tables.connection.execute("orphan", lambda: sa.text("INSERT INTO child (parent) VALUES (1)"))

    found = queued(any_store, [adding(any_store, 1), orphan, adding(any_store, 2)])
    assert all(isinstance(one.exception(), any_store.engine.dialect.loaded_dbapi.Error) for one in found)
    assert ids(any_store) == set()
    adding(any_store, 3)()
    assert ids(any_store) == {"vpc-3"}
