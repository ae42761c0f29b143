"""What the demonstration's server reads out of PROXY headers: AWS's own, Envoy's, and broken ones."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import proxyprotocol.v2
import pytest

from sidedoor.demo.server import Handler, Server, read_proxy_header

SIGNATURE = "0d0a0d0a000d0a515549540a"
CLIENT, DOOR = "ac1f0771", "ac1f0a1f"
ID = "vpce-08d2bf15fac5001c9"
ID_TLV = f"ea001701{ID.encode().hex()}"
ADDRESSES = f"{CLIENT}{DOOR}c8f20050"

EXAMPLES = {
    "a connection over PrivateLink, as AWS sends it (NLB guide, captured)": (
        f"{SIGNATURE}21110054{ADDRESSES}030004e8d6892d{ID_TLV}040024{'00' * 36}",
        {"client": "172.31.7.113:51442", "endpoint": ID},
    ),
    "the same, as Envoy sends it": (
        f"{SIGNATURE}21110026{ADDRESSES}{ID_TLV}",
        {"client": "172.31.7.113:51442", "endpoint": ID},
    ),
    "a connection without an endpoint": (
        f"{SIGNATURE}2111000c{ADDRESSES}",
        {"client": "172.31.7.113:51442", "endpoint": None},
    ),
    "another kind of AWS's TLVs": (
        f"{SIGNATURE}21110011{ADDRESSES}ea00020278",
        {"client": "172.31.7.113:51442", "endpoint": None},
    ),
    "a health check, as AWS sends it (captured): nobody is behind it": (
        f"{SIGNATURE}20110054030004bce5951f04004a{'00' * 74}",
        {"client": None, "endpoint": None},
    ),
    "IPv6, which we have no words for": (
        f"{SIGNATURE}21210024{'00' * 36}",
        {"client": None, "endpoint": None},
    ),
}
BROKEN = {
    "no header": "474554202f20485454502f312e310d0a0d0a",
    "version 1": "50524f58592054435034203132372e302e302e31",
    "a version that is not 2": f"{SIGNATURE}3111000c{ADDRESSES}",
    "an end inside the signature": SIGNATURE[:10],
    "an end inside the addresses": f"{SIGNATURE}2111000c{CLIENT}",
    "no room for the addresses": f"{SIGNATURE}21110004{CLIENT}",
    "a TLV that is longer than the header": f"{SIGNATURE}21110010{ADDRESSES}ea001701",
}


@contextlib.contextmanager
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        yield ours, theirs


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_header_says_who_is_behind_it_and_what_follows_is_left(name: str) -> None:
    data, meaning = EXAMPLES[name]
    with connection() as (ours, theirs):
        theirs.sendall(bytes.fromhex(data) + b"GET /")
        assert read_proxy_header(ours) == meaning
        assert ours.recv(100) == b"GET /"


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_header_may_come_byte_by_byte(name: str) -> None:
    data, meaning = EXAMPLES[name]
    with connection() as (ours, theirs):

        def trickle() -> None:
            for byte in bytes.fromhex(data):
                theirs.sendall(bytes([byte]))

        sender = threading.Thread(target=trickle)
        sender.start()
        assert read_proxy_header(ours) == meaning
        sender.join()


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_header_ends_the_connection(name: str) -> None:
    with connection() as (ours, theirs):
        theirs.sendall(bytes.fromhex(BROKEN[name]))
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionError):
            read_proxy_header(ours)


@pytest.mark.parametrize("name", [name for name, (_, meaning) in EXAMPLES.items() if meaning["client"]])
def test_an_independent_implementation_reads_and_writes_the_same(name: str) -> None:
    data, meaning = EXAMPLES[name]
    independent = proxyprotocol.v2.ProxyProtocolV2()
    header = independent.unpack(bytes.fromhex(data))
    assert header.source is not None
    assert f"{header.source[0]}:{header.source[1]}" == meaning["client"]
    assert (header.tlv.get(0xEA, b"")[:1] == b"\x01") is (meaning["endpoint"] is not None)
    with connection() as (ours, theirs):
        theirs.sendall(independent.pack(header))
        assert read_proxy_header(ours) == meaning


def test_a_health_check_that_says_nothing_and_a_client_that_leaves_make_no_noise(capfd: pytest.CaptureFixture[str]) -> None:
    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for data in (b"", bytes.fromhex(BROKEN["no room for the addresses"])):
            with socket.create_connection(server.server_address) as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""
        header = bytes.fromhex(EXAMPLES["the same, as Envoy sends it"][0])
        with socket.create_connection(server.server_address) as client:
            client.sendall(header + b"GET / HTTP/1.1\r\n\r\n")
            answer = client.makefile().read()
        server.shutdown()
    assert answer.startswith("HTTP/1.1 200 OK")
    assert answer.endswith(f'"client": "172.31.7.113:51442", "endpoint": "{ID}"}}')
    assert capfd.readouterr().err == ""
