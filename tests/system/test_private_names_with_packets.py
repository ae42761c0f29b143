"""Private DNS names on whole systems: a provider proves one, and a consumer's programs reach the service by it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import pytest

from dns_authority import dns_server
from sidedoor.demo.play import PORT, Play
from sidedoor.demo.system import SIDEDOOR, System, running, until

ASK = Path(__file__).with_name("ask_resolver.py")
ZONE = "use1-az1"
NAME, WILDCARD = "api.example.com", "*.example.org"


def sidedoor_dns(system: System, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*SIDEDOOR, "dns", verb, "--state", str(system.state), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def record_of(ec2: Any, service: str) -> dict[str, str]:
    (found,) = ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[service])["ServiceConfigurations"]
    record: dict[str, str] = found["PrivateDnsNameConfiguration"]
    return record


def is_in_state(ec2: Any, service: str, state: str) -> None:
    until(lambda: record_of(ec2, service)["State"] == state, f"the private name is {state}")


def answer(play: Play, name: str, kind: str = "A", *, side: str = "consumer") -> tuple[str, list[str]]:
    """What the resolver of a side's VPC says to a program there: the code, and the records."""
    interface = getattr(play, side).interfaces[ZONE]["NetworkInterfaceId"]
    program = play.system.start(interface, sys.executable, str(ASK), name, kind)
    output, errors = program.communicate(timeout=20)
    assert program.returncode == 0, errors
    said = json.loads(output)
    return said["rcode"], said["records"]


def addresses(play: Play) -> list[str]:
    """Where the endpoint's interfaces stand."""
    filters = [{"Name": "interface-type", "Values": ["vpc_endpoint"]}]
    found = play.consumer.ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    placed = play.system.addresses()
    return sorted(
        placed.get(f"{play.consumer.vpc}/{one['PrivateIpAddress']}", one["PrivateIpAddress"])
        for one in found
        if one["VpcId"] == play.consumer.vpc
    )


def becomes_available(play: Play) -> None:
    def available() -> bool:
        found = play.consumer.ec2.describe_vpc_endpoints(VpcEndpointIds=[play.endpoint])["VpcEndpoints"][0]
        return bool(found["State"] == "available")

    until(available, "the endpoint is available")


def turn(play: Play, *, on: bool) -> None:
    play.consumer.ec2.modify_vpc_endpoint(VpcEndpointId=play.endpoint, PrivateDnsEnabled=on)
    becomes_available(play)


@pytest.fixture(scope="module")
def named(play: Play) -> Play:
    """The service has a proved name, the endpoint is accepted and has that name."""
    provider, consumer = play.provider.ec2, play.consumer.ec2
    consumer.modify_vpc_attribute(VpcId=play.consumer.vpc, EnableDnsHostnames={"Value": True})
    provider.accept_vpc_endpoint_connections(ServiceId=play.service, VpcEndpointIds=[play.endpoint])
    becomes_available(play)
    provider.modify_vpc_endpoint_service_configuration(ServiceId=play.service, PrivateDnsName=NAME)
    with pytest.raises(botocore.exceptions.ClientError, match="does not provide a private DNS name"):
        turn(play, on=True)
    record = record_of(provider, play.service)
    assert record["State"] == "pendingVerification"
    sidedoor_dns(play.system, "put", f"{record['Name']}.{NAME}", record["Type"], record["Value"]).check_returncode()
    provider.start_vpc_endpoint_service_private_dns_verification(ServiceId=play.service)
    is_in_state(provider, play.service, "verified")
    turn(play, on=True)
    return play


def test_a_program_resolves_the_private_name_and_reaches_the_service(named: Play) -> None:
    interface = named.consumer.interfaces[ZONE]["NetworkInterfaceId"]
    assert named.system.ask(interface, "resolve", NAME) == addresses(named)
    assert len(addresses(named)) == 2
    reply = named.system.ask(interface, "get", NAME, str(PORT))
    assert reply["endpoint"] == named.endpoint


def test_the_private_name_has_no_other_type_and_nothing_below_it(named: Play) -> None:
    assert answer(named, NAME, "AAAA") == ("NOERROR", [])
    assert answer(named, f"www.{NAME}") == ("NXDOMAIN", [])
    assert answer(named, "example.com") == ("REFUSED", [])


def test_no_other_vpc_knows_the_private_name(named: Play) -> None:
    assert answer(named, NAME, side="provider") == ("REFUSED", [])


