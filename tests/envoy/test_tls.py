"""TLS in the real Envoy on loopback addresses: certificates, names, policies, renewal, and TLS towards targets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from envoy_stage import BALANCER, PATIENCE, Flow, Stage, Target, a_cluster, a_door, play, until
from proxyprotocol.v2 import ProxyProtocolV2

from certificate_authority import KeyPair, an_authority, an_rsa_key
from sidedoor.dataplane.certificates import Certificate, Tls
from sidedoor.dataplane.desired import Door
from sidedoor.dataplane.envoy import tls
from sidedoor.dataplane.envoy.admin import Admin
from sidedoor.dataplane.envoy.resources import CERTIFICATE, ENDPOINTS, assignment
from sidedoor.loadbalancers.tls_policies import POLICIES

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
"""Python warns of the old versions that some policies still allow."""

AUTHORITY = an_authority()
DEFAULT, FIRST, SECOND = "listener/default", "listener/a", "listener/b"
WEB = AUTHORITY.issue("web.example.com")
PLAIN = Tls(policy="ELBSecurityPolicy-TLS13-1-2-2021-06", alpn=(), default=DEFAULT, further=())


def client(*, alpn: tuple[str, ...] = (), newest: ssl.TLSVersion | None = None, ciphers: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=AUTHORITY.certificate)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if newest is not None:
        context.set_ciphers(f"{ciphers or 'ALL'}:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
    return context


def give(stage: Stage, **pairs: KeyPair) -> None:
    """The certificates of the load balancer's listener, by the last part of their names."""
    named = {f"listener/{name}": Certificate(chain=one.certificate, private_key=one.private_key) for name, one in pairs.items()}
    stage.ads.set(BALANCER, CERTIFICATE, {name: tls.secret(name, one) for name, one in named.items()})


async def an_open_door(stage: Stage, *targets: Target, of_tls: Tls = PLAIN, **balancer: Any) -> Door:
    door = a_door(tls=of_tls)
    give(stage, default=WEB)
    stage.balancer(*(targets or (await stage.target("one"),)), **balancer)
    stage.ads.complete()
    await opened(stage, door)
    return door


async def opened(stage: Stage, door: Door) -> None:
    assert door.tls is not None
    names = door.tls.names
    await stage.settled(BALANCER, stage.endpoint(door))
    await until(lambda: stage.ads.confirmed(CERTIFICATE, names))


async def connect(door: Door, name: str | None = "web.example.com", context: ssl.SSLContext | None = None) -> Flow:
    """A flow through TLS that has reached a target. Raises ``ssl.SSLError`` and ``ConnectionError``."""
    context = context or client()
    if name is None:
        context.check_hostname = False
    reader, writer = await asyncio.open_connection(
        door.address, door.port, ssl=context, server_hostname=name if name is not None else "", ssl_handshake_timeout=PATIENCE
    )
    line = await asyncio.wait_for(reader.readline(), PATIENCE)
    if not line:
        raise ConnectionResetError
    return Flow(reader, writer, line.decode().strip())


def shown(flow: Flow) -> int:
    """The serial number of the certificate that the flow was shown."""
    found = flow.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(found).serial_number


async def close(*flows: Flow) -> None:
    for flow in flows:
        flow.writer.transport.abort()


def test_a_target_sees_plain_bytes_and_hears_of_nobody_who_does_not_speak_tls() -> None:
    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        door = await an_open_door(stage, target)
        reader, writer = await stage.open(door)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        with pytest.raises(ssl.SSLCertVerificationError):
            await connect(door, "other.example.com")
        strangers = len(target.peers)
        flow = await connect(door)
        assert await flow.echoes("inside")
        assert shown(flow) == WEB.serial
        # The one with the certificate error ended the handshake itself, which may have been complete on Envoy's side.
        assert strangers <= 1
        assert len(target.peers) == strangers + 1
        await close(flow)

    play(act)


def test_a_renewed_certificate_is_shown_to_new_clients_and_cuts_no_flow() -> None:
    async def act(stage: Stage) -> None:
        door = await an_open_door(stage)
        before = await connect(door)
        renewed = AUTHORITY.issue("web.example.com")
        give(stage, default=renewed)
        await stage.settled(BALANCER)

        async def new_one() -> bool:
            flow = await connect(door)
            serial = shown(flow)
            await close(flow)
            assert serial in (WEB.serial, renewed.serial)
            return serial == renewed.serial

        await until(new_one)
        assert await before.echoes("still here")
        assert shown(before) == WEB.serial
        await close(before)

    play(act)


