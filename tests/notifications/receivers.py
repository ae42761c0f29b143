"""Subscribers of the tests: an HTTP and an SMTP server on loopback that keep what they get and answer as they are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import h11
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass
class HttpReceiver:
    """``statuses``: what it answers, one after the other; then 200. ``location``: of a redirect.

    ``body``: what its answers say that they have. ``stalls``: it never sends it. ``connections``, ``ended``: how many there
    were, and how many are over.
    """

    port: int = 0
    statuses: list[int] = field(default_factory=list)
    location: str = ""
    body: bytes = b""
    stalls: bool = False
    connections: int = 0
    ended: int = 0
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=b"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        request, body = None, b""
        self.connections += 1
        try:
            while connection.our_state is not h11.MUST_CLOSE:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await reader.read(65536))
                elif isinstance(event, h11.Request):
                    request, body = event, b""
                elif isinstance(event, h11.Data):
                    body += event.data
                elif isinstance(event, h11.EndOfMessage) and request is not None:
                    self._keep(request, body)
                    writer.write(self._answer(connection))
                    await writer.drain()
                    connection.start_next_cycle()
                else:
                    break
        except (asyncio.CancelledError, ConnectionError):
            pass  # the test is over
        finally:
            self.ended += 1
            writer.close()

    def _keep(self, request: h11.Request, body: bytes) -> None:
        headers = {name.decode(): value.decode() for name, value in request.headers}
        self.received.append(Received(request.target.decode(), headers, body))

    def _answer(self, connection: h11.Connection) -> bytes:
        status = self.statuses.pop(0) if self.statuses else 200
        headers = [("Content-Length", str(len(self.body))), *([("Location", self.location)] if self.location else [])]
        head = connection.send(h11.Response(status_code=status, headers=headers))
        body = (connection.send(h11.Data(self.body)) or b"") + (connection.send(h11.EndOfMessage()) or b"")
        return (head or b"") + (b"" if self.stalls else body)


@asynccontextmanager
async def http_receiver() -> AsyncIterator[HttpReceiver]:
    receiver = HttpReceiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


@dataclass
class MailServer:
    """An SMTP server. ``refusals``: what it says to each recipient, one after the other; then it takes the mail."""

    port: int = 0
    refusals: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        mail = message_from_bytes(bytes(envelope.original_content or b""), policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    kept = MailServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(kept, enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0)
    kept.port = server.sockets[0].getsockname()[1]
    try:
        yield kept
    finally:
        server.close()
