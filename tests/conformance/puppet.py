"""A program that does with TCP what a test tells it, in client and server places alike. Only the standard library.

An order is a line of JSON on its input, ``{"do": verb, ...}``, and has one line of JSON as its answer, at once: nothing here
waits, except for ``count``. What a connection has met is asked for with ``look``. The place's address is in $SIDEDOOR_ADDRESS.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import json
import os
import select
import socket
import struct
import sys
import time
from typing import Any

ADDRESS = os.environ["SIDEDOOR_ADDRESS"]
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # socket(7), SO_LINGER: on, for no second
BIND_ADDRESS_NO_PORT = 24  # ip(7)
ORDERS = 0


class End:
    """One end of a connection. ``met``: "opened", "finished" (the peer's FIN), "reset", "refused", in order, with the time."""

    def __init__(self, connection: socket.socket, met: list[str]) -> None:
        self.connection, self.data = connection, b""
        self.met = [(one, time.monotonic()) for one in met]

    def happened(self, what: str) -> None:
        if what not in (one for one, _ in self.met):
            self.met.append((what, time.monotonic()))


class Puppet:
    def __init__(self) -> None:
        self.poll = select.epoll()
        self.listening: dict[int, tuple[socket.socket, bool]] = {}
        self.ends: dict[int, End] = {}
        self.orders = b""

    def run(self) -> None:
        self.poll.register(ORDERS, select.EPOLLIN)
        say({"address": ADDRESS})
        while True:
            for descriptor, events in self.poll.poll():
                if descriptor == ORDERS:
                    if not self.obey():
                        return
                elif descriptor in self.listening:
                    self.accept(*self.listening[descriptor])
                else:
                    self.hear(descriptor, events)

    # --- orders ---------------------------------------------------------------------------------------------------

    def obey(self) -> bool:
        """Carries out what has come in. Returns whether more can come."""
        part = os.read(ORDERS, 65536)
        *lines, self.orders = (self.orders + part).split(b"\n")
        for line in lines:
            order = json.loads(line)
            say(getattr(self, order.pop("do"))(**order))
        return bool(part)

    def listen(self, port: int, naming: bool) -> dict[str, Any]:
        """Takes connections in. ``naming``: tells each who took it, whence it came and at which port, and closes it."""
        listening = socket.create_server((ADDRESS, port), backlog=4096)
        listening.setblocking(False)
        self.listening[listening.fileno()] = (listening, naming)
        self.poll.register(listening, select.EPOLLIN)
        return {}

    def open(self, address: str, port: int) -> dict[str, Any]:
        connection = outgoing()
        met = begun(connection, address, port)
        return self.keep(connection, met, 0 if met else select.EPOLLIN | select.EPOLLOUT)

    def caught(self, token: str) -> dict[str, Any]:
        """The end that was accepted here and that begins with these bytes."""
        found = (number for number, end in self.ends.items() if end.data.startswith(token.encode()))
        return {"end": next(found, None)}

    def look(self, end: int) -> dict[str, Any]:
        one = self.ends[end]
        return {"data": one.data.decode(), "met": one.met}

    def send(self, end: int, text: str) -> dict[str, Any]:
        try:
            self.ends[end].connection.sendall(text.encode())
        except OSError as error:
            self.failed(self.ends[end], error)
        return {}

    def keep_alive(self, end: int, seconds: int) -> dict[str, Any]:
        """Sends a keepalive packet so often from now on."""
        connection = self.ends[end].connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            connection.setsockopt(socket.IPPROTO_TCP, option, seconds)
        return {}

    def finish(self, end: int) -> dict[str, Any]:
        self.ends[end].connection.shutdown(socket.SHUT_WR)
        return {}

    def reset(self, end: int) -> dict[str, Any]:
        connection = self.ends.pop(end).connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
        connection.close()
        return {}

    def count(self, address: str, port: int, times: int, at_once: int) -> dict[str, Any]:
        """So many connections to a place that names itself: each answer, or what was met instead, and how often."""
        return dict(collections.Counter(answers(address, port, times, at_once)))

    # --- connections ----------------------------------------------------------------------------------------------

    def keep(self, connection: socket.socket, met: list[str], events: int) -> dict[str, Any]:
        number = connection.fileno()
        self.ends[number] = End(connection, met)
        self.poll.register(number, events)
        return {"end": number}

    def accept(self, listening: socket.socket, naming: bool) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, peer = listening.accept()
                if naming:
                    with connection:
                        connection.send(f"{ADDRESS} {peer[0]} {listening.getsockname()[1]}".encode())
                else:
                    connection.setblocking(False)
                    self.keep(connection, ["opened"], select.EPOLLIN)

    def hear(self, number: int, events: int) -> None:
        end = self.ends.get(number)
        if end is None:
            return
        error = end.connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.failed(end, OSError(error, os.strerror(error)))
        elif events & select.EPOLLOUT:
            end.happened("opened")
            self.poll.modify(number, select.EPOLLIN)
        else:
            self.receive(number, end, events)

    def receive(self, number: int, end: End, events: int) -> None:
        try:
            part = end.connection.recv(65536)
        except OSError as error:
            self.failed(end, error)
            return
        end.data += part
        if not part:
            end.happened("finished")
            if events & select.EPOLLHUP:
                self.poll.unregister(number)
            else:
                self.poll.modify(number, 0)  # an error is told all the same

    def failed(self, end: End, error: OSError) -> None:
        end.happened(name(error))
        with contextlib.suppress(FileNotFoundError):
            self.poll.unregister(end.connection)


def outgoing() -> socket.socket:
    connection = socket.socket()
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
    connection.bind((ADDRESS, 0))
    return connection


def begun(connection: socket.socket, address: str, port: int) -> list[str]:
    """Begins to connect. Returns what it met at once: on one host a refusal can be there already."""
    number = connection.connect_ex((address, port))
    return [] if number in (0, errno.EINPROGRESS) else [name(OSError(number, os.strerror(number)))]


def name(error: OSError) -> str:
    return "refused" if isinstance(error, ConnectionRefusedError) else "reset"


def answers(address: str, port: int, times: int, at_once: int) -> list[str]:
    found: list[str] = []
    left, open_ones = times, {}
    poll = select.epoll()
    while left or open_ones:
        while left and len(open_ones) < at_once:
            connection = outgoing()
            left -= 1
            met = begun(connection, address, port)
            if met:
                found += met
                continue
            open_ones[connection.fileno()] = connection
            poll.register(connection, select.EPOLLIN)
        heard = poll.poll(10.0)
        if not heard:
            return [*found, *["silence"] * (len(open_ones) + left)]
        for number, _ in heard:
            with open_ones.pop(number) as connection:
                try:
                    found.append(connection.recv(256).decode() or "finished")
                except OSError as error:
                    found.append(name(error))
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
    return found


def say(fact: dict[str, Any]) -> None:
    print(json.dumps(fact), flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        say(dict(collections.Counter(answers(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), 1))))
    else:
        Puppet().run()
