"""What the real Envoy counts of a door, for each way in which a connection can go; and how its answer is read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import replace

from envoy_stage import BALANCER, PATIENCE, Stage, Target, a_door, free_port, play, until

from sidedoor.counters.model import NONE, Counts
from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.desired import Door
from sidedoor.dataplane.envoy import tally
from sidedoor.dataplane.envoy.admin import Admin


def reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def until_the_end(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), PATIENCE)


NOBODY = Admission(blocks=(), ruled=True)


async def lets_in(stage: Stage, door: Door) -> bool:
    """Whether a client reaches the target."""
    reader, writer = await stage.open(door)
    try:
        return await asyncio.wait_for(reader.readline(), PATIENCE) == b"one\n"
    except ConnectionError:
        return False
    finally:
        writer.close()


class Counter:
    """Reads what came to a door's counts since it was read last."""

    def __init__(self, admin: Admin, door: Door) -> None:
        self._admin, self._door, self._before = admin, door, NONE

    async def read(self) -> Counts:
        return tally.read(await self._admin.tallies()).get(self._door.name, NONE)

    async def expect(self, **expected: int) -> None:
        """Waits until exactly this has come."""

        async def come() -> bool:
            return (await self.read()).since(self._before) == Counts(**expected)

        try:
            await until(come)
        except TimeoutError:
            raise AssertionError(f"{(await self.read()).since(self._before)} is not {expected}") from None
        self._before = await self.read()


def test_each_way_in_which_a_connection_goes_is_counted() -> None:
    async def act(stage: Stage) -> None:
        async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            reset(writer)

        echo, resetting = await stage.target("one"), Target("x", *await stage.server("127.79.2.2", resets))
        door, other = a_door(), a_door(2, idle_timeout=1)
        stage.balancer(echo)
        owners = stage.endpoint(door), stage.endpoint(other)
        stage.ads.complete()
        await stage.settled(BALANCER, *owners)

        async def without_target(*targets: Target) -> None:
            stage.hosts(*targets)
            await stage.settled(BALANCER)
            reader, writer = await stage.open(door)
            await until_the_end(reader)
            writer.close()

        async with Admin(stage.envoy.admin_path) as admin:
            counter, others = Counter(admin, door), Counter(admin, other)
            flow = await stage.connect(door)
            assert await flow.echoes("12345")
            await counter.expect(opened=1, established=1, bytes=len("one\n12345\n12345\n"))
            assert (await counter.read()).open == 1
            flow.writer.close()
            await counter.expect(closed=1)
            reset((await stage.connect(door)).writer)
            await counter.expect(opened=1, closed=1, established=1, bytes=len("one\n"), client_resets=1)
            idle = await stage.connect(other)
            await idle.ended()
            await others.expect(opened=1, closed=1, established=1, bytes=len("one\n"), given_up=1)

            stage.hosts(resetting)
            await stage.settled(BALANCER)
            reader, writer = await stage.open(door)
            writer.write(b"x\n")
            await until_the_end(reader)
            await counter.expect(opened=1, closed=1, established=1, bytes=2, target_resets=1)
            await without_target(Target("y", "127.79.2.3", free_port("127.79.2.3")))
            await counter.expect(opened=1, closed=1, target_resets=1)
            await without_target()
            await counter.expect(opened=1, closed=1, given_up=1)
            await others.expect()

    play(act)


def test_clients_that_the_rules_turn_away_are_dropped_and_new_rules_begin_no_count_anew() -> None:
    async def act(stage: Stage) -> None:
        door = a_door()
        stage.balancer(await stage.target("one"))
        owner = stage.endpoint(door)
        stage.ads.complete()
        await stage.settled(BALANCER, owner)
        async with Admin(stage.envoy.admin_path) as admin:
            counter = Counter(admin, door)
            flow = await stage.connect(door)
            await counter.expect(opened=1, established=1, bytes=len("one\n"))
            await stage.settled(stage.endpoint(replace(door, admission=NOBODY)))
            let_in = 0
            while await lets_in(stage, door):  # Envoy's workers take up the rules a moment after the acknowledgement.
                let_in += 1
            assert await flow.echoes("still here")
            flow.writer.close()
            ended = 1 + let_in
            await counter.expect(
                opened=let_in,
                established=let_in,
                closed=ended,
                dropped=1,
                bytes=let_in * len("one\n") + 2 * len("still here\n"),
            )

    play(act)


def test_a_closed_doors_counters_go_with_it_and_another_envoy_has_another_name() -> None:
    async def act(stage: Stage) -> None:
        door, other = a_door(), a_door(2)
        stage.balancer(await stage.target("one"))
        owners = stage.endpoint(door), stage.endpoint(other)
        stage.ads.complete()
        await stage.settled(BALANCER, *owners)
        flow = await stage.connect(door)
        await stage.connect(other)
        life = stage.envoy.life
        assert life is not None
        assert life == stage.envoy.life
        async with Admin(stage.envoy.admin_path) as admin:

            async def doors() -> set[str]:
                return set(tally.read(await admin.tallies()))

            assert await doors() == {door.name, other.name}
            stage.no_endpoint(door)
            await flow.ended()

            async def gone() -> bool:
                return await doors() == {other.name}

            await until(gone)
            await stage.kill_agent()
            await stage.envoy.stop()
            assert stage.envoy.life is None
            await stage.start()
            await until(lambda: stage.envoy.life)
            assert stage.envoy.life != life

    play(act)


def test_an_answer_is_read_line_by_line_and_what_is_no_doors_is_left_out() -> None:
    door = "vpce-1/eni-1/80"
    assert tally.read(
        "cluster.eni-2/targetgroup/web/1.upstream_cx_total: 9\n"
        "listener.admin.downstream_cx_total: 7\n"
        f"listener.{door}.downstream_cx_total: 12\n"
        f"listener.{door}.worker_0.downstream_cx_total: 5\n"
        f"listener.{door}.downstream_cx_destroy: 10\n"
        f"listener.{door}.no_filter_chain_match: 3\n"
        f"listener.{door}.downstream_global_cx_overflow: 1\n"
        f"tcp.{door}.downstream_cx_total: 12\n"
        f"tcp.{door}.downstream_cx_rx_bytes_total: 100\n"
        f"tcp.{door}.downstream_cx_tx_bytes_total: 10\n"
        f"door.{door}.flow.at.TcpUpstreamConnected.client.Normal.target.Normal: 8\n"
        f"door.{door}.flow.at.TcpConnectionEnd.client.RemoteReset.target.LocalReset: 2\n"
        f"door.{door}.flow.at.TcpConnectionEnd.client.LocalReset.target.RemoteReset: 1\n"
        f"door.{door}.unserved.why.immediate_connect_error:_Cannot_assign_requested_address|remote_address:10.0.0.5:80: 2\n"
        f"door.{door}.unserved.why.immediate_connect_error:_Cannot_assign_requested_address|remote_address:10.0.0.6:80: 1\n"
        f"door.{door}.unserved.why.delayed_connect_error:_Connection_refused: 1\n"
        f"door.{door}.unserved.why.-: 1\n"
    ) == {
        door: Counts(
            opened=12, closed=10, established=8, dropped=4, bytes=110,
            client_resets=2, target_resets=2, port_errors=3, given_up=1,
        )
    }  # fmt: skip
