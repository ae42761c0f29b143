"""Two consumers whose clients have the same addresses and ports: nobody is taken for the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rules_lab import PORT, Account, Lab, root

from sidedoor.demo.system import running

PROGRAMS = str(Path(__file__).with_name("programs.py"))
FIRST, COUNT, TURNS = 42_000, 100, 3


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with running("--dev", "--network", "auto") as system:
        if system.placement["mode"] == "loopback":
            pytest.skip("networks of their own are needed: sidedoor doctor says why there are none")
        yield Lab(system)


def test_connections_that_are_alike_to_the_last_bit_of_their_ends_are_never_taken_for_each_other(lab: Lab) -> None:
    """Two clients open connections from the same ports at the same moment. A proxy that lets the two share what it opens to
    the target would name the wrong endpoint, and answer the wrong client.
    """
    service = lab.service(lab.balancer(servers=[lab.server()]))
    clients = []
    for account in (lab.consumer, Account(lab.system)):
        lab.consumer = account
        lab.allow(service, root(account.id))
        endpoint = lab.available(lab.endpoint(service))
        ids = endpoint["NetworkInterfaceIds"]
        (interface,) = account.ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"]
        clients.append((account.workload(), interface["PrivateIpAddress"], endpoint["VpcEndpointId"]))
    one, other = clients
    assert (one[0][1], one[1]) == (other[0][1], other[1])  # the client's address, and the endpoint's
    for turn in range(TURNS):
        begin = str(FIRST + turn * COUNT)
        programs = [
            lab.system.start(own, sys.executable, PROGRAMS, "ask", address, str(PORT), begin, str(COUNT), talk=True)
            for (own, _), address, _ in clients
        ]
        for program in programs:
            assert program.stdout is not None
            assert json.loads(program.stdout.readline()) == {"ready": True}
        for program in programs:
            assert program.stdin is not None
            program.stdin.write("now\n")
            program.stdin.flush()
        for program, (_, _, endpoint_id) in zip(programs, clients, strict=True):
            answers = json.loads(program.communicate(timeout=60)[0].splitlines()[-1])["answers"]
            assert len(answers) == COUNT
            assert {answer["endpoint"] for answer in answers} == {endpoint_id}
