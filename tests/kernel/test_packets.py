"""Real packets: what passes between workloads, routers and endpoints, and what never does."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from collections.abc import Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest
from driver_conformance import SAME_ADDRESSES, TWO_SUBNETS, VPC_A, VPC_B, network, segment, settle, workload

from sidedoor.dataplane.netns import kernel
from sidedoor.dataplane.netns.driver import NetnsDriver
from sidedoor.dataplane.netns.links import Links
from sidedoor.dataplane.netns.namespaces import Namespaces

A1, A2, A_FAR = (one.interface_id for part in TWO_SUBNETS.segments for one in part.workloads)
B1, B2, B_FAR = (one.interface_id for part in SAME_ADDRESSES.segments for one in part.workloads)
PORT = 8080
TIMEOUT = 10


class Site:
    """Two VPCs with the same CIDR, and sockets in any of their namespaces."""

    def __init__(self, run_dir: Path) -> None:
        self.driver = NetnsDriver(run_dir)
        self.namespaces = Namespaces(run_dir / "netns")

    def give_up_early(self, interface_id: str) -> None:
        """Asks for an absent neighbour at 20 ms intervals, three times, instead of for three seconds."""
        with self.namespaces.entered(interface_id):
            kernel.set_sysctl("ipv4/neigh/eth0/retrans_time_ms", "20")

    def listener(self, where: str, address: str) -> socket.socket:
        with self.namespaces.entered(where):
            made = socket.create_server((address, PORT))
        made.settimeout(TIMEOUT)
        return made

    def connect(self, where: str, address: str, port: int = PORT, source: str | None = None) -> socket.socket:
        """A connection from a namespace. Raises ``OSError`` as connect(2) does."""
        with self.namespaces.entered(where):
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(TIMEOUT)
        try:
            if source is not None:
                made.bind((source, 0))
            made.connect((address, port))
        except OSError:
            made.close()
            raise
        return made

    def pass_bytes(self, client_in: str, server_in: str, address: str) -> str:
        """Sends bytes both ways through a new connection. Returns the address that the server saw."""
        with self.listener(server_in, address) as listener, self.connect(client_in, address) as client:
            server, peer = listener.accept()
            with server:
                server.settimeout(TIMEOUT)
                client.sendall(b"there")
                assert server.recv(16) == b"there"
                server.sendall(b"back")
                assert client.recv(16) == b"back"
        return str(peer[0])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.driver.start()
    settle(site.driver, VPC_A, TWO_SUBNETS)
    settle(site.driver, VPC_B, SAME_ADDRESSES)
    yield site
    site.driver.remove_everything()


def refused(error: pytest.ExceptionInfo[OSError]) -> str:
    return errno.errorcode[error.value.errno or 0]


def test_workloads_of_one_subnet_reach_each_other(site: Site) -> None:
    assert site.pass_bytes(A1, A2, "10.0.0.6") == "10.0.0.5"


def test_workloads_of_two_subnets_of_a_vpc_reach_each_other_through_the_router(site: Site) -> None:
    assert site.pass_bytes(A1, A_FAR, "10.0.1.5") == "10.0.0.5"
    assert site.pass_bytes(A_FAR, A1, "10.0.0.5") == "10.0.1.5"


def test_workloads_in_two_blocks_of_a_vpc_reach_each_other_and_the_resolver(site: Site) -> None:
    far = workload(0xA31, "100.64.1.5")
    second_block = segment(0xA3, "100.64.1.0/24", ("100.64.1.4",), (far,))
    settle(site.driver, VPC_A, network(VPC_A, *TWO_SUBNETS.segments, second_block))
    assert site.pass_bytes(A1, far.interface_id, "100.64.1.5") == "10.0.0.5"
    assert site.pass_bytes(far.interface_id, A1, "10.0.0.5") == "100.64.1.5"
    assert site.pass_bytes(A_FAR, VPC_A, "100.64.1.4") == "10.0.1.5"
    assert site.pass_bytes(far.interface_id, VPC_A, "10.0.0.2") == "100.64.1.5"


def test_a_secondary_address_that_a_workload_adds_to_its_side_is_reached_and_stays(site: Site) -> None:
    with site.namespaces.entered(A2), Links() as inside:
        inside.add_address(inside.get("eth0"), IPv4Interface("10.0.0.77/24"))
    settle(site.driver, VPC_A, TWO_SUBNETS)
    for client in (A1, A_FAR):
        assert site.pass_bytes(client, A2, "10.0.0.77") in ("10.0.0.5", "10.0.1.5")


def test_a_workload_reaches_the_addresses_of_endpoints_in_any_subnet_of_its_vpc(site: Site) -> None:
    for address in ("10.0.0.4", "10.0.0.10", "10.0.1.4"):
        assert site.pass_bytes(A1, VPC_A, address) == "10.0.0.5"


def test_a_load_balancer_node_reaches_a_target_with_its_own_address(site: Site) -> None:
    with site.listener(A_FAR, "10.0.1.5") as listener, site.connect(VPC_A, "10.0.1.5", source="10.0.0.4"):
        server, peer = listener.accept()
        server.close()
    assert peer[0] == "10.0.0.4"


def test_a_workload_reaches_its_gateway(site: Site) -> None:
    with pytest.raises(OSError) as error:
        site.connect(A1, "10.0.0.1", port=9)
    assert refused(error) == "ECONNREFUSED"


@pytest.mark.parametrize("interface_id", [A1, A_FAR])
def test_the_resolver_is_reached_from_every_subnet_and_answers_from_its_address(site: Site, interface_id: str) -> None:
    with site.driver.socket(VPC_A, socket.SOCK_DGRAM) as resolver, site.namespaces.entered(interface_id):
        resolver.settimeout(TIMEOUT)
        resolver.bind((site.driver.locate(VPC_A, "10.0.0.2").address, site.driver.resolver_port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(TIMEOUT)
            client.connect(("10.0.0.2", 53))
            client.send(b"who?")
            question, peer = resolver.recvfrom(16)
            resolver.sendto(question + b" me", peer)
            assert client.recv(16) == b"who? me"


def test_the_resolver_is_reached_where_no_subnet_in_use_contains_its_address(site: Site) -> None:
    settle(site.driver, VPC_A, network(VPC_A, TWO_SUBNETS.segments[1]))
    assert site.pass_bytes(A_FAR, VPC_A, "10.0.0.2") == "10.0.1.5"


def test_of_two_vpcs_with_the_same_addresses_each_has_its_own_answer(site: Site) -> None:
    with site.listener(A1, "10.0.0.5") as in_a, site.listener(B1, "10.0.0.5") as in_b:
        for client_in, own, other in ((A2, in_a, in_b), (B2, in_b, in_a)):
            with site.connect(client_in, "10.0.0.5"):
                own.accept()[0].close()
                assert select.select([other], [], [], 0) == ([], [], [])


@pytest.mark.parametrize(
    ("client_in", "server_in", "address", "expected"),
    [
        pytest.param(A1, B2, "10.0.0.7", "EHOSTUNREACH", id="of a subnet with the same addresses"),
        pytest.param(A1, B_FAR, "10.0.3.5", "ENETUNREACH", id="of a subnet that only the other has"),
        pytest.param(VPC_A, B_FAR, "10.0.3.5", "ENETUNREACH", id="from the router itself"),
    ],
)
def test_no_packet_reaches_an_address_of_another_vpc(
    site: Site, client_in: str, server_in: str, address: str, expected: str
) -> None:
    if client_in == A1:
        site.give_up_early(client_in)
    with site.listener(server_in, address) as listener:
        with pytest.raises(OSError) as error:
            site.connect(client_in, address)
        assert refused(error) == expected
        assert select.select([listener], [], [], 0) == ([], [], [])


def test_a_workload_cannot_send_with_an_address_of_another_subnet(site: Site) -> None:
    """The router drops the packets (rp_filter), so that nothing of it reaches the target."""
    with site.namespaces.entered(A1), Links() as inside:
        inside.add_address(inside.get("eth0"), IPv4Interface("10.0.1.77/32"))
        liar = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with site.namespaces.entered(A_FAR):
        target = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with liar, target:
        target.settimeout(TIMEOUT)
        target.bind(("10.0.1.5", PORT))
        liar.bind(("10.0.1.77", 0))
        liar.sendto(b"lie", ("10.0.1.5", PORT))
        with site.namespaces.entered(A1), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as honest:
            honest.sendto(b"truth", ("10.0.1.5", PORT))
        assert target.recv(16) == b"truth"
        assert select.select([target], [], [], 0) == ([], [], [])


def test_cutting_an_address_ends_its_flows_and_no_others(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        flows = {}
        for address in ("10.0.0.4", "10.0.0.10"):
            listener = stack.enter_context(site.listener(VPC_A, address))
            client = stack.enter_context(site.connect(A1, address))
            server = stack.enter_context(listener.accept()[0])
            flows[address] = (client, server)
        site.driver.cut(VPC_A, "10.0.0.4")
        with pytest.raises(ConnectionResetError):
            flows["10.0.0.4"][0].recv(16)
        client, server = flows["10.0.0.10"]
        server.sendall(b"still here")
        assert client.recv(16) == b"still here"
        with site.connect(A1, "10.0.0.4"):
            pass


def test_a_cut_in_one_vpc_leaves_the_same_address_of_another_alone(site: Site) -> None:
    with site.listener(VPC_B, "10.0.0.4") as listener, site.connect(B1, "10.0.0.4") as client, listener.accept()[0] as server:
        site.driver.cut(VPC_A, "10.0.0.4")
        server.sendall(b"still here")
        assert client.recv(16) == b"still here"


def test_resetting_flows_to_a_place_leaves_those_to_other_places_and_from_other_addresses(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        flows = {}
        for source, address, server_in in (
            ("10.0.0.4", "10.0.1.5", A_FAR),
            ("10.0.0.10", "10.0.1.5", A_FAR),
            ("10.0.0.4", "10.0.0.5", A1),
        ):
            with site.listener(server_in, address) as listener:
                client = stack.enter_context(site.connect(VPC_A, address, source=source))
                flows[source, address] = client, stack.enter_context(listener.accept()[0])
        place = {("10.0.1.5", PORT)}
        assert site.driver.reset(VPC_B, "10.0.0.4", place, os.getpid()) == 0
        assert site.driver.reset(VPC_A, "10.0.0.4", place, os.getppid()) == 0
        assert site.driver.reset(VPC_A, "10.0.0.4", place, os.getpid()) == 1
        for end in flows.pop(("10.0.0.4", "10.0.1.5")):
            with pytest.raises(ConnectionResetError):
                end.recv(16)
        for client, server in flows.values():
            server.sendall(b"still here")
            assert client.recv(16) == b"still here"


def test_a_removed_vpc_carries_nothing_though_a_program_still_holds_a_socket_in_it(site: Site) -> None:
    site.give_up_early(A1)
    with site.listener(VPC_A, "10.0.0.4") as listener:
        settle(site.driver, VPC_A, network(VPC_A, segment(0xA1, "10.0.0.0/24", (), (workload(0xA11, "10.0.0.5"),))))
        with pytest.raises(OSError) as error:
            site.connect(A1, "10.0.0.4")
        assert refused(error) == "EHOSTUNREACH"
        settle(site.driver, VPC_A, None)
        assert select.select([listener], [], [], 0) == ([], [], [])


def test_the_fabric_has_no_address_and_forwards_nothing_and_no_namespace_has_ipv6(site: Site) -> None:
    for name in site.namespaces.names():
        with site.namespaces.entered(name), Links() as links:
            addresses = [str(one.ip) for of_link in links.addresses().values() for one in of_link]
            forwarding = Path("/proc/sys/net/ipv4/ip_forward").read_text(encoding="ascii").strip()
            ipv6 = Path("/proc/net/if_inet6").read_text(encoding="ascii") if Path("/proc/net/if_inet6").exists() else ""
        assert forwarding == ("1" if name.startswith("vpc-") else "0")
        assert "::" not in ipv6 and not ipv6
        if name == "fabric":
            assert set(addresses) <= {"127.0.0.1"}


def test_no_frame_on_a_bridge_passes_iptables(site: Site) -> None:
    with site.namespaces.entered("fabric"):
        setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
        if not setting.exists():
            pytest.skip("the module br_netfilter is not loaded here, or its settings are not of a namespace (Linux 5.3)")
        assert setting.read_text(encoding="ascii").strip() == "0"
