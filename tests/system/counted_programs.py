"""Programs for the tests of what is counted. Only the standard library.

``echo ADDRESS PORT`` sends back what it gets. ``talk ADDRESS PORT`` carries out a line of its input each, and prints what came
of it: ``open BYTES`` opens a connection, sends so many and reads them back, and keeps it; ``close`` and ``reset`` end the
oldest.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import sys


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data)


def echo(address: str, port: str) -> None:
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    socketserver.ThreadingTCPServer.daemon_threads = True
    with socketserver.ThreadingTCPServer((address, int(port)), Echo) as server:
        print("listening", flush=True)
        server.serve_forever()


def exchange(connection: socket.socket, size: int) -> str:
    try:
        connection.sendall(b"x" * size)
        got = 0
        while got < size and (data := connection.recv(65536)):
            got += len(data)
    except OSError as error:
        return type(error).__name__
    return "echoed" if got == size else "closed"


def talk(address: str, port: str) -> None:
    kept: list[socket.socket] = []
    for line in sys.stdin:
        verb, *arguments = line.split()
        if verb == "open":
            kept.append(socket.create_connection((address, int(port)), 5.0))
            outcome = exchange(kept[-1], int(arguments[0]))
        else:
            oldest = kept.pop(0)
            if verb == "reset":
                oldest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            oldest.close()
            outcome = "ended"
        print(outcome, flush=True)


if __name__ == "__main__":
    {"echo": echo, "talk": talk}[sys.argv[1]](*sys.argv[2:])
