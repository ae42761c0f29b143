"""Takes a question to other DNS servers and brings back their answer, as bytes.

Rule 1: every question ends within a fixed time, whatever the servers do, and no more than a fixed number is under way.
Rule 2: an answer counts only where it comes from the server that was asked, with the number and the question that were sent:
each question has a socket and a random number of its own (RFC 5452).
Rule 3: what a server says is passed on as it is. Only one that fails or refuses is not the last word: the next one is asked.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.resolver

from sidedoor.names import wire

Server = tuple[str, int]
Servers = Callable[[], Sequence[Server]]
"""Whom to ask, in this order, as it is now."""

MOST_QUESTIONS = 256
"""Under way at one time. One more gets no answer, which is soon said; waiting in line would only make all of them late."""

TRY_SECONDS = 1.5
"""How long one server has."""

SECONDS = 5.0
"""How long a question may take, all tries together: a client asks again after five (resolv.conf(5), "timeout")."""

_ROUNDS = 2
_LARGEST = 65535
_TRUNCATED = 0x02
_NOT_THE_LAST_WORD = frozenset({dns.rcode.SERVFAIL, dns.rcode.NOTIMP, dns.rcode.REFUSED})

log = logging.getLogger(__name__)


class Unanswered(Exception):
    """A server gave no answer that counts. The message says why."""


def servers_of_host() -> Sequence[Server]:
    """Those of ``/etc/resolv.conf`` as it is now; none where it names none."""
    try:
        resolver = dns.resolver.Resolver()
    except (dns.exception.DNSException, OSError) as error:
        log.warning("the host's DNS servers cannot be read: %s", error, extra={"action": "names.no_servers"})
        return ()
    return [(str(address), resolver.port) for address in resolver.nameservers]


class Forwarder:
    """To be used on one event loop."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._under_way = 0

    async def ask(self, question: bytes) -> bytes | None:
        """The answer to a question, with its number, or None where no server gives one in time or too many are under way."""
        if self._under_way >= MOST_QUESTIONS:
            return None
        self._under_way += 1
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._ask_all(question)
        except TimeoutError:
            return None
        finally:
            self._under_way -= 1
        return None if answer is None else question[:2] + answer[2:]

    async def _ask_all(self, question: bytes) -> bytes | None:
        last = None
        for server in [*self._servers()] * _ROUNDS:
            try:
                async with asyncio.timeout(TRY_SECONDS):
                    last = await _ask(server, secrets.token_bytes(2) + question[2:])
            except (Unanswered, OSError) as error:  # TimeoutError is an OSError.
                log.debug("no answer from %s: %s", server, error, extra={"action": "names.unanswered"})
                continue
            if last[3] & 0x0F not in _NOT_THE_LAST_WORD:
                break
        return last


async def _ask(server: Server, question: bytes) -> bytes:
    """One server's answer, over TCP where it does not fit. Raises ``Unanswered``, ``OSError``."""
    answer = await _over_udp(server, question)
    return await _over_tcp(server, question) if answer[2] & _TRUNCATED else answer


async def _over_udp(server: Server, question: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ip_address(server[0]).version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.connect(server)  # The kernel then lets in this server's datagrams alone, and chooses a port.
        await loop.sock_sendall(asking, question)
        while not _answers(question, answer := await loop.sock_recv(asking, _LARGEST)):
            pass
        return answer


async def _over_tcp(server: Server, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(len(question).to_bytes(2, "big") + question)
        answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    except asyncio.IncompleteReadError as error:
        raise Unanswered("the connection was closed") from error
    finally:
        writer.close()
    if not _answers(question, answer):
        raise Unanswered("something else was answered over TCP")
    return answer


def _answers(question: bytes, answer: bytes) -> bool:
    """Whether this is an answer to that question. A server may change the case of the name."""
    end = wire.end_of_question(question)
    return (
        end is not None
        and len(answer) >= end
        and answer[:2] == question[:2]
        and answer[2] & 0x80 != 0
        and answer[4:6] == question[4:6]
        and answer[12:end].lower() == question[12:end].lower()
    )
