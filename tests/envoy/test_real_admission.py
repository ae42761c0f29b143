"""The real Envoy at a door that is not for everybody: who is let in, and that a change of it disturbs nobody who is."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from envoy_stage import BALANCER, PATIENCE, Stage, Target, a_door, play, until

from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.desired import Door
from sidedoor.dataplane.envoy.admin import Admin

FRIEND, STRANGER = "127.80.0.5", "127.80.1.5"
FRIENDS = ("127.80.0.0/24",)


async def a_door_for(stage: Stage, clients: tuple[str, ...] | None, target: Target | None = None) -> Door:
    stage.balancer(target or await stage.target("one"))
    door = a_door(admission=Admission(blocks=clients, ruled=True))
    stage.ads.complete()
    await stage.settled(BALANCER, stage.endpoint(door))
    return door


async def lets_in(stage: Stage, door: Door, source: str) -> bool:
    try:
        await stage.connect(door, source)
    except ConnectionResetError:
        return False
    return True


async def count(stage: Stage, pattern: str) -> int:
    async with Admin(stage.envoy.admin_path) as admin:
        return sum((await admin.counters(pattern)).values())


def test_only_clients_in_the_blocks_come_in_as_soon_as_envoy_acknowledges() -> None:
    async def act(stage: Stage) -> None:
        door = await a_door_for(stage, FRIENDS)
        assert await lets_in(stage, door, FRIEND)
        assert not await lets_in(stage, door, STRANGER)

    play(act)


def test_who_is_not_let_in_hears_nothing_of_the_target_and_the_target_nothing_of_him() -> None:
    """Also where the target speaks first, as a database does: nothing is connected before the client is let in."""

    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        door = await a_door_for(stage, FRIENDS, target)
        for _ in range(5):
            reader, _ = await stage.open(door, STRANGER)
            assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        assert await lets_in(stage, door, FRIEND)
        assert len(target.peers) == 1
        assert await count(stage, r"^cluster\.eni-node.*upstream_cx_total$") == 1
        assert await count(stage, r"^listener\.vpce-.*no_filter_chain_match$") == 5

    play(act)


def test_changed_rules_are_taken_over_in_place_and_cut_no_flow() -> None:
    async def act(stage: Stage) -> None:
        door = await a_door_for(stage, FRIENDS)
        flow = await stage.connect(door, FRIEND)
        steps: list[tuple[tuple[str, ...] | None, list[str]]] = [
            ((), []),
            (None, [FRIEND, STRANGER]),
            (("127.80.1.0/25", "127.80.2.7/32"), [STRANGER]),
            (FRIENDS, [FRIEND]),
        ]
        for clients, admitted in steps:
            stage.endpoint(replace(door, admission=Admission(blocks=clients, ruled=True)))

            async def holds(admitted: list[str] = admitted) -> bool:
                return [one for one in (FRIEND, STRANGER) if await lets_in(stage, door, one)] == admitted

            await until(holds)
            assert await flow.echoes("still here")
        assert await count(stage, r"^listener_manager\.listener_in_place_updated$") == len(steps)
        assert await count(stage, r"^listener_manager\.total_listeners_draining$") == 0

    play(act)


def test_a_door_may_be_for_thousands_of_single_addresses() -> None:
    async def act(stage: Stage) -> None:
        thousands = tuple(f"10.{number >> 8}.{number & 255}.7/32" for number in range(5_000))
        door = await a_door_for(stage, (*thousands, f"{FRIEND}/32"))
        assert await lets_in(stage, door, FRIEND)
        assert not await lets_in(stage, door, STRANGER)

    play(act)


def test_the_rules_stand_while_there_is_no_agent_and_a_new_one_has_nothing_to_change() -> None:
    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        door = await a_door_for(stage, FRIENDS, target)
        await stage.kill_agent()
        assert await lets_in(stage, door, FRIEND)
        assert not await lets_in(stage, door, STRANGER)
        await stage.start()
        stage.balancer(target)
        stage.ads.complete()
        await stage.settled(BALANCER, stage.endpoint(door))
        assert await count(stage, r"^listener_manager\.listener_in_place_updated$") == 0

    play(act)
