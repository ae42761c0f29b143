"""How a state directory's networks stand on this host: chosen by the agent, written down for ``exec`` and ``plan``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from sidedoor import whole_file
from sidedoor.settings import Settings, SettingsError


@dataclass(frozen=True, kw_only=True)
class Placement:
    """``mode``: netns or loopback. ``user_namespace``: inside one that the holder keeps."""

    mode: str
    user_namespace: bool

    def write(self, settings: Settings) -> None:
        whole_file.write(settings.placement_file, json.dumps(asdict(self)))

    @property
    def why_nothing_can_be_attached(self) -> str:
        """One sentence with what to do, or nothing where attaching is possible."""
        if self.mode == "loopback":
            return (
                "The loopback placement has no network to which anything could be attached: "
                "run `sidedoor up --network netns` as root."
            )
        if self.user_namespace:
            return (
                "The networks stand in a user namespace, into which nothing of the host's can be put: "
                "run `sidedoor up` as root."
            )
        return ""

    @classmethod
    def read(cls, settings: Settings) -> Placement | None:
        """What was written down, or None: a file that a power cut left empty says nothing. Raises ``SettingsError``."""
        try:
            return cls(**json.loads(settings.placement_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        except PermissionError:
            raise SettingsError(f"{settings.state} is another user's: run this as that user.") from None

    def __str__(self) -> str:
        return f"{self.mode}{' in a user namespace' if self.user_namespace else ''}"
