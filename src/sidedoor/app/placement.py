"""How a state directory's networks stand on this host: chosen by the agent, written down for ``exec`` and ``plan``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Placement:
    """``mode``: netns or loopback. ``user_namespace``: inside one that the holder keeps."""

    mode: str
    user_namespace: bool

    def write(self, run: Path) -> None:
        (run / "placement.json").write_text(json.dumps({"mode": self.mode, "user_namespace": self.user_namespace}))

    @classmethod
    def read(cls, run: Path) -> Placement | None:
        try:
            document = json.loads((run / "placement.json").read_text())
        except FileNotFoundError:
            return None
        return cls(mode=document["mode"], user_namespace=document["user_namespace"])
