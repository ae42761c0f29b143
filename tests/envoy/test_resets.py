"""Flows of the real Envoy that somebody else ends: both ends see a reset, and no other flow notices."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Collection

import pytest
from envoy_stage import BALANCER, NODE, PATIENCE, Flow, Stage, Target, a_door, play, until

from sidedoor.dataplane import flows, resets
from sidedoor.dataplane.desired import Door


class Remembering(Target):
    """A target that remembers how its flows ended."""

    ends: list[str]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await super().serve(reader, writer)
        except ConnectionError as error:
            self.ends.append(type(error).__name__)
        else:
            self.ends.append("end")


async def target(stage: Stage, number: int) -> Remembering:
    made = Remembering(f"target-{number}", f"127.79.9.{number}")
    made.ends = []
    _, made.port = await stage.server(made.address, made.serve)
    return made


async def open_door(stage: Stage, number: int, *targets: Target) -> Door:
    door = a_door(number)
    stage.balancer(*targets)
    owner = stage.endpoint(door)
    stage.ads.complete()
    await stage.settled(BALANCER, owner)
    return door


async def flow_to(stage: Stage, door: Door, wanted: Remembering, other: Remembering) -> Flow:
    """A flow that has reached this one of two targets. No other is left."""
    while True:
        flow, ends = await stage.connect(door), len(other.ends)
        if flow.target == wanted.name:
            return flow
        flow.writer.close()
        await until(lambda ends=ends: len(other.ends) > ends)


def end(stage: Stage, *targets: Target) -> int:
    return reset(stage.envoy.pid, {(one.address, one.port) for one in targets})


def reset(holder: int | None, peers: Collection[tuple[str, int]]) -> int:
    with flows.open_diagnosis() as diagnosis:
        return flows.reset_flows(diagnosis, NODE.address, peers, holder)


async def how_it_ended(flow: Flow) -> str:
    try:
        return repr(await asyncio.wait_for(flow.reader.read(), PATIENCE))
    except ConnectionError as error:
        return type(error).__name__


def test_a_flow_that_is_reset_shows_a_reset_at_both_ends_and_others_live() -> None:
    async def act(stage: Stage) -> None:
        one, other = await target(stage, 1), await target(stage, 2)
        door = await open_door(stage, 1, one, other)
        ended, kept = await flow_to(stage, door, one, other), await flow_to(stage, door, other, one)
        others_before = list(other.ends)
        assert end(stage, one) == 1
        assert await how_it_ended(ended) == "ConnectionResetError"
        await until(lambda: "ConnectionResetError" in one.ends)
        assert await kept.echoes("undisturbed")
        assert other.ends == others_before
        assert end(stage, one) == 0

    play(act)


def test_several_flows_to_several_targets_end_together() -> None:
    async def act(stage: Stage) -> None:
        one, other = await target(stage, 1), await target(stage, 2)
        door = await open_door(stage, 1, one, other)
        opened = [await flow_to(stage, door, *two) for two in ((one, other), (other, one), (one, other))]
        assert end(stage, one, other) == len(opened)
        assert {await how_it_ended(flow) for flow in opened} == {"ConnectionResetError"}

    play(act)


def test_a_flow_of_another_process_to_the_same_place_is_left_alone() -> None:
    async def act(stage: Stage) -> None:
        one = await target(stage, 1)
        await open_door(stage, 1, one)
        reader, writer = await asyncio.open_connection(one.address, one.port, local_addr=(NODE.address, 0))
        assert await reader.readline() == b"target-1\n"
        assert end(stage, one) == 0
        writer.write(b"still here\n")
        assert await reader.readline() == b"still here\n"
        writer.close()

    play(act)


def test_where_the_process_cannot_be_reached_the_kernel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> int:
        raise PermissionError

    async def act(stage: Stage) -> None:
        one = await target(stage, 1)
        door = await open_door(stage, 1, one)
        flow = await stage.connect(door)
        monkeypatch.setattr(resets, "reset", forbidden)
        try:
            ended = end(stage, one)
        except OSError as error:
            pytest.skip(f"the kernel ends no flows for this user: {error.strerror}")
        assert ended == 1
        assert await how_it_ended(flow) == "b''"
        await until(lambda: one.ends == ["ConnectionResetError"])

    play(act)


def test_a_process_that_is_gone_has_no_flows() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert resets.sockets(child.pid) == {}
    assert resets.reset(child.pid, {1: 1}) == 0
    assert reset(None, {("127.79.9.1", 1)}) == 0


def test_a_descriptor_that_has_become_another_socket_is_left_alone() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as one,
        listening.accept()[0] as other,
    ):
        inode = os.fstat(one.fileno()).st_ino
        assert resets.sockets(os.getpid())[inode] == one.fileno()
        assert resets.reset(os.getpid(), {inode + 10_000_000: one.fileno()}) == 0
        assert resets.reset(os.getpid(), {inode: 1_000_000}) == 0
        one.send(b"x")
        assert other.recv(1) == b"x"
        assert resets.reset(os.getpid(), {inode: one.fileno()}) == 1
        with pytest.raises(ConnectionResetError):
            other.recv(1)
