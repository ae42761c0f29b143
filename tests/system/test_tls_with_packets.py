"""TLS listeners in a whole system: certificates from files and from IAM, clients in a VPC, plain targets and TLS ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from certificate_authority import KeyPair, an_authority
from sidedoor.app import certificates
from sidedoor.demo.play import PORT, PROVIDER, Play
from sidedoor.demo.system import until
from sidedoor.settings import Settings

PROGRAM = Path(__file__).with_name("tls_end.py")
ZONE = "use1-az1"
TLS_PORT, TO_TLS_PORT = 8443, 8444
AUTHORITY = an_authority()
SHOP, NEXT, OTHER = (AUTHORITY.issue(f"{name}.example.com") for name in ("shop", "shop", "other"))


@pytest.fixture(scope="module", params=["auto"])
def network(request: pytest.FixtureRequest) -> str:
    """Namespaces alone: on the host's own addresses the same Envoy serves in ``tests/envoy``."""
    placement: str = request.param
    return placement


def add(play: Play, pair: KeyPair) -> str:
    """Adds a certificate from files under the name ``shop``, as ``sidedoor certificates add`` does. Returns its ARN."""
    chain, key = play.system.state / "chain.pem", play.system.state / "key.pem"
    chain.write_text(pair.certificate + AUTHORITY.certificate)
    key.write_text(pair.private_key)
    shown = certificates.add(Settings(state=play.system.state), PROVIDER, "shop", chain, key, None)
    for path in (chain, key):
        path.unlink()
    return shown["Arn"]


def start(play: Play, side: Any, *arguments: str) -> Popen[str]:
    interface = side.interfaces[ZONE]["NetworkInterfaceId"]
    return play.system.start(interface, sys.executable, str(PROGRAM), *arguments)


def line(program: Popen[str]) -> dict[str, Any]:
    assert program.stdout is not None
    text = program.stdout.readline()
    assert text, program.communicate()
    fact: dict[str, Any] = json.loads(text)
    return fact


def endpoint_address(play: Play) -> str:
    found = play.consumer.ec2.describe_network_interfaces(
        Filters=[
            {"Name": "subnet-id", "Values": [play.consumer.subnets[ZONE]]},
            {"Name": "interface-type", "Values": ["vpc_endpoint"]},
        ]
    )["NetworkInterfaces"]
    address: str = found[0]["PrivateIpAddress"]
    return address


def end(play: Play, verb: str, name: str = "shop.example.com", *options: str, port: int = TLS_PORT) -> Popen[str]:
    authority = play.system.state / "authority.pem"
    authority.write_text(AUTHORITY.certificate)
    return start(play, play.consumer, verb, endpoint_address(play), str(port), name, str(authority), *options)


def look(play: Play, name: str = "shop.example.com", *options: str, port: int = TLS_PORT) -> dict[str, Any]:
    program = end(play, "look", name, *options, port=port)
    fact = line(program)
    program.communicate()
    return fact


def listener(play: Play, group: str, certificate: str, port: int, **more: Any) -> str:
    made = play.elb.create_listener(
        LoadBalancerArn=play.balancer, Protocol="TLS", Port=port, Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}], **more,
    )  # fmt: skip
    arn: str = made["Listeners"][0]["ListenerArn"]
    return arn


