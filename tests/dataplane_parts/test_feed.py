"""The feed's client against a small server on a Unix socket: snapshots, changes, and everything that can break in between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sidedoor.dataplane.feed import Batch, Feed

HELLO_ALL = {"type": "hello", "complete": True}
HELLO_MORE = {"type": "hello", "complete": False}
PING = {"type": "ping"}
CUT = "cut"
"""In a script: the server ends the stream here. A stream whose script has ended stays open."""


def record(record_id: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "record", "kind": "vpcs", "id": record_id, "document": document}


def revision(value: int) -> dict[str, Any]:
    return {"type": "revision", "value": value}


Script = list[dict[str, Any] | str | bytes]


class _Server(uvicorn.Server):
    """Leaves signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Control:
    """A control plane that says what its scripts say: the first script to the first stream, and so on."""

    def __init__(self, path: Path, *scripts: Script) -> None:
        self.path = path
        self.scripts = list(scripts)
        self.asked: list[str | None] = []
        self.reports: list[Any] = []
        self.refusing = False
        self.ended = asyncio.Event()

    async def feed(self, request: Request) -> Response:
        self.asked.append(request.query_params.get("after"))
        if not self.scripts:
            return Response(b'{"type":"hello","complete":true}\n{"type":"revision","value":4}\n', status_code=503)
        return StreamingResponse(self.lines(self.scripts.pop(0)))

    async def lines(self, script: Script) -> AsyncIterator[bytes]:
        for one in script:
            if one == CUT:
                return
            yield one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode() + b"\n"
        await self.ended.wait()

    async def report(self, request: Request) -> Response:
        self.reports.append(await request.json())
        return JSONResponse({}, status_code=500 if self.refusing else 200)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.ended.clear()
        routes = [Route("/v1/feed", self.feed), Route("/v1/report", self.report, methods=["POST"])]
        config = uvicorn.Config(Starlette(routes=routes), uds=str(self.path), log_config=None, lifespan="off", ws="none")
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        try:
            yield
        finally:
            self.ended.set()
            server.should_exit = True
            await serving


class Reader:
    """What the agent would be: it remembers the batches, and can be told to fail."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.failures = 0

    async def handle(self, batch: Batch) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the agent has a bug")
        self.batches.append(batch)

    @property
    def revisions(self) -> list[int]:
        return [one.revision for one in self.batches]


@contextlib.asynccontextmanager
async def following(feed: Feed, reader: Reader, after: int | None = None) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.follow(after, reader.handle))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await feed.close()
        assert task.cancelled()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.001)


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short one: a Unix socket's path has at most 107 bytes (unix(7))."""
    return tmp_path_factory.mktemp("feed") / "c.sock"


Play = Callable[[Control, Feed, Reader], Awaitable[None]]


def play(control: Control, scenario: Play, *, after: int | None = None, silence: float = 15.0) -> Reader:
    reader = Reader()

    async def run() -> None:
        feed = Feed(control.path, silence=silence)
        async with control.running(), following(feed, reader, after):
            await scenario(control, feed, reader)

    asyncio.run(run())
    return reader


def handled(count: int) -> Play:
    async def scenario(control: Control, feed: Feed, reader: Reader) -> None:
        await until(lambda: len(reader.batches) == count)

    return scenario


def test_a_snapshot_comes_as_one_complete_batch_and_changes_follow(path: Path) -> None:
    control = Control(
        path,
        [HELLO_ALL, record("vpc-1", {"id": "vpc-1"}), record("vpc-2", {"id": "vpc-2"}), revision(7), PING,
         record("vpc-1", None), revision(8)],
    )  # fmt: skip
    reader = play(control, handled(2))
    assert control.asked == [None]
    assert reader.batches == [
        Batch(7, True, (("vpcs", "vpc-1", {"id": "vpc-1"}), ("vpcs", "vpc-2", {"id": "vpc-2"}))),
        Batch(8, False, (("vpcs", "vpc-1", None),)),
    ]


def test_an_empty_snapshot_is_a_batch_too(path: Path) -> None:
    reader = play(Control(path, [HELLO_ALL, revision(0)]), handled(1))
    assert reader.batches == [Batch(0, True, ())]


def test_a_reader_that_has_a_revision_asks_for_what_came_after_it(path: Path) -> None:
    control = Control(path, [HELLO_MORE, record("vpc-1", {}), revision(42)])
    reader = play(control, handled(1), after=41)
    assert control.asked == ["41"]
    assert reader.batches == [Batch(42, False, (("vpcs", "vpc-1", {}),))]


