"""One request of somebody who has signed in: what every page gets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sidedoor.aws.door import Invocation, Invoke
from sidedoor.identity.model import Caller
from sidedoor.notifications.texts import Language


@dataclass(frozen=True, kw_only=True)
class Visit:
    """``path``: what the URL's path names. ``query``: its parameters. ``mail``: where mails are, None: a server takes them."""

    caller: Caller
    region: str
    language: Language
    invoke: Invoke
    path: Mapping[str, str]
    query: Mapping[str, str]
    mail: Path | None
    source: str | None
    user_agent: str | None

    def ask(self, service: str, operation: str, **params: Any) -> Mapping[str, Any]:
        """What the API answers this caller. Raises ``ApiError``."""
        return self.invoke(
            Invocation(
                service=service, operation=operation, region=self.region, caller=self.caller, request_id=str(uuid.uuid4()),
                params={name: value for name, value in params.items() if value}, source=self.source,
                user_agent=self.user_agent,
            )
        )  # fmt: skip
