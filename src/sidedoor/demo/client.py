"""The consumer's application: run inside one of its interfaces by ``sidedoor exec``.

``resolve NAME`` prints the addresses; ``get HOST PORT`` the reply's body; ``watch HOST PORT`` holds a connection open and
prints how it ends. Answers are JSON, one a line.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

TIMEOUT = 3.0


def resolve(name: str) -> list[str]:
    """The addresses of a name: by the system's resolver, or where that is the host's own (loopback) by asking ours."""
    if os.environ.get("SIDEDOOR_PLACEMENT") != "loopback":
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None, socket.AF_INET)})
    import dns.exception
    import dns.resolver

    host, port = os.environ["SIDEDOOR_RESOLVER"].rsplit(":", 1)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], int(port)
    try:
        return sorted(str(record) for record in resolver.resolve(name, "A"))
    except dns.exception.DNSException as error:
        raise socket.gaierror(socket.EAI_AGAIN, str(error)) from error


def connect(host: str, port: int) -> socket.socket:
    """A connection from this interface's own address."""
    return socket.create_connection((resolve(host)[0], port), TIMEOUT, (os.environ["SIDEDOOR_ADDRESS"], 0))


def get(host: str, port: int) -> dict[str, object]:
    with connect(host, port) as connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        data = b""
        while part := connection.recv(65536):
            data += part
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ConnectionError("the connection was closed without an answer" if not data else head.decode("latin-1"))
    answer: dict[str, object] = json.loads(body)
    return answer


def watch(host: str, port: int) -> dict[str, object]:
    """Reads numbered lines until the connection ends; says how far it is at the first line and at every twentieth."""
    last, complete = 0, True
    with connect(host, port) as connection, connection.makefile("rb") as lines:
        connection.sendall(f"GET /stream HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        end = "closed"
        try:
            while (line := lines.readline()).strip():
                pass  # the head of the answer
            while (line := lines.readline()).endswith(b"\n"):
                complete &= int(line) == last + 1
                last = int(line)
                if last % 20 == 1:
                    print(json.dumps({"open": True, "last": last}), flush=True)
        except OSError as error:
            end = type(error).__name__
    return {"end": end, "last": last, "complete": complete, "at": time.time()}


def main(verb: str, *arguments: str) -> None:
    try:
        match verb:
            case "resolve":
                answer: object = resolve(arguments[0])
            case "get":
                answer = get(arguments[0], int(arguments[1]))
            case _:
                answer = watch(arguments[0], int(arguments[1]))
    except OSError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}), flush=True)
        raise SystemExit(1) from None
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
