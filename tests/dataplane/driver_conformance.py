"""What every placement has to do, whatever it is made of. Each placement's test class brings a fixture ``driver``."""

from __future__ import annotations

import os
import random
import socket
from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from sidedoor.dataplane.desired import Network, Segment, Workload
from sidedoor.dataplane.driver import Driver, DriverError
from sidedoor.dataplane.plan import AddAddress, AddNetwork, RemoveAddress, RemoveNetwork, RemoveSegment, RemoveWorkload, plan
from sidedoor.networks.model import gateway_address, mac_address, resolver_address

VPC_A, VPC_B, VPC_C = "vpc-0aaaaaaaaaaaaaaa1", "vpc-0bbbbbbbbbbbbbbb2", "vpc-0ccccccccccccccc3"


def workload(number: int, address: str) -> Workload:
    interface_id = f"eni-0{number:016x}"
    return Workload(interface_id=interface_id, address=address, mac=mac_address(interface_id))


def segment(number: int, cidr: str, addresses: tuple[str, ...] = (), workloads: tuple[Workload, ...] = ()) -> Segment:
    return Segment(
        subnet_id=f"subnet-0{number:016x}", cidr=cidr, gateway=gateway_address(cidr),
        addresses=tuple(sorted(addresses)), workloads=tuple(sorted(workloads)),
    )  # fmt: skip


def network(vpc_id: str, *segments: Segment, cidr: str = "10.0.0.0/16", resolver: str | None = "10.0.0.2") -> Network:
    return Network(vpc_id=vpc_id, cidr=cidr, resolver=resolver, segments=tuple(sorted(segments, key=lambda one: one.subnet_id)))


TWO_SUBNETS = network(
    VPC_A,
    segment(0xA1, "10.0.0.0/24", ("10.0.0.4", "10.0.0.10"), (workload(0xA11, "10.0.0.5"), workload(0xA12, "10.0.0.6"))),
    segment(0xA2, "10.0.1.0/24", ("10.0.1.4",), (workload(0xA21, "10.0.1.5"),)),
)
SAME_ADDRESSES = network(
    VPC_B,
    segment(0xB1, "10.0.0.0/24", ("10.0.0.4",), (workload(0xB11, "10.0.0.5"), workload(0xB12, "10.0.0.7"))),
    segment(0xB3, "10.0.3.0/24", (), (workload(0xB31, "10.0.3.5"),)),
)


def settle(driver: Driver, vpc_id: str, wanted: Network | None) -> None:
    """Brings a VPC to what is wanted, and proves by reading back that it is there."""
    driver.apply(plan(wanted, driver.observe(vpc_id)))
    observed = driver.observe(vpc_id)
    assert observed == wanted
    assert plan(wanted, observed) == ()


def random_network(chance: random.Random, vpc_id: str) -> Network | None:
    """Some state of a VPC. Ids and CIDRs of a VPC's subnets never change; which of them are in use does."""
    if chance.random() < 0.15:
        return None
    number = int(vpc_id[-1]) << 8
    segments = []
    for index, cidr in enumerate(("10.0.0.0/24", "10.0.1.0/26", "10.0.8.0/21")):
        if chance.random() < 0.6:
            hosts = [str(IPv4Network(cidr)[offset]) for offset in range(4, 12)]
            chance.shuffle(hosts)
            placed, endpoints = hosts[: chance.randrange(3)], hosts[4 : 4 + chance.randrange(4)]
            workloads = tuple(workload(number << 8 | index << 4 | int(one.rpartition(".")[2]), one) for one in placed)
            segments.append(segment(number | index, cidr, tuple(endpoints), workloads))
    if not segments:
        return None
    return network(vpc_id, *segments, resolver=chance.choice([None, resolver_address("10.0.0.0/16")]))


