"""Answers DNS questions on a UDP and a TCP socket that somebody else has bound.

Rule 1: the sockets are this resolver's from then on; ``stop`` closes them.
Rule 2: names may change at any moment: the lookup is asked for every question.
Rule 3: no client can hold more than a fixed number of connections, or one for longer than a fixed time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Collection

from sidedoor.names.zone import DOMAINS, Lookup, answer

TCP_CLIENTS = 64
"""Connections served at one time. More wait in the listening socket's queue."""

TCP_SECONDS = 10.0
"""How long one connection may last."""

Domains = Callable[[], Collection[str]]
"""The domains that are ours now: those of all VPCs, and the private ones of this."""

_BATCH = 64
_LARGEST_QUESTION = 4096
_ACCEPT_PAUSE = 1.0

log = logging.getLogger(__name__)


class Resolver:
    """The resolver of one VPC. ``udp`` is bound, ``tcp`` is bound and listens; both are non-blocking from here on."""

    def __init__(self, udp: socket.socket, tcp: socket.socket, lookup: Lookup, domains: Domains = lambda: DOMAINS) -> None:
        self._udp, self._tcp, self._lookup, self._domains = udp, tcp, lookup, domains
        self._rotation = 0
        self._clients: dict[asyncio.Task[None], socket.socket] = {}
        self._resume: asyncio.TimerHandle | None = None
        for one in (udp, tcp):
            one.setblocking(False)

    async def start(self) -> None:
        """Begins to answer, on the running event loop."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._udp, self._read_datagrams)
        loop.add_reader(self._tcp, self._accept)

    async def stop(self) -> None:
        """Ends all connections and closes both sockets. Repeating it changes nothing."""
        loop = asyncio.get_running_loop()
        if self._resume is not None:
            self._resume.cancel()
        for one in (self._udp, self._tcp):
            if one.fileno() >= 0:
                loop.remove_reader(one)
                one.close()
        clients = list(self._clients)
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    def _answer(self, question: bytes, client: object, *, stream: bool = False) -> bytes | None:
        self._rotation += 1
        reply = answer(question, self._lookup, self._domains(), rotation=self._rotation, stream=stream)
        if reply is None:
            log.debug("%d bytes from %s are no question", len(question), client, extra={"action": "names.dropped"})
        return reply

    def _read_datagrams(self) -> None:
        """Answers what has arrived, but no more than a batch, so that other work of the loop gets its turn."""
        for _ in range(_BATCH):
            try:
                question, client = self._udp.recvfrom(_LARGEST_QUESTION)
                reply = self._answer(question, client)
                if reply is not None:
                    self._udp.sendto(reply, client)
            except BlockingIOError:
                return
            except OSError as error:
                log.debug("no answer went out: %s", error, extra={"action": "names.send_failed"})

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, _ = self._tcp.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            # Out of file descriptors, most likely. The connection stays in the queue, so the loop would come back at once.
            log.warning("cannot accept DNS connections: %s", error, extra={"action": "names.accept_failed"})
            loop.remove_reader(self._tcp)
            self._resume = loop.call_later(_ACCEPT_PAUSE, loop.add_reader, self._tcp, self._accept)
            return
        connection.setblocking(False)
        client = loop.create_task(self._serve(connection))
        self._clients[client] = connection
        client.add_done_callback(self._ended)
        if len(self._clients) >= TCP_CLIENTS:
            loop.remove_reader(self._tcp)

    def _ended(self, client: asyncio.Task[None]) -> None:
        self._clients.pop(client).close()
        if self._tcp.fileno() >= 0:
            asyncio.get_running_loop().add_reader(self._tcp, self._accept)

    async def _serve(self, connection: socket.socket) -> None:
        """Answers one question after the other, each with its length before it (RFC 1035, 4.2.2), until the client is done."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(TCP_SECONDS):
                while True:
                    length = int.from_bytes(await _exactly(connection, 2), "big")
                    reply = self._answer(await _exactly(connection, length), "a TCP client", stream=True)
                    if reply is None:
                        return
                    await loop.sock_sendall(connection, len(reply).to_bytes(2, "big") + reply)


async def _exactly(connection: socket.socket, count: int) -> bytes:
    """``count`` bytes. Raises ``IncompleteReadError`` where the client has closed before."""
    loop = asyncio.get_running_loop()
    received = b""
    while len(received) < count:
        part = await loop.sock_recv(connection, count - len(received))
        if not part:
            raise asyncio.IncompleteReadError(received, count)
        received += part
    return received
