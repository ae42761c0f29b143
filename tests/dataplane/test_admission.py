"""Who may come in at an endpoint's doors, out of the records of security groups, and what a change of them touches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from records import (
    BALANCER,
    CLIENT,
    CONSUMER,
    ENDPOINT,
    ENDPOINT_RECORD,
    NODES,
    PROVIDER,
    SERVERS,
    VPC_C,
    VPC_P,
    change,
    interface,
    wanted,
)  # fmt: skip

from sidedoor.dataplane import admission, desired
from sidedoor.dataplane.wanted import RECORDS, Index, Unit, UnitKind, Wanted
from sidedoor.networks.model import AddressFamily, InterfaceKind, PrefixEntry, PrefixList, SecurityGroupRule

GUARDS, MEMBERS, OF_BALANCER = "sg-0000000000000000c", "sg-0000000000000000d", "sg-0000000000000000b"
PORT = 443
RULES_UNIT = Unit(UnitKind.RULES, ENDPOINT)
LIST = "pl-0000000000000000c"


def rule(number: int, group_id: str = GUARDS, **fields: Any) -> SecurityGroupRule:
    """A rule of the endpoint's group that lets in everything, unless told otherwise."""
    owner = PROVIDER if group_id == OF_BALANCER else CONSUMER
    fields = {"egress": False, "protocol": "-1", "from_port": -1, "to_port": -1} | fields
    return SecurityGroupRule(**owner, id=f"sgr-{number:017x}", group_id=group_id, **fields)


def guarded(*rules: SecurityGroupRule) -> Wanted:
    """The consumer's endpoint has a security group, and its client is in another one."""
    told = wanted()
    change(told, "endpoints", ENDPOINT, group_ids=(GUARDS,))
    change(told, "interfaces", CLIENT.id, group_ids=(MEMBERS,))
    for one in rules:
        told.put("security_group_rules", one)
    return told


def clients(told: Wanted) -> tuple[str, ...] | None:
    """Who may come in: the same at both of the endpoint's doors."""
    (found,) = {one.admission for one in desired.doors(told, ENDPOINT)}
    return found.blocks


def is_ruled(told: Wanted) -> bool:
    (found,) = {one.admission for one in desired.doors(told, ENDPOINT)}
    return found.ruled


def prefixes(*blocks: str, family: AddressFamily = AddressFamily.IPV4) -> PrefixList:
    entries = tuple(PrefixEntry(cidr=one) for one in blocks)
    return PrefixList(**CONSUMER, id=LIST, name="offices", family=family, max_entries=9, entries=entries)


# --- rules --------------------------------------------------------------------------------------------------------


def test_without_a_rule_nobody_comes_in() -> None:
    assert clients(guarded()) == ()


def test_an_endpoint_of_which_no_group_is_known_lets_nobody_in() -> None:
    assert clients(wanted()) == ()


def test_the_blocks_of_several_rules_are_put_together() -> None:
    rules = [
        rule(number, cidr=cidr) for number, cidr in enumerate(("10.0.1.0/25", "10.0.1.128/25", "10.0.1.7/32", "10.9.0.0/16"))
    ]
    assert clients(guarded(*rules)) == ("10.0.1.0/24", "10.9.0.0/16")


@pytest.mark.parametrize("blocks", [("0.0.0.0/0",), ("0.0.0.0/1", "128.0.0.0/1")])
def test_rules_for_every_address_let_everybody_in(blocks: tuple[str, ...]) -> None:
    assert clients(guarded(*(rule(number, cidr=cidr) for number, cidr in enumerate(blocks)))) is None


@pytest.mark.parametrize(
    ("protocol", "ports", "is_about"),
    [
        ("-1", (-1, -1), True),
        ("tcp", (443, 443), True),
        ("tcp", (0, 65535), True),
        ("tcp", (400, 442), False),
        ("tcp", (444, 500), False),
        ("udp", (443, 443), False),
        ("icmp", (-1, -1), False),
        ("50", (-1, -1), False),
    ],
)
def test_a_rule_is_about_its_protocol_and_its_ports(protocol: str, ports: tuple[int, int], is_about: bool) -> None:
    one = rule(1, cidr="10.0.0.0/8", protocol=protocol, from_port=ports[0], to_port=ports[1])
    assert clients(guarded(one)) == (("10.0.0.0/8",) if is_about else ())


