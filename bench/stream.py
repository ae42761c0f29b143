"""Bytes in bulk over one connection, for bench/datapath.py.

    python stream.py serve ADDRESS PORT_UP PORT_DOWN     takes what comes on one port, and sends without end on the other
    python stream.py up|down ADDRESS PORT SECONDS        prints the bytes a second that arrived

It does not mind a PROXY header, which is a few more bytes. Only the standard library.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time

BLOCK = 1 << 20


def take(connection: socket.socket) -> None:
    """Takes everything, and says at its end how many bytes that were."""
    buffer, total = bytearray(BLOCK), 0
    with connection, contextlib.suppress(OSError):
        while size := connection.recv_into(buffer):
            total += size
        connection.sendall(struct.pack("!Q", total))


def give(connection: socket.socket) -> None:
    block = bytes(BLOCK)
    with connection, contextlib.suppress(OSError):
        while True:
            connection.sendall(block)


def serve(address: str, up: int, down: int) -> None:
    for port, work in ((up, take), (down, give)):
        listening = socket.create_server((address, port), backlog=128)
        threading.Thread(target=accept, args=(listening, work)).start()


def accept(listening: socket.socket, work: object) -> None:
    while True:
        threading.Thread(target=work, args=(listening.accept()[0],), daemon=True).start()  # type: ignore[arg-type]


def send(address: str, port: int, seconds: float) -> float:
    block = bytes(BLOCK)
    with socket.create_connection((address, port), 10) as connection:
        connection.settimeout(30)
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)
        (total,) = struct.unpack("!Q", connection.recv(8, socket.MSG_WAITALL))
        return float(total / (time.monotonic() - start))


def receive(address: str, port: int, seconds: float) -> float:
    buffer, total = bytearray(BLOCK), 0
    with socket.create_connection((address, port), 10) as connection:
        connection.settimeout(30)
        start = time.monotonic()
        while time.monotonic() < start + seconds:
            total += connection.recv_into(buffer)
        return total / (time.monotonic() - start)


if __name__ == "__main__":
    verb, where, *rest = sys.argv[1:]
    if verb == "serve":
        serve(where, int(rest[0]), int(rest[1]))
    else:
        print({"up": send, "down": receive}[verb](where, int(rest[0]), float(rest[1])))
