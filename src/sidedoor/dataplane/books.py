"""What the agent has counted, on disk: Envoy lives on when an agent ends, and so do its counters.

Rule 1: a file is replaced whole. After a power cut an older one may be there; Envoy's counters began anew with it.
Rule 2: a minute is kept until the control plane has it, up to a limit: then the oldest go.
Rule 3: counting goes on without a disk that can be written: what is kept is in memory too.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidedoor import codec, whole_file
from sidedoor.codec import UnreadableDocument
from sidedoor.counters.model import NONE, Counts, Flow, Minute, Passage
from sidedoor.dataplane.counting import Ledger, Open

MOST_MINUTES = 1440
"""A day."""

MOST_BYTES = 64 * 1024 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A ledger, as it is written."""

    source: str
    life: str | None
    last: dict[str, Counts]
    passages: dict[str, Passage]
    totals: tuple[Flow, ...]
    beats: int = 0
    open: Minute | None = None

    def ledger(self) -> Ledger:
        return Ledger(
            life=self.life, last=self.last, passages=self.passages,
            totals={one.passage: one.counts for one in self.totals},
            open=None if self.open is None else _reopened(self.open, self.beats),
        )  # fmt: skip


def _reopened(minute: Minute, beats: int) -> Open:
    return Open(
        number=minute.number,
        beats=beats,
        counts={one.passage: one.counts for one in minute.flows if one.counts != NONE},
        samples={one.passage: list(one.open) for one in minute.flows},
        populations={one.population: list(one.numbers) for one in minute.inhabitants},
    )


@dataclass(slots=True)
class Books:
    """The directory ``counts``. ``source``: the name under which these counts are told; a new one where nothing was kept."""

    directory: Path
    source: str = field(init=False)
    ledger: Ledger = field(init=False)
    _untold: dict[int, bytes] = field(init=False, default_factory=dict)
    _failing: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        page = self._read(self._page, Page)
        self.source = page.source if page is not None else uuid.uuid4().hex
        self.ledger = page.ledger() if page is not None else Ledger()
        for path in self.directory.glob("*.minute") if page is not None else ():
            if self._read(path, Minute) is not None:
                self._untold[int(path.stem)] = path.read_bytes()

    def untold(self, most: int) -> list[tuple[int, dict[str, Any]]]:
        """The oldest minutes that nobody was told of yet, by number, as documents."""
        return [(number, json.loads(self._untold[number])) for number in sorted(self._untold)[:most]]

    def keep(self, complete: Minute | None) -> None:
        """Writes down the ledger as it is now, and before it the minute that is complete."""
        if complete is not None:
            self._untold[complete.number] = _bytes(complete)
            self._write(self._path(complete.number), self._untold[complete.number])
            self._thin()
        self._write(self._page, _bytes(self._now()))

    def drop(self, numbers: Iterable[int]) -> None:
        """Forgets minutes: they were told, or there are too many."""
        for number in numbers:
            self._untold.pop(number, None)
            try:
                self._path(number).unlink(missing_ok=True)
            except OSError as error:
                self._note(error)

    def _thin(self) -> None:
        size = sum(map(len, self._untold.values()))
        while len(self._untold) > MOST_MINUTES or size > MOST_BYTES:
            oldest = min(self._untold)
            size -= len(self._untold[oldest])
            self.drop([oldest])
            log.warning("a minute that could not be told is forgotten", extra={"action": "counts.forgotten", "minute": oldest})

    def _now(self) -> Page:
        ledger = self.ledger
        return Page(
            source=self.source, life=ledger.life, last=ledger.last, passages=ledger.passages,
            totals=tuple(Flow(passage=one, counts=counts) for one, counts in ledger.totals.items()),
            beats=ledger.open.beats if ledger.open else 0, open=ledger.open.minute() if ledger.open else None,
        )  # fmt: skip

    @property
    def _page(self) -> Path:
        return self.directory / "ledger.json"

    def _path(self, number: int) -> Path:
        return self.directory / f"{number}.minute"

    def _read(self, path: Path, kind: Any) -> Any:
        """What was written, or None where nothing was, or nothing that can be read."""
        try:
            return codec.from_document(json.loads(path.read_bytes()), kind)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, UnreadableDocument) as error:
            log.warning("%s cannot be used: %s", path, error, extra={"action": "counts.unreadable"})
            return None

    def _write(self, path: Path, content: bytes) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole_file.write(path, content)
            self._failing = False
        except OSError as error:
            self._note(error)

    def _note(self, error: OSError) -> None:
        """Says once that the disk does not take what is counted."""
        if not self._failing:
            log.error("what is counted cannot be written down: %s", error, extra={"action": "counts.write_failed"})
        self._failing = True


def _bytes(record: object) -> bytes:
    return json.dumps(codec.to_document(record), separators=(",", ":")).encode()