def test_a_door_knows_whether_anybody_was_meant_though_nobody_is_there() -> None:
    told = guarded(rule(1, referenced_group_id="sg-0000000000000000e"))
    assert (clients(told), is_ruled(told)) == ((), True)
    told.put("security_group_rules", rule(1, cidr="10.0.0.0/8", protocol="tcp", from_port=80, to_port=80))
    assert (clients(told), is_ruled(told)) == ((), False)
    told.put("security_group_rules", rule(1, cidr="10.0.0.0/8"))
    change(told, "load_balancers", BALANCER, group_ids=(OF_BALANCER,))
    assert (clients(told), is_ruled(told)) == ((), False)
    told.put("security_group_rules", rule(2, OF_BALANCER, cidr="192.168.0.0/16"))
    assert (clients(told), is_ruled(told)) == ((), True)


def test_outbound_rules_and_rules_of_other_groups_let_nobody_in() -> None:
    assert clients(guarded(rule(1, cidr="10.0.0.0/8", egress=True), rule(2, MEMBERS, cidr="10.0.0.0/8"))) == ()


def test_blocks_of_ipv6_let_no_ipv4_client_in() -> None:
    told = guarded(rule(1, cidr6="::/0"), rule(2, prefix_list_id=LIST))
    told.put("prefix_lists", prefixes("::/0", family=AddressFamily.IPV6))
    assert clients(told) == ()


def test_the_groups_of_an_endpoint_allow_together() -> None:
    told = guarded(rule(1, cidr="10.0.1.0/24"), rule(2, MEMBERS, cidr="10.0.2.0/24"))
    change(told, "endpoints", ENDPOINT, group_ids=(GUARDS, MEMBERS))
    assert clients(told) == ("10.0.1.0/24", "10.0.2.0/24")


# --- groups and prefix lists as sources ---------------------------------------------------------------------------


def test_a_referenced_group_lets_its_members_in_with_all_their_addresses() -> None:
    told = guarded(rule(1, referenced_group_id=MEMBERS))
    assert clients(told) == ("10.0.0.20/32",)
    change(told, "interfaces", CLIENT.id, secondary=("10.0.0.77",))
    assert clients(told) == ("10.0.0.20/32", "10.0.0.77/32")


def test_who_joins_a_referenced_group_comes_in_and_who_leaves_it_does_not() -> None:
    told = guarded(rule(1, referenced_group_id=MEMBERS))
    newcomer = interface(VPC_C, 1, 30, InterfaceKind.WORKLOAD, group_ids=(MEMBERS,))
    assert RULES_UNIT in told.put("interfaces", newcomer)
    assert clients(told) == ("10.0.0.20/32", "10.0.1.30/32")
    assert RULES_UNIT in told.put("interfaces", replace(newcomer, group_ids=()))
    assert clients(told) == ("10.0.0.20/32",)
    assert RULES_UNIT in told.drop("interfaces", CLIENT.id)
    assert clients(told) == ()


def test_a_group_of_another_vpc_has_no_clients_here() -> None:
    told = guarded(rule(1, referenced_group_id=MEMBERS))
    change(told, "interfaces", SERVERS[0].id, group_ids=(MEMBERS,))
    assert clients(told) == ("10.0.0.20/32",)


def test_a_load_balancers_node_in_the_vpc_may_be_a_client_and_an_endpoints_interface_may_not() -> None:
    told = guarded(rule(1, referenced_group_id=MEMBERS))
    told.put("interfaces", interface(VPC_C, 0, 40, InterfaceKind.LOAD_BALANCER_NODE, group_ids=(MEMBERS,), holder="arn:other"))
    door = interface(VPC_C, 0, 41, InterfaceKind.ENDPOINT, group_ids=(MEMBERS,), holder="vpce-0fffffffffffffff9")
    assert told.put("interfaces", door) & {RULES_UNIT} == set()
    assert clients(told) == ("10.0.0.20/32", "10.0.0.40/32")


def test_a_prefix_list_lets_its_blocks_in_as_they_are_now() -> None:
    told = guarded(rule(1, prefix_list_id=LIST))
    assert clients(told) == ()
    assert told.put("prefix_lists", prefixes("10.0.4.0/24", "10.0.5.0/24")) == {RULES_UNIT}
    assert clients(told) == ("10.0.4.0/23",)
    assert told.put("prefix_lists", prefixes("10.0.5.0/24")) == {RULES_UNIT}
    assert clients(told) == ("10.0.5.0/24",)
    assert told.drop("prefix_lists", LIST) == {RULES_UNIT}
    assert clients(told) == ()