@pytest.fixture(scope="module")
def secured(play: Play) -> Iterator[tuple[Play, str, str]]:
    """The system with a TLS listener before its plain targets, its ARN and its certificate's; the endpoint is accepted."""
    certificate = add(play, SHOP)
    group = play.elb.describe_target_groups(Names=["demo"])["TargetGroups"][0]["TargetGroupArn"]
    arn = listener(play, group, certificate, TLS_PORT, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06")
    play.provider.ec2.accept_vpc_endpoint_connections(ServiceId=play.service, VpcEndpointIds=[play.endpoint])

    def available() -> bool:
        found = play.consumer.ec2.describe_vpc_endpoints(VpcEndpointIds=[play.endpoint])["VpcEndpoints"][0]
        return bool(found["State"] == "available")

    until(available, "the endpoint is available")
    yield play, arn, certificate


def test_as_soon_as_the_endpoint_is_available_the_client_is_shown_the_certificate_and_the_target_sees_plain_http(
    secured: tuple[Play, str, str],
) -> None:
    play, _, _ = secured
    found = look(play)
    assert found.get("serial") == str(SHOP.serial), found
    assert found["body"]["endpoint"] == play.endpoint
    assert found["body"]["source"] == play.nodes[ZONE]
    assert found["body"]["client"].startswith(f"{play.consumer.interfaces[ZONE]['PrivateIpAddress']}:")


def test_who_does_not_speak_tls_or_does_not_trust_the_certificate_gets_nothing(secured: tuple[Play, str, str]) -> None:
    play, _, _ = secured
    assert look(play, "elsewhere.example.com") == {"error": "SSLCertVerificationError"}
    plain = play.system.start(
        play.consumer.interfaces[ZONE]["NetworkInterfaceId"], sys.executable, "-m", "sidedoor.demo.client",
        "get", play.names[1], str(TLS_PORT),
    )  # fmt: skip
    assert "without an answer" in "".join(plain.communicate())
    assert look(play, port=PORT) == {"error": "SSLError"}


def test_a_further_certificate_is_shown_to_those_who_ask_for_its_name(secured: tuple[Play, str, str]) -> None:
    play, arn, _ = secured
    iam = play.system.client(play.provider.session, "iam")
    made = iam.upload_server_certificate(
        ServerCertificateName="other", CertificateBody=OTHER.certificate, PrivateKey=OTHER.private_key
    )
    play.elb.add_listener_certificates(
        ListenerArn=arn, Certificates=[{"CertificateArn": made["ServerCertificateMetadata"]["Arn"]}]
    )
    until(lambda: look(play, "other.example.com").get("serial") == str(OTHER.serial), "the other certificate is shown")
    assert look(play)["serial"] == str(SHOP.serial)


def test_the_policies_of_the_listener_are_those_of_its_handshakes(secured: tuple[Play, str, str]) -> None:
    play, arn, _ = secured
    assert look(play, "shop.example.com", "1.2", "alpn=h2")["version"] == "TLSv1.2"
    play.elb.modify_listener(ListenerArn=arn, SslPolicy="ELBSecurityPolicy-TLS13-1-3-2021-06", AlpnPolicy=["HTTP2Preferred"])
    until(lambda: "error" in look(play, "shop.example.com", "1.2"), "an old client is refused")
    found = look(play, "shop.example.com", "alpn=http/1.1,h2")
    assert (found["version"], found["alpn"]) == ("TLSv1.3", "h2")


def test_a_renewed_certificate_is_shown_to_new_clients_and_leaves_open_flows_alone(secured: tuple[Play, str, str]) -> None:
    play, _, certificate = secured
    watching = end(play, "watch")
    first = line(watching)
    assert first["serial"] == str(SHOP.serial)
    assert add(play, NEXT) == certificate
    until(lambda: look(play)["serial"] == str(NEXT.serial), "the new certificate is shown")
    later = line(watching)
    assert (later["serial"], later["last"]) > (first["serial"], first["last"])
    watching.kill()
    watching.communicate()


def test_a_group_of_tls_is_spoken_to_in_tls(secured: tuple[Play, str, str]) -> None:
    play, _, certificate = secured
    own = an_authority("Somebody").issue("inside.example.org")
    paths = [play.system.state / "own.pem", play.system.state / "own.key"]
    for path, text in zip(paths, (own.certificate, own.private_key), strict=True):
        path.write_text(text)
    address = play.provider.interfaces[ZONE]["PrivateIpAddress"]
    serving = start(play, play.provider, "serve", address, "9443", *map(str, paths))
    assert line(serving) == {"ready": True}
    group = play.elb.create_target_group(
        Name="inside", Protocol="TLS", Port=9443, VpcId=play.provider.vpc, TargetType="ip", HealthCheckIntervalSeconds=5
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    play.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address}])
    listener(play, group, certificate, TO_TLS_PORT)

    def answer() -> dict[str, Any]:
        body: dict[str, Any] = look(play, port=TO_TLS_PORT).get("body") or {}
        return body

    found = until(answer, "the target answers")
    assert found == {"inside": "TLSv1.3", "peer": play.nodes[ZONE]}


def content(path: Path) -> bytes:
    """Of a regular file; of a socket or a mounted namespace nothing."""
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""


def test_private_keys_are_in_files_that_nobody_else_can_read_and_in_no_other(secured: tuple[Play, str, str]) -> None:
    play, _, _ = secured
    state = play.system.state
    line_of_key = NEXT.private_key.splitlines()[1].encode()
    holding = [path for path in state.rglob("*") if line_of_key in content(path)]
    assert {path.name.removesuffix("-wal") for path in holding} == {"sidedoor.db", "agent.db"}
    for path in holding:
        assert path.stat().st_mode & 0o077 == 0, path
    iam = play.system.client(play.provider.session, "iam")
    assert line_of_key.decode() not in str(iam.get_server_certificate(ServerCertificateName="shop"))
