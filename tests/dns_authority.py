"""A DNS server on loopback that answers about TXT records as a test tells it: truly, late, wrongly or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


@dataclass
class Authority:
    """``texts``: name -> its TXT records; a record of several parts is a tuple. Names are without final dot.

    ``others``: names that exist and have no text. ``rcodes``: names for which the server fails. ``silent``: names for which it
    never answers. ``gates``: names whose answer waits for the event. ``asked``: every name that was asked for, in order.
    """

    port: int = 0
    texts: dict[str, list[str | tuple[str, ...]]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    rcodes: dict[str, dns.rcode.Rcode] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over_tcp: list[str] = field(default_factory=list)

    async def reply(self, wire: bytes, *, stream: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        (question,) = query.question
        name = question.name.to_text(omit_final_dot=True)
        (self.over_tcp if stream else self.asked).append(name)
        if name in self.silent:
            return None
        if name in self.gates:
            await self.gates[name].wait()
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if name in self.rcodes:
            response.set_rcode(self.rcodes[name])
        elif name in self.aliases:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "CNAME", f"{self.aliases[name]}."))
        elif name in self.texts:
            response.answer.append(self._texts(question.name, self.texts[name]))
        elif name not in self.others:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire(max_size=65535 if stream else 512, prefer_truncation=True)

    @staticmethod
    def _texts(name: dns.name.Name, texts: list[str | tuple[str, ...]]) -> dns.rrset.RRset:
        records = [" ".join(f'"{part}"' for part in ((text,) if isinstance(text, str) else text)) for text in texts]
        return dns.rrset.from_text(name, 60, "IN", "TXT", *records)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._answers: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._answer(data, addr))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = await self._authority.reply(data, stream=False)
        if reply is not None:
            self._transport.sendto(reply, addr)  # type: ignore[attr-defined]

    def connection_lost(self, error: Exception | None) -> None:
        for task in self._answers:
            task.cancel()


@contextlib.asynccontextmanager
async def authority() -> AsyncIterator[Authority]:
    """A running server on a free port of UDP and TCP."""
    server = Authority()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            reply = await server.reply(wire, stream=True)
            if reply is not None:
                writer.write(len(reply).to_bytes(2, "big") + reply)
        writer.close()

    tcp, udp = _pair()
    server.port = tcp.getsockname()[1]
    listening = await asyncio.start_server(serve, sock=tcp)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Datagrams(server), sock=udp)
    try:
        yield server
    finally:
        transport.close()
        listening.close()
        await listening.wait_closed()


@contextlib.contextmanager
def dns_server() -> Iterator[Authority]:
    """A DNS server of our own, on a thread of its own."""
    started, ended, found = threading.Event(), asyncio.Event(), []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with authority() as server:
            found.append(server)
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(10)
        yield found[0]
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join()


def _pair() -> tuple[socket.socket, socket.socket]:
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:  # somebody else's on UDP
            tcp.close()
            udp.close()
            continue
        return tcp, udp
