"""An HTTP client that costs next to nothing, so that a bench measures the server: signed requests made beforehand, sent over
kept connections by several processes.
"""

from __future__ import annotations

import multiprocessing
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: *close\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Server:
    """Where a server is, and with which key one speaks to it."""

    name: str
    url: str
    key: str
    secret: str

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def request(self, action: str, **fields: str) -> bytes:
        """The bytes of a signed call of EC2. They are good for five minutes. ``Name_1`` stands for ``Name.1``."""
        named = {name.replace("_", "."): value for name, value in fields.items()}
        body = urlencode({"Action": action, "Version": "2016-11-15", **named}).encode()
        host, port = self.address
        headers = {"Host": f"{host}:{port}", "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        signed = AWSRequest(method="POST", url=f"{self.url}/", data=body, headers=headers)
        SigV4Auth(Credentials(self.key, self.secret), "ec2", "us-east-1").add_auth(signed)
        lines = [f"{name}: {value}" for name, value in signed.headers.items()]
        head = "\r\n".join(("POST / HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", ""))
        return head.encode() + body


class Connection:
    """One connection, opened anew where the server has closed it."""

    def __init__(self, address: tuple[str, int], seconds: float = 60) -> None:
        self._address, self._seconds = address, seconds
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """(status, body) of the answer."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        head, _, body = self._until_head()
        length = _LENGTH.search(head)
        parts = [body]
        missing = (int(length[1]) if length else 1 << 62) - len(body)
        while missing > 0 and (part := self._socket.recv(1 << 20)):
            parts.append(part)
            missing -= len(part)
        if length is None or _CLOSES.search(head) or head.startswith(b"HTTP/1.0"):
            self.close()
        return int(head[9:12]), b"".join(parts)

    def _until_head(self) -> tuple[bytes, bytes, bytes]:
        assert self._socket is not None
        received = b""
        while b"\r\n\r\n" not in received:
            part = self._socket.recv(1 << 16)
            if not part:
                self.close()
                raise ConnectionError("the server closed the connection before it answered")
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        return head + b"\r\n", b"", body

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def seconds_of(server: Server, requests: Sequence[bytes], connections: int = 1) -> list[float]:
    """Sends each request once and waits for its answer. Returns what each took; any answer but 200 is an error."""
    shares = [requests[number::connections] for number in range(connections)]
    with multiprocessing.get_context("fork").Pool(connections) as pool:
        return [one for share in pool.starmap(_times, [(server, share) for share in shares]) for one in share]


def _times(server: Server, requests: Sequence[bytes]) -> list[float]:
    connection = Connection(server.address)
    times = []
    for request in requests:
        began = time.perf_counter()
        status, body = connection.ask(request)
        times.append(time.perf_counter() - began)
        if status != 200:
            raise RuntimeError(f"{server.name} answered {status}: {body[:500].decode(errors='replace')}")
    connection.close()
    return times


def rate(server: Server, request: bytes, seconds: float, connections: int) -> float:
    """Answers a second to the same request, sent for so many seconds by so many connections, each in its own process."""
    with multiprocessing.get_context("fork").Pool(connections) as pool:
        counts = pool.starmap(_count, [(server, request, seconds)] * connections)
    return sum(counts)


def _count(server: Server, request: bytes, seconds: float) -> float:
    connection = Connection(server.address)
    began, answers = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or not answers:
        status, body = connection.ask(request)
        if status != 200:
            raise RuntimeError(f"{server.name} answered {status}: {body[:500].decode(errors='replace')}")
        answers += 1
    connection.close()
    return answers / (time.perf_counter() - began)
