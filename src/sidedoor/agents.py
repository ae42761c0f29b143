"""The control plane's side of the link to the agent: the feed of wanted records, and the reports of what is.

Rule 1: the feed is list-then-watch. A reader names the last revision that it handled and gets what changed since; where that
is too far back, or it names none, it gets everything (``complete``) and then the changes. The first batch of a stream, which
may be empty, leads to the present.
Rule 2: a line of the feed says what a record is now, not what happened to it; a commit only wakes the reader up.
Rule 3: a report changes a record only where it speaks of the generation that the record has (``endpoints/lifecycle.py``).
Rule 4: what was counted may come more than once, and is kept once.

The link is a Unix socket that the operating system lets only our own user open; it never listens on a network address.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sidedoor import codec
from sidedoor.clock import utc_now
from sidedoor.counters import series
from sidedoor.counters.model import Told
from sidedoor.endpoints import lifecycle
from sidedoor.loadbalancers.model import HealthReason, HealthState, LoadBalancerState, TargetHealth
from sidedoor.metrics.record import record
from sidedoor.store.engine import DatabaseUnavailable, Store
from sidedoor.store.schema import FED
from sidedoor.store.tables import Tables

log = logging.getLogger(__name__)

PING_SECONDS = 5.0
POLL_SECONDS = 1.0
"""How long a change by another control plane on the same database may stay unseen."""


class Agents:
    """The link. ``applied``: the revision that the agent last reported as applied, None before the first. ``told``: what it
    counted, as it told last."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = utc_now) -> None:
        self._store, self._clock = store, clock
        self._streams: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self.applied: int | None = None
        self.told: Told | None = None
        self._told_at = 0.0
        self._unwatch = store.watch(self._wake)

    def application(self) -> Starlette:
        """The HTTP application for the Unix socket."""
        return Starlette(
            routes=[
                Route("/v1/feed", self._feed, methods=["GET"]),
                Route("/v1/report", self._report, methods=["POST"]),
            ]
        )

    @property
    def followers(self) -> int:
        """How many agents follow the feed."""
        return len(self._streams)

    @property
    def silence(self) -> float | None:
        """Seconds since an agent told what it counted, None before it did."""
        return None if self.told is None else time.monotonic() - self._told_at

    def close(self) -> None:
        """Ends all streams, so that the server can stop."""
        self._unwatch()
        self._closed = True
        self._set_all()

    def _wake(self, revision: int) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._set_all)

    def _set_all(self) -> None:
        for event in self._streams:
            event.set()

    async def _feed(self, request: Request) -> Response:
        after = request.query_params.get("after")
        self._loop = asyncio.get_running_loop()
        return StreamingResponse(self._lines(int(after) if after else None), media_type="application/x-ndjson")

    async def _lines(self, after: int | None) -> AsyncIterator[bytes]:
        event = asyncio.Event()
        self._streams.add(event)
        try:
            revision, lines = await run_in_threadpool(self._opening, after)
            yield lines
            silent = 0.0
            while not self._closed:
                event.clear()
                revision, lines = await run_in_threadpool(self._since, revision)
                if lines:
                    silent = 0.0
                    yield lines
                elif silent >= PING_SECONDS:
                    silent = 0.0
                    yield _line({"type": "ping"})
                try:
                    await asyncio.wait_for(event.wait(), POLL_SECONDS)
                except TimeoutError:
                    silent += POLL_SECONDS
        finally:
            self._streams.discard(event)

    def _opening(self, after: int | None) -> tuple[int, bytes]:
        """The first lines of a stream, and the revision that they lead to."""
        with self._store.read() as tables:
            if after is None or not _remembers(tables, after):
                return _everything(tables)
            revision, lines = _news(tables, after)
        # Without news an empty batch: from the report on it a control plane that was started anew learns that the agent stands.
        return revision, _hello(complete=False) + (lines or _revision(after))

    def _since(self, revision: int) -> tuple[int, bytes]:
        """What changed after ``revision``, as lines, and the revision that they lead to.

        Everything, where the reader was so slow that the changes are forgotten.
        """
        with self._store.read() as tables:
            return _news(tables, revision) if _remembers(tables, revision) else _everything(tables)

    async def _report(self, request: Request) -> Response:
        try:
            body = await request.json()
        except ClientDisconnect:
            return Response(status_code=400)  # The agent ended in the midst of it; the next one reports again.
        try:
            await run_in_threadpool(self._take, body)
        except DatabaseUnavailable as error:
            log.error("a report of the agent's could not be kept: %s", error, extra={"action": "agents.no_database"})
            return Response(status_code=503)  # The agent sends it again.
        revision = body.get("revision")
        if revision is not None:
            self.applied = revision
        return JSONResponse({})

    def _take(self, body: Mapping[str, Any]) -> None:
        if "counters" in body:
            self._take_counters(codec.from_document(body["counters"], Told))
        if not any(body.get(part) for part in ("endpoints", "load_balancers", "targets")):
            return
        with self._store.write() as tables:
            for report in body.get("endpoints", ()):
                _take_endpoint(tables, report, self._clock())
            for balancer_id in body.get("load_balancers", ()):
                _activate(tables, balancer_id)
            for report in body.get("targets", ()):
                _take_target(tables, report)

    def _take_counters(self, told: Told) -> None:
        """Keeps the minutes. They are told again where this fails, or its answer does not arrive."""
        if told.minutes:
            minutes = (datum for minute in told.minutes for datum in series.data(minute))
            record(self._store, minutes, source=told.source, now=self._clock())
        self.told, self._told_at = told, time.monotonic()


