"""A store and a way to call an operation as the server does, without the wire."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sidedoor.call import Access, Answer, Operation, Settings, perform
from sidedoor.identity.model import Caller, CallerKind, root_arn
from sidedoor.store.engine import Store

PROVIDER = "111111111111"
CONSUMER = "222222222222"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def root(account: str) -> Caller:
    arn = root_arn(account)
    return Caller(
        account=account, arn=arn, user_id=account, principal=arn, kind=CallerKind.ROOT, access_key_id=f"key-of-{account}"
    )


@dataclass
class World:
    """A store and what a call needs besides: ``world.ask(create_vpc, CidrBlock="10.0.0.0/16")``."""

    store: Store
    now: datetime = START
    random: random.Random = field(default_factory=lambda: random.Random(7))
    settings: Settings = field(default_factory=lambda: Settings(paging_secret=b"s" * 32))
    source: str | None = None
    user_agent: str | None = None

    def ask(
        self,
        operation: Operation,
        /,
        *,
        account: str = PROVIDER,
        region: str = "us-east-1",
        caller: Caller | None = None,
        **request: Any,
    ) -> Answer:
        """Calls an operation as the server does, without the wire. The clock moves a second, so that order is visible."""
        self.now += timedelta(seconds=1)
        access = Access(
            caller=caller or root(account), region=region, now=self.now, request_id="req-1",
            entropy=self.random.randbytes, settings=self.settings, source=self.source, user_agent=self.user_agent,
        )  # fmt: skip
        name = "".join(part.capitalize() for part in operation.__name__.split("_"))
        return perform(self.store, access, name, operation, request)
