"""The agent and its targets' health: whose flows it ends and when, and where its resolvers lead."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from agent_stage import Stage, a_stage, change, play, snapshot, until
from records import (
    AT,
    BALANCER,
    BALANCER_RECORD,
    DOORS,
    ENDPOINT,
    GROUP_RECORD,
    NODES,
    SERVERS,
    SERVICE,
    VPC_C,
    VPC_P,
    everything,
    target,
)

from sidedoor.dataplane import balancing, ending
from sidedoor.loadbalancers.model import HealthCheck, Target

REGIONAL_NAME = f"{ENDPOINT}-k3x9q2ab.{SERVICE}.us-east-1.vpce.amazonaws.com"
DEREGISTERED = replace(target(0), draining_since=AT)
ENDS = {"deregistration_delay.connection_termination.enabled": "true", "deregistration_delay.timeout_seconds": "60"}
END = AT + timedelta(seconds=60)
RESET = ("reset", VPC_P, NODES[0].address, f"{SERVERS[0].address}:80")
SLOWLY = HealthCheck(interval=3600)
CLUSTER = f"{NODES[0].id}/{GROUP_RECORD.id.rpartition(':')[2]}"


def records(*targets: Target, **attributes: str) -> list[tuple[str, Any]]:
    """The snapshot with these targets, in a group with these attributes that is probed once."""
    group = replace(GROUP_RECORD, health_check=SLOWLY, attributes={k.replace("__", "."): v for k, v in attributes.items()})
    return snapshot(everything() | {"targets": list(targets), "target_groups": [group]})


@contextlib.contextmanager
def ports() -> Iterator[tuple[int, int]]:
    """One at which somebody listens, and one at which nobody does."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield listening.getsockname()[1], silent.getsockname()[1]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balancing, "LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(ending, "AGAIN_SECONDS", 0.01)


def test_flows_of_a_drained_target_end_only_when_envoy_has_given_it_up(hasty: None) -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(target(0), target(1), **ENDS), complete=True)
        await until(lambda: stage.envoy.hosts(CLUSTER) == {80})
        stage.envoy.answers.clear()
        stage.now = END
        await stage.tell(("targets", DEREGISTERED))
        await until(lambda: stage.envoy.heard.count(CLUSTER) >= 3)
        assert RESET not in stage.events
        stage.envoy.answers.set()
        await until(lambda: stage.events.count(RESET) == 2)
        assert stage.envoy.hosts(CLUSTER) == set()

    play(act)


def test_flows_of_a_draining_target_live_until_its_time_is_over(hasty: None) -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(DEREGISTERED, target(1), **ENDS), complete=True)
        await stage.applied()
        stage.now = END - timedelta(seconds=1)
        await stage.tell(("endpoints", everything()["endpoints"][0]))
        await stage.applied()
        assert RESET not in stage.events
        stage.now = END
        await until(lambda: RESET in stage.events)

    play(act)


def test_a_target_that_comes_back_while_it_drains_loses_nothing(hasty: None) -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(DEREGISTERED, target(1), **ENDS), complete=True)
        await stage.applied()
        await stage.tell(("targets", target(0)))
        await until(lambda: stage.envoy.hosts(CLUSTER) == {80})
        stage.now = END
        await stage.tell(("endpoints", everything()["endpoints"][0]))
        await stage.applied()
        assert RESET not in stage.events

    play(act)


@pytest.mark.parametrize("again", [False, True])
def test_an_agent_that_starts_after_the_end_of_a_delay_ends_the_flows_unless_the_target_came_back(
    hasty: None, again: bool
) -> None:
    async def run() -> None:
        async with a_stage() as stage:
            stage.cache.replace(1, [change(kind, one) for kind, one in records(DEREGISTERED, target(1), **ENDS)])
            stage.now = END + timedelta(hours=1)
            await stage.start()
            await until(lambda: stage.agent.balancing.stands(BALANCER))
            assert RESET not in stage.events
            await stage.tell(*records(target(0) if again else DEREGISTERED, target(1), **ENDS), complete=True)
            await stage.applied()
            await until(lambda: stage.agent.balancing.stands(BALANCER))
            if again:
                assert stage.envoy.hosts(CLUSTER) == {80}
            else:
                await until(lambda: RESET in stage.events)
            assert (RESET in stage.events) is not again

    asyncio.run(run())


def test_an_unhealthy_target_loses_its_flows_once_another_is_known_to_be_healthy(hasty: None) -> None:
    with ports() as (listening, silent):

        async def act(stage: Stage) -> None:
            targets = target(0, listening), target(0, silent)
            group = replace(GROUP_RECORD, health_check=replace(SLOWLY, unhealthy_threshold=1))
            told = everything() | {"targets": list(targets), "target_groups": [group]}
            await stage.tell(*snapshot(told), complete=True)
            reset = ("reset", VPC_P, NODES[0].address, f"{SERVERS[0].address}:{silent}")
            await until(lambda: reset in stage.events)
            assert stage.envoy.hosts(CLUSTER) == {listening}
            assert {event for event in stage.events if event[0] == "reset"} == {reset}

        play(act)


def test_names_lead_away_from_a_zone_when_its_targets_fail_and_back_when_they_are_gone(hasty: None) -> None:
    """The stage has one address for all, so that the number of answers is what can be seen."""
    with ports() as (listening, silent):

        async def act(stage: Stage) -> None:
            group = replace(GROUP_RECORD, health_check=replace(SLOWLY, unhealthy_threshold=1))
            targets = [target(0, listening), target(1, silent)]
            told = everything() | {"targets": targets, "target_groups": [group]}
            await stage.tell(*snapshot(told), complete=True)
            names = stage.agent.resolvers
            everywhere, first = (DOORS[0].address, DOORS[1].address), (DOORS[0].address,)
            await until(lambda: names._known(VPC_C)[0].get(REGIONAL_NAME) == first)
            assert names._known(VPC_P)[0]["shop.elb"] == (NODES[0].address,)
            await stage.tell(
                ("load_balancers", replace(BALANCER_RECORD, attributes={"load_balancing.cross_zone.enabled": "true"}))
            )
            await until(lambda: names._known(VPC_C)[0].get(REGIONAL_NAME) == everywhere)
            assert names._known(VPC_P)[0]["shop.elb"] == tuple(one.address for one in NODES)

        play(act)
