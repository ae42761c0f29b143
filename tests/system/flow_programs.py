"""Programs that a test runs inside interfaces and tells over their standard input, line by line in JSON, what to do.

``serve NAME`` answers ``{"open": PORT}`` and ``{"close": PORT}`` with what it did; a client that connects gets NAME:PORT and
then its own lines back. A closed port refuses; flows that stand go on. How a flow ended that said something is printed.
``talk`` answers ``{"connect": KEY, "to": [ADDRESS, PORT]}``, ``{"say": KEY}``, ``{"wait": KEY}`` (for the flow's end) and
``{"resolve": NAME}``.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any

import dns.message
import dns.query

PATIENCE = 20.0


def tell(**fact: Any) -> None:
    print(json.dumps(fact), flush=True)


def lines_of(connection: socket.socket) -> Any:
    return connection.makefile("rb")


def serve_one(name: str, port: int, connection: socket.socket) -> None:
    said = 0
    ended = "end"
    with connection:
        try:
            connection.sendall(f"{name}:{port}\n".encode())
            for line in lines_of(connection):
                connection.sendall(line)
                said += 1
        except ConnectionError as error:
            ended = type(error).__name__
    if said:
        tell(port=port, ended=ended)


def accept_for_ever(name: str, port: int, listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=serve_one, args=(name, port, connection), daemon=True).start()


def serve(name: str) -> None:
    open_ports: dict[int, socket.socket] = {}
    for text in sys.stdin:
        command = json.loads(text)
        if "open" in command:
            port = command["open"]
            open_ports[port] = listening = socket.create_server((os.environ["SIDEDOOR_ADDRESS"], port))
            threading.Thread(target=accept_for_ever, args=(name, port, listening), daemon=True).start()
            tell(opened=port)
        else:
            closing = open_ports.pop(command["close"])
            closing.shutdown(socket.SHUT_RDWR)
            closing.close()
            tell(closed=command["close"])


class Talker:
    def __init__(self) -> None:
        self._flows: dict[str, tuple[socket.socket, Any]] = {}

    def connect(self, key: str, to: list[Any]) -> None:
        connection = socket.create_connection((to[0], to[1]), PATIENCE)
        self._flows[key] = connection, lines_of(connection)
        tell(greeting=self._flows[key][1].readline().decode().strip())

    def say(self, key: str) -> None:
        connection, lines = self._flows[key]
        connection.sendall(b"hello\n")
        tell(echo=lines.readline() == b"hello\n")

    def wait(self, key: str) -> None:
        tell(ended="end" if self._flows[key][1].readline() == b"" else "a line")

    def resolve(self, name: str) -> None:
        host, port = os.environ["SIDEDOOR_RESOLVER"].rsplit(":", 1)
        reply = dns.query.udp(dns.message.make_query(name, "A"), host, timeout=PATIENCE, port=int(port))
        tell(addresses=sorted(record.to_text() for answer in reply.answer for record in answer))


def talk() -> None:
    talker = Talker()
    for text in sys.stdin:
        command = json.loads(text)
        (verb, key), *more = command.items()
        try:
            getattr(talker, verb)(key, *(value for _, value in more))
        except OSError as error:
            tell(error=type(error).__name__)


if __name__ == "__main__":
    {"serve": serve, "talk": talk}[sys.argv[1]](*sys.argv[2:])