def test_the_name_that_a_client_asks_for_chooses_among_several_certificates() -> None:
    async def act(stage: Stage) -> None:
        first, second = AUTHORITY.issue("a.example.com"), AUTHORITY.issue("*.b.example.com")
        door = await an_open_door(stage)
        flow = await connect(door)
        give(stage, default=WEB, a=first, b=second)
        further = (((DEFAULT,), ("web.example.com",)), ((FIRST,), ("a.example.com",)), ((SECOND,), ("*.b.example.com",)))
        more = replace(door, tls=replace(PLAIN, further=further))
        await opened(stage, more)
        seen = {}
        for name in ("web.example.com", "a.example.com", "A.example.com", "x.b.example.com"):
            seen[name] = await connect(more, name)
        seen[""] = await connect(more, None)
        assert [shown(one) for one in seen.values()] == [
            WEB.serial, first.serial, first.serial, second.serial, WEB.serial
        ]  # fmt: skip
        for one in (flow, *seen.values()):
            assert await one.echoes("a new name disturbs nobody")
        less = replace(door, tls=replace(PLAIN, further=further[:2]))
        await stage.settled(stage.endpoint(less))
        await seen["x.b.example.com"].ended()
        for name in ("web.example.com", "a.example.com", ""):
            assert await seen[name].echoes("nor does one that goes")
        await close(flow, *seen.values())

    play(act)


def test_for_one_name_a_client_is_shown_the_certificate_of_a_kind_that_it_knows() -> None:
    async def act(stage: Stage) -> None:
        of_rsa = AUTHORITY.issue("both.example.com", key=an_rsa_key())
        of_ecdsa = AUTHORITY.issue("both.example.com")
        door = await an_open_door(stage)
        give(stage, default=WEB, a=of_rsa, b=of_ecdsa)
        further = (((FIRST,), ()), ((SECOND,), ()), ((FIRST, SECOND), ("both.example.com",)))
        door = replace(door, tls=replace(PLAIN, further=further))
        await opened(stage, door)
        newest = ssl.TLSVersion.TLSv1_2
        for ciphers, pair in (("ECDHE-RSA-AES128-GCM-SHA256", of_rsa), ("ECDHE-ECDSA-AES128-GCM-SHA256", of_ecdsa)):
            flow = await connect(door, "both.example.com", client(newest=newest, ciphers=ciphers))
            assert shown(flow) == pair.serial
            await close(flow)

    play(act)


