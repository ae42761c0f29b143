"""What somebody broke by hand is seen, mended, and carries packets again; and what is no longer wanted goes, broken or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from driver_conformance import TWO_SUBNETS, VPC_A, settle
from test_packets import A1, A2, A_FAR, Site

from sidedoor.dataplane.netns import kernel
from sidedoor.dataplane.netns.links import Links
from sidedoor.dataplane.netns.naming import BRIDGE, FABRIC, GATEWAY, LEG, WORKLOAD, link_name
from sidedoor.dataplane.plan import RemoveWorkload, plan

SUBNET = TWO_SUBNETS.segments[0].subnet_id
Damage = Callable[[Site], None]


def removed(where: str, name: str) -> Damage:
    def damage(site: Site) -> None:
        with site.namespaces.entered(where), Links() as links:
            links.get(name)
            links.remove(name)

    return damage


def changed(where: str, name: str, **attributes: object) -> Damage:
    def damage(site: Site) -> None:
        with site.namespaces.entered(where), Links() as links:
            links.set(links.get(name), **attributes)

    return damage


def without_address(where: str, name: str, address: str) -> Damage:
    def damage(site: Site) -> None:
        with site.namespaces.entered(where), Links() as links:
            links.remove_address(links.get(name), IPv4Interface(address))

    return damage


def with_address(where: str, name: str, address: str) -> Damage:
    def damage(site: Site) -> None:
        with site.namespaces.entered(where), Links() as links:
            links.add_address(links.get(name), IPv4Interface(address))

    return damage


def with_gateway(where: str, gateway: str) -> Damage:
    def damage(site: Site) -> None:
        with site.namespaces.entered(where), Links() as links:
            links.set_default_gateway(gateway)

    return damage


def unnamed(name: str) -> Damage:
    return lambda site: site.namespaces.remove(name)


def not_forwarding(site: Site) -> None:
    with site.namespaces.entered(VPC_A):
        kernel.set_sysctl("ipv4/ip_forward", "0")


def unmounted(site: Site) -> None:
    site.driver.remove_everything()


DAMAGES: dict[str, Damage] = {
    "the router's leg is gone": removed(VPC_A, link_name(LEG, SUBNET)),
    "the router's leg is down": changed(VPC_A, link_name(LEG, SUBNET), state="down"),
    "the router's leg lost its mark": changed(VPC_A, link_name(LEG, SUBNET), ifalias=""),
    "the bridge is gone": removed(FABRIC, link_name(BRIDGE, SUBNET)),
    "the bridge is down": changed(FABRIC, link_name(BRIDGE, SUBNET), state="down"),
    "the leg's port is gone": removed(FABRIC, link_name(GATEWAY, SUBNET)),
    "the leg's port left the bridge": changed(FABRIC, link_name(GATEWAY, SUBNET), master=0),
    "the gateway's address is gone": without_address(VPC_A, link_name(LEG, SUBNET), "10.0.0.1/24"),
    "an endpoint's address is gone": without_address(VPC_A, link_name(LEG, SUBNET), "10.0.0.4/32"),
    "an address came from nowhere": with_address(VPC_A, link_name(LEG, SUBNET), "10.0.0.99/32"),
    "the resolver's address is gone": without_address(VPC_A, "lo", "10.0.0.2/32"),
    "there are two resolvers": with_address(VPC_A, "lo", "10.0.0.3/32"),
    "the router does not forward": not_forwarding,
    "the router's loopback is down": changed(VPC_A, "lo", state="down"),
    "the vpc's namespace is gone": unnamed(VPC_A),
    "a workload's interface is gone": removed(A1, "eth0"),
    "a workload's interface is down": changed(A1, "eth0", state="down"),
    "a workload's mac is another": changed(A1, "eth0", address="0a:00:00:00:00:99"),
    "a workload's address is gone": without_address(A1, "eth0", "10.0.0.5/24"),
    "a workload's way out is another": with_gateway(A1, "10.0.0.6"),
    "a workload's port is down": changed(FABRIC, link_name(WORKLOAD, A1), state="down"),
    "a workload's port left the bridge": changed(FABRIC, link_name(WORKLOAD, A1), master=0),
    "a workload's port lost its mark": changed(FABRIC, link_name(WORKLOAD, A1), ifalias=""),
    "a workload's namespace is gone": unnamed(A1),
    "the fabric is gone": unnamed(FABRIC),
    "everything is gone": unmounted,
}


TAKING_AWAY = {"the router's leg lost its mark", "the router's loopback is down", "a workload's port lost its mark"}
"""Damages that cannot be mended without making a workload's namespace anew, because nothing says any more what stands there."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.driver.start()
    settle(site.driver, VPC_A, TWO_SUBNETS)
    yield site
    site.driver.remove_everything()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_seen_and_mended(site: Site, name: str) -> None:
    DAMAGES[name](site)
    steps = plan(TWO_SUBNETS, site.driver.observe(VPC_A))
    assert steps != ()
    assert name in TAKING_AWAY or not [step for step in steps if isinstance(step, RemoveWorkload)]
    settle(site.driver, VPC_A, TWO_SUBNETS)
    assert site.pass_bytes(A1, A2, "10.0.0.6") == "10.0.0.5"
    assert site.pass_bytes(A_FAR, A1, "10.0.0.5") == "10.0.1.5"
    assert site.pass_bytes(A2, VPC_A, "10.0.0.4") == "10.0.0.6"
    assert site.pass_bytes(A1, VPC_A, "10.0.0.2") == "10.0.0.5"


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_network_can_be_removed(site: Site, name: str) -> None:
    DAMAGES[name](site)
    site.driver.apply(plan(None, site.driver.observe(VPC_A)))
    assert site.driver.observe(VPC_A) is None
