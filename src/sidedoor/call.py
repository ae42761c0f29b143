"""One API call: who asks, where, when, and the open transaction. What every operation gets."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sidedoor import errors, ids
from sidedoor.identity.model import Caller
from sidedoor.store.engine import Store
from sidedoor.store.schema import ClientToken
from sidedoor.store.tables import Tables

log = logging.getLogger("sidedoor.api")

Request = Mapping[str, Any]
"""An operation's input as botocore's model shapes it: member names as boto3 has them, booleans and integers parsed."""

Answer = dict[str, Any]
"""An operation's output in the same shape. Enum values are the wire's."""


READS = ("Describe", "Get", "List", "Lookup")
"""An operation whose name begins so reads and does not write, unless it is one of ``WRITES``."""

WRITES = frozenset({"GetFederationToken", "GetSessionToken"})
"""Operations that make something in spite of their name: a temporary access key is a record."""


LONGEST_TOKEN = 64
TOKEN_LIFE = timedelta(hours=24)
"""How long a ClientToken is good, and how long it may be (EC2 user guide, "Ensuring idempotency": at least 24 hours, for
instances counted from their termination; up to 64 ASCII characters)."""

OLD_TOKENS_AT_ONCE = 20
"""How many spent tokens a request removes that brings a new one: more than come, and so few that nobody waits for it."""


TIMED = frozenset(
    {
        *("DescribeInstanceAttribute", "DescribeInstanceCreditSpecifications", "DescribeInstanceStatus", "DescribeInstances"),
        *("GetMetricData", "GetMetricStatistics", "ListMetrics"),
        "DescribeTargetHealth",
    }
)
"""Reading operations whose answer changes with time alone."""


def only_reads(operation: str) -> bool:
    """Whether the operation of this name writes nothing."""
    return operation.startswith(READS) and operation not in WRITES


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operation may know of the installation."""

    dev: bool = False
    paging_secret: bytes
    endpoints_per_vpc: int = 50


@dataclass(frozen=True, kw_only=True)
class Call:
    caller: Caller
    region: str
    now: datetime
    request_id: str
    operation: str
    tables: Tables
    entropy: ids.Entropy
    settings: Settings
    source: str | None = None
    user_agent: str | None = None

    @property
    def account(self) -> str:
        return self.caller.account

    @property
    def owned(self) -> dict[str, str]:
        """The condition that keeps a query to what the caller owns here: ``tables.vpcs.where(**call.owned)``."""
        return {"account": self.account, "region": self.region}

    def new_id(self, prefix: str) -> str:
        return ids.mint(prefix, self.entropy)

    def arn(self, service: str, resource: str) -> str:
        return str(ids.Arn(service, self.region, self.account, resource))

    def explain(self, action: str, reason: str, **facts: object) -> None:
        """Tells the operator the true reason that an answer hides from the caller."""
        context = {"action": action, "request_id": self.request_id, "caller": self.caller.arn, **facts}
        log.info("%s: %s", self.operation, reason, extra=context)

    def replayed(self, request: Request) -> str | None:
        """The id of the resource that an earlier request with this ClientToken made, or None.

        Raises ``IdempotentParameterMismatch`` where that request had other parameters, ``InvalidParameterValue`` for what
        cannot be a token.
        """
        token = request.get("ClientToken")
        if not token:
            return None
        if len(token) > LONGEST_TOKEN or not token.isascii():
            reason = f"Expecting at most {LONGEST_TOKEN} ASCII characters."
            raise errors.InvalidParameterValue(value=token[:LONGEST_TOKEN], name="ClientToken", reason=reason)
        earlier = self.tables.client_tokens.find(self._token_id(token))
        if earlier is None or self._is_spent(earlier):
            return None
        if earlier.fingerprint != _fingerprint(request):
            raise errors.IdempotentParameterMismatch(token=token)
        return earlier.resource_id

    def remember_token(self, request: Request, resource_id: str) -> None:
        """Keeps the request's ClientToken, if it has one, for ``replayed``, and removes a few that are spent."""
        token = request.get("ClientToken")
        if not token:
            return
        tokens = self.tables.client_tokens
        for old in tokens.until("created", self.now - TOKEN_LIFE, OLD_TOKENS_AT_ONCE):
            if self._is_spent(old):
                tokens.remove(old)
            else:
                tokens.update(old, replace(old, created=self.now))  # so that it does not stand before those that are spent
        spent = tokens.find(self._token_id(token))
        tokens.remove_all([spent] if spent else [])
        tokens.add(
            ClientToken(
                id=self._token_id(token), account=self.account, region=self.region,
                fingerprint=_fingerprint(request), resource_id=resource_id, created=self.now,
            )
        )  # fmt: skip

    def _is_spent(self, token: ClientToken) -> bool:
        """Whether a token may be used anew: after its time, unless it is of instances that there still are."""
        old = token.created <= self.now - TOKEN_LIFE
        return old and not self.tables.instances.where(reservation_id=token.resource_id)

    def _token_id(self, token: str) -> str:
        return f"{self.account}/{self.region}/{self.operation}/{token}"


def _fingerprint(request: Request) -> str:
    parameters = {name: value for name, value in request.items() if name not in ("ClientToken", "DryRun")}
    return hashlib.sha256(json.dumps(parameters, sort_keys=True, default=str).encode()).hexdigest()


Operation = Callable[[Call, Request], Answer]
"""An operation: a plain function. It raises an ``ApiError`` or answers; what it wrote is committed only when it answers."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Everything of a call but its transaction. ``source``: the client's address."""

    caller: Caller
    region: str
    now: datetime
    request_id: str
    entropy: ids.Entropy
    settings: Settings
    source: str | None = None
    user_agent: str | None = None


def perform(store: Store, access: Access, name: str, operation: Operation, request: Request) -> Answer:
    """Runs an operation in one transaction of its own.

    With ``DryRun`` the operation runs whole and is rolled back, so that it is allowed exactly when the real one would be.
    """
    dry_run = bool(request.get("DryRun", False))
    with store.read() if only_reads(name) else store.write() as tables:
        call = Call(
            caller=access.caller, region=access.region, now=access.now, request_id=access.request_id, operation=name,
            tables=tables, entropy=access.entropy, settings=access.settings, source=access.source,
            user_agent=access.user_agent,
        )  # fmt: skip
        answer = operation(call, request)
        if dry_run:
            raise errors.DryRunOperation
    return answer
