"""The prober with a clock that the test turns, against real sockets of the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from health_stage import BALANCER, CHECK, GROUP, HEALTHY, INITIAL, UNHEALTHY, World, cluster, host, play, until

from sidedoor.dataplane import health
from sidedoor.dataplane.desired import Host, hosts
from sidedoor.dataplane.health import TargetReport
from sidedoor.loadbalancers.model import HealthCheck, HealthReason, HealthState


class Target:
    """A server that counts its clients and remembers from where they came."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.host = host(listener.getsockname()[1])

    def clients(self) -> list[str]:
        """Where the clients since the last call came from."""
        seen = []
        while True:
            try:
                connection, address = self.listener.accept()
            except BlockingIOError:
                return seen
            connection.close()
            seen.append(address[0])


@contextlib.contextmanager
def target(port: int = 0) -> Iterator[Target]:
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.setblocking(False)
        yield Target(listener)


@contextlib.contextmanager
def black_hole() -> Iterator[Host]:
    """A target whose queue of connections is full: Linux drops every further SYN to it."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield host(listener.getsockname()[1])


def test_a_new_target_is_probed_at_once_from_the_nodes_address() -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            world.set(cluster(server.host))
            assert world.state(server.host) is INITIAL
            await world.settled()
            assert server.clients() == ["127.0.0.5"]
            assert world.state(server.host) is HEALTHY
            assert world.changed == [BALANCER]

    play(scenario)


def test_a_target_is_probed_once_an_interval() -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            world.set(cluster(server.host))
            await world.settled()
            server.clients()
            world.clock.advance(CHECK.interval * (1 - health.SPREAD) - 1)
            await world.settled()
            assert server.clients() == []
            world.clock.advance(CHECK.interval * health.SPREAD + 1)
            await world.settled()
            assert len(server.clients()) == 1
            for _ in range(3):
                await world.turn()
                assert len(server.clients()) == 1
            assert world.changed == [BALANCER]

    play(scenario)


def test_probes_that_began_together_do_not_stay_together_and_keep_their_phase_over_a_restart() -> None:
    phases: list[list[float]] = []

    async def scenario(world: World) -> None:
        world.set(cluster(*(host(port) for port in range(1, 9))))
        await world.settled(8)
        phases.append(sorted(at for at, _ in world.clock.sleepers))

    play(scenario)
    play(scenario)
    first, second = phases
    assert first == second
    assert len(set(first)) == 8
    assert 1000 + CHECK.interval * (1 - health.SPREAD) <= first[0] <= first[-1] <= 1000 + CHECK.interval


def test_a_target_that_refuses_turns_unhealthy_and_comes_back_by_the_thresholds() -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            world.set(cluster(server.host))
            await world.settled()
        await world.turn()
        assert world.state(server.host) is HEALTHY
        await world.turn()
        assert world.state(server.host) is UNHEALTHY
        (reported,) = world.prober.report(BALANCER)
        assert reported == TargetReport(
            target_id=server.host.target, target_group_id=GROUP, state=UNHEALTHY, reason=HealthReason.FAILED_CHECKS
        )
        with target(server.host.port):
            await world.turn()
            await world.turn()
            assert world.state(server.host) is UNHEALTHY
            await world.turn()
            assert world.state(server.host) is HEALTHY
        assert world.changed == [BALANCER] * 3

    play(scenario)


def test_a_target_that_does_not_answer_fails_by_its_timeout() -> None:
    async def scenario(world: World) -> None:
        with black_hole() as silent:
            world.set(cluster(silent))
            for _ in range(2):
                await until(lambda: len(world.clock.timeouts) == 1)
                world.clock.advance(CHECK.timeout - 1)
                assert len(world.clock.timeouts) == 1
                world.clock.advance(1)
                await world.settled()
                world.clock.advance(CHECK.interval - CHECK.timeout)
            assert world.prober.report(BALANCER)[0].reason is HealthReason.TIMEOUT

    play(scenario)


def test_what_is_nowhere_has_failed_until_it_is_somewhere() -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            del world.places["10.0.0.20"]
            world.set(cluster(server.host))
            await world.settled()
            await world.turn()
            assert world.prober.report(BALANCER)[0].reason is HealthReason.FAILED_CHECKS
            world.places["10.0.0.20"] = "127.0.0.1"
            for _ in range(CHECK.healthy_threshold):
                await world.turn()
            assert world.state(server.host) is HEALTHY

    play(scenario)


def test_a_socket_that_cannot_be_made_is_a_failed_check() -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            world.set(replace(cluster(server.host), vpc_id="vpc-2"))
            await world.settled()
            await world.turn()
            assert world.state(server.host) is UNHEALTHY

    play(scenario)


def test_a_check_may_go_to_another_port_than_the_traffic() -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            behind = host(1)
            world.set(cluster(behind, check=replace(CHECK, port=str(server.host.port))))
            await world.settled()
            assert world.state(behind) is HEALTHY
            assert len(server.clients()) == 1

    play(scenario)


def test_without_health_checks_a_target_is_not_probed_and_gets_connections() -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            unchecked = cluster(server.host, check=replace(CHECK, enabled=False))
            world.set(unchecked)
            await world.settled(0)
            assert server.clients() == []
            (reported,) = world.prober.report(BALANCER)
            assert (reported.state, reported.reason) == (HealthState.UNAVAILABLE, HealthReason.DISABLED)
            assert world.prober.states("eni-1") == {}
            assert hosts(unchecked, world.prober.states("eni-1")) == (server.host,)
            assert world.changed == []

    play(scenario)


def test_what_stays_keeps_its_verdict_and_what_goes_is_forgotten() -> None:
    async def scenario(world: World) -> None:
        with target() as one, target() as other:
            world.set(cluster(one.host, other.host))
            await world.settled(2)
            one.clients()
            world.set(cluster(one.host))
            await world.settled(1)
            assert world.prober.states("eni-1") == {one.host.target: HEALTHY}
            assert one.clients() == []
            world.set()
            await world.settled(0)
            assert world.prober.states("eni-1") == {}
            assert world.prober.report(BALANCER) == ()

    play(scenario)


@pytest.mark.parametrize("changed", [replace(CHECK, interval=10), replace(CHECK, unhealthy_threshold=3)])
def test_other_settings_of_the_check_begin_anew(changed: HealthCheck) -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            world.set(cluster(server.host))
            await world.settled()
            world.set(cluster(server.host, check=changed))
            assert world.state(server.host) is INITIAL
            await until(lambda: world.state(server.host) is HEALTHY)
            assert len(server.clients()) == 2

    play(scenario)


def test_a_report_takes_the_worst_that_a_node_found() -> None:
    async def scenario(world: World) -> None:
        with target() as good, target() as bad:
            here = cluster(good.host, bad.host)
            there = cluster(good.host, bad.host, node="eni-2", source="10.0.1.5")
            world.set(here, there)
            assert {one.state for one in world.prober.report(BALANCER)} == {INITIAL}
            await world.settled(4)
            assert {one.state for one in world.prober.report(BALANCER)} == {HEALTHY}
            del world.places["10.0.1.5"]
            await world.turn(4)
            await world.turn(4)
            assert set(world.prober.states("eni-1").values()) == {HEALTHY}
            assert set(world.prober.states("eni-2").values()) == {UNHEALTHY}
            report = world.prober.report(BALANCER)
            assert [one.target_id for one in report] == sorted([good.host.target, bad.host.target])
            assert {one.state for one in report} == {UNHEALTHY}

    play(scenario)


def test_one_load_balancers_probes_are_not_anothers() -> None:
    async def scenario(world: World) -> None:
        with target() as server:
            world.set(cluster(server.host))
            world.prober.set("other", (cluster(host(1), node="eni-9"),))
            await world.settled(2)
            assert [one.target_id for one in world.prober.report("other")] == [host(1).target]
            world.prober.set("other", ())
            await world.settled(1)
            assert world.state(server.host) is HEALTHY

    play(scenario)


def test_only_so_many_connections_are_tried_at_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "AT_ONE_TIME", 2)

    async def scenario(world: World) -> None:
        with black_hole() as silent:
            candidates = (replace(silent, target=f"{silent.target}-{n}") for n in range(5))
            world.set(cluster(*candidates, check=replace(CHECK, unhealthy_threshold=1)))
            for done in (2, 4):
                await until(lambda: len(world.clock.timeouts) == 2)
                world.clock.advance(CHECK.timeout)
                await world.settled(done)
            await until(lambda: len(world.clock.timeouts) == 1)

    play(scenario)


def test_probes_under_way_end_at_once_when_the_prober_closes() -> None:
    async def scenario(world: World) -> None:
        with black_hole() as silent, target() as server:
            world.set(cluster(silent, server.host))
            await until(lambda: len(world.clock.timeouts) == 1 and len(world.clock.sleepers) == 1)
            await world.prober.close()
            assert (world.clock.timeouts, world.clock.sleepers) == ([], [])

    play(scenario)


def test_a_prober_can_close_before_its_first_probe_has_begun() -> None:
    async def scenario(world: World) -> None:
        world.set(cluster(host(1)))
        await world.prober.close()
        assert world.prober.report(BALANCER) == ()

    play(scenario)


def test_running_ends_with_every_probe_when_it_is_cancelled() -> None:
    async def scenario(world: World) -> None:
        running = asyncio.create_task(world.prober.run())
        with target() as server:
            world.set(cluster(server.host))
            await world.settled()
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        assert world.clock.sleepers == []

    play(scenario)


# --- unhealthy.draining -------------------------------------------------------------------------------------------


def test_a_target_that_turned_unhealthy_drains_for_its_interval_and_is_unhealthy_then() -> None:
    async def scenario(world: World) -> None:
        with target() as closed:
            refusing = closed.host
        world.set(replace(cluster(refusing), unhealthy_draining=45))
        await world.settled()
        await world.turn()
        assert world.state(refusing) is HealthState.UNHEALTHY_DRAINING
        (found,) = world.prober.report(BALANCER)
        assert (found.state, found.reason) == (HealthState.UNHEALTHY_DRAINING, HealthReason.FAILED_CHECKS)
        await world.turn()
        assert world.state(refusing) is HealthState.UNHEALTHY_DRAINING
        told = len(world.changed)
        world.clock.advance(15)
        await until(lambda: len(world.changed) == told + 1)
        assert world.state(refusing) is UNHEALTHY
        await world.settled()
        await world.turn()
        assert world.state(refusing) is UNHEALTHY
        assert len(world.changed) == told + 1

    play(scenario)


def test_a_target_that_drains_and_passes_again_is_healthy_at_once() -> None:
    async def scenario(world: World) -> None:
        with target() as closed:
            place = closed.host
        world.set(replace(cluster(place, check=replace(CHECK, healthy_threshold=2)), unhealthy_draining=3600))
        await world.settled()
        await world.turn()
        assert world.state(place) is HealthState.UNHEALTHY_DRAINING
        with target(place.port):
            await world.turn()
            assert world.state(place) is HealthState.UNHEALTHY_DRAINING
            await world.turn()
            assert world.state(place) is HEALTHY

    play(scenario)


def test_another_interval_counts_from_the_next_time_and_the_verdict_goes_on() -> None:
    async def scenario(world: World) -> None:
        with target() as closed:
            refusing = closed.host
        world.set(cluster(refusing))
        await world.settled()
        await world.turn()
        world.set(replace(cluster(refusing), unhealthy_draining=60))
        assert world.state(refusing) is UNHEALTHY
        await world.turn()
        assert world.state(refusing) is UNHEALTHY

    play(scenario)
