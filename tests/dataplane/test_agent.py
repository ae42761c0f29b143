"""The agent between a control plane, a kernel and an Envoy: what it does, in which order, and what it says when."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest
from agent_stage import Stage, a_stage, play, snapshot, until
from envoy.service.discovery.v3.discovery_pb2 import Resource
from records import (
    BALANCER_RECORD,
    CLIENT,
    CONSUMER,
    DOORS,
    ENDPOINT,
    ENDPOINT_RECORD,
    GROUP_RECORD,
    LISTENER_RECORD,
    NODES,
    SERVICE,
    VPC_C,
    VPC_P,
    everything,
    subnet_id,
    target,
)  # fmt: skip

from sidedoor import codec
from sidedoor.codec import UnreadableDocument
from sidedoor.dataplane import agent as agent_module
from sidedoor.dataplane.driver import DriverError
from sidedoor.dataplane.envoy.resources import CLUSTER, LISTENER
from sidedoor.dataplane.feed import Batch
from sidedoor.dataplane.plan import AddNetwork, RemoveNetwork
from sidedoor.endpoints.model import State
from sidedoor.loadbalancers.model import HealthCheck, HealthState, LoadBalancerState
from sidedoor.networks.model import Interface, InterfaceKind, Subnet, Vpc

PENDING = replace(ENDPOINT_RECORD, state=State.PENDING, generation=2)
READY = [("ready", 2, "")]
DOOR_NAMES = {f"{ENDPOINT}/{door.id}/{LISTENER_RECORD.port}" for door in DOORS}
REGIONAL_NAME = f"{ENDPOINT}-k3x9q2ab.{SERVICE}.us-east-1.vpce.amazonaws.com"


def records(**changed: Any) -> list[tuple[str, Any]]:
    """The snapshot, with these records in the place of those with their ids: ``records(endpoints=PENDING)``."""
    found = everything()
    for kind, record in changed.items():
        found[kind] = [one for one in found[kind] if one.id != record.id] + [record]
    return snapshot(found)


def another(number: int) -> list[tuple[str, Any]]:
    """An endpoint to the same service, pending, in a VPC of its own."""
    vpc_id, endpoint_id = f"vpc-0000000000000001{number}", f"vpce-000000000000000{number:02}"
    subnet = Subnet(**CONSUMER, id=f"{vpc_id}-subnet", vpc_id=vpc_id, cidr="10.0.0.0/24", zone_id="use1-az1")
    door = Interface(
        **CONSUMER, id=f"eni-000000000000000{number:02}", vpc_id=vpc_id, subnet_id=subnet.id, zone_id="use1-az1",
        address="10.0.0.10", mac="02:00:00:00:00:01", kind=InterfaceKind.ENDPOINT, holder=endpoint_id,
        load_balancer_id=BALANCER_RECORD.id,
    )  # fmt: skip
    endpoint = replace(PENDING, id=endpoint_id, vpc_id=vpc_id, subnet_ids=(subnet.id,), interface_ids=(door.id,))
    vpc = Vpc(**CONSUMER, id=vpc_id, cidr="10.0.0.0/16")
    return [("vpcs", vpc), ("subnets", subnet), ("interfaces", door), ("endpoints", endpoint)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once, and what is compared at intervals is compared always."""
    monkeypatch.setattr(agent_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(agent_module, "RESYNC_SECONDS", 0.01)


# --- ready, failed, removed ---------------------------------------------------------------------------------------


def test_an_endpoint_is_ready_only_when_envoy_has_acknowledged_its_doors() -> None:
    async def act(stage: Stage) -> None:
        stage.envoy.answers.clear()
        await stage.tell(*records(endpoints=PENDING), complete=True)
        await stage.applied()
        await until(lambda: stage.envoy.heard)
        assert stage.said_of(ENDPOINT) == []
        stage.envoy.answers.set()
        await until(lambda: stage.said_of(ENDPOINT) == READY)
        assert stage.envoy.doors == DOOR_NAMES

    play(act)


def test_the_counters_of_doors_are_read_before_they_close_and_at_no_other_time() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(endpoints=PENDING), complete=True)
        await until(lambda: stage.said_of(ENDPOINT) == READY)
        await stage.tell(("endpoints", replace(PENDING, state=State.AVAILABLE)))
        await stage.applied()
        assert stage.last_seen == []
        await stage.tell(("endpoints", replace(PENDING, state=State.REJECTED)))
        await until(lambda: not stage.envoy.doors)
        assert stage.last_seen == [frozenset(DOOR_NAMES)]
        await stage.tell(("endpoints", replace(PENDING, state=State.DELETING)))
        await stage.applied()
        assert len(stage.last_seen) == 1

    play(act)


