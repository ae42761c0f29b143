"""Writers take turns, and those who wait for theirs share one commit.

A commit waits for the disk; what is done before it does not. So a writer that sees somebody waiting leaves its transaction
open to the next one, and the last of them commits for all.

Rule 1: a turn after the first is a savepoint of its own: what fails takes nothing of the others along.
Rule 2: nobody leaves before the commit, for nothing may be known of a change that could still be lost; not even by an error
that another's change brought about.
Rule 3: where the commit fails, everybody whose work it was hears of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MOST_TURNS = 16
"""Turns in one transaction. More would gain little, and keep writers of other processes waiting."""


class _Transaction:
    """An open transaction. Only who has the turn touches it; the others wait for ``ended``."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.cursor = driver.cursor()
        self.turns = 0
        self.error: BaseException | None = None
        self.closed = False
        self.ended = threading.Event()

    def end(self) -> None:
        """Commits, unless it is broken, or undone as a whole."""
        try:
            if self.error is None and not self.closed:
                self.cursor.execute("COMMIT")
        except BaseException as error:
            self.error = error
        finally:
            self.driver.close()  # back to the pool, which rolls back what was not committed
            self.ended.set()


class Writers:
    """The writers of one database in this process. ``begin`` gives a connection with a transaction that may write."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin
        self._turn = threading.Lock()
        self._open: _Transaction | None = None
        self._counting = threading.Lock()
        self._waiting = 0

    @contextmanager
    def turn(self) -> Iterator[Any]:
        """The connection, for as long as the block lasts. Comes out of the block when its work is committed, or undone."""
        transaction = self._take_turn()
        alone = transaction.turns == 0  # nothing of anybody else's is in the transaction yet
        try:
            if not alone:
                transaction.cursor.execute("SAVEPOINT turn")
            yield transaction.driver
            if not alone:
                transaction.cursor.execute("RELEASE SAVEPOINT turn")
        except BaseException:
            self._undo(transaction, alone)
            raise
        finally:
            self._pass_on(transaction)
        if transaction.error is not None:
            raise transaction.error

    def _take_turn(self) -> _Transaction:
        with self._counting:
            self._waiting += 1
        self._turn.acquire()
        with self._counting:
            self._waiting -= 1
        if self._open is None:
            try:
                self._open = _Transaction(self._begin())
            except BaseException:
                self._turn.release()
                raise
        return self._open

    def _undo(self, transaction: _Transaction, alone: bool) -> None:
        try:
            if alone:
                transaction.cursor.execute("ROLLBACK")
                transaction.closed = True
            else:
                transaction.cursor.execute("ROLLBACK TO SAVEPOINT turn")
                transaction.cursor.execute("RELEASE SAVEPOINT turn")
        except BaseException as error:
            transaction.error = error  # a broken connection: nothing of this transaction can be saved

    def _pass_on(self, transaction: _Transaction) -> None:
        """To the next writer, which waits already; or else ends the transaction. Returns when it has ended."""
        transaction.turns += 1
        if self._waiting == 0 or transaction.turns >= MOST_TURNS or transaction.closed or transaction.error is not None:
            self._open = None
            transaction.end()
        self._turn.release()
        transaction.ended.wait()
