"""What is attached, as files below the state directory: one for each attachment, and one that says how they all are.

Rule 1: ``STATE/attachments/<id>.json`` is wanted state. ``sidedoor attach`` and ``detach`` write it, the agent reads it; it
outlives both.
Rule 2: ``STATE/run/attachments.json`` is what the agent last saw. Only the agent writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidedoor import codec, whole_file
from sidedoor.dataplane.attachments import Attachment


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How an attachment is. ``reason``: why it does not stand, one sentence; empty where it does. ``hint``: what it lacks."""

    attachment: Attachment
    reason: str = ""
    hint: str = ""

    @property
    def state(self) -> str:
        return "waiting" if self.reason else "attached"


class AttachmentFiles:
    """The files of one state directory."""

    def __init__(self, state: Path, run: Path) -> None:
        self._wanted = state / "attachments"
        self._seen = run / "attachments.json"

    def stamp(self) -> int:
        """Another number whenever something was attached or detached since."""
        try:
            return self._wanted.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def load(self) -> dict[str, Attachment]:
        """All that is attached, by id. A file that says nothing that can be understood is left out."""
        found = (_read(path) for path in sorted(self._wanted.glob("*.json")))
        return {one.id: one for one in found if one is not None}

    def put(self, attachment: Attachment) -> None:
        self._wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self._path(attachment.id), codec.to_document(attachment))

    def remove(self, attachment_id: str) -> bool:
        """Whether it was there."""
        try:
            self._path(attachment_id).unlink()
        except FileNotFoundError:
            return False
        return True

    def say(self, seen: Mapping[str, Status]) -> None:
        _write(self._seen, {name: codec.to_document(status) for name, status in seen.items()})

    def seen(self) -> dict[str, Status]:
        """What the agent last said; nothing where none runs."""
        try:
            documents = json.loads(self._seen.read_text(encoding="utf-8"))
            return {name: codec.from_document(document, Status) for name, document in documents.items()}
        except (FileNotFoundError, ValueError):
            return {}

    def forget_seen(self) -> None:
        self._seen.unlink(missing_ok=True)

    def _path(self, attachment_id: str) -> Path:
        return self._wanted / f"{attachment_id}.json"


def _read(path: Path) -> Attachment | None:
    try:
        return codec.from_document(json.loads(path.read_text(encoding="utf-8")), Attachment)
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, document: object) -> None:
    whole_file.write(path, json.dumps(document, indent=1))
