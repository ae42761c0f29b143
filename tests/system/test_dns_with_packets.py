"""A VPC's resolver, asked by programs in the VPC: what it says of an endpoint's names, how, and of names that are none of ours.

Those are answered by a server outside (``--forward-dns``), to which the VPC itself has no way.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rules_lab import AZ1, AZ2, Lab

from dns_authority import Authority, dns_server
from sidedoor.demo.system import System, processes_of, running, until

ASK = Path(__file__).with_name("ask_resolver.py")
OTHERS = "www.example.net"


@dataclass
class Site:
    """A consumer's VPC with an endpoint in two zones, which has names since it was asked for, and a client."""

    system: System
    outside: Authority
    client: str
    names: list[str]
    addresses: list[str]

    def ask(self, name: str, kind: str, how: str = "udp") -> dict[str, Any]:
        program = self.system.start(self.client, sys.executable, str(ASK), name, kind, how)
        output, errors = program.communicate(timeout=20)
        assert program.returncode == 0, errors
        said: dict[str, Any] = json.loads(output)
        return said


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with dns_server() as outside, running("--dev", "--forward-dns", f"127.0.0.1:{outside.port}") as system:
        lab = Lab(system)
        client, _ = lab.consumer.workload()
        made = lab.endpoint(lab.service(lab.balancer(AZ1, AZ2)), AZ1, AZ2)
        lab.available(made)
        interfaces = lab.consumer.ec2.describe_network_interfaces(NetworkInterfaceIds=made["NetworkInterfaceIds"])
        addresses = [lab.placed(lab.consumer, one["PrivateIpAddress"]) for one in interfaces["NetworkInterfaces"]]
        yield Site(system, outside, client, list(lab.names(made)), sorted(addresses))


def test_an_endpoints_name_has_an_address_in_each_zone_for_a_minute_over_both_transports(site: Site) -> None:
    for how in ("udp", "tcp", "edns"):
        said = site.ask(site.names[0], "A", how)
        assert (said["rcode"], said["records"], said["ttls"]) == ("NOERROR", site.addresses, [60])
        assert (said["edns"], said["over tcp"]) == (0 if how == "edns" else -1, how == "tcp")


def test_there_is_no_ipv6_address_and_no_other_name_and_each_no_is_remembered_for_five_seconds(site: Site) -> None:
    said = site.ask(site.names[0], "AAAA")
    assert (said["rcode"], said["records"], said["no for"]) == ("NOERROR", [], [[5, 5]])
    said = site.ask(f"x{site.names[0]}", "A")
    assert (said["rcode"], said["records"], said["no for"]) == ("NXDOMAIN", [], [[5, 5]])


def test_a_name_that_is_none_of_ours_is_answered_by_the_server_that_up_was_told_of(site: Site) -> None:
    site.outside.texts[OTHERS] = ["from outside"]
    site.outside.asked.clear()
    assert site.ask(OTHERS, "TXT")["records"] == ['"from outside"']
    assert site.ask("gone.example.net", "TXT")["rcode"] == "NXDOMAIN"
    assert site.ask("gone.vpce.amazonaws.com", "A")["rcode"] == "NXDOMAIN"
    assert site.outside.asked == [OTHERS, "gone.example.net"], "and of ours it is told nothing"


def test_an_answer_that_is_too_long_for_udp_comes_over_tcp(site: Site) -> None:
    site.outside.texts[OTHERS] = [f"{'x' * 200}{number}" for number in range(5)]
    said = site.ask(OTHERS, "TXT", "fallback")
    assert said["over tcp"]
    assert len(said["records"]) == 5


def test_names_are_answered_again_when_the_process_that_forwards_them_was_killed(site: Site) -> None:
    os.kill(_forwarding(site.system), signal.SIGKILL)
    site.outside.texts[OTHERS] = ["again"]

    def answered() -> bool:
        """The agent starts anew with it, and until then there is no resolver."""
        try:
            return bool(site.ask(OTHERS, "TXT")["records"] == ['"again"'])
        except AssertionError:
            return False

    until(answered, "somebody else is asked again", 40)
    assert site.ask(site.names[0], "A")["records"] == site.addresses


def _forwarding(system: System) -> int:
    """The process that forwards questions: a child of this system's agent."""
    (agent,) = (one.pid for one in processes_of(system.state) if " agent " in one.command and " exec " not in one.command)
    for child in Path(f"/proc/{agent}/task/{agent}/children").read_text().split():
        if b"sidedoor.names.outside" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise AssertionError("there is no such process")