def test_a_door_that_envoy_refuses_makes_its_endpoint_fail_with_envoys_words_and_no_other() -> None:
    async def act(stage: Stage) -> None:
        stage.envoy.refuses = dict.fromkeys(DOOR_NAMES, "cannot bind '10.0.0.10:443'")
        await stage.tell(*records(endpoints=PENDING), *another(1), complete=True)
        await until(lambda: stage.said_of(ENDPOINT) == [("failed", 2, "cannot bind '10.0.0.10:443'")])
        await until(lambda: stage.said_of("vpce-00000000000000001") == READY)

    play(act)


def test_a_refused_door_of_an_endpoint_that_is_available_is_offered_again_until_it_stands(impatient: None) -> None:
    async def act(stage: Stage) -> None:
        name = min(DOOR_NAMES)
        stage.envoy.refuses = {name: "the port is taken"}
        await stage.tell(*records(), complete=True)
        await until(lambda: stage.envoy.heard.count(name) > 3)
        stage.envoy.refuses = {}
        await until(lambda: stage.envoy.doors == DOOR_NAMES)
        assert stage.said_of(ENDPOINT) == []

    play(act)


def test_a_rejected_endpoint_loses_its_doors_then_its_flows_and_nothing_is_said() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await until(lambda: stage.envoy.doors == DOOR_NAMES)
        stage.events.clear()
        await stage.tell(("endpoints", replace(ENDPOINT_RECORD, state=State.REJECTED, generation=2)))
        flows = {("cut", VPC_C, door.address) for door in DOORS}
        await until(lambda: flows <= set(stage.events))
        order = [what for what, *whose in stage.events if what == "cut" or whose[0] in DOOR_NAMES]
        assert order == ["gave up", "gave up", "cut", "cut"]
        await stage.applied()
        assert stage.said_of(ENDPOINT) == []

    play(act)


def test_a_deleted_endpoint_is_removed_only_when_envoy_has_given_up_its_doors() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await until(lambda: stage.envoy.doors == DOOR_NAMES)
        stage.envoy.answers.clear()
        await stage.tell(("endpoints", replace(ENDPOINT_RECORD, state=State.DELETING, generation=2)))
        await stage.applied()
        assert stage.said_of(ENDPOINT) == []
        stage.envoy.answers.set()
        await until(lambda: stage.said_of(ENDPOINT) == [("removed", 2, "")])
        assert stage.envoy.doors == set()

    play(act)


def test_a_closed_listener_cuts_nothing_of_an_address_that_has_another() -> None:
    async def act(stage: Stage) -> None:
        second = replace(LISTENER_RECORD, id=f"{LISTENER_RECORD.id}2", port=444)
        await stage.tell(*records(), ("listeners", second), complete=True)
        await until(lambda: len(stage.envoy.doors) == 4)
        await stage.tell(gone=[("listeners", second.id)])
        await until(lambda: stage.envoy.doors == DOOR_NAMES)
        await stage.applied()
        assert not [one for one in stage.events if one[0] == "cut"]

    play(act)


def test_a_load_balancer_becomes_active_when_its_network_stands(impatient: None) -> None:
    async def act(stage: Stage) -> None:
        stage.kernel.fails[VPC_P] = DriverError("no room")
        provisioning = replace(BALANCER_RECORD, state=LoadBalancerState.PROVISIONING)
        await stage.tell(*records(load_balancers=provisioning), complete=True)
        await stage.applied()
        assert not any(body["load_balancers"] for body in stage.bodies)
        del stage.kernel.fails[VPC_P]
        await until(lambda: [BALANCER_RECORD.id] in [body["load_balancers"] for body in stage.bodies])

    play(act)


