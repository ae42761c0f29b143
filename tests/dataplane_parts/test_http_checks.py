"""HTTP and HTTPS health checks against a real server of the loopback interface, which answers as a test tells it."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from health_stage import BALANCER, CHECK, GROUP, HEALTHY, INITIAL, UNHEALTHY, World, cluster, host, play, until

from sidedoor.dataplane.desired import Host
from sidedoor.dataplane.health import TargetReport
from sidedoor.loadbalancers.model import HealthReason

HTTP = replace(CHECK, protocol="HTTP", path="/healthz?deep=1", matcher="200-399")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


HEADER = bytes.fromhex("0d0a0d0a000d0a515549540a" + "20" + "11" + "0054" + "030004bce5951f" + "04004a" + "00" * 74)
"""What an NLB's health check begins with, as it was captured from one."""


def answer(status: int) -> bytes:
    return f"HTTP/1.1 {status} As Told\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass
class Server:
    """Reads a request's head, remembers it, answers and closes. ``answer`` None: it stays silent until the client goes.

    ``preface``: so many bytes come before the head.
    """

    answer: bytes | None = OK
    preface: int = 0
    requests: list[bytes] = field(default_factory=list)
    left: int = 0
    host: Host = field(init=False)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            preface = await reader.readexactly(self.preface)
            self.requests.append(preface + await reader.readuntil(b"\r\n\r\n"))
            if self.answer is None:
                await reader.read()
            else:
                writer.write(self.answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.left += 1
            writer.close()


def play_with(
    server: Server, scenario: Callable[[World], Coroutine[None, None, None]], tls: ssl.SSLContext | None = None
) -> None:
    async def run(world: World) -> None:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
        async with listening:
            server.host = host(listening.sockets[0].getsockname()[1])
            await scenario(world)
            await world.prober.close()
            await until(lambda: server.left == len(server.requests))

    play(run)


def reported(world: World) -> TargetReport:
    (found,) = world.prober.report(BALANCER)
    return found


def test_the_request_names_the_node_and_the_listener() -> None:
    server = Server()

    async def scenario(world: World) -> None:
        world.set(cluster(server.host, check=HTTP))
        await world.settled()
        assert world.state(server.host) is HEALTHY
        (request,) = server.requests
        line, *headers = request.decode().split("\r\n")
        assert line == "GET /healthz?deep=1 HTTP/1.1"
        assert "Host: 10.0.0.5:8080" in headers
        assert "User-Agent: ELB-HealthChecker/2.0" in headers
        assert "Connection: close" in headers

    play_with(server, scenario)


@pytest.mark.parametrize(
    ("matcher", "status", "state"),
    [
        ("200-399", 200, HEALTHY),
        ("200-399", 302, HEALTHY),
        ("200-399", 404, INITIAL),
        ("200,204", 204, HEALTHY),
        ("200,204", 201, INITIAL),
        ("500", 500, HEALTHY),
    ],
)
def test_the_matcher_decides(matcher: str, status: int, state: object) -> None:
    server = Server(answer(status))

    async def scenario(world: World) -> None:
        world.set(cluster(server.host, check=replace(HTTP, matcher=matcher)))
        await world.settled()
        assert world.state(server.host) is state

    play_with(server, scenario)


def test_a_status_that_does_not_match_is_reported_and_changes_with_the_answer() -> None:
    server = Server(answer(500))

    async def scenario(world: World) -> None:
        world.set(cluster(server.host, check=HTTP))
        await world.settled()
        await world.turn()
        failed = TargetReport(
            target_id=server.host.target, target_group_id=GROUP, state=UNHEALTHY, reason=HealthReason.MISMATCH, codes=(500,)
        )
        assert reported(world) == failed
        server.answer = answer(503)
        await world.turn()
        assert reported(world) == replace(failed, codes=(503,))
        assert world.changed == [BALANCER] * 2
        server.answer = OK
        for _ in range(CHECK.healthy_threshold):
            await world.turn()
        assert (reported(world).state, reported(world).codes) == (HEALTHY, ())

    play_with(server, scenario)


def test_the_statuses_that_several_nodes_saw_are_reported_together() -> None:
    server = Server(answer(503))

    async def scenario(world: World) -> None:
        one = cluster(server.host, check=HTTP)
        world.set(one)
        await world.settled()
        await world.turn()
        server.answer = answer(404)
        world.set(one, cluster(server.host, node="eni-2", source="10.0.1.5", check=replace(HTTP, unhealthy_threshold=1)))
        await world.settled(2)
        assert (reported(world).reason, reported(world).codes) == (HealthReason.MISMATCH, (404, 503))

    play_with(server, scenario)


def test_a_server_that_accepts_and_says_nothing_times_out() -> None:
    server = Server(answer=None)

    async def scenario(world: World) -> None:
        world.set(cluster(server.host, check=replace(HTTP, unhealthy_threshold=1)))
        await until(lambda: len(server.requests) == 1)
        world.clock.advance(HTTP.timeout)
        await world.settled()
        assert reported(world).reason is HealthReason.TIMEOUT

    play_with(server, scenario)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    ],
    ids=["nothing", "SSH", "half a head", "no number", "an endless head"],
)
def test_what_is_no_http_has_failed(said: bytes) -> None:
    server = Server(said)

    async def scenario(world: World) -> None:
        world.set(cluster(server.host, check=replace(HTTP, unhealthy_threshold=1)))
        await world.settled()
        assert (reported(world).reason, reported(world).codes) == (HealthReason.FAILED_CHECKS, ())

    play_with(server, scenario)


