"""Answers DNS questions on a UDP and a TCP socket that somebody else has bound.

Rule 1: the sockets are this resolver's from then on; ``stop`` closes them.
Rule 2: names may change at any moment: the lookup is asked for every question.
Rule 3: no client can hold more than a fixed number of connections, or one for longer than a fixed time.
Rule 4: what is ours to say waits for nobody. A question that goes to somebody else is answered when that has been.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Collection

from sidedoor.names.zone import DOMAINS, Lookup, answer, is_for_others, passed_on

TCP_CLIENTS = 64
"""Connections served at one time. More wait in the listening socket's queue."""

TCP_SECONDS = 10.0
"""How long one connection may last."""

Domains = Callable[[], Collection[str]]
"""The domains that are ours now: those of all VPCs, and the private ones of this."""

Client = tuple[str, int]

Forward = Callable[[bytes], Awaitable[bytes | None]]
"""Takes a question to somebody else; None where there is no answer. It ends in a bounded time."""

MOST_FORWARDED = 64
"""Questions of one VPC that somebody else is asked at one time. One more is told at once that there is no answer."""

_BATCH = 64
_LARGEST_QUESTION = 4096
_ACCEPT_PAUSE = 1.0

log = logging.getLogger(__name__)


class Resolver:
    """The resolver of one VPC. ``udp`` is bound, ``tcp`` is bound and listens; both are non-blocking from here on.

    ``forward``: None where what is not ours is refused.
    """

    def __init__(
        self,
        udp: socket.socket,
        tcp: socket.socket,
        lookup: Lookup,
        domains: Domains = lambda: DOMAINS,
        forward: Forward | None = None,
    ) -> None:
        self._udp, self._tcp, self._lookup, self._domains, self._forward = udp, tcp, lookup, domains, forward
        self._forwarded: set[asyncio.Task[None]] = set()
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
        tasks = [*self._clients, *self._forwarded]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
                if reply is not None and not self._goes_on(question, reply, client):
                    self._udp.sendto(reply, client)
            except BlockingIOError:
                return
            except OSError as error:
                log.debug("no answer went out: %s", error, extra={"action": "names.send_failed"})

    def _goes_on(self, question: bytes, reply: bytes, client: Client) -> bool:
        """Whether somebody else is asked, who may take his time; the client is then answered when that is done."""
        if self._forward is None or not is_for_others(question, reply):
            return False
        if len(self._forwarded) >= MOST_FORWARDED:
            self._send(passed_on(question, None), client)
        else:
            task = asyncio.get_running_loop().create_task(self._answer_later(self._forward, question, client))
            self._forwarded.add(task)
            task.add_done_callback(self._forwarded.discard)
        return True

    async def _answer_later(self, forward: Forward, question: bytes, client: Client) -> None:
        self._send(passed_on(question, await forward(question)), client)

    def _send(self, reply: bytes, client: Client) -> None:
        try:
            self._udp.sendto(reply, client)
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
                    question = await _exactly(connection, length)
                    reply = self._answer(question, "a TCP client", stream=True)
                    if reply is None:
                        return
                    if self._forward is not None and is_for_others(question, reply):
                        reply = passed_on(question, await self._forward(question), stream=True)
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