def test_pending_seconds_keep_an_accepted_endpoint_without_doors_but_with_its_names() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(endpoints=PENDING), complete=True)
        await stage.applied()
        await until(lambda: stage.envoy.has[CLUSTER])
        assert stage.envoy.doors == set()
        assert stage.said_of(ENDPOINT) == []
        assert await stage.resolve(VPC_C, REGIONAL_NAME) is not None

    play(act, pending_seconds=3600)


def test_after_the_pending_seconds_an_endpoint_is_ready() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(endpoints=PENDING), complete=True)
        await until(lambda: stage.said_of(ENDPOINT) == READY)

    play(act, pending_seconds=0.05)


# --- what was there before ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("complete", [True, False], ids=["everything", "what came after"])
def test_nothing_is_removed_before_the_control_plane_has_said_where_we_are(complete: bool) -> None:
    """The agent starts from its cache, and finds a network and a listener in it that nobody there knows."""

    async def run() -> None:
        async with a_stage() as stage:
            changes = [(kind, record.id, codec.to_document(record)) for kind, record in records()]
            stage.cache.replace(0, changes)
            stage.kernel.apply([AddNetwork("vpc-stray", "10.9.0.0/16")])
            stage.envoy.has[LISTENER]["stray"] = _known("stray")
            await stage.start()
            await until(lambda: stage.envoy.doors == {"stray", *DOOR_NAMES})
            await until(lambda: stage.kernel.networks() == {"vpc-stray", VPC_C, VPC_P})
            await stage.tell(*(records() if complete else ()), complete=complete)
            await until(lambda: stage.envoy.doors == DOOR_NAMES)
            await until(lambda: stage.kernel.networks() == {VPC_C, VPC_P})

    asyncio.run(run())


def _known(name: str) -> Any:
    """A resource that Envoy has from an agent before this one."""
    return Resource(name=name, version="1")


def test_what_an_earlier_agent_gave_envoy_is_not_given_again() -> None:
    async def run() -> None:
        async with a_stage() as first:
            await first.start()
            await first.tell(*records(endpoints=PENDING), complete=True)
            await until(lambda: first.said_of(ENDPOINT) == READY)
            async with a_stage() as second:
                second.envoy.has = first.envoy.has
                await second.start()
                await second.tell(*records(endpoints=PENDING), complete=True)
                await until(lambda: second.said_of(ENDPOINT) == READY)
                assert not DOOR_NAMES & set(second.envoy.heard)

    asyncio.run(run())


def test_a_complete_state_forgets_what_it_does_not_name() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await until(lambda: stage.envoy.doors == DOOR_NAMES)
        await stage.tell(complete=True)
        await until(lambda: not stage.envoy.doors and not stage.kernel.networks() and not stage.envoy.has[CLUSTER])

    play(act)


def test_a_batch_that_cannot_be_read_changes_nothing_and_can_come_again() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await until(lambda: stage.envoy.doors == DOOR_NAMES)
        gone = ("endpoints", ENDPOINT, None)
        with pytest.raises(UnreadableDocument):
            await stage.agent.handle(Batch(2, False, (gone, ("vpcs", "vpc-1", {"what": "is this"}))))
        await stage.agent.handle(Batch(2, False, (gone,)))
        await until(lambda: stage.envoy.doors == set())

    play(act)


# --- what breaks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [DriverError("no room"), OSError(24, "too many files"), RuntimeError("a bug")], ids=repr)
def test_a_network_that_fails_is_tried_again_and_holds_nobody_else_back(impatient: None, failure: Exception) -> None:
    async def act(stage: Stage) -> None:
        stage.kernel.fails[VPC_C] = failure
        await stage.tell(*records(endpoints=PENDING), *another(1), complete=True)
        await until(lambda: stage.said_of("vpce-00000000000000001") == READY)
        assert stage.said_of(ENDPOINT) == []
        assert not DOOR_NAMES & stage.envoy.doors
        stage.kernel.fails.clear()
        await until(lambda: stage.said_of(ENDPOINT) == READY)

    play(act)


