"""A read that is cancelled in the moment in which its bytes come: anyio has the future told, and the loop complains."""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path

import anyio
import pytest

from sidedoor.app.loops import forgive_late_reads


async def read_that_is_cancelled_as_its_bytes_come(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(directory / "socket"))
        listening.listen()
        async with await anyio.connect_unix(directory / "socket") as stream:
            peer, _ = listening.accept()
            with peer:
                reading = asyncio.create_task(stream.receive())
                for _ in range(10):  # turns of the loop: it reads, finds nothing, and waits
                    await asyncio.sleep(0)
                asyncio.get_running_loop().call_soon(reading.cancel)
                peer.send(b"late")
                await asyncio.wait([reading])
                assert reading.cancelled()
                assert await stream.receive() == b"late"


@pytest.mark.parametrize("forgiving", [True, False])
def test_the_loop_complains_of_it_unless_it_is_told_not_to(
    tmp_path: Path, forgiving: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def play() -> None:
        if forgiving:
            forgive_late_reads(asyncio.get_running_loop())
        await read_that_is_cancelled_as_its_bytes_come(tmp_path)

    asyncio.run(play())
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [error.getMessage().split("\n")[0] for error in errors] == (
        [] if forgiving else ["Exception in callback Future.set_result(None)"]
    )


def test_any_other_failure_of_a_callback_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        asyncio.Future[None](loop=asyncio.get_running_loop()).result()  # InvalidStateError too, but of our own

    async def play() -> None:
        loop = asyncio.get_running_loop()
        forgive_late_reads(loop)
        loop.call_soon(fails)
        loop.call_soon(int, "no number")
        await asyncio.sleep(0)

    asyncio.run(play())
    assert [record.levelname for record in caplog.records if record.name == "asyncio"] == ["ERROR", "ERROR"]
