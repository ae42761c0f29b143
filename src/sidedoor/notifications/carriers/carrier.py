"""What a carrier is."""

from __future__ import annotations

from typing import Protocol

from sidedoor.notifications.letter import Letter


class Undeliverable(Exception):
    """A try failed; the message says why. ``final``: trying again would change nothing."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


class Carrier(Protocol):
    """Carries letters in one way."""

    async def carry(self, letter: Letter) -> None:
        """Comes back when the subscriber has the letter. Raises ``Undeliverable``."""

    async def close(self) -> None:
        """Lets go of connections."""
