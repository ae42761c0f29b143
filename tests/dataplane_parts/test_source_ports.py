"""Whose the ports of a node's address are."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sidedoor.dataplane import source_ports
from sidedoor.settings import CONNECTIONS_PER_TARGET


def test_the_range_is_as_large_as_the_limit_and_ends_within_the_ports_that_there_are() -> None:
    first, last = source_ports.of_flows(CONNECTIONS_PER_TARGET)
    assert last - first + 1 == CONNECTIONS_PER_TARGET
    assert source_ports.FIRST_OF_PROBES < first < last < 65_536


def test_probes_keep_out_of_the_range_of_flows_and_out_of_each_others_way() -> None:
    ports = []
    for _ in range(3):
        with socket.socket() as probe:
            source_ports.bind_for_probe(probe, "127.86.1.2")
            ports.append(probe.getsockname()[1])
    assert len(set(ports)) == 3
    assert all(source_ports.FIRST_OF_PROBES <= port < source_ports.FIRST_OF_FLOWS for port in ports)


def test_a_port_that_somebody_holds_is_passed_over() -> None:
    with socket.socket() as probe:
        source_ports.bind_for_probe(probe, "127.86.1.3")
        held = probe.getsockname()[1] + 1
    with socket.create_server(("127.86.1.3", held)), socket.socket() as next_probe:
        source_ports.bind_for_probe(next_probe, "127.86.1.3")
        assert next_probe.getsockname()[1] > held


def test_a_socket_of_a_network_of_its_own_has_the_whole_range_and_one_of_the_hosts_a_part_of_the_hosts() -> None:
    limit = source_ports.of_sockets(CONNECTIONS_PER_TARGET, own_network=True)
    if limit is None:
        pytest.skip("this kernel gives sockets no range of their own (Linux 6.3)")
    assert limit == source_ports.of_flows(CONNECTIONS_PER_TARGET)
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert source_ports.of_sockets(3, own_network=False) == (first, first + 2)
    assert source_ports.of_sockets(CONNECTIONS_PER_TARGET, own_network=False) == (first, min(last, first + 54_999))
