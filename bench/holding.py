"""Many connections at one time, for bench/limit.py. Only the standard library.

python holding.py serve ADDRESS PORT     echoes on every connection, for as many as there come
python holding.py hold ADDRESS PORT AT_ONCE [SOURCE]
                                         reads commands from its input, one a line, and answers each with a line of JSON:
    open N   opens N more connections, AT_ONCE at a time: {"opened": n, "failed": {reason: n}, "seconds": s}
    check    sends a text of its own over each and waits for its echo: {"carried": n, "seconds": s}
    close N  closes N of them: {"open": n}
"""

from __future__ import annotations

import errno
import json
import os
import resource
import select
import socket
import struct
import sys
import time
from collections import Counter

SERVERS, SERVED_BY_ONE = 4, 16_000
IP_BIND_ADDRESS_NO_PORT, IP_LOCAL_PORT_RANGE = 24, 51
RANGE = struct.pack("=I", 64_999 << 16 | 10_000)
PATIENCE_SECONDS = 30.0 * float(os.environ.get("SIDEDOOR_PATIENCE", "1"))
FILES = 65_000


def allow_files() -> None:
    """As many open files as this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(FILES, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        except ValueError:
            continue
        return


def serve(address: str, port: int) -> None:
    """Several processes at one listening socket, as one may not have enough open files."""
    listening = socket.create_server((address, port), backlog=4096)
    listening.setblocking(False)
    for _ in range(SERVERS - 1):
        if os.fork() == 0:
            break
    serve_on(listening)


def serve_on(listening: socket.socket) -> None:
    poll, connections = select.epoll(), {}
    poll.register(listening, select.EPOLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listening.fileno():
                accept_all(listening, poll, connections)
                if len(connections) >= SERVED_BY_ONE:
                    poll.unregister(listening)
            elif not echo(connections[descriptor]):
                connections.pop(descriptor).close()


def accept_all(listening: socket.socket, poll: select.epoll, connections: dict[int, socket.socket]) -> None:
    while True:
        try:
            accepted, _ = listening.accept()
        except OSError:
            return
        accepted.setblocking(False)
        connections[accepted.fileno()] = accepted
        poll.register(accepted, select.EPOLLIN)


def echo(connection: socket.socket) -> bool:
    """Whether the connection goes on."""
    try:
        data = connection.recv(4096)
        if data:
            connection.sendall(data)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return bool(data)


class Holder:
    def __init__(self, address: str, port: int, at_once: int, source: str | None) -> None:
        self._at_once = at_once
        self._where, self._source = (address, port), source
        self._held: list[socket.socket] = []

    def open(self, count: int) -> dict[str, object]:
        """A connection counts as opened when its first bytes came back: a proxy may accept before it knows."""
        start, failed, opened = time.monotonic(), Counter[str](), 0
        while count:
            batch = [self._begin() for _ in range(min(count, self._at_once))]
            count -= len(batch)
            good, bad = exchange(batch, "first")
            self._held += good
            opened += len(good)
            failed.update(bad)
        return {"opened": opened, "failed": failed, "seconds": time.monotonic() - start}

    def _begin(self) -> socket.socket:
        made = socket.socket()
        made.setblocking(False)
        if self._source is not None:
            made.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            made.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, RANGE)
            made.bind((self._source, 0))
        made.connect_ex(self._where)
        return made

    def check(self) -> dict[str, object]:
        start, carried = time.monotonic(), 0
        for first in range(0, len(self._held), self._at_once):
            good, _ = exchange(self._held[first : first + self._at_once], "check")
            carried += len(good)
        return {"carried": carried, "seconds": time.monotonic() - start}

    def close(self, count: int) -> dict[str, object]:
        for _ in range(count):
            self._held.pop().close()
        return {"open": len(self._held)}


def exchange(connections: list[socket.socket], word: str) -> tuple[list[socket.socket], list[str]]:
    """Sends a text over each connection and reads it back. Returns those that carried it, and how the others failed."""
    end, good, bad = time.monotonic() + PATIENCE_SECONDS, [], []
    poll, open_ones = select.epoll(), {one.fileno(): one for one in connections}
    texts = {number: f"{word} {number} {one.getsockname()[1]};".encode() for number, one in open_ones.items()}
    for number in open_ones:
        poll.register(number, select.EPOLLOUT)
    while open_ones and time.monotonic() < end:
        for number, events in poll.poll(1.0):
            one = open_ones[number]
            try:
                if events & select.EPOLLOUT:
                    one.send(texts[number])
                    poll.modify(number, select.EPOLLIN)
                    continue
                answer = one.recv(4096)
            except OSError as error:
                answer = errno.errorcode[error.errno or 0].encode()
            poll.unregister(number)
            del open_ones[number]
            if answer == texts[number]:
                good.append(one)
            else:
                bad.append(answer.decode() or "closed")
                one.close()
    for one in open_ones.values():
        bad.append("no answer")
        one.close()
    return good, bad


def hold(address: str, port: int, at_once: str, source: str | None = None) -> None:
    holder = Holder(address, port, int(at_once), source)
    for line in sys.stdin:
        verb, *numbers = line.split()
        print(json.dumps(getattr(holder, verb)(*map(int, numbers))), flush=True)


if __name__ == "__main__":
    allow_files()
    {"serve": serve, "hold": hold}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