def _line(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _hello(*, complete: bool) -> bytes:
    return _line({"type": "hello", "complete": complete})


def _revision(value: int) -> bytes:
    return _line({"type": "revision", "value": value})


def _record(kind: str, record_id: str, record: object | None) -> bytes:
    document = None if record is None else codec.to_document(record)
    return _line({"type": "record", "kind": kind, "id": record_id, "document": document})


def _remembers(tables: Tables, revision: int) -> bool:
    """Whether all that changed after this revision is known. A revision from the future is another database's."""
    return tables.oldest_change() - 1 <= revision <= tables.revision()


def _everything(tables: Tables) -> tuple[int, bytes]:
    lines = [_record(kind.name, record.id, record) for kind in FED for record in tables.fed(kind.name)]
    revision = tables.revision()
    return revision, b"".join((_hello(complete=True), *lines, _revision(revision)))


def _news(tables: Tables, after: int) -> tuple[int, bytes]:
    """What changed after a revision: nothing, or lines that end with the revision to which they lead."""
    changes = tables.changes_after(after)
    if not changes:
        return after, b""
    newest = changes[-1][0]
    lines = _changed(tables, {(kind, record_id): None for _, kind, record_id in changes})
    return newest, b"".join((*lines, _revision(newest)))


def _changed(tables: Tables, changes: Mapping[tuple[str, str], None]) -> Iterator[bytes]:
    """A line for each changed record as it is now; ``null`` for one that is gone."""
    ids_of: dict[str, list[str]] = {}
    for kind, record_id in changes:
        ids_of.setdefault(kind, []).append(record_id)
    for kind, record_ids in ids_of.items():
        found = {record.id: record for record in tables.fed(kind, record_ids)}
        for record_id in record_ids:
            yield _record(kind, record_id, found.get(record_id))


def _take_endpoint(tables: Tables, report: Mapping[str, Any], now: datetime) -> None:
    endpoint_id, generation, status = report["id"], report["generation"], report["status"]
    match status:
        case "ready":
            changed = lifecycle.provisioned(tables, endpoint_id, generation, now)
        case "failed":
            changed = lifecycle.provision_failed(tables, endpoint_id, generation, report.get("message", ""), now)
        case "removed":
            changed = lifecycle.removed(tables, endpoint_id, generation, now)
        case _:
            log.warning("%s: %s is no report", endpoint_id, status, extra={"action": "endpoint.misreported"})
            return
    if changed:
        context = {"action": f"endpoint.{status}", "endpoint": endpoint_id, "generation": generation}
        log.info("the agent reports %s: %s %s", endpoint_id, status, report.get("message", ""), extra=context)


def _activate(tables: Tables, balancer_id: str) -> None:
    balancer = tables.load_balancers.find(balancer_id)
    if balancer is not None and balancer.state is LoadBalancerState.PROVISIONING:
        tables.load_balancers.update(balancer, replace(balancer, state=LoadBalancerState.ACTIVE))


def _take_target(tables: Tables, report: Mapping[str, Any]) -> None:
    target = tables.targets.find(report["id"])
    if target is None or target.draining_since is not None:
        return
    found = tables.target_health.find(report["id"])
    if found is not None and report["state"] == HealthState.INITIAL:
        return  # An agent that was started anew looks at all targets again; what was known of them stands until it has.
    told = TargetHealth(
        id=report["id"], target_group_id=report["target_group_id"], state=HealthState(report["state"]),
        reason=HealthReason(report["reason"]) if report.get("reason") else None, codes=tuple(report.get("codes", ())),
    )  # fmt: skip
    if found is None:
        tables.target_health.add(told)
    else:
        tables.target_health.update(found, replace(told, version=found.version))
