"""Whose an access key is, remembered for a moment: most clients ask many things with one key."""

from __future__ import annotations

import time

from sidedoor.aws.door import Authenticate, Credential

SECONDS = 1.0
"""How long another control plane's change of a key may stay unseen; AWS's own take longer to be known everywhere."""

MOST = 10_000


class Credentials:
    """Looks a key up when it is not known, or has not been looked at for a second, or since anything was written here."""

    def __init__(self, find: Authenticate) -> None:
        self._find = find
        self._known: dict[tuple[str, str | None], tuple[float, Credential]] = {}

    def of(self, access_key_id: str, session_token: str | None) -> Credential:
        """Raises ``InvalidClientTokenId`` and ``ExpiredToken``, which are not remembered."""
        known, now = self._known, time.monotonic()
        found = known.get((access_key_id, session_token))
        if found is not None and now - found[0] < SECONDS:
            return found[1]
        credential = self._find(access_key_id, session_token)
        if len(known) >= MOST:
            known.clear()
        # Into the dictionary from before the look-up: what was forgotten meanwhile stays forgotten.
        known[access_key_id, session_token] = now, credential
        return credential

    def forget(self) -> None:
        """To be called after each write."""
        self._known = {}
