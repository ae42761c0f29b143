"""One HTTP request over a connection that stands already: the status of the answer, and nothing else of it.

Rule: a target's certificate is not looked at, as NLB does not either ("certificates are not validated", NLB guide, "Health
checks for your target groups").
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from socket import socket

import h11

USER_AGENT = "ELB-HealthChecker/2.0"
CHUNK = 65536

PROXY_PROTOCOL_LOCAL = bytes.fromhex("0d0a0d0a000d0a515549540a20110054030004bce5951f04004a") + bytes(74)
"""What precedes a check where the target group has PROXY protocol v2 on: LOCAL, without addresses (aws-reference 4.7)."""


class NoAnswer(Exception):
    """What came back was no HTTP."""


async def status(connected: socket, *, path: str, host: str, tls: bool) -> int:
    """GETs ``path`` and returns the answer's status. Closes the connection. Raises ``OSError`` and ``NoAnswer``."""
    streams = asyncio.open_connection(
        sock=connected, ssl=_any_certificate() if tls else None, server_hostname="" if tls else None
    )
    reader, writer = await streams
    try:
        return await _ask(reader, writer, path, host)
    except h11.ProtocolError as error:
        raise NoAnswer(str(error)) from error
    finally:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, host: str) -> int:
    connection = h11.Connection(h11.CLIENT)
    headers = [("Host", host), ("User-Agent", USER_AGENT), ("Accept", "*/*"), ("Connection", "close")]
    writer.write(connection.send(h11.Request(method="GET", target=path, headers=headers)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    while True:
        match connection.next_event():
            case h11.NEED_DATA:
                connection.receive_data(await reader.read(CHUNK))
            case h11.Response() as answer:
                return answer.status_code


def _any_certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