# --- the load balancer's groups -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group_ids", "enforced", "admitted"),
    [
        ((), True, ("10.0.0.0/16",)),
        ((OF_BALANCER,), True, ("10.0.0.0/24", "10.0.255.0/24")),
        ((OF_BALANCER,), False, ("10.0.0.0/16",)),
    ],
)
def test_a_load_balancers_groups_are_asked_where_it_has_some_and_enforces_them(
    group_ids: tuple[str, ...], enforced: bool, admitted: tuple[str, ...]
) -> None:
    of_balancer = [rule(2, OF_BALANCER, cidr="10.0.0.0/24"), rule(3, OF_BALANCER, cidr="10.0.255.0/24")]
    told = guarded(rule(1, cidr="10.0.0.0/16"), rule(4, OF_BALANCER, cidr="192.168.0.0/16"), *of_balancer)
    change(told, "load_balancers", BALANCER, group_ids=group_ids, enforce_private_link_rules=enforced)
    assert clients(told) == admitted


def test_a_group_that_a_load_balancer_names_has_members_only_in_the_clients_vpc() -> None:
    """The node and the servers are in the load balancer's own VPC, and their addresses mean others in the client's."""
    told = guarded(rule(1, cidr="0.0.0.0/0"), rule(2, OF_BALANCER, referenced_group_id=OF_BALANCER))
    change(told, "load_balancers", BALANCER, group_ids=(OF_BALANCER,))
    for one in (*NODES, *SERVERS):
        change(told, "interfaces", one.id, group_ids=(OF_BALANCER,))
    assert clients(told) == ()
    change(told, "endpoints", ENDPOINT, vpc_id=VPC_P)
    assert clients(told) == ("10.0.0.10/32", "10.0.0.20/32", "10.0.1.10/32", "10.0.1.20/32")


# --- what a change touches ----------------------------------------------------------------------------------------


def test_a_changed_rule_touches_the_endpoints_that_its_group_guards() -> None:
    told = guarded()
    other = replace(ENDPOINT_RECORD, id="vpce-0fffffffffffffff9", group_ids=(MEMBERS,))
    told.put("endpoints", other)
    assert told.put("security_group_rules", rule(1, cidr="10.0.0.0/8")) == {RULES_UNIT}
    assert told.drop("security_group_rules", rule(1).id) == {RULES_UNIT}
    assert told.put("security_group_rules", rule(2, egress=True, cidr="0.0.0.0/0")) == set()
    assert told.put("security_group_rules", rule(3, OF_BALANCER, cidr="10.0.0.0/8")) == set()
    change(told, "load_balancers", BALANCER, group_ids=(OF_BALANCER,))
    assert told.put("security_group_rules", rule(3, OF_BALANCER, cidr="10.0.0.0/8")) == {
        RULES_UNIT,
        Unit(UnitKind.RULES, other.id),
    }


def test_an_interface_touches_no_endpoint_whose_rules_do_not_name_its_group() -> None:
    told = guarded(rule(1, cidr="10.0.0.0/8"), rule(2, MEMBERS, referenced_group_id=MEMBERS))
    newcomer = interface(VPC_C, 1, 30, InterfaceKind.WORKLOAD, group_ids=(MEMBERS, GUARDS))
    assert told.put("interfaces", newcomer) == {Unit(UnitKind.NETWORK, VPC_C)}


def test_when_groups_rules_and_members_are_gone_nothing_remembers_them() -> None:
    told = guarded(rule(1, referenced_group_id=MEMBERS), rule(2, prefix_list_id=LIST))
    told.put("prefix_lists", prefixes("10.0.4.0/24"))
    change(told, "load_balancers", BALANCER, group_ids=(OF_BALANCER,))
    assert clients(told) == ()
    for kind in RECORDS:
        for record_id in told.ids(kind):
            told.drop(kind, record_id)
    empty = Wanted()
    for name in vars(empty):
        assert _content(told, name) == _content(empty, name), name


def _content(told: Wanted, name: str) -> Any:
    held = getattr(told, name)
    return vars(held) if isinstance(held, Index) else held


# --- sets of addresses --------------------------------------------------------------------------------------------


def test_spans_join_where_they_touch_and_meet_where_they_overlap() -> None:
    assert admission.joined([(5, 9), (1, 2), (3, 4), (20, 30), (22, 23)]) == ((1, 9), (20, 30))
    assert admission.common(((1, 9), (20, 30), (40, 50)), ((0, 1), (5, 25), (28, 45))) == (
        (1, 1), (5, 9), (20, 25), (28, 30), (40, 45),
    )  # fmt: skip
    assert admission.common(admission.EVERYBODY, ((7, 7),)) == ((7, 7),)
    assert admission.common(admission.NOBODY, admission.EVERYBODY) == admission.NOBODY


def test_spans_are_written_as_the_fewest_blocks() -> None:
    assert admission.blocks(((0x0A000001, 0x0A000004),)) == ("10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/32")
    assert admission.blocks(admission.EVERYBODY) == ("0.0.0.0/0",)
