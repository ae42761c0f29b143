"""SIGKILL of each process in turn, under a running transfer: nothing is lost, and what was cut comes back."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from subprocess import Popen
from typing import Any

import botocore.exceptions
import httpx
import pytest
from parts import kill, part
from staged import accepted

from sidedoor.demo.play import PORT, Play
from sidedoor.demo.system import running, until

ZONE = "use1-az1"


@pytest.fixture(scope="module")
def play(network: str) -> Iterator[Play]:
    with running("--network", network, "--pending-seconds", "0.3", listen="127.0.0.1:{free}") as system:
        if network == "auto" and system.placement["mode"] == "loopback":
            pytest.skip("network namespaces are not possible here (neither root nor user namespaces): sidedoor doctor says why")
        yield accepted(system)


def watch(play: Play) -> Popen[str]:
    interface = play.consumer.interfaces[ZONE]["NetworkInterfaceId"]
    program = play.system.start(interface, sys.executable, "-m", "sidedoor.demo.client", "watch", play.names[1], str(PORT))
    progress(program)
    return program


def progress(program: Popen[str]) -> int:
    """How far the transfer is; waits for its next sign of life."""
    assert program.stdout is not None
    text = program.stdout.readline()
    assert text and "open" in json.loads(text), f"the transfer ended: {text}"
    last: int = json.loads(text)["last"]
    return last


def described(play: Play) -> dict[str, Any]:
    """All that the API says of the connection, the moments of the answers aside."""
    provider, consumer = play.provider.ec2, play.consumer.ec2
    answers = {
        "endpoints": consumer.describe_vpc_endpoints()["VpcEndpoints"],
        "connections": provider.describe_vpc_endpoint_connections()["VpcEndpointConnections"],
        "services": provider.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"],
        "interfaces": [side.ec2.describe_network_interfaces()["NetworkInterfaces"] for side in (play.provider, play.consumer)],
        "balancers": play.elb.describe_load_balancers()["LoadBalancers"],
    }
    document: dict[str, Any] = json.loads(json.dumps(answers, default=str))
    return document


def got(play: Play) -> dict[str, Any]:
    """What a new connection to the endpoint's name finds: the provider's server, or an error."""
    interface = play.consumer.interfaces[ZONE]["NetworkInterfaceId"]
    answer: dict[str, Any] = play.system.ask(interface, "get", play.names[1], str(PORT))
    return answer


def answered(play: Play) -> bool:
    return "server" in got(play)


def refused(play: Play) -> bool:
    """By the endpoint, which is more than that nobody is there yet to answer for its name."""
    return got(play).get("error") not in (None, "gaierror")


def answers_again(play: Play) -> bool:
    try:
        return httpx.get(f"{play.system.url}/healthz", verify=False).status_code == 200
    except httpx.TransportError:
        return False


def test_a_transfer_survives_the_death_of_the_control_plane(play: Play) -> None:
    before, transfer = described(play), watch(play)
    kill(play.system, "serve")
    reached = progress(transfer)
    until(lambda: answers_again(play), "the API answers again")
    assert progress(transfer) > reached
    assert described(play) == before
    _end(transfer)


def test_new_connections_are_made_while_the_control_plane_is_dead(play: Play) -> None:
    serve = part(play.system, "serve")
    os.kill(serve.pid, signal.SIGSTOP)
    try:
        with pytest.raises(botocore.exceptions.BotoCoreError):
            impatient(play).describe_vpc_endpoints()
        _end(watch(play))
    finally:
        os.kill(serve.pid, signal.SIGCONT)


def impatient(play: Play) -> Any:
    from botocore.config import Config

    config = Config(read_timeout=1, connect_timeout=1, retries={"total_max_attempts": 1})
    return play.consumer.session.client("ec2", endpoint_url=play.system.url, config=config)


def test_a_transfer_survives_the_death_of_the_agent(play: Play) -> None:
    before, transfer, envoy = described(play), watch(play), part(play.system, "envoy")
    kill(play.system, "agent")
    reached = progress(transfer)
    until(lambda: play.system.plan() == [], "the new agent finds everything as it should be")
    assert part(play.system, "envoy").pid == envoy.pid
    assert progress(transfer) > reached
    assert described(play) == before
    _end(transfer)
    until(lambda: answered(play), "the new agent answers for the name")


def test_new_connections_work_again_after_the_death_of_envoy(play: Play) -> None:
    before, transfer = described(play), watch(play)
    kill(play.system, "envoy")
    output, _ = transfer.communicate(timeout=20)
    assert "end" in json.loads(output.splitlines()[-1])
    until(lambda: answered(play), "a new connection works")
    assert play.system.plan() == []
    assert described(play) == before


def test_a_change_made_while_the_agent_is_dead_is_carried_out_by_the_next(play: Play) -> None:
    agent = part(play.system, "agent")
    os.kill(agent.pid, signal.SIGSTOP)
    play.provider.ec2.reject_vpc_endpoint_connections(ServiceId=play.service, VpcEndpointIds=[play.endpoint])
    os.kill(agent.pid, signal.SIGKILL)
    until(lambda: refused(play), "the rejected endpoint refuses")
    play.provider.ec2.accept_vpc_endpoint_connections(ServiceId=play.service, VpcEndpointIds=[play.endpoint])
    until(lambda: answered(play), "the accepted endpoint answers")


def _end(transfer: Popen[str]) -> None:
    """Ends a transfer that must still be whole."""
    progress(transfer)
    transfer.send_signal(signal.SIGTERM)
    transfer.communicate(timeout=10)
