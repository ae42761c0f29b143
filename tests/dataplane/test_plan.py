"""Plans as people read them: the whole text, in order."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from driver_conformance import TWO_SUBNETS, VPC_A, network, random_network, segment, workload

from sidedoor.dataplane.desired import Network
from sidedoor.dataplane.memory import after
from sidedoor.dataplane.plan import plan

SUBNET_A1, SUBNET_A2 = (one.subnet_id for one in TWO_SUBNETS.segments)
ENI_1, ENI_2, ENI_FAR = (one.interface_id for part in TWO_SUBNETS.segments for one in part.workloads)


def text(wanted: Network | None, observed: Network | None) -> str:
    return "\n".join(map(str, plan(wanted, observed)))


def lines(*expected: str) -> str:
    return "\n".join(expected)


def test_a_new_network_is_built_from_the_ground_up() -> None:
    assert text(TWO_SUBNETS, None) == lines(
        f"+ network {VPC_A} 10.0.0.0/16",
        f"+ subnet {SUBNET_A1} 10.0.0.0/24 gateway 10.0.0.1 in {VPC_A}",
        f"+ address 10.0.0.10 in {SUBNET_A1} of {VPC_A}",
        f"+ address 10.0.0.4 in {SUBNET_A1} of {VPC_A}",
        f"+ interface {ENI_1} 10.0.0.5 in {SUBNET_A1} of {VPC_A}",
        f"+ interface {ENI_2} 10.0.0.6 in {SUBNET_A1} of {VPC_A}",
        f"+ subnet {SUBNET_A2} 10.0.1.0/24 gateway 10.0.1.1 in {VPC_A}",
        f"+ address 10.0.1.4 in {SUBNET_A2} of {VPC_A}",
        f"+ interface {ENI_FAR} 10.0.1.5 in {SUBNET_A2} of {VPC_A}",
        f"+ resolver of {VPC_A} 10.0.0.2",
    )


def test_a_network_is_taken_down_in_the_opposite_order() -> None:
    assert text(None, TWO_SUBNETS) == lines(
        f"- interface {ENI_1} in {SUBNET_A1} of {VPC_A}",
        f"- interface {ENI_2} in {SUBNET_A1} of {VPC_A}",
        f"- address 10.0.0.10 in {SUBNET_A1} of {VPC_A}",
        f"- address 10.0.0.4 in {SUBNET_A1} of {VPC_A}",
        f"- subnet {SUBNET_A1} in {VPC_A}",
        f"- interface {ENI_FAR} in {SUBNET_A2} of {VPC_A}",
        f"- address 10.0.1.4 in {SUBNET_A2} of {VPC_A}",
        f"- subnet {SUBNET_A2} in {VPC_A}",
        f"- network {VPC_A}",
    )


def test_an_address_that_moves_goes_before_it_comes() -> None:
    before = network(VPC_A, segment(0xA1, "10.0.0.0/24", ("10.0.0.4",), (workload(1, "10.0.0.5"),)))
    wanted = network(VPC_A, segment(0xA1, "10.0.0.0/24", ("10.0.0.5",), (workload(2, "10.0.0.4"),)))
    assert text(wanted, before) == lines(
        f"- interface {workload(1, '').interface_id} in {SUBNET_A1} of {VPC_A}",
        f"- address 10.0.0.4 in {SUBNET_A1} of {VPC_A}",
        f"+ address 10.0.0.5 in {SUBNET_A1} of {VPC_A}",
        f"+ interface {workload(2, '').interface_id} 10.0.0.4 in {SUBNET_A1} of {VPC_A}",
    )


def test_the_resolver_comes_moves_and_goes() -> None:
    without, other = replace(TWO_SUBNETS, resolver=None), replace(TWO_SUBNETS, resolver="10.0.0.3")
    assert text(TWO_SUBNETS, without) == f"+ resolver of {VPC_A} 10.0.0.2"
    assert text(other, TWO_SUBNETS) == f"+ resolver of {VPC_A} 10.0.0.3"
    assert text(without, TWO_SUBNETS) == f"- resolver of {VPC_A}"


def test_a_subnet_that_is_half_there_is_made_whole_and_nothing_wanted_is_taken_away() -> None:
    half = replace(TWO_SUBNETS.segments[1], cidr="", gateway="", workloads=(replace(workload(0xA21, ""), mac=""),))
    assert text(TWO_SUBNETS, replace(TWO_SUBNETS, segments=(TWO_SUBNETS.segments[0], half))) == lines(
        f"+ subnet {SUBNET_A2} 10.0.1.0/24 gateway 10.0.1.1 in {VPC_A}",
        f"+ address 10.0.1.4 in {SUBNET_A2} of {VPC_A}",
        f"+ interface {ENI_FAR} 10.0.1.5 in {SUBNET_A2} of {VPC_A}",
    )


def test_a_subnet_that_is_half_there_and_not_wanted_goes() -> None:
    half = replace(TWO_SUBNETS.segments[1], cidr="", gateway="", addresses=())
    wanted = replace(TWO_SUBNETS, segments=TWO_SUBNETS.segments[:1])
    assert text(wanted, replace(TWO_SUBNETS, segments=(TWO_SUBNETS.segments[0], half))) == lines(
        f"- interface {ENI_FAR} in {SUBNET_A2} of {VPC_A}",
        f"- subnet {SUBNET_A2} in {VPC_A}",
    )


def test_an_interface_that_is_half_there_is_made_whole_in_its_place() -> None:
    half = replace(TWO_SUBNETS.segments[1], workloads=(replace(workload(0xA21, ""), mac=""),))
    assert text(TWO_SUBNETS, replace(TWO_SUBNETS, segments=(TWO_SUBNETS.segments[0], half))) == (
        f"+ interface {ENI_FAR} 10.0.1.5 in {SUBNET_A2} of {VPC_A}"
    )


def test_a_network_with_another_cidr_is_taken_down_and_built_anew() -> None:
    other = replace(TWO_SUBNETS, cidr="10.0.0.0/15")
    assert text(other, TWO_SUBNETS) == lines(text(None, TWO_SUBNETS), text(other, None))


def test_nothing_wanted_and_nothing_there_is_nothing_to_do() -> None:
    assert plan(None, None) == ()


@pytest.mark.parametrize("seed", range(50))
def test_carrying_out_a_plan_leads_from_any_network_to_any_other(seed: int) -> None:
    chance = random.Random(seed)
    stands, wanted = random_network(chance, VPC_A), random_network(chance, VPC_A)
    assert plan(stands, stands) == ()
    for step in plan(wanted, stands):
        stands = after(stands, step)
    assert stands == wanted
