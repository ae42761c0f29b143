"""Health and draining with real packets: whom connections reach, which flows end and how, and where names lead.

Both placements run side by side, so that the seconds that a check needs to find out pass once. The tests come in the order in
which these seconds pass.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flow_lab import FlowLab, Group, greetings
from rules_lab import AZ1, AZ2

from sidedoor.demo.system import processes_of, running, until

ALONE = {"target_group_health.dns_failover.minimum_healthy_targets.count": "off"}
"""Of a group that must not decide about zones, since all its targets are in the first."""

ENDS = {"deregistration_delay.connection_termination.enabled": "true"}
AT_ONCE = {"deregistration_delay.timeout_seconds": "1"}
KEEPS_UNHEALTHY = {"target_health_state.unhealthy.connection_termination.enabled": "false"}
INTERVAL = "target_health_state.unhealthy.draining_interval_seconds"
TWO_TO_CHOOSE = {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "2"}
RESET = "ConnectionResetError"


class Scene:
    """The groups, with a flow to each target that a test is about; then what has to fail has begun to."""

    def __init__(self, lab: FlowLab) -> None:
        self.lab = lab
        self.ending = lab.group(7001, 7101, **ALONE, **AT_ONCE, **ENDS)
        self.keeping = lab.group(7002, 7102, **ALONE, **AT_ONCE)
        self.returning = lab.group(7003, 7103, **ALONE, **ENDS, deregistration_delay__timeout_seconds="60")
        self.surviving = lab.group(7004, 7104, **ALONE, **AT_ONCE, **ENDS)
        self.unhealthy = lab.group(7005, 7105, **ALONE)
        self.kept = lab.group(7006, 7106, **ALONE, **KEEPS_UNHEALTHY)
        self.draining = lab.group(7007, 7107, **ALONE, **KEEPS_UNHEALTHY, **{INTERVAL: "2"})
        self.long_draining = lab.group(7011, 7111, **ALONE, **KEEPS_UNHEALTHY, **{INTERVAL: "3600"})
        self.open = lab.group(7008, check={"HealthCheckPort": "7908"}, **ALONE)
        self.needing_two = lab.group(7009, 7109, **ALONE, **TWO_TO_CHOOSE)
        self.zonal = lab.group(7010, **AT_ONCE)
        lab.servers[AZ2].do(open=7010)
        lab.register(self.zonal, 7010, AZ2)
        lab.offer()
        failing = (self.unhealthy, self.kept, self.draining, self.long_draining, self.needing_two)
        groups = (self.ending, self.keeping, self.returning, self.surviving, self.open, *failing)
        self.flows = {group: lab.flow(group, group.port) for group in groups}
        for group in (*failing, self.zonal):
            lab.servers[AZ1].do(close=group.port)

    def flow(self, group: Group) -> str:
        return self.flows[group]


@pytest.fixture(scope="module")
def scenes() -> Iterator[dict[str, Any]]:
    """Placement -> its scene, or why there is none."""
    with contextlib.ExitStack() as stack:

        def staged(network: str) -> Scene:
            system = stack.enter_context(running("--dev", "--network", network))
            if network == "auto" and system.placement["mode"] == "loopback":
                raise LookupError("network namespaces are not possible here: sidedoor doctor says why")
            lab = FlowLab(system)
            stack.callback(lab.close)
            return Scene(lab)

        with ThreadPoolExecutor() as pool:
            making = {network: pool.submit(staged, network) for network in ("auto", "loopback")}
        yield making


@pytest.fixture(params=["auto", "loopback"])
def scene(request: pytest.FixtureRequest, scenes: dict[str, Any]) -> Scene:
    try:
        made: Scene = scenes[request.param].result()
    except LookupError as error:
        pytest.skip(str(error))
    return made


def test_a_deregistered_target_keeps_its_flow_and_gets_no_new_one_and_the_flow_is_reset_with_the_delay(scene: Scene) -> None:
    lab, group = scene.lab, scene.ending
    lab.deregister(group, 7001)
    assert lab.lives(scene.flow(group))
    until(lambda: lab.reached(group) == greetings(7101), "new connections reach the other target alone")
    assert lab.ends(scene.flow(group)) == RESET
    assert lab.states(group) == {7101: "healthy"}
    until(lambda: (7001, RESET) in lab.servers[AZ1].ends, "the target sees a reset too")


def test_without_termination_the_flow_outlives_the_delay(scene: Scene) -> None:
    lab, group = scene.lab, scene.keeping
    lab.deregister(group, 7002)
    assert lab.states(group)[7002] == "draining"
    until(lambda: lab.states(group) == {7102: "healthy"}, "the target is gone")
    assert lab.reached(group) == greetings(7102)
    assert lab.lives(scene.flow(group))


def test_a_target_that_is_registered_again_while_it_drains_keeps_its_flow_and_gets_new_ones(scene: Scene) -> None:
    lab, group = scene.lab, scene.returning
    lab.deregister(group, 7003)
    assert lab.states(group)[7003] == "draining"
    until(lambda: lab.reached(group) == greetings(7103), "it gets no new connection")
    lab.register(group, 7003)
    until(lambda: lab.states(group)[7003] == "healthy", "it is healthy again")
    assert lab.reached(group, 40) == greetings(7003, 7103)
    assert lab.lives(scene.flow(group))


def test_an_unhealthy_target_loses_its_flow_by_a_reset_and_gets_no_new_one(scene: Scene) -> None:
    lab, group = scene.lab, scene.unhealthy
    until(lambda: lab.states(group) == {7005: "unhealthy", 7105: "healthy"}, "the target is unhealthy", 20)
    assert lab.ends(scene.flow(group)) == RESET
    assert lab.reached(group) == greetings(7105)


def test_where_the_group_says_so_an_unhealthy_target_keeps_its_flow(scene: Scene) -> None:
    lab, group = scene.lab, scene.kept
    until(lambda: lab.states(group) == {7006: "unhealthy", 7106: "healthy"}, "the target is unhealthy", 20)
    assert lab.reached(group) == greetings(7106)
    assert lab.reached(group) == greetings(7106)
    assert lab.lives(scene.flow(group))


def test_with_an_interval_an_unhealthy_target_drains_first_and_loses_its_flow_then(scene: Scene) -> None:
    lab, still, over = scene.lab, scene.long_draining, scene.draining
    until(lambda: lab.states(still) == {7011: "unhealthy.draining", 7111: "healthy"}, "the target drains", 20)
    assert lab.reached(still) == greetings(7111)
    assert lab.lives(scene.flow(still))
    until(lambda: lab.states(over) == {7007: "unhealthy", 7107: "healthy"}, "the interval is over", 20)
    assert lab.ends(scene.flow(over)) == RESET


def test_when_all_targets_are_unhealthy_connections_go_to_them_and_flows_live(scene: Scene) -> None:
    lab, group = scene.lab, scene.open
    until(lambda: lab.states(group) == {7008: "unhealthy"}, "the target is unhealthy", 20)
    assert lab.reached(group) == greetings(7008)
    assert lab.lives(scene.flow(group))


def test_below_its_minimum_a_node_sends_to_the_unhealthy_target_too_and_its_flow_lives(scene: Scene) -> None:
    lab, group = scene.lab, scene.needing_two
    until(lambda: lab.states(group) == {7009: "unhealthy", 7109: "healthy"}, "the target is unhealthy", 20)
    assert lab.lives(scene.flow(group))
    lab.servers[AZ1].do(open=7009)
    assert lab.reached(group, 40) == greetings(7009, 7109)


def test_a_zone_without_healthy_targets_leaves_the_regional_name_and_comes_back(scene: Scene) -> None:
    lab, group = scene.lab, scene.zonal
    first, second = lab.doors[AZ1], lab.doors[AZ2]
    regional, *zonal = lab.names
    until(lambda: lab.states(group) == {7010: "unhealthy"}, "the first zone's target is unhealthy", 20)
    until(lambda: lab.addresses_of(regional) == {second}, "the regional name leads to the second zone alone")
    assert {frozenset(lab.addresses_of(name)) for name in zonal} == {frozenset({first}), frozenset({second})}
    lab.servers[AZ1].do(open=7110)
    lab.register(group, 7110)
    until(lambda: lab.addresses_of(regional) == {first, second}, "the regional name leads to both zones again")


def test_a_delay_ends_for_an_agent_that_was_killed_in_the_midst_of_it(scene: Scene) -> None:
    lab, group = scene.lab, scene.surviving
    before = agents(lab)
    lab.deregister(group, 7004)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert lab.lives(scene.flow(group))
    assert lab.ends(scene.flow(group)) == RESET
    until(lambda: agents(lab) and not agents(lab) & before, "another agent works")
    until(lambda: lab.reached(group) == greetings(7104), "new connections reach the other target alone")


def agents(lab: FlowLab) -> set[int]:
    return {
        one.pid for one in processes_of(lab.system.state) if " agent --state" in one.command and " exec " not in one.command
    }
