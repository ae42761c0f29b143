"""Programs that the tests run inside interfaces, beside the demonstration's own. Only the standard library.

``answer ADDRESS PORT STATUS`` answers every HTTP request with that status, and prints its head and who sent it.
``capture ADDRESS PORT`` accepts connections and prints the first bytes of each as hex. ``sniff`` prints every IPv4 packet
that the interface receives. ``knock ADDRESS PORT...`` tries to connect to each port and prints what happened. ``hold ADDRESS
PORT COUNT`` opens that many streams one after the other, keeps them, and prints of each whether it got an answer.
``greet ADDRESS PORT`` speaks first to everybody and then says again what it hears. ``visit`` does what it is told line by line:
``knock SOURCE ADDRESS PORT`` tries to be greeted there, ``stay SOURCE ADDRESS PORT`` also keeps the connection, and ``speak``
says whether the one that was kept still lives; SOURCE is an address, ``own`` or ``any``. ``ask ADDRESS PORT FIRST COUNT``
connects from so many ports at once, when a line tells it to, and prints what the demonstration's server answers to each.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import threading
from typing import Any


def say(fact: dict[str, Any]) -> None:
    print(json.dumps(fact), flush=True)


def answer(address: str, port: str, status: str) -> None:
    with socket.create_server((address, int(port))) as listening:
        say({"ready": True})
        while True:
            connection, peer = listening.accept()
            with connection:
                head = connection.recv(65536).decode("latin-1")
                connection.sendall(f"HTTP/1.1 {status} As Told\r\nContent-Length: 0\r\n\r\n".encode())
                say({"peer": peer[0], "head": head.split("\r\n")})


def capture(address: str, port: str) -> None:
    with socket.create_server((address, int(port))) as listening:
        say({"ready": True})
        while True:
            connection, peer = listening.accept()
            with connection:
                data = connection.recv(65536)
                if data:
                    say({"peer": peer[0], "data": data.hex()})


def sniff() -> None:
    every_ip_packet = 0x0800
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(every_ip_packet)) as sniffing:
        say({"ready": True})
        while True:
            packet, (_, _, direction, _, _) = sniffing.recvfrom(65536)
            if direction == socket.PACKET_OUTGOING:
                continue
            header = (packet[0] & 0xF) * 4
            total = struct.unpack("!H", packet[2:4])[0]
            fact: dict[str, Any] = {
                "from": socket.inet_ntoa(packet[12:16]),
                "to": socket.inet_ntoa(packet[16:20]),
                "protocol": packet[9],
            }
            if packet[9] == socket.IPPROTO_TCP:
                begin = header + (packet[header + 12] >> 4) * 4
                fact["payload"], fact["head"] = total - begin, packet[begin : begin + 13].hex()
            say(fact)


def knock(address: str, *ports: str) -> None:
    for port in ports:
        try:
            with socket.create_connection((address, int(port)), 1.0) as connection:
                connection.settimeout(1.0)
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                say({"port": int(port), "outcome": "answered" if connection.recv(1) else "closed"})
        except OSError as error:
            say({"port": int(port), "outcome": type(error).__name__})


def hold(address: str, port: str, count: str) -> None:
    kept = []
    for _ in range(int(count)):
        connection = socket.create_connection((address, int(port)), 5.0)
        kept.append(connection)
        try:
            connection.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
            say({"outcome": "answered" if connection.recv(1) else "closed"})
        except OSError as error:
            say({"outcome": type(error).__name__})
    for connection in kept:
        connection.close()


def greet(address: str, port: str) -> None:
    with socket.create_server((address, int(port))) as listening:
        say({"ready": True})
        while True:
            connection, peer = listening.accept()
            say({"peer": peer[0]})
            threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        connection.sendall(b"hello")
        while data := connection.recv(100):
            connection.sendall(data)


def visit() -> None:
    kept: list[socket.socket] = []
    for line in sys.stdin:
        verb, *rest = line.split()
        try:
            if verb == "speak":
                kept[-1].sendall(b"x")
                say({"outcome": "alive" if kept[-1].recv(1) else "closed"})
                continue
            connection = _call(*rest)
            say({"outcome": "greeted" if connection.recv(5) else "closed"})
            if verb == "stay":
                kept.append(connection)
            else:
                connection.close()
        except OSError as error:
            say({"outcome": type(error).__name__})


def _call(source: str, address: str, port: str) -> socket.socket:
    own = {"own": os.environ["SIDEDOOR_ADDRESS"], "any": ""}.get(source, source)
    return socket.create_connection((address, int(port)), 5.0, (own, 0))


def ask(address: str, port: str, first: str, count: str) -> None:
    """All at once, when it is told to begin."""
    say({"ready": True})
    sys.stdin.readline()
    asked = []
    for own in range(int(first), int(first) + int(count)):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind((os.environ["SIDEDOOR_ADDRESS"], own))
        connection.setblocking(False)
        connection.connect_ex((address, int(port)))
        asked.append(connection)
    answers = []
    for connection in asked:
        with connection:
            connection.settimeout(20)
            select.select([], [connection], [], 20)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            received = b""
            while part := connection.recv(65536):
                received += part
            answers.append(json.loads(received.partition(b"\r\n\r\n")[2]))
    say({"answers": answers})


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    {
        "answer": answer, "capture": capture, "sniff": sniff, "knock": knock, "hold": hold, "greet": greet, "visit": visit,
        "ask": ask,
    }[verb](*arguments)  # fmt: skip
