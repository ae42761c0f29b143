"""Real packets between two VPCs of the same CIDR: what passes, what it looks like, and what never passes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from subprocess import Popen
from typing import Any

import proxyprotocol.v2
import pytest

from sidedoor.demo.play import PORT, Play
from sidedoor.demo.system import System, until

PROGRAMS = Path(__file__).with_name("programs.py")


def start(system: System, interface: str, *arguments: str) -> Popen[str]:
    """One of our programs inside an interface; where it says that it is ready, it is."""
    return system.start(interface, sys.executable, str(PROGRAMS), *arguments)


def line(program: Popen[str]) -> dict[str, Any]:
    assert program.stdout is not None
    text = program.stdout.readline()
    assert text, program.communicate()
    fact: dict[str, Any] = json.loads(text)
    return fact


def lines_until_killed(program: Popen[str]) -> list[dict[str, Any]]:
    program.kill()
    output, _ = program.communicate()
    return [json.loads(text) for text in output.splitlines()]


def outcomes(system: System, interface: str, address: str, *ports: int) -> list[str]:
    program = start(system, interface, "knock", address, *map(str, ports))
    output, errors = program.communicate(timeout=30)
    assert program.returncode == 0, errors
    return [json.loads(text)["outcome"] for text in output.splitlines()]


def set_state(play: Play, wanted: str) -> None:
    """Accepts or rejects, and waits until the consumer sees it."""
    verb = {"available": "accept", "rejected": "reject"}[wanted]
    getattr(play.provider.ec2, f"{verb}_vpc_endpoint_connections")(ServiceId=play.service, VpcEndpointIds=[play.endpoint])

    def reached() -> bool:
        found = play.consumer.ec2.describe_vpc_endpoints(VpcEndpointIds=[play.endpoint])["VpcEndpoints"][0]
        return bool(found["State"] == wanted)

    until(reached, f"the endpoint is {wanted}")


def endpoint_address(play: Play, zone: str) -> str:
    """Where the endpoint's interface of a zone stands."""
    found = play.consumer.ec2.describe_network_interfaces(
        Filters=[
            {"Name": "subnet-id", "Values": [play.consumer.subnets[zone]]},
            {"Name": "interface-type", "Values": ["vpc_endpoint"]},
        ]
    )["NetworkInterfaces"]
    return placed(play, play.consumer.vpc, found[0]["PrivateIpAddress"])


def placed(play: Play, vpc: str, address: str) -> str:
    return play.system.addresses().get(f"{vpc}/{address}", address)


PROXY_COMMAND = b"\x21"
"""The byte of a PROXY header by which it speaks of somebody's connection."""

CHECKS_HEADER = b"\r\n\r\n\x00\r\nQUIT\n\x20"
"""How the header of a health check begins: it speaks of nobody."""

ZONE = "use1-az1"


def own_address(play: Play) -> str:
    """The client's address as its VPC has it."""
    address: str = play.consumer.interfaces[ZONE]["PrivateIpAddress"]
    return address


def client(play: Play) -> str:
    interface: str = play.consumer.interfaces[ZONE]["NetworkInterfaceId"]
    return interface


def server(play: Play) -> str:
    interface: str = play.provider.interfaces[ZONE]["NetworkInterfaceId"]
    return interface


def test_no_byte_passes_before_the_provider_accepts(play: Play) -> None:
    served = (play.system.state / f"server-{ZONE}.log").read_text()
    assert outcomes(play.system, client(play), endpoint_address(play, ZONE), PORT) == ["ConnectionRefusedError"]
    assert (play.system.state / f"server-{ZONE}.log").read_text() == served


def test_the_zonal_name_leads_to_the_zones_node_and_the_source_is_the_nodes_address(play: Play) -> None:
    set_state(play, "available")
    for zone, name in zip(play.consumer.subnets, play.names[1:], strict=True):
        answer = play.system.ask(client(play), "get", name, str(PORT))
        assert answer["source"] == placed(play, play.provider.vpc, play.nodes[zone])
        assert answer["endpoint"] == play.endpoint


def test_both_sides_have_the_same_addresses_and_do_not_mind(play: Play) -> None:
    """A second client in the consumer's VPC has the very address of the provider's server."""
    set_state(play, "available")
    address = play.provider.interfaces[ZONE]["PrivateIpAddress"]
    twin = play.consumer.ec2.create_network_interface(SubnetId=play.consumer.subnets[ZONE], PrivateIpAddress=address)
    answer = play.system.ask(twin["NetworkInterface"]["NetworkInterfaceId"], "get", play.names[1], str(PORT))
    assert answer["client"].startswith(placed(play, play.consumer.vpc, address) + ":")
    assert answer["server"] == placed(play, play.provider.vpc, address)


