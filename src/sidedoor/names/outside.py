"""Forwards questions from a process of its own, which stands where the agent was started.

An agent without rights lives in a network of its own that leads nowhere; and where it does not, a process of its own keeps
slow servers and long answers from delaying what is ours to say.

Rule 1: the process ends with the agent, however that ends: when nobody holds the other end of its socket any more.
Rule 2: a message is a question with eight bytes in front, which the answer repeats; an answer of nothing means that there is
none. The socket keeps messages apart (unix(7), SOCK_SEQPACKET).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from sidedoor import logs
from sidedoor.names.forwarding import MOST_QUESTIONS, SECONDS, Forwarder, Server, servers_of_host

HOST = "host"
"""In the place of servers' addresses: those that the host asks itself."""

_TOKEN = 8
_LARGEST = 65535 + _TOKEN

log = logging.getLogger(__name__)


class OutsideEnded(Exception):
    """The process that forwards DNS questions has ended. It can be started only where this one began: start this one again."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Outside:
    """The agent's end. ``start`` has to be called before the process enters another network."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._numbers = itertools.count()
        self._listening = False
        self._ended = asyncio.Event()

    def start(self, servers: Sequence[str]) -> None:
        """``servers``: addresses as ``address port``, or ``host``."""
        own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other:
            command = [sys.executable, "-m", __name__, str(other.fileno()), *servers]
            self._process = subprocess.Popen(command, pass_fds=[other.fileno()], stdin=subprocess.DEVNULL)
        own.setblocking(False)
        self._socket = own

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    async def run(self) -> None:
        """Hears the answers, until it is cancelled. Raises ``OutsideEnded``."""
        self._listen()
        await self._ended.wait()
        raise OutsideEnded

    def _listen(self) -> None:
        if self._socket is not None and not self._listening:
            asyncio.get_running_loop().add_reader(self._socket, self._read)
            self._listening = True

    async def ask(self, question: bytes) -> bytes | None:
        """The answer that somebody outside gives, or None. It has the question's number."""
        if self._socket is None or len(self._waiting) >= MOST_QUESTIONS:
            return None
        self._listen()
        loop = asyncio.get_running_loop()
        token = next(self._numbers).to_bytes(_TOKEN, "big")
        self._waiting[token] = answer = loop.create_future()
        try:
            self._socket.send(token + question)
            async with asyncio.timeout(SECONDS + 1):
                return await answer or None
        except OSError as error:  # The process is gone or overwhelmed, or (TimeoutError) it says nothing.
            log.debug("a question was not forwarded: %s", error, extra={"action": "names.not_forwarded"})
            return None
        finally:
            del self._waiting[token]

    def _read(self) -> None:
        assert self._socket is not None
        try:
            while message := self._socket.recv(_LARGEST):
                answer = self._waiting.get(message[:_TOKEN])
                if answer is not None and not answer.done():
                    answer.set_result(message[_TOKEN:])
        except BlockingIOError:
            return
        except OSError as error:
            log.debug("the process that forwards questions is gone: %s", error, extra={"action": "names.outside_ended"})
        self._close_socket()
        self._ended.set()

    def _close_socket(self) -> None:
        if self._socket is None:
            return
        if self._listening:
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(b"")

    async def close(self) -> None:
        """Ends the process."""
        self._close_socket()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)


async def serve(inside: socket.socket, forwarder: Forwarder) -> None:
    """The other end: answers until the agent is gone."""
    loop = asyncio.get_running_loop()
    under_way: set[asyncio.Task[None]] = set()

    async def answer(message: bytes) -> None:
        found = await forwarder.ask(message[_TOKEN:])
        with contextlib.suppress(OSError):
            await loop.sock_sendall(inside, message[:_TOKEN] + (found or b""))

    with contextlib.suppress(ConnectionError):
        while message := await loop.sock_recv(inside, _LARGEST):
            task = loop.create_task(answer(message))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


def _main(descriptor: int, servers: Sequence[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the agent's to hear.
    named: list[Server] = [(one.split()[0], int(one.split()[1])) for one in servers if one != HOST]
    forwarder = Forwarder(servers_of_host if servers == [HOST] else lambda: named)
    with socket.socket(fileno=descriptor) as inside:
        inside.setblocking(False)
        asyncio.run(serve(inside, forwarder))


if __name__ == "__main__":
    logs.set_up("warning")
    os.chdir("/")
    _main(int(sys.argv[1]), sys.argv[2:])
