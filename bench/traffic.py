"""Traffic whose every byte is checked, for bench/soak.py. Only the standard library.

python traffic.py serve NAME ADDRESS PORT PROXY_PORT     greets with its name (behind a PROXY header also with the endpoint's
                                                         id that it read), then echoes
python traffic.py drive SEED FLOWS DOOR...               keeps FLOWS connections open through each door, and opens short ones;
    a door is ADDRESS:PORT:ENDPOINT, the endpoint empty where the server is told none. Commands on its input, each answered
    with a line of JSON: ``stats``; ``try DOOR``: one short connection, now; ``stop``: ends, with the last figures.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

PATIENCE_SECONDS = 20.0
SHORT_EVERY_SECONDS = 0.05
SHORTEST_LIFE_SECONDS, LONGEST_LIFE_SECONDS = 5.0, 60.0
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
AWS_TLV, VPC_ENDPOINT_ID = 0xEA, 1


# --- the server ---------------------------------------------------------------------------------------------------


async def read_endpoint(reader: asyncio.StreamReader) -> str:
    """The endpoint's id out of the PROXY header (version 2)."""
    head = await reader.readexactly(16)
    if head[:12] != SIGNATURE:
        return "no header"
    body = (await reader.readexactly(struct.unpack("!H", head[14:])[0]))[12:]
    while len(body) >= 3:
        kind, size = struct.unpack("!BH", body[:3])
        if kind == AWS_TLV and body[3] == VPC_ENDPOINT_ID:
            return body[4 : 3 + size].decode()
        body = body[3 + size :]
    return "no endpoint"


async def answer(name: str, proxy: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        endpoint = await read_endpoint(reader) if proxy else ""
        writer.write(f"{name} {endpoint}\n".encode())
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except (OSError, EOFError):
        pass  # A health check says nothing; a client may leave at any time.
    finally:
        writer.close()


async def serve(name: str, address: str, port: int, proxy_port: int) -> None:
    for number, proxy in ((port, False), (proxy_port, True)):
        await asyncio.start_server(lambda reader, writer, proxy=proxy: answer(name, proxy, reader, writer), address, number)
    await asyncio.Event().wait()


# --- the client ---------------------------------------------------------------------------------------------------


class Wrong(Exception):
    """Bytes came back other than they were sent, or from somebody else."""


@dataclass(frozen=True)
class Door:
    address: str
    port: int
    endpoint: str

    @classmethod
    def parse(cls, text: str) -> Door:
        address, port, endpoint = text.split(":")
        return cls(address, int(port), endpoint)


@dataclass
class Flow:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: str

    @classmethod
    async def open(cls, door: Door) -> Flow:
        async with asyncio.timeout(PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection(door.address, door.port)
            greeting = (await reader.readline()).decode().rstrip("\n")
        server, _, endpoint = greeting.partition(" ")
        if not server or endpoint != door.endpoint:
            writer.close()
            raise Wrong(f"greeted with {greeting!r}")
        return cls(reader, writer, server)

    async def exchange(self, block: bytes) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            self.writer.write(block)
            if await self.reader.readexactly(len(block)) != block:
                raise Wrong("other bytes came back")


@dataclass
class Driver:
    random: random.Random
    flows: int
    doors: list[Door]
    counts: Counter[str] = field(default_factory=Counter)
    errors: list[dict[str, Any]] = field(default_factory=list)
    ages: dict[int, float] = field(default_factory=dict)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(self._long(number, door)) for door in self.doors for number in range(self.flows)]
            running.append(tasks.create_task(self._shorts()))
            await self._obey()
            for task in running:
                task.cancel()

    async def _obey(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode().split():
            if line[0] == "try":
                print(json.dumps({"failed": await self._failure(Door.parse(line[1]))}), flush=True)
                continue
            oldest = time.monotonic() - min(self.ages.values(), default=time.monotonic())
            print(json.dumps({**self.counts, "oldest": oldest, "errors": self.errors}), flush=True)
            if line[0] == "stop":
                return

    async def _long(self, number: int, door: Door) -> None:
        """One flow after the other. Where one ends that should have lived, that is noted with where it led.

        Every second one ends by itself after up to a minute, so that there are some to targets that came later.
        """
        while True:
            server, key = "?", hash((number, door))
            life = self.random.uniform(SHORTEST_LIFE_SECONDS, LONGEST_LIFE_SECONDS) if number % 2 else float("inf")
            try:
                flow = await Flow.open(door)
                server = flow.server
                self.ages[key] = time.monotonic()
                self.counts["long flows"] += 1
                self.counts["to targets that came later"] += server.startswith("coming")
                await self._talk(flow, self.ages[key] + life)
            except (OSError, EOFError, TimeoutError, Wrong) as error:
                self._note("long", door, server, error)
                await asyncio.sleep(0.2)
            finally:
                self.ages.pop(key, None)

    async def _talk(self, flow: Flow, end: float) -> None:
        while time.monotonic() < end:
            block = self.random.randbytes(self.random.randint(1, 20_000))
            await flow.exchange(block)
            self.counts["bytes"] += len(block)
            await asyncio.sleep(self.random.uniform(0.05, 1.0))
        flow.writer.close()

    async def _shorts(self) -> None:
        while True:
            await asyncio.sleep(SHORT_EVERY_SECONDS)
            door = self.random.choice(self.doors)
            self.counts["short connections"] += 1
            await self._failure(door, note=True)

    async def _failure(self, door: Door, *, note: bool = False) -> str | None:
        """How one short connection failed, or None."""
        server = "?"
        try:
            flow = await Flow.open(door)
            server = flow.server
            await flow.exchange(self.random.randbytes(500))
            flow.writer.close()
        except (OSError, EOFError, TimeoutError, Wrong) as error:
            if note:
                self._note("short", door, server, error)
            return f"{type(error).__name__} {error}"
        return None

    def _note(self, kind: str, door: Door, server: str, error: BaseException) -> None:
        text = f"{type(error).__name__} {error}".strip()
        self.errors.append(
            {"at": time.time(), "kind": kind, "door": f"{door.address}:{door.port}", "server": server, "error": text}
        )


if __name__ == "__main__":
    verb, *rest = sys.argv[1:]
    if verb == "serve":
        asyncio.run(serve(rest[0], rest[1], int(rest[2]), int(rest[3])))
    else:
        asyncio.run(Driver(random.Random(int(rest[0])), int(rest[1]), [Door.parse(one) for one in rest[2:]]).run())