def test_a_broken_stream_resumes_after_the_last_whole_batch(path: Path) -> None:
    control = Control(
        path,
        [HELLO_ALL, record("vpc-1", {}), revision(1), record("vpc-2", {}), CUT],
        [HELLO_MORE, record("vpc-2", {}), revision(2)],
    )
    reader = play(control, handled(2))
    assert control.asked == [None, "1"]
    assert reader.batches == [Batch(1, True, (("vpcs", "vpc-1", {}),)), Batch(2, False, (("vpcs", "vpc-2", {}),))]


def test_a_batch_that_could_not_be_handled_comes_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(control: Control, feed: Feed, reader: Reader) -> None:
        reader.failures = 1
        await until(lambda: reader.revisions == [2])

    control = Control(path, [HELLO_MORE, revision(2)], [HELLO_MORE, revision(2)])
    play(control, scenario, after=1)
    assert control.asked == ["1", "1"]
    assert "feed.unhandled" in [getattr(one, "action", None) for one in caplog.records]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"<html>\n", b"\xff\xfe\n", b"[]\n", b'"x"\n', b"null\n", b"{}\n", b'{"type":"hello"}\n',
        b'{"type":"revision","value":3}\n', b'{"type":"hello","complete":true}\n{"type":"record","id":"vpc-1"}\n',
    ],
)  # fmt: skip
def test_nonsense_is_given_up_and_asked_for_again(path: Path, nonsense: bytes) -> None:
    control = Control(path, [nonsense], [HELLO_ALL, revision(3)])
    assert play(control, handled(1)).batches == [Batch(3, True, ())]


def test_messages_of_a_newer_control_plane_are_passed_over(path: Path) -> None:
    control = Control(path, [HELLO_ALL, {"type": "advice", "text": "rest"}, revision(1)])
    assert play(control, handled(1)).revisions == [1]


def test_lines_may_be_cut_anywhere_and_hold_any_text(path: Path) -> None:
    document = {"name": "line\u2028separator\u0085and é"}
    text = json.dumps(record("vpc-1", document), ensure_ascii=False).encode() + b"\n"
    pieces: Script = [text[place : place + 1] for place in range(len(text))]
    reader = play(Control(path, [HELLO_ALL, *pieces, revision(1)]), handled(1))
    assert reader.batches[0].changes == (("vpcs", "vpc-1", document),)


def test_a_silent_stream_counts_as_dead(path: Path) -> None:
    scripts: list[Script] = [[HELLO_ALL, revision(1)] for _ in range(20)]
    control = Control(path, *scripts)
    play(control, handled(2), silence=0.2)
    assert control.asked[0] is None
    assert control.asked[-1] == "1"


def test_a_refusal_is_asked_again(path: Path) -> None:
    async def scenario(control: Control, feed: Feed, reader: Reader) -> None:
        await until(lambda: len(control.asked) == 2)
        control.scripts.append([HELLO_ALL, revision(5)])
        await until(lambda: reader.revisions == [5])

    play(Control(path), scenario)


def test_the_feed_goes_on_when_the_control_plane_comes_back(path: Path) -> None:
    async def run() -> None:
        reader, control = Reader(), Control(path, [HELLO_ALL, revision(1)], [HELLO_MORE, revision(2)])
        feed = Feed(path)
        async with following(feed, reader):
            async with control.running():
                await until(lambda: reader.revisions == [1])
                await feed.report({"revision": 1})
            with pytest.raises(httpx.HTTPError):
                await feed.report({"revision": 1})
            async with control.running():
                await until(lambda: reader.revisions == [1, 2])
                await feed.report({"revision": 2})
        assert control.asked == [None, "1"]
        assert control.reports == [{"revision": 1}, {"revision": 2}]

    asyncio.run(run())


def test_the_pauses_between_attempts_grow_up_to_a_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    enough = asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 7:
            enough.set()
            await asyncio.Event().wait()

    async def run() -> None:
        feed = Feed(path)
        monkeypatch.setattr("sidedoor.dataplane.feed.asyncio.sleep", pause)
        async with following(feed, Reader()):
            await asyncio.wait_for(enough.wait(), 10)

    asyncio.run(run())
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_a_report_that_is_refused_is_an_error(path: Path) -> None:
    async def scenario(control: Control, feed: Feed, reader: Reader) -> None:
        control.refusing = True
        with pytest.raises(httpx.HTTPError):
            await feed.report({"revision": 1})

    play(Control(path), scenario)


def test_a_control_plane_that_is_away_is_no_error_in_the_log(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        async with following(Feed(path), Reader()):
            await until(lambda: "feed.broken" in [getattr(one, "action", None) for one in caplog.records])

    caplog.set_level(logging.INFO)
    asyncio.run(run())
    assert {record.levelno for record in caplog.records if record.name.startswith("sidedoor")} == {logging.INFO}
