"""Real packets: how long a flow has been silent, what the kernel counts of its keepalives, and how its end feels."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from driver_conformance import TWO_SUBNETS, VPC_A, settle

from sidedoor.dataplane.driver import Standing
from sidedoor.dataplane.netns.driver import NetnsDriver
from sidedoor.dataplane.netns.namespaces import Namespaces

ADDRESS, OTHER = "10.0.0.4", "10.0.0.10"
CLIENT = TWO_SUBNETS.segments[0].workloads[0].interface_id
PATIENCE = 10.0


class Doors:
    """Two endpoint addresses of a VPC with somebody behind, and a client in a workload's place."""

    def __init__(self, run_dir: Path) -> None:
        self.driver, self._names = NetnsDriver(run_dir), Namespaces(run_dir / "netns")
        self.driver.start()
        settle(self.driver, VPC_A, TWO_SUBNETS)
        with self._names.entered(VPC_A):
            self.listening = {address: socket.create_server((address, 0)) for address in (ADDRESS, OTHER)}

    def door(self, address: str) -> tuple[str, str, int]:
        return (VPC_A, address, self.listening[address].getsockname()[1])

    def open(self, address: str = ADDRESS) -> tuple[socket.socket, socket.socket]:
        with self._names.entered(CLIENT):
            client = socket.create_connection(self.door(address)[1:], timeout=PATIENCE)
        server, _ = self.listening[address].accept()
        server.settimeout(PATIENCE)
        return client, server

    def standing(self, address: str = ADDRESS) -> list[Standing]:
        return self.driver.standing([self.door(address)])


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    made = Doors(tmp_path)
    yield made
    for listening in made.listening.values():
        listening.close()
    made.driver.remove_everything()


def when(holds: Callable[[], bool]) -> None:
    """Comes back when a condition holds. The kernel's own answers take the time that there is between two looks."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end


def test_this_host_says_whether_flows_can_be_ended(doors: Doors) -> None:
    if not doors.driver.ends_flows():
        pytest.skip("this kernel was built without SOCK_DESTROY")
    client, server = doors.open()
    with client, server:
        doors.driver.end(doors.standing(), os.getpid())
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_only_the_flows_at_the_doors_that_were_asked_for_are_found_and_ended(doors: Doors) -> None:
    client, server = doors.open()
    other, its_server = doors.open(OTHER)
    with client, server, other, its_server:
        assert [one.at for one in doors.standing()] == [doors.door(ADDRESS)]
        assert len(doors.driver.standing([doors.door(ADDRESS), doors.door(OTHER)])) == 2
        doors.driver.end(doors.standing(), os.getpid())
        assert doors.standing() == []
        its_server.sendall(b"still here")
        assert other.recv(16) == b"still here"


def test_data_in_either_direction_end_the_silence(doors: Doors) -> None:
    client, server = doors.open()
    with client, server:
        for sender, receiver in ((client, server), (server, client)):
            when(lambda: doors.standing()[0].flow.silent > 0.05)
            sender.sendall(b"x")
            assert receiver.recv(1) == b"x"
            assert doors.standing()[0].flow.silent < 0.05


def test_a_half_closed_flow_is_still_one(doors: Doors) -> None:
    client, server = doors.open()
    with client, server:
        client.shutdown(socket.SHUT_WR)
        assert server.recv(1) == b""
        assert len(doors.standing()) == 1


def test_a_keepalive_is_a_segment_more_and_does_not_end_the_silence(doors: Doors) -> None:
    """What ``idle.py`` builds on: the kernel dates data and acknowledgements of data, and no keepalive."""
    client, server = doors.open()
    with client, server:
        (before,) = doors.standing()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        when(lambda: doors.standing()[0].flow.segments > before.flow.segments)
        (after,) = doors.standing()
        assert after.flow.cookie == before.flow.cookie
        assert after.flow.silent > 0.9
