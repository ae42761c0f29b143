"""Ends of TLS that the tests run inside interfaces. Only the standard library. Each prints JSON, one fact a line.

``look ADDRESS PORT NAME AUTHORITY [OPTION...]`` asks for / in TLS and prints what it was shown and what was answered;
``watch`` likewise asks for /stream, and says how far it is at the first line and at every twentieth. Options: ``1.2`` no newer
version; ``alpn=h2,...`` these application protocols. ``serve ADDRESS PORT CERTIFICATE KEY`` answers each request with the
version of TLS in which it came.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
from typing import Any

TIMEOUT = 5.0


def say(fact: dict[str, Any]) -> None:
    print(json.dumps(fact), flush=True)


def _open(address: str, port: str, name: str, authority: str, *options: str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=authority)
    for option in options:
        if option == "1.2":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        elif option.startswith("alpn="):
            context.set_alpn_protocols(option[5:].split(","))
    plain = socket.create_connection((address, int(port)), TIMEOUT, (os.environ["SIDEDOOR_ADDRESS"], 0))
    return context.wrap_socket(plain, server_hostname=name)


def _facts(connection: ssl.SSLSocket) -> dict[str, Any]:
    shown = connection.getpeercert() or {}
    number = int(str(shown["serialNumber"]), 16)
    return {"serial": str(number), "version": connection.version(), "alpn": connection.selected_alpn_protocol()}


def look(*arguments: str) -> None:
    try:
        with _open(*arguments) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            data = b""
            while part := connection.recv(65536):
                data += part
            say(_facts(connection) | {"body": json.loads(data.partition(b"\r\n\r\n")[2])})
    except (OSError, ValueError) as error:
        say({"error": type(error).__name__})


def watch(*arguments: str) -> None:
    with _open(*arguments) as connection, connection.makefile("rb") as lines:
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        while lines.readline().strip():
            pass  # the head of the answer
        last = 0
        while (line := lines.readline()).endswith(b"\n"):
            last = int(line)
            if last % 20 == 1:
                say(_facts(connection) | {"last": last})
        say({"end": last})


def serve(address: str, port: str, certificate: str, key: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server((address, int(port))) as listening:
        say({"ready": True})
        while True:
            plain, peer = listening.accept()
            try:
                plain.settimeout(TIMEOUT)
                with context.wrap_socket(plain, server_side=True) as inside:
                    inside.recv(65536)
                    body = json.dumps({"inside": inside.version(), "peer": peer[0]}).encode()
                    inside.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            except OSError:
                plain.close()  # A health check connects and says nothing.


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    {"look": look, "watch": watch, "serve": serve}[verb](*arguments)