def test_an_independent_parser_reads_the_proxy_header_and_its_endpoint_id(play: Play) -> None:
    set_state(play, "available")
    interface = play.provider.interfaces[ZONE]
    own = placed(play, play.provider.vpc, interface["PrivateIpAddress"])
    capturing = start(play.system, interface["NetworkInterfaceId"], "capture", own, "9090")
    assert line(capturing) == {"ready": True}
    listener = _listener_to(play, 9090, interface["PrivateIpAddress"])

    def captured() -> bool:
        return outcomes(play.system, client(play), endpoint_address(play, ZONE), 9090) != ["ConnectionRefusedError"]

    until(captured, "the new listener answers")
    data = b""
    while data[12:13] != PROXY_COMMAND:
        data = bytes.fromhex(line(capturing)["data"])  # health checks have headers too, which name nobody
    play.elb.delete_listener(ListenerArn=listener)
    header = proxyprotocol.v2.ProxyProtocolV2().unpack(data[: 16 + int.from_bytes(data[14:16])])
    assert header.source is not None
    assert str(header.source[0]) in {placed(play, play.consumer.vpc, own_address(play)), "127.0.0.1"}
    assert header.dest is not None
    assert (str(header.dest[0]), header.dest[1]) == (endpoint_address(play, ZONE), 9090)
    assert data[16 + 12 :].startswith(b"\xea" + (len(play.endpoint) + 1).to_bytes(2) + b"\x01" + play.endpoint.encode())


def _listener_to(play: Play, port: int, target: str) -> str:
    """A second listener of the load balancer, with a target group of its own that speaks PROXY protocol."""
    group = play.elb.create_target_group(
        Name=f"port-{port}", Protocol="TCP", Port=port, VpcId=play.provider.vpc, TargetType="ip"
    )
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    attributes = [{"Key": "proxy_protocol_v2.enabled", "Value": "true"}]
    play.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)
    play.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": target}])
    action = {"Type": "forward", "TargetGroupArn": arn}
    made = play.elb.create_listener(LoadBalancerArn=play.balancer, Protocol="TCP", Port=port, DefaultActions=[action])
    listener: str = made["Listeners"][0]["ListenerArn"]
    return listener


def test_a_port_without_a_listener_is_refused(play: Play) -> None:
    set_state(play, "available")
    assert outcomes(play.system, client(play), endpoint_address(play, ZONE), 81, 8080, 22) == ["ConnectionRefusedError"] * 3


def test_reject_cuts_the_open_connection_and_refuses_new_ones(play: Play) -> None:
    set_state(play, "available")
    watching = play.system.start(client(play), sys.executable, "-m", "sidedoor.demo.client", "watch", play.names[1], str(PORT))
    assert line(watching)["open"] is True
    set_state(play, "rejected")
    output, errors = watching.communicate(timeout=10)
    end = json.loads(output.splitlines()[-1])
    assert end["end"] in ("closed", "ConnectionResetError"), errors
    assert end["complete"] is True
    assert outcomes(play.system, client(play), endpoint_address(play, ZONE), PORT) == ["ConnectionRefusedError"]


def test_a_new_listener_does_not_disturb_an_open_connection(play: Play) -> None:
    set_state(play, "available")
    watching = play.system.start(client(play), sys.executable, "-m", "sidedoor.demo.client", "watch", play.names[1], str(PORT))
    first = line(watching)["last"]
    listener = _listener_to(play, 9191, play.provider.interfaces[ZONE]["PrivateIpAddress"])

    def refused_by_nobody() -> bool:
        return outcomes(play.system, client(play), endpoint_address(play, ZONE), 9191) != ["ConnectionRefusedError"]

    until(refused_by_nobody, "the new listener stands")
    play.elb.delete_listener(ListenerArn=listener)
    until(lambda: not refused_by_nobody(), "the new listener is gone")
    assert line(watching)["last"] > first
    assert line(watching)["open"] is True
    watching.kill()
    watching.communicate()


def test_nothing_reaches_an_address_of_the_other_vpc(play: Play, network: str) -> None:
    """A third VPC with another CIDR, so that the provider's addresses are not its own, tries them while somebody listens."""
    if network == "loopback":
        pytest.skip("the loopback placement has no networks of its own to keep apart (docs/decisions/0007)")
    ec2 = play.consumer.ec2
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24", AvailabilityZoneId=ZONE)["Subnet"]["SubnetId"]
    stranger = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    sniffing = start(play.system, server(play), "sniff")
    assert line(sniffing) == {"ready": True}
    provider = [play.provider.interfaces[ZONE]["PrivateIpAddress"], *play.nodes.values(), "10.0.0.2", "10.0.1.1"]
    for address in provider:
        assert outcomes(play.system, stranger["NetworkInterfaceId"], address, 80, 8080, 53)[0] != "answered"
    seen = lines_until_killed(sniffing)
    nodes = set(play.nodes.values())
    assert {one["from"] for one in seen} <= nodes, "only the load balancer's nodes speak to the server"


def test_a_rejected_consumer_sends_the_server_nothing(play: Play, network: str) -> None:
    if network == "loopback":
        pytest.skip("packets of the host's loopback interface are not ours to watch")
    set_state(play, "rejected")
    sniffing = start(play.system, server(play), "sniff")
    assert line(sniffing) == {"ready": True}
    assert outcomes(play.system, client(play), endpoint_address(play, ZONE), PORT) == ["ConnectionRefusedError"]
    seen = lines_until_killed(sniffing)
    said = [one for one in seen if one.get("payload") and bytes.fromhex(one["head"]) != CHECKS_HEADER]
    assert not said, "health checks carry nothing but their header, and nobody else may speak"


def test_the_programs_run_with_the_rights_that_the_tests_have(play: Play) -> None:
    assert play.system.placement["user_namespace"] is False or os.geteuid() != 0