def test_an_endpoint_is_closed_though_its_network_is_broken() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await until(lambda: stage.envoy.doors == DOOR_NAMES)
        stage.kernel.fails[VPC_C] = DriverError("no room")
        rejected = replace(ENDPOINT_RECORD, state=State.REJECTED, generation=2)
        newcomer = replace(CLIENT, id=f"{CLIENT.id[:-1]}f", address="10.0.0.21")
        await stage.tell(("interfaces", newcomer), ("endpoints", rejected))
        await until(lambda: stage.envoy.doors == set())

    play(act)


def test_a_report_speaks_of_the_generation_that_envoy_acknowledged() -> None:
    """While another network keeps the agent busy the endpoint changes again, and then Envoy acknowledges what it had before."""

    async def act(stage: Stage) -> None:
        await stage.tell(*records(endpoints=PENDING), complete=True)
        await until(lambda: stage.said_of(ENDPOINT) == READY)
        stage.envoy.answers.clear()
        third = replace(PENDING, generation=3, interface_ids=PENDING.interface_ids[:1], subnet_ids=PENDING.subnet_ids[:1])
        await stage.tell(("endpoints", third))
        await stage.applied()
        stage.kernel.gate.clear()
        busy = len(stage.kernel.observed)
        await stage.tell(*another(1))
        await until(lambda: len(stage.kernel.observed) > busy)
        await stage.tell(("endpoints", replace(PENDING, generation=4)))
        stage.envoy.answers.set()
        await until(lambda: len(stage.envoy.doors) == 1)
        await until(lambda: len(stage.said_of(ENDPOINT)) == 2)
        assert stage.said_of(ENDPOINT)[1] == ("ready", 3, "")
        stage.kernel.gate.set()
        await until(lambda: stage.said_of(ENDPOINT)[2:] == [("ready", 4, "")])
        assert stage.envoy.doors >= DOOR_NAMES

    play(act)


def test_an_endpoint_that_vanishes_before_envoy_has_answered_harms_nobody() -> None:
    async def act(stage: Stage) -> None:
        stage.envoy.answers.clear()
        await stage.tell(*records(endpoints=PENDING), complete=True)
        await stage.applied()
        stage.kernel.gate.clear()
        busy = len(stage.kernel.observed)
        await stage.tell(*another(1))
        await until(lambda: len(stage.kernel.observed) > busy)
        await stage.tell(gone=[("endpoints", ENDPOINT), *(("interfaces", door.id) for door in DOORS)])
        stage.envoy.answers.set()
        await until(lambda: stage.envoy.doors == DOOR_NAMES)
        stage.kernel.gate.set()
        await until(lambda: stage.said_of("vpce-00000000000000001") == READY)
        await until(lambda: not DOOR_NAMES & stage.envoy.doors)

    play(act)


def test_an_agent_survives_that_its_kernel_cannot_be_read(impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await stage.applied()
        asked = 0

        def networks() -> set[str]:
            nonlocal asked
            asked += 1
            raise DriverError("the directory is gone")

        monkeypatch.setattr(stage.kernel, "networks", networks)
        await until(lambda: asked > 2)

    play(act)


# --- one change costs what it touches -----------------------------------------------------------------------------


def test_a_changed_endpoint_touches_no_network_and_no_other_endpoint() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(endpoints=PENDING), *another(1), *another(2), complete=True)
        for endpoint_id in (ENDPOINT, "vpce-00000000000000001", "vpce-00000000000000002"):
            await until(lambda endpoint_id=endpoint_id: stage.said_of(endpoint_id))
        await stage.applied()
        stage.kernel.observed.clear()
        stage.envoy.heard.clear()
        stage.events.clear()
        await stage.tell(("endpoints", replace(PENDING, state=State.REJECTED, generation=3)))
        await until(lambda: not DOOR_NAMES & stage.envoy.doors)
        await stage.tell(("endpoints", replace(PENDING, generation=4)))
        await until(lambda: stage.said_of(ENDPOINT)[1:] == [("ready", 4, "")])
        await stage.applied()
        assert stage.kernel.observed == []
        assert set(stage.envoy.heard) == DOOR_NAMES
        assert {one[1] for one in stage.events} == {*DOOR_NAMES, VPC_C}

    play(act)