class DriverConformance:
    walk_length = 40
    every = 1
    """Of the places at which a plan can be broken off, each, or every n-th."""

    def test_what_was_placed_is_read_back_as_it_was_wanted(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        assert driver.networks() == {VPC_A}

    def test_networks_with_the_same_addresses_stand_side_by_side(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        settle(driver, VPC_B, SAME_ADDRESSES)
        assert driver.observe(VPC_A) == TWO_SUBNETS
        assert driver.networks() == {VPC_A, VPC_B}
        settle(driver, VPC_A, None)
        assert driver.observe(VPC_B) == SAME_ADDRESSES
        assert driver.networks() == {VPC_B}

    def test_carrying_out_a_plan_again_changes_nothing(self, driver: Driver) -> None:
        steps = plan(TWO_SUBNETS, None)
        driver.apply(steps)
        driver.apply(steps)
        assert driver.observe(VPC_A) == TWO_SUBNETS

    def test_removing_what_is_not_there_changes_nothing(self, driver: Driver) -> None:
        steps = plan(None, TWO_SUBNETS)
        driver.apply(steps)
        assert driver.observe(VPC_A) is None
        settle(driver, VPC_B, SAME_ADDRESSES)
        subnet_id = SAME_ADDRESSES.segments[0].subnet_id
        driver.apply(
            [
                RemoveWorkload(VPC_B, subnet_id, "eni-0fffffffffffffff9"),
                RemoveAddress(VPC_B, subnet_id, "10.0.0.99"),
                RemoveAddress(VPC_B, "subnet-0fffffffffffffff9", "10.9.9.9"),
                RemoveSegment(VPC_B, "subnet-0fffffffffffffff9"),
                RemoveNetwork(VPC_C),
            ]
        )
        assert driver.observe(VPC_B) == SAME_ADDRESSES

    def test_a_plan_that_was_broken_off_anywhere_is_completed_or_taken_back(self, driver: Driver) -> None:
        steps = plan(TWO_SUBNETS, None)
        for count in range(1, len(steps), self.every):
            driver.apply(steps[:count])
            settle(driver, VPC_A, TWO_SUBNETS if count % 2 else None)
            settle(driver, VPC_A, None)

    def test_a_removal_that_was_broken_off_anywhere_is_completed_or_taken_back(self, driver: Driver) -> None:
        steps = plan(None, TWO_SUBNETS)
        for count in range(1, len(steps), self.every):
            settle(driver, VPC_A, TWO_SUBNETS)
            driver.apply(steps[:count])
            settle(driver, VPC_A, TWO_SUBNETS if count % 2 else None)

    def test_a_vpc_with_another_cidr_is_placed_anew(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        other = network(VPC_A, segment(0xA3, "192.168.0.0/28", ("192.168.0.4",)), cidr="192.168.0.0/24", resolver="192.168.0.2")
        settle(driver, VPC_A, other)

    def test_a_subnet_with_another_cidr_takes_it_on(self, driver: Driver) -> None:
        settle(driver, VPC_A, network(VPC_A, segment(0xA1, "10.0.0.0/24", ("10.0.0.4",), (workload(0xA11, "10.0.0.5"),))))
        settle(driver, VPC_A, network(VPC_A, segment(0xA1, "10.0.0.0/26", ("10.0.0.4",), (workload(0xA11, "10.0.0.6"),))))

    @pytest.mark.parametrize("seed", [1, 2])
    def test_a_random_walk_is_at_what_is_wanted_after_every_step(self, driver: Driver, seed: int) -> None:
        chance = random.Random(seed)
        wanted: dict[str, Network | None] = dict.fromkeys((VPC_A, VPC_B, VPC_C))
        for _ in range(self.walk_length):
            vpc_id = chance.choice([*wanted])
            wanted[vpc_id] = random_network(chance, vpc_id)
            settle(driver, vpc_id, wanted[vpc_id])
            for other, network_of_other in wanted.items():
                assert driver.observe(other) == network_of_other

    def test_every_address_has_a_place_where_sockets_can_be_bound(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        for address in ("10.0.0.2", "10.0.0.4", "10.0.1.4"):
            with driver.socket(VPC_A, socket.SOCK_STREAM) as listener:
                assert not listener.getblocking()
                listener.bind((driver.locate(VPC_A, address).address, 0))
                listener.listen()
        assert driver.locate(VPC_A, "10.0.0.5").address

    def test_an_address_that_a_vpc_does_not_have_has_no_place(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        for vpc_id, address in ((VPC_A, "10.0.9.9"), (VPC_A, "192.0.2.1"), (VPC_B, "10.0.0.4")):
            with pytest.raises(KeyError):
                driver.locate(vpc_id, address)

    def test_no_socket_is_opened_in_a_vpc_that_does_not_stand(self, driver: Driver) -> None:
        with pytest.raises(DriverError):
            driver.socket(VPC_A, socket.SOCK_STREAM)

    def test_a_step_that_has_nothing_to_build_on_is_refused_by_name(self, driver: Driver) -> None:
        step = AddAddress(VPC_A, "subnet-0fffffffffffffff9", "10.0.0.4")
        with pytest.raises(DriverError, match=r"address 10\.0\.0\.4 in subnet-0fffffffffffffff9"):
            driver.apply([step])
        with pytest.raises(DriverError, match=r"address 10\.0\.0\.4 in subnet-0fffffffffffffff9"):
            driver.apply([AddNetwork(VPC_A, "10.0.0.0/16"), step])
        observed = driver.observe(VPC_A)
        assert observed == Network(vpc_id=VPC_A, cidr="10.0.0.0/16", resolver=None, segments=())

    def test_cutting_where_nothing_flows_is_no_error(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        driver.cut(VPC_A, "10.0.0.4")
        driver.cut(VPC_C, "10.0.0.4")

    def test_resetting_where_nothing_flows_is_no_error(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        places = {("10.0.0.5", 80), ("192.0.2.1", 80)}
        for vpc_id, source in ((VPC_A, "10.0.0.4"), (VPC_A, "10.0.0.99"), (VPC_C, "10.0.0.4")):
            assert driver.reset(vpc_id, source, places, os.getpid()) == 0
            assert driver.reset(vpc_id, source, places, None) == 0

    def test_where_nothing_flows_no_flow_stands(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        assert driver.standing([(VPC_A, "10.0.0.4", 443), (VPC_A, "10.0.9.9", 443), (VPC_C, "10.0.0.4", 443)]) == []
        driver.end([], None)
        assert driver.ends_flows() in (True, False)

    def test_after_remove_everything_nothing_stands_and_all_can_be_placed_again(self, driver: Driver) -> None:
        settle(driver, VPC_A, TWO_SUBNETS)
        settle(driver, VPC_B, SAME_ADDRESSES)
        driver.remove_everything()
        assert driver.networks() == set()
        assert driver.observe(VPC_A) is None
        driver.remove_everything()
        driver.start()
        settle(driver, VPC_A, replace(TWO_SUBNETS, resolver=None))