def test_a_wildcard_takes_the_names_place_once_it_is_proved(named: Play) -> None:
    ec2 = named.provider.ec2
    ec2.modify_vpc_endpoint_service_configuration(ServiceId=named.service, PrivateDnsName=WILDCARD)
    assert answer(named, NAME) == ("NOERROR", addresses(named))
    record = record_of(ec2, named.service)
    assert record["State"] == "pendingVerification"
    sidedoor_dns(named.system, "put", "Example.ORG.", "txt", record["Value"]).check_returncode()
    is_in_state(ec2, named.service, "verified")
    until(lambda: answer(named, "any.example.org")[0] == "NOERROR", "the wildcard is answered")
    assert answer(named, "a.b.example.org") == ("NOERROR", addresses(named))
    assert answer(named, "example.org") == ("NOERROR", [])
    assert answer(named, NAME) == ("REFUSED", [])
    interface = named.consumer.interfaces[ZONE]["NetworkInterfaceId"]
    assert named.system.ask(interface, "get", "any.example.org", str(PORT))["endpoint"] == named.endpoint


def test_without_private_dns_only_the_endpoints_own_names_are_left(named: Play) -> None:
    turn(named, on=False)
    until(lambda: answer(named, NAME)[0] == answer(named, "any.example.org")[0] == "REFUSED", "the private names are gone")
    turn(named, on=True)
    (found,) = named.consumer.ec2.describe_vpc_endpoints(VpcEndpointIds=[named.endpoint])["VpcEndpoints"]
    private = found["DnsEntries"][-1]["DnsName"]
    until(lambda: answer(named, private.replace("*", "again"))[0] == "NOERROR", "the private name is back")


# --- who proves ---------------------------------------------------------------------------------------------------


def a_service(system: System) -> tuple[Any, str]:
    """A client of a provider's, and its service with a private name."""
    session = boto3.Session(aws_access_key_id="111111111111", aws_secret_access_key="any", region_name="us-east-1")
    ec2, elb = system.client(session, "ec2"), system.client(session, "elbv2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = elb.create_load_balancer(Name="front", Type="network", Scheme="internal", Subnets=[subnet])
    service = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[made["LoadBalancers"][0]["LoadBalancerArn"]], PrivateDnsName=NAME
    )["ServiceConfiguration"]
    return ec2, service["ServiceId"]


def proved_by(port: int) -> AbstractContextManager[System]:
    upstream = ("--verify-dns", f"127.0.0.1:{port}", "--verify-dns-seconds", "1")
    return running("--dev", "--network", "loopback", *upstream)


def test_a_dns_server_that_is_named_proves_names_and_takes_them_back() -> None:
    with (
        dns_server() as server,
        running(
            "--dev", "--network", "loopback", "--verify-dns", f"127.0.0.1:{server.port}", "--verify-dns-seconds", "1"
        ) as system,
    ):
        ec2, service = a_service(system)
        record = record_of(ec2, service)
        until(lambda: server.asked, "the server is asked")
        server.texts[f"{record['Name']}.{NAME}"] = [record["Value"]]
        is_in_state(ec2, service, "verified")
        server.texts.clear()
        until(lambda: record_of(ec2, service)["State"] == "pendingVerification", "the name waits again", 40)


def test_trust_has_to_be_said_and_then_proves_every_name() -> None:
    with running("--dev", "--network", "loopback", "--verify-dns", "trust") as system:
        ec2, service = a_service(system)
        is_in_state(ec2, service, "verified")


def test_records_of_our_own_are_put_listed_and_removed() -> None:
    with running("--dev", "--network", "loopback") as system:
        name = "_a1.example.com"
        for value in ("vpce:One", "vpce:Two", "vpce:One"):
            assert sidedoor_dns(system, "put", name, "TXT", value).returncode == 0
        assert sidedoor_dns(system, "list").stdout == f"{name}  TXT  vpce:One\n{name}  TXT  vpce:Two\n"
        assert sidedoor_dns(system, "remove", name, "TXT", "vpce:One").returncode == 0
        assert json.loads(sidedoor_dns(system, "list", "--json").stdout) == [{"Name": name, "Type": "TXT", "Value": "vpce:Two"}]
        assert sidedoor_dns(system, "remove", name).returncode == 0
        assert sidedoor_dns(system, "list").stdout == ""
        for arguments, sentence in (
            (("remove", name), f"There is no such record of {name}: `sidedoor dns list` shows what there is."),
            (("put", "a..b", "TXT", "x"), "a..b is no name of a DNS record"),
            (("put", name, "A", "10.0.0.1"), "A records are of no use here: only TXT proves a name."),
            (("put", name, "TXT", "x" * 256), "from 1 to 255 characters"),
        ):
            refused = sidedoor_dns(system, *arguments)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert refused.stderr.startswith("sidedoor: ") and sentence in refused.stderr
