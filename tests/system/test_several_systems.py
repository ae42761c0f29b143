"""Several systems on one host, side by side, and one after the other on what the one before kept."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import boto3
from command_line import ACCOUNT, a_state, sidedoor, workload
from parts import running_part
from staged import accepted

from sidedoor.demo.play import PORT, Play
from sidedoor.demo.system import Process, System, free_port, running, until

PROGRAMS = Path(__file__).with_name("programs.py")
SLOW = ("--pending-seconds", "0.3")
"""So that a reader of an endpoint's states cannot miss that it is pending."""


def answers(play: Play, system: System) -> bool:
    """Whether a new connection to the endpoint's own address is answered. Names need a resolver, and so an agent."""
    interface = play.consumer.interfaces["use1-az1"]["NetworkInterfaceId"]
    found = play.consumer.ec2.describe_network_interfaces(
        Filters=[
            {"Name": "interface-type", "Values": ["vpc_endpoint"]},
            {"Name": "subnet-id", "Values": [play.consumer.subnets["use1-az1"]]},
        ]
    )["NetworkInterfaces"]
    address = found[0]["PrivateIpAddress"]
    return knocks(system, interface, system.addresses().get(f"{play.consumer.vpc}/{address}", address))


def knocks(system: System, interface: str, address: str) -> bool:
    program = system.start(interface, sys.executable, str(PROGRAMS), "knock", address, str(PORT))
    output, errors = program.communicate(timeout=20)
    assert program.returncode == 0, errors
    return bool(json.loads(output)["outcome"] == "answered")


def test_two_systems_on_one_host_do_not_disturb_each_other() -> None:
    with running(*SLOW) as other:
        second = accepted(other)
        with running(*SLOW) as one:
            first = accepted(one)
            assert answers(first, one)
            assert answers(second, other)
            assert one.plan() == other.plan() == []
        assert answers(second, other)
        assert other.plan() == []


def test_two_systems_on_loopback_addresses_share_none() -> None:
    loopback = ("--network", "loopback", "--dev")
    with running(*loopback) as one, running(*loopback) as other:
        session = boto3.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="x", region_name="us-east-1")
        for system in (one, other):
            assert system.start(workload(session, system), "true").wait(20) == 0
        assert one.addresses()
        assert not set(one.addresses().values()) & set(other.addresses().values())


def transferring(play: Play) -> subprocess.Popen[str]:
    """A transfer from the provider's server to the consumer, under way."""
    interface = play.consumer.interfaces["use1-az1"]["NetworkInterfaceId"]
    program = play.system.start(interface, sys.executable, "-m", "sidedoor.demo.client", "watch", play.names[1], str(PORT))
    goes_on(program)
    return program


def goes_on(transfer: subprocess.Popen[str]) -> None:
    assert transfer.stdout is not None
    text = transfer.stdout.readline()
    assert "open" in json.loads(text or "{}"), text


def test_a_kept_data_plane_goes_on_and_the_next_up_takes_it_over(network: str) -> None:
    """First it is kept by wish, then because ``up`` is killed, then because ``up`` cannot start; the last one takes it down."""
    listen = f"127.0.0.1:{free_port()}"
    with a_state() as state, contextlib.ExitStack() as systems:

        def up(*arguments: str) -> System:
            system = System(state, ("--network", network, *SLOW, *arguments), listen)
            systems.callback(system.stop)
            return system

        first = up("--keep-dataplane")
        play = accepted(first)
        transfer, envoy = transferring(play), running_part(state, "envoy")
        interface = play.consumer.interfaces["use1-az1"]["NetworkInterfaceId"]
        address = first.ask(interface, "resolve", play.names[1])[0]
        assert first.end() == 0
        assert _carries(first, envoy, transfer, interface, address)

        second = up()
        until(lambda: second.plan() == [], "the second finds everything as it should be")
        second.end(signal.SIGKILL)
        until(lambda: not {running_part(state, "serve"), running_part(state, "agent")} - {None}, "its parts went with it")
        assert _carries(first, envoy, transfer, interface, address)

        with socket.create_server(("127.0.0.1", int(listen.rpartition(":")[2]))):
            assert sidedoor("up", "--state", state, "--network", network, "--listen", listen).returncode == 2
        assert _carries(first, envoy, transfer, interface, address)
        if first.placement["mode"] == "netns":
            sentence = sidedoor("agent", "--state", state, "--network", "loopback").stderr.splitlines()[-1]
            assert "end it with `sidedoor up --network netns` first" in sentence

        third = up()
        until(lambda: third.plan() == [], "the third finds everything as it should be")
        assert answers(play, third)
        assert _carries(third, envoy, transfer, interface, address)
        first.stop()
        assert third.end() == 0


def _carries(system: System, envoy: Process | None, transfer: subprocess.Popen[str], interface: str, address: str) -> bool:
    """Whether the same Envoy carries the old transfer and new connections."""
    goes_on(transfer)
    assert envoy is not None
    now = running_part(system.state, "envoy")
    assert now is not None
    assert now.pid == envoy.pid
    return knocks(system, interface, address)