def test_policies_decide_versions_ciphers_and_application_protocols() -> None:
    async def handshake(door: Door, context: ssl.SSLContext) -> tuple[str, str, str | None] | None:
        """(version, cipher, application protocol), or None where there is no agreement."""
        try:
            flow = await connect(door, context=context)
        except (ssl.SSLError, ConnectionError):
            return None
        inside = flow.writer.get_extra_info("ssl_object")
        found = (inside.version(), inside.cipher()[0], inside.selected_alpn_protocol())
        await close(flow)
        return found

    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        doors = {}
        for number, (name, alpn) in enumerate(
            (
                ("ELBSecurityPolicy-TLS13-1-3-2021-06", ("h2",)),
                ("ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", ("http/1.1", "http/1.0", "h2")),
                ("ELBSecurityPolicy-2016-08", ("h2", "http/1.1", "http/1.0")),
            ),
            start=2,
        ):
            doors[name] = a_door(number, tls=Tls(policy=name, alpn=alpn, default=DEFAULT, further=()))
        await an_open_door(stage, target)
        for door in doors.values():
            await opened(stage, door)
        only_13, at_least_12, up_to_12 = doors.values()
        versions = ssl.TLSVersion
        assert await handshake(only_13, client(newest=versions.TLSv1_2)) is None
        assert await handshake(only_13, client(alpn=("h2",))) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384", "h2")
        assert await handshake(at_least_12, client(newest=versions.TLSv1_1)) is None
        assert await handshake(at_least_12, client(newest=versions.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-SHA")) is None
        assert (await handshake(at_least_12, client(alpn=("h2", "http/1.1"))) or ())[2] == "http/1.1"
        assert (await handshake(up_to_12, client(alpn=("http/1.1", "h2"))) or ())[::2] == ("TLSv1.2", "h2")
        assert (await handshake(up_to_12, client(newest=versions.TLSv1_1)) or ())[0] == "TLSv1.1"
        assert (await handshake(up_to_12, client(newest=versions.TLSv1)) or ())[0] == "TLSv1"
        assert (await handshake(up_to_12, client(alpn=("other",))) or ())[2] is None

    play(act)


def test_envoy_takes_every_policy() -> None:
    async def act(stage: Stage) -> None:
        give(stage, default=WEB)
        stage.balancer(await stage.target("one"))
        doors = [
            a_door(number, tls=Tls(policy=name, alpn=(), default=DEFAULT, further=()))
            for number, name in enumerate(POLICIES, start=1)
        ]
        for door in doors:
            await opened(stage, door)

    play(act)


def test_a_target_of_tls_is_spoken_to_in_tls_behind_the_proxy_header_and_its_certificate_is_not_looked_at() -> None:
    async def act(stage: Stage) -> None:
        own = an_authority("Somebody").issue("elsewhere.example.org")
        directory = stage.directory
        (directory / "certificate").write_text(own.certificate)
        (directory / "key").write_text(own.private_key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "certificate", directory / "key")
        context.set_alpn_protocols(["h2"])

        def serve(listening: socket.socket) -> tuple[Any, str | None, bytes]:
            """One connection: its PROXY header, and what came inside of TLS, with which it is answered."""
            plain, _ = listening.accept()
            plain.settimeout(PATIENCE)
            start = plain.recv(16, socket.MSG_WAITALL)
            header = ProxyProtocolV2().unpack(start + plain.recv(int.from_bytes(start[14:]), socket.MSG_WAITALL))
            with context.wrap_socket(plain, server_side=True) as inside:
                line = inside.recv(100)
                inside.sendall(line.upper())
                return header, inside.selected_alpn_protocol(), line

        with socket.create_server(("127.79.1.9", 0)) as listening:
            listening.settimeout(PATIENCE)
            serving = asyncio.create_task(asyncio.to_thread(serve, listening))
            door = await an_open_door(stage, proxy_protocol=True, tls=True, alpn=("h2",))
            stage.ads.set(BALANCER, ENDPOINTS, {a_cluster().name: assignment(a_cluster().name, [listening.getsockname()])})
            await stage.settled(BALANCER)
            reader, writer = await asyncio.open_connection(
                door.address, door.port, ssl=client(), server_hostname="web.example.com"
            )
            writer.write(b"hello\n")
            assert await asyncio.wait_for(reader.readline(), PATIENCE) == b"HELLO\n"
            header, protocol, line = await serving
        assert (header.dest[1], protocol, line) == (door.port, "h2", b"hello\n")
        assert list(header.tlv.items()) == [(0xEA, b"\x01" + door.endpoint_id.encode())]
        writer.transport.abort()

    play(act)


def test_envoy_shows_no_private_key() -> None:
    async def act(stage: Stage) -> None:
        await an_open_door(stage)
        async with Admin(stage.envoy.admin_path) as admin:
            dump = await admin._get("/config_dump?include_eds")
            certificates = await admin._get("/certs")
        assert DEFAULT in dump.text
        lines = [line for line in WEB.private_key.splitlines() if "-----" not in line]
        for text in (dump.text, certificates.text, (stage.directory / "logs" / "envoy.log").read_text()):
            assert not [line for line in lines if line in text]
        assert stage.envoy.admin_path.stat().st_mode & 0o077 == 0

    play(act)


def test_flows_survive_the_agent_and_its_successor_has_no_certificate_to_push() -> None:
    async def act(stage: Stage) -> None:
        target = await stage.target("one")
        door = await an_open_door(stage, target)
        flow = await connect(door)
        await stage.kill_agent()
        await stage.start()
        give(stage, default=WEB)
        stage.balancer(target)
        await opened(stage, door)
        stage.ads.complete()
        assert await flow.echoes("with a new agent")
        later = await connect(door)
        assert shown(later) == WEB.serial
        await close(flow, later)

    play(act)
