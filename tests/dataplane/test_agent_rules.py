"""The agent and security groups: what Envoy is told when a rule or a member changes, and what it is not told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agent_stage import Stage, play, snapshot, until
from envoy.config.listener.v3.listener_pb2 import Listener
from records import CLIENT, CONSUMER, DOORS, ENDPOINT, ENDPOINT_RECORD, LISTENER_RECORD, VPC_C, everything, interface
from xds.type.matcher.v3.ip_pb2 import IPMatcher

from sidedoor.dataplane.envoy.resources import ENDPOINTS, LISTENER
from sidedoor.endpoints.model import State
from sidedoor.networks.model import InterfaceKind, SecurityGroupRule

GROUP = "sg-0000000000000000c"
GUARDED = replace(ENDPOINT_RECORD, group_ids=(GROUP,))
MEMBER = replace(CLIENT, group_ids=(GROUP,))
DOOR_NAMES = [f"{ENDPOINT}/{door.id}/{LISTENER_RECORD.port}" for door in DOORS]
FOR_MEMBERS = SecurityGroupRule(
    **CONSUMER, id="sgr-00000000000000001", group_id=GROUP, egress=False, protocol="-1", from_port=-1, to_port=-1,
    referenced_group_id=GROUP,
)  # fmt: skip


def records(**changed: Any) -> list[tuple[str, Any]]:
    """A snapshot in which the endpoint has a default group's rule, and its client is a member."""
    found = everything() | {"security_group_rules": [FOR_MEMBERS]}
    for kind, record in ({"endpoints": GUARDED, "interfaces": MEMBER} | changed).items():
        found[kind] = [one for one in found[kind] if one.id != record.id] + [record]
    return snapshot(found)


def admitted(stage: Stage) -> list[list[str]]:
    """Whom Envoy's listeners let in, door by door."""
    found = []
    for name in DOOR_NAMES:
        listener, by_address = Listener(), IPMatcher()
        if name in stage.envoy.has[LISTENER]:
            stage.envoy.has[LISTENER][name].resource.Unpack(listener)
            listener.filter_chain_matcher.matcher_tree.custom_match.typed_config.Unpack(by_address)
        ranges = [one for matcher in by_address.range_matchers for one in matcher.ranges]
        found.append([f"{one.address_prefix}/{one.prefix_len.value}" for one in ranges])
    return found


def test_rules_members_and_groups_reach_envoy_as_they_change_and_touch_nothing_else() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await until(lambda: admitted(stage) == [["10.0.0.20/32"]] * 2 and len(stage.envoy.has[ENDPOINTS]) == 2)
        stage.envoy.heard.clear()
        stage.kernel.observed.clear()
        by_block = replace(FOR_MEMBERS, id="sgr-00000000000000002", referenced_group_id=None, cidr="192.168.0.0/24")
        await stage.tell(("security_group_rules", by_block))
        await until(lambda: admitted(stage) == [["10.0.0.20/32", "192.168.0.0/24"]] * 2)
        await stage.tell(gone=[("security_group_rules", by_block.id)])
        await until(lambda: admitted(stage) == [["10.0.0.20/32"]] * 2)
        await stage.tell(("security_group_rules", replace(FOR_MEMBERS, egress=True)))
        await until(lambda: admitted(stage) == [[], []])
        assert set(stage.envoy.heard) == set(DOOR_NAMES)
        assert stage.kernel.observed == []
        assert stage.said_of(ENDPOINT) == []

    play(act)


def test_a_new_member_may_come_in_and_one_that_left_may_not() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await until(lambda: admitted(stage) == [["10.0.0.20/32"]] * 2)
        newcomer = interface(VPC_C, 1, 30, InterfaceKind.WORKLOAD, group_ids=(GROUP,))
        await stage.tell(("interfaces", newcomer))
        await until(lambda: admitted(stage) == [["10.0.0.20/32", "10.0.1.30/32"]] * 2)
        await stage.tell(("interfaces", CLIENT))
        await until(lambda: admitted(stage) == [["10.0.1.30/32"]] * 2)

    play(act)


def test_an_endpoint_is_ready_only_when_its_rules_are_acknowledged_too() -> None:
    async def act(stage: Stage) -> None:
        stage.envoy.answers.clear()
        pending = replace(GUARDED, state=State.PENDING, generation=2)
        await stage.tell(*records(endpoints=pending), complete=True)
        await stage.applied()
        await until(lambda: stage.envoy.heard)
        assert stage.said_of(ENDPOINT) == []
        stage.envoy.answers.set()
        await until(lambda: stage.said_of(ENDPOINT) == [("ready", 2, "")])
        assert admitted(stage) == [["10.0.0.20/32"]] * 2

    play(act)


def test_a_rule_waits_for_no_network_that_takes_its_time() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(), complete=True)
        await until(lambda: admitted(stage) == [["10.0.0.20/32"]] * 2)
        stage.kernel.gate.clear()
        await stage.tell(("interfaces", interface(VPC_C, 0, 99, InterfaceKind.WORKLOAD)))
        await stage.tell(gone=[("security_group_rules", FOR_MEMBERS.id)])
        await until(lambda: admitted(stage) == [[], []])

    play(act)


def test_a_rule_opens_no_door_that_is_not_to_stand() -> None:
    async def act(stage: Stage) -> None:
        await stage.tell(*records(endpoints=replace(GUARDED, state=State.REJECTED)), complete=True)
        await stage.applied()
        await stage.tell(
            ("security_group_rules", replace(FOR_MEMBERS, id="sgr-00000000000000003", protocol="tcp", to_port=443))
        )
        await stage.applied()
        assert stage.envoy.doors == set()

    play(act)
