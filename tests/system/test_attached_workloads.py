"""Real workloads in a subnet (``sidedoor attach``): namespaces, pairs and taps, and a bridge, all of the host's own.

These tests make links and namespaces in the host's own network namespace, with names that nobody else has, and take them away.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from attach_lab import GATEWAY, RESOLVER, Workshop, ip, links
from rules_lab import PORT

from sidedoor.app import workload
from sidedoor.dataplane.attachments import Kind
from sidedoor.dataplane.netns.naming import DOWNLINK, UPLINK, leg_mac, link_name
from sidedoor.demo.system import running, until
from sidedoor.settings import SettingsError


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    if os.geteuid() != 0:
        pytest.skip("only root can put what the host has into a subnet")
    shop = None
    try:
        with running("--dev", "--network", "netns") as system:
            if system.placement["user_namespace"]:
                pytest.skip("root here can make no network namespaces outside of a user namespace")
            shop = Workshop.on(system)
            lent = shop.pair(shop.namespace())
            assert shop.attach(shop.interface()[0], Kind.VETH, lent) == ""
            assert lent not in links()
            yield shop
        assert lent in links(), "a system that ends gives back what it was lent"
        assert [name for name in links() if name.startswith(f"{DOWNLINK}-")] == []
    finally:
        if shop is not None:
            shop.clean_up()


# --- a bridge -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bridged(shop: Workshop) -> Iterator[tuple[str, str]]:
    """A bridge of the host's that is attached, and a namespace on it with an address of the subnet's."""
    bridge, inside = shop.bridge(), shop.namespace()
    ip("link", "set", shop.pair(inside), "master", bridge, "up")
    shop.dress(inside, "10.0.0.200")
    assert shop.attach(shop.subnet, Kind.BRIDGE, bridge) == ""
    refused = shop.client(inside)
    shop.admit("10.0.0.200/32")
    until(lambda: shop.client(inside) == "10.0.0.200", "the rule admits the address")
    assert refused != "10.0.0.200", "what has no interface is in no group"
    yield bridge, inside
    shop.detach(shop.subnet)


def test_what_is_on_an_attached_bridge_reaches_endpoints_and_the_resolver(shop: Workshop, bridged: tuple[str, str]) -> None:
    assert shop.client(bridged[1]) == "10.0.0.200"
    assert shop.resolved(bridged[1], next(shop.lab.names(shop.endpoint))) == shop.address


@pytest.mark.parametrize("end", ["of the host", "of the fabric"])
def test_a_joint_that_was_deleted_by_hand_is_mended(shop: Workshop, bridged: tuple[str, str], end: str) -> None:
    before = links()[link_name(DOWNLINK, shop.subnet)]["ifindex"]
    if end == "of the host":
        ip("link", "del", link_name(DOWNLINK, shop.subnet))
    else:
        in_fabric(shop, "link", "del", link_name(UPLINK, shop.subnet))
    until(lambda: links().get(link_name(DOWNLINK, shop.subnet), {}).get("ifindex", before) != before, "the pair is made again")
    until(lambda: shop.client(bridged[1]) == "10.0.0.200", "the endpoint answers again")


def test_a_bridge_that_lost_its_port_gets_it_back(shop: Workshop, bridged: tuple[str, str]) -> None:
    in_fabric(shop, "link", "set", link_name(UPLINK, shop.subnet), "nomaster")
    until(lambda: shop.client(bridged[1]) == "10.0.0.200", "the endpoint answers again")


def test_a_bridge_is_in_one_subnet_alone(shop: Workshop, bridged: tuple[str, str]) -> None:
    other = shop.lab.consumer.subnet("use1-az2")
    with pytest.raises(SettingsError, match=f"{bridged[0]} is attached to {shop.subnet} already"):
        shop.attach(other, Kind.BRIDGE, bridged[0])


def test_a_bridge_keeps_its_own_address_when_it_is_attached(shop: Workshop, bridged: tuple[str, str]) -> None:
    found = links()
    ports = [one["address"] for one in found.values() if one.get("master") == bridged[0]]
    assert len(ports) == 2
    assert found[bridged[0]]["address"] == min(ports) != found[link_name(DOWNLINK, shop.subnet)]["address"]


def test_a_detached_bridge_has_nothing_of_ours_and_reaches_nothing(shop: Workshop, bridged: tuple[str, str]) -> None:
    shop.detach(shop.subnet)
    assert link_name(DOWNLINK, shop.subnet) not in links()
    assert shop.state(shop.subnet) == ("none", "")
    assert shop.client(bridged[1]) == "TimeoutError"
    assert shop.attach(shop.subnet, Kind.BRIDGE, bridged[0]) == ""
    assert shop.client(bridged[1]) == "10.0.0.200"


# --- a namespace --------------------------------------------------------------------------------------------------


def test_a_container_has_the_interface_with_its_address_its_way_out_and_the_resolver(shop: Workshop) -> None:
    interface, address = shop.interface()
    pid = shop.container()
    own = shop.inside(pid, "cat", "/etc/resolv.conf")
    assert shop.attach(interface, Kind.NETNS, str(pid)) == ""
    assert shop.client(pid, next(shop.lab.names(shop.endpoint))) == address
    assert shop.inside(pid, "cat", "/etc/resolv.conf") == f"nameserver {RESOLVER}\n"
    shop.detach(interface)
    assert shop.inside(pid, "cat", "/etc/resolv.conf") == own
    assert shop.inside(pid, "ip", "-o", "link").count("\n") == 1
    assert shop.lab.system.ask(interface, "resolve", next(shop.lab.names(shop.endpoint))) == [shop.address]


def test_a_container_that_ends_is_waited_for_and_the_next_one_gets_its_interface(shop: Workshop) -> None:
    interface, address = shop.interface()
    first, second = shop.container(), shop.container()
    assert shop.attach(interface, Kind.NETNS, str(first)) == ""
    shop.end(first)
    until(lambda: shop.state(interface)[0] == "waiting", "the end is noticed")
    assert shop.state(interface)[1].startswith(f"Process {first} has ended")
    assert shop.attach(interface, Kind.NETNS, str(second)) == ""
    assert shop.client(second) == address


def test_a_namespace_that_comes_again_under_its_name_is_attached_again(shop: Workshop) -> None:
    interface, address = shop.interface()
    name = shop.namespace()
    assert shop.attach(interface, Kind.NETNS, name, name="vpc0") == ""
    assert links(name)["vpc0"]["address"] == mac(shop, interface)
    ip("netns", "del", name)
    until(lambda: shop.state(interface)[0] == "waiting", "the end is noticed")
    shop.namespace(name)
    until(lambda: shop.state(interface)[0] == "attached", "the new one is found")
    assert shop.client(name) == address


def test_a_link_inside_a_namespace_that_was_deleted_or_taken_down_by_hand_is_mended(shop: Workshop) -> None:
    interface, address = shop.interface()
    name = shop.namespace()
    assert shop.attach(interface, Kind.NETNS, name) == ""
    ip("link", "del", "eth0", namespace=name)
    until(lambda: shop.client(name) == address, "the endpoint answers again")
    ip("link", "set", "eth0", "down", namespace=name)
    until(lambda: shop.client(name) == address, "the endpoint answers again")


def test_an_interface_is_in_one_place_alone(shop: Workshop) -> None:
    interface, _ = shop.interface()
    name = shop.namespace()
    assert shop.attach(interface, Kind.NETNS, name) == ""
    with pytest.raises(SettingsError, match=f"{interface} stands in path:/run/netns/{name}"):
        workload.run(shop.settings, interface, ["true"])


def test_a_namespace_with_a_way_out_of_its_own_keeps_it(shop: Workshop) -> None:
    interface, address = shop.interface()
    name = shop.namespace()
    shop.pair(name)
    ip("addr", "add", "192.0.2.5/24", "dev", "eth0", namespace=name)
    ip("link", "set", "eth0", "up", namespace=name)
    ip("route", "add", "default", "via", "192.0.2.1", namespace=name)
    shop.attach(interface, Kind.NETNS, name, wait=0)
    waits(shop, interface, "has an interface eth0 of its own: choose another --name")
    shop.attach(interface, Kind.NETNS, name, wait=0, name="vpc0")
    waits(shop, interface, "has a way to 0.0.0.0/0 of its own: attach with --no-default-route")
    assert set(links(name)) == {"lo", "eth0"}
    assert shop.attach(interface, Kind.NETNS, name, name="vpc0", default_route=False) == ""
    assert "default via 192.0.2.1" in ip("route", namespace=name)
    assert shop.client(name) == address


# --- a link of the host's -----------------------------------------------------------------------------------------


def test_a_pair_of_the_hosts_is_an_interfaces_port_and_goes_back_with_its_name(shop: Workshop) -> None:
    interface, address = shop.interface()
    name = shop.namespace()
    outer = shop.pair(name, mac=mac(shop, interface))
    shop.dress(name, address)
    assert shop.attach(interface, Kind.VETH, outer) == ""
    assert outer not in links()
    assert shop.client(name) == address
    shop.detach(interface)
    assert "ifalias" not in links()[outer]
    assert shop.client(name) == "TimeoutError"


def test_a_tap_is_an_interfaces_port_while_its_virtual_machine_runs(shop: Workshop) -> None:
    if not Path("/dev/net/tun").exists():
        pytest.skip("this kernel has no taps (/dev/net/tun)")
    (interface, address), (tap, frames) = shop.interface(), shop.tap()
    with frames:
        assert shop.attach(interface, Kind.VETH, tap) == ""
        assert tap not in links()
        assert arp(frames, mac(shop, interface), address, GATEWAY) == leg_mac(shop.subnet)
        shop.detach(interface)
        assert links()[tap]["linkinfo"]["info_kind"] == "tun"
    until(lambda: tap not in links(), "the tap goes with its virtual machine")


def arp(frames: BinaryIO, mac_address: str, address: str, wanted: str) -> str:
    """The MAC address that answers for an address of the subnet (RFC 826)."""
    mine, asked = (bytes.fromhex(mac_address.replace(":", "")), socket.inet_aton(address)), socket.inet_aton(wanted)
    request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + b"".join(mine) + bytes(6) + asked
    frames.write(b"\xff" * 6 + mine[0] + b"\x08\x06" + request)
    while select.select([frames], [], [], 10)[0]:
        frame = frames.read(2048)
        if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\x00\x02" and frame[28:32] == asked:
            return frame[22:28].hex(":")
    return "nobody"


def test_the_hosts_own_hardware_and_what_is_not_there_is_not_taken(shop: Workshop) -> None:
    interface, _ = shop.interface()
    shop.attach(interface, Kind.VETH, "lo", wait=0)
    waits(shop, interface, "lo is no veth and no tap")
    assert "lo is no veth" in (shop.lab.system.state / "up.log").read_text()
    shop.attach(interface, Kind.VETH, "nosuch0", wait=0)
    waits(shop, interface, "There is no interface nosuch0 on this host")
    shop.detach(interface)
    assert shop.lab.system.ask(interface, "get", shop.address, str(PORT))


# --- an agent that ends -------------------------------------------------------------------------------------------


def test_what_is_attached_outlives_the_agent_and_what_changed_meanwhile_is_done_by_the_next(shop: Workshop) -> None:
    from test_killed_processes import part

    (kept, address), (gone, _) = shop.interface(), shop.interface()
    stays, goes = shop.namespace(), shop.namespace()
    assert shop.attach(kept, Kind.NETNS, stays) == ""
    assert shop.attach(gone, Kind.NETNS, goes) == ""
    before = links(stays)["eth0"]["ifindex"]
    agent = part(shop.lab.system, "agent")
    os.kill(agent.pid, signal.SIGSTOP)
    (shop.lab.system.state / "attachments" / f"{gone}.json").unlink()
    assert shop.client(stays) == address
    os.kill(agent.pid, signal.SIGKILL)
    until(lambda: "eth0" not in links(goes), "the next agent detaches")
    assert links(stays)["eth0"]["ifindex"] == before
    assert shop.state(kept) == ("attached", "")
    assert shop.client(stays) == address


def test_a_deleted_interface_leaves_its_namespace(shop: Workshop) -> None:
    interface, _ = shop.interface()
    name = shop.namespace()
    assert shop.attach(interface, Kind.NETNS, name) == ""
    shop.lab.consumer.ec2.delete_network_interface(NetworkInterfaceId=interface)
    until(lambda: "eth0" not in links(name), "it leaves")
    waits(shop, interface, f"There is no interface {interface}: `sidedoor detach {interface}` gives this up.")


def waits(shop: Workshop, interface: str, reason: str) -> None:
    until(lambda: reason in shop.state(interface)[1], f"`sidedoor attachments` says: {reason}")
    assert shop.state(interface)[0] == "waiting"


def mac(shop: Workshop, interface: str) -> str:
    found = shop.lab.consumer.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    address: str = found[0]["MacAddress"]
    return address


def in_fabric(shop: Workshop, *command: str) -> None:
    shop.inside(f"{shop.lab.system.state}/run/netns/fabric", "ip", *command)