def test_an_interim_answer_is_passed_over_and_a_body_without_end_is_not_waited_for() -> None:
    server = Server(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nnot all of it")

    async def scenario(world: World) -> None:
        world.set(cluster(server.host, check=HTTP))
        await world.settled()
        assert world.state(server.host) is HEALTHY

    play_with(server, scenario)


def test_a_refused_connection_has_failed() -> None:
    async def scenario(world: World) -> None:
        world.set(cluster(host(1), check=replace(HTTP, unhealthy_threshold=1)))
        await world.settled()
        assert reported(world).reason is HealthReason.FAILED_CHECKS

    play(scenario)


def test_with_the_proxy_protocol_a_check_begins_with_a_header_that_names_nobody() -> None:
    server = Server(preface=100)

    async def scenario(world: World) -> None:
        world.set(replace(cluster(server.host, check=HTTP), proxy_protocol=True))
        await world.settled()
        assert world.state(server.host) is HEALTHY
        (request,) = server.requests
        assert request[:100] == HEADER
        assert request[100:].startswith(b"GET /healthz?deep=1 HTTP/1.1\r\n")

    play_with(server, scenario)


@pytest.mark.parametrize(("proxy_protocol", "said"), [(True, HEADER), (False, b"")])
def test_a_tcp_check_says_the_header_alone_and_without_the_proxy_protocol_nothing(proxy_protocol: bool, said: bytes) -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.close()

    async def scenario(world: World) -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            target = host(listening.sockets[0].getsockname()[1])
            world.set(replace(cluster(target), proxy_protocol=proxy_protocol))
            await world.settled()
            assert world.state(target) is HEALTHY
            await until(lambda: heard == [said])

    play(scenario)


def test_a_target_that_hangs_up_on_the_header_has_passed_its_tcp_check() -> None:
    def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def scenario(world: World) -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            target = host(listening.sockets[0].getsockname()[1])
            world.set(replace(cluster(target), proxy_protocol=True))
            await world.settled()
            await world.turn()
            assert world.state(target) is HEALTHY

    play(scenario)


def test_another_listener_port_does_not_begin_anew() -> None:
    server = Server()

    async def scenario(world: World) -> None:
        one = cluster(server.host, check=HTTP)
        world.set(one)
        await world.settled()
        world.set(replace(one, listener_port=81))
        assert world.state(server.host) is HEALTHY
        assert len(server.requests) == 1

    play_with(server, scenario)


def test_an_end_in_the_midst_of_a_request_leaves_nothing_open() -> None:
    server = Server(answer=None)

    async def scenario(world: World) -> None:
        world.set(cluster(server.host, check=HTTP))
        await until(lambda: len(server.requests) == 1)
        await world.prober.close()
        await until(lambda: server.left == 1)

    play_with(server, scenario)


# --- HTTPS --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's side of TLS with a certificate that nobody signed, for another name, and long expired."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("HTTPS health checks need a certificate, which the program openssl makes, and it is missing")
    directory: Path = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem",
         "-subj", "/CN=another.example", "-days", "1"],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "certificate.pem", directory / "key.pem")
    return context


def test_an_https_check_takes_any_certificate(certificate: ssl.SSLContext) -> None:
    server = Server()

    async def scenario(world: World) -> None:
        world.set(cluster(server.host, check=replace(HTTP, protocol="HTTPS")))
        await world.settled()
        assert world.state(server.host) is HEALTHY
        assert server.requests[0].startswith(b"GET /healthz?deep=1 HTTP/1.1\r\n")
        server.answer = answer(500)
        await world.turn()
        await world.turn()
        assert reported(world).codes == (500,)

    play_with(server, scenario, certificate)


def test_an_https_check_of_a_server_without_tls_has_failed() -> None:
    server = Server(answer(400))

    async def scenario(world: World) -> None:
        listening = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with listening:
            bare = host(listening.sockets[0].getsockname()[1])
            world.set(cluster(bare, check=replace(HTTP, protocol="HTTPS", unhealthy_threshold=1)))
            await world.settled()
            assert reported(world).reason is HealthReason.FAILED_CHECKS

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    play_with(server, scenario)


def test_a_handshake_that_never_ends_times_out_and_leaves_nothing_open() -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        left.set()

    async def scenario(world: World) -> None:
        listening = await asyncio.start_server(silent, "127.0.0.1", 0)
        async with listening:
            deaf = host(listening.sockets[0].getsockname()[1])
            world.set(cluster(deaf, check=replace(HTTP, protocol="HTTPS", unhealthy_threshold=1)))
            await until(lambda: len(world.clock.timeouts) == 1)
            world.clock.advance(HTTP.timeout)
            await world.settled()
            assert reported(world).reason is HealthReason.TIMEOUT
            async with asyncio.timeout(10):
                await left.wait()

    play(scenario)