def test_a_changed_workload_touches_its_own_network_alone() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), *another(1), complete=True)
        await until(lambda: stage.said_of("vpce-00000000000000001"))
        await stage.applied()
        stage.kernel.observed.clear()
        stage.envoy.heard.clear()
        await stage.tell(("interfaces", replace(CLIENT, address="10.0.0.99")))
        await stage.applied()
        assert stage.kernel.observed == [VPC_C]
        assert stage.envoy.heard == []

    play(act)


# --- health -------------------------------------------------------------------------------------------------------


def test_a_target_that_answers_takes_all_connections_and_is_reported_healthy() -> None:
    """Before, none was known to be healthy, so both got them."""
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in (listening, silent)]

        async def act(stage: Stage) -> None:
            everywhere = {"load_balancing.cross_zone.enabled": "true"}
            targets = [target(zone, port) for zone, port in enumerate(ports)]
            told = everything() | {
                "targets": targets,
                "load_balancers": [replace(BALANCER_RECORD, attributes=everywhere)],
                "target_groups": [replace(GROUP_RECORD, health_check=HealthCheck(interval=3600))],
            }
            await stage.tell(*snapshot(told), complete=True)
            cluster = f"{NODES[0].id}/{GROUP_RECORD.id.rpartition(':')[2]}"
            await until(lambda: stage.envoy.hosts(cluster) == {ports[0]})
            found = {targets[0].id: HealthState.HEALTHY, targets[1].id: HealthState.INITIAL}
            await until(lambda: stage.states_of_targets() == found)
            assert sorted(name for name in stage.envoy.heard if name in DOOR_NAMES) == sorted(DOOR_NAMES)

        play(act)


# --- names --------------------------------------------------------------------------------------------------------


def test_an_endpoints_names_lead_to_its_interfaces_until_its_record_goes() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await stage.applied()
        assert await stage.resolve(VPC_C, REGIONAL_NAME) == ["127.0.0.1"]
        stage.kernel.observed.clear()
        await stage.tell(gone=[("endpoints", ENDPOINT)])
        await stage.applied()
        assert await stage.resolve(VPC_C, REGIONAL_NAME) is None
        assert stage.kernel.observed == []

    play(act)


def test_a_network_that_was_made_anew_has_a_resolver_in_it() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await stage.applied()
        before = stage.kernel.resolvers[VPC_C]
        stage.kernel.apply([RemoveNetwork(VPC_C)])
        subnet = next(one for one in everything()["subnets"] if one.id == subnet_id(VPC_C, 0))
        await stage.tell(("subnets", subnet))
        await until(lambda: stage.kernel.resolvers[VPC_C] is not before)
        await stage.applied()
        assert before.fileno() == -1
        assert await stage.resolve(VPC_C, REGIONAL_NAME) is not None

    play(act)


def test_a_private_name_reaches_the_resolver_changes_and_goes() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await stage.applied()
        (vpc,) = (one for one in everything()["vpcs"] if one.id == VPC_C)
        (endpoint,) = everything()["endpoints"]
        assert await stage.resolve(VPC_C, "api.example.com") is None
        first = replace(endpoint, private_dns_name="api.example.com")
        await stage.tell(("vpcs", replace(vpc, dns_hostnames=True)), ("endpoints", first))
        await stage.applied()
        assert await stage.resolve(VPC_C, "api.example.com") == ["127.0.0.1"]
        await stage.tell(("endpoints", replace(endpoint, private_dns_name="*.example.org")))
        await stage.applied()
        assert await stage.resolve(VPC_C, "any.example.org") == ["127.0.0.1"]
        assert await stage.resolve(VPC_C, "api.example.com") is None
        await stage.tell(("endpoints", endpoint))
        await stage.applied()
        assert await stage.resolve(VPC_C, "any.example.org") is None

    play(act)
