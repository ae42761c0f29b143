"""The provider's application: an HTTP server behind a load balancer that speaks PROXY protocol v2.

``python -m sidedoor.demo.server ADDRESS PORT`` (an empty ADDRESS: that of the interface it runs in) answers every request with
JSON: who connected (the source address that the socket has) and who is behind that (client and endpoint, out of the PROXY
header). ``/stream`` sends numbered lines until it is cut. Only the standard library: copy it as a start for your own.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import socketserver
import struct
import sys
import time
from typing import Any

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
VERSION, LOCAL, TCP_OVER_IPV4 = 2, 0, 0x11
AWS_TLV, VPCE_ID = 0xEA, 0x01


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """That many bytes. Raises ``ConnectionError`` where the peer ends before."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionError("the connection ended inside the PROXY header")
        data += part
    return data


def read_proxy_header(connection: socket.socket) -> dict[str, str | None]:
    """The client's address and the endpoint's id (PROXY protocol v2, section 2.2; TLV 0xEA of AWS).

    Raises ``ConnectionError``.
    """
    head = read_exactly(connection, 16)
    command, family, size = struct.unpack("!BBH", head[12:])
    if head[:12] != SIGNATURE or command >> 4 != VERSION:
        raise ConnectionError("this is no PROXY protocol v2 header")
    body = read_exactly(connection, size)
    if command & 0xF == LOCAL or family != TCP_OVER_IPV4:
        return {"client": None, "endpoint": None}
    if size < 12:
        raise ConnectionError("the PROXY header is too short for two addresses")
    address = f"{socket.inet_ntoa(body[:4])}:{struct.unpack('!H', body[8:10])[0]}"
    return {"client": address, "endpoint": endpoint_id(body[12:])}


def endpoint_id(tlvs: bytes) -> str | None:
    """The endpoint's id among the header's TLVs. Raises ``ConnectionError``."""
    while len(tlvs) >= 3:
        kind, size = struct.unpack("!BH", tlvs[:3])
        value, tlvs = tlvs[3 : 3 + size], tlvs[3 + size :]
        if len(value) < size:
            raise ConnectionError("the PROXY header ends inside a TLV")
        if kind == AWS_TLV and value[:1] == bytes([VPCE_ID]):
            return value[1:].decode("latin-1")
    return None


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(
            ConnectionError
        ):  # A health check says nothing more than a header; a client may leave at any time.
            self._answer()

    def _answer(self) -> None:
        seen: dict[str, Any] = {"server": self.request.getsockname()[0], "source": self.client_address[0]}
        seen |= read_proxy_header(self.request)
        request = self.request.recv(65536).decode("latin-1")
        if not request:
            return
        print(json.dumps(seen), flush=True)
        if request.startswith("GET /stream"):
            self._stream()
            return
        body = json.dumps(seen).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self.request.sendall(head.encode() + body)

    def _stream(self) -> None:
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n")
        for number in itertools.count(1):
            self.request.sendall(b"%d\n" % number)
            time.sleep(0.01)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    address = sys.argv[1] or os.environ["SIDEDOOR_ADDRESS"]
    with Server((address, int(sys.argv[2])), Handler) as server:
        print("listening", flush=True)
        server.serve_forever()
