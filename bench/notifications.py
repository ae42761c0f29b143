"""What the postman delivers: events to ten subscriptions by HTTP, one of which never answers.

    python bench/notifications.py [--events 10000] [--paced 1000] [--rate 20] [--database URL] [--dead hangs|refuses]

Real operations accept and reject 40 endpoints, in the process in which the postman runs, as in `sidedoor serve`; the
subscribers are another process on loopback. First so many events come as fast as they are written, and it counts what the
living subscribers get in a second; then ``--paced`` events come at ``--rate`` a second, and it tells how long each took from
its commit to its receipt. Bounded: exactly so many events, and it ends by itself; a database at ``--database`` has to be empty.
See docs/performance.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder, whose dns.py is not the package of that name
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "notifications"))

import uvloop
from sns_site import TOPIC, join, make_topic, set_attribute, token_of

from privatelink_site import Site
from sidedoor.clock import utc_now
from sidedoor.connections import accept_vpc_endpoint_connections, reject_vpc_endpoint_connections
from sidedoor.notifications.carriers.dead import DeadLetters
from sidedoor.notifications.carriers.http import HttpCarrier
from sidedoor.notifications.carriers.outbound import Reach
from sidedoor.notifications.carriers.queue import Queues
from sidedoor.notifications.carriers.signing import Signer
from sidedoor.notifications.operations import create_vpc_endpoint_connection_notification
from sidedoor.notifications.subscriptions import confirm_subscription
from sidedoor.postman import Postman
from sidedoor.store.engine import Store
from world import World

LIVING, ENDPOINTS = 9, 40
CAREFUL_SECONDS = 600
POLICY = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "vpce.amazonaws.com"}, "Action": "SNS:Publish",
                         "Resource": TOPIC}]}  # fmt: skip
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


# --- the subscribers, a process of their own ----------------------------------------------------------------------


def subscribers(pipe: Any, count: Any) -> None:
    """Answers everybody but who writes to /dead. ``count``: notifications so far. Ends, and sends all, when it is told to."""
    got: list[tuple[float, bytes, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                body = await reader.readexactly(int(length.split(b":")[1]))
                path, is_question = head.split(b" ", 2)[1], b"subscriptionconfirmation" in head.lower()
                if path == b"/dead" and not is_question:
                    await asyncio.sleep(CAREFUL_SECONDS)
                if not is_question:
                    got.append((time.time(), path, body))
                    count.value += 1
                writer.write(ANSWER)

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)
        server.close()

    asyncio.run(run())
    pipe.send(got)
    os._exit(0)  # without waiting for those who wait at /dead


@dataclass
class Receivers:
    pipe: Any
    count: Any
    port: int = 0

    def all(self) -> list[tuple[float, bytes, bytes]]:
        self.pipe.send("end")
        found: list[tuple[float, bytes, bytes]] = self.pipe.recv()
        return found


@contextmanager
def receiving() -> Iterator[Receivers]:
    ours, theirs = multiprocessing.Pipe()
    count = multiprocessing.Value("q", 0)
    process = multiprocessing.Process(target=subscribers, args=(theirs, count), daemon=True)
    process.start()
    try:
        yield Receivers(ours, count, ours.recv())
    finally:
        process.kill()
        process.join()


# --- who makes events ---------------------------------------------------------------------------------------------


class Today(World):
    """A world whose clock is the real one."""

    def ask(self, operation: Any, /, **request: Any) -> Any:
        self.now = utc_now() - timedelta(seconds=1)
        return super().ask(operation, **request)


@dataclass
class Provider:
    """Accepts and rejects. ``committed``: endpoint -> when each of its events was there, in order."""

    world: Today
    service: str
    endpoints: list[str]
    committed: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    made: int = 0

    def act(self) -> None:
        endpoint = self.endpoints[self.made % ENDPOINTS]
        operation = (accept_vpc_endpoint_connections, reject_vpc_endpoint_connections)[self.made // ENDPOINTS % 2]
        self.world.ask(operation, ServiceId=self.service, VpcEndpointIds=[endpoint])
        self.committed[endpoint].append(time.time())
        self.made += 1

    def act_often(self, times: int, rate: float) -> None:
        begun = time.monotonic()
        for number in range(times):
            if rate:
                time.sleep(max(0.0, begun + number / rate - time.monotonic()))
            self.act()


def provider(store: Store, port: int, dead: str) -> Provider:
    world = Today(store)
    site = Site(world)
    make_topic(world)
    set_attribute(world, "Policy", json.dumps(POLICY))
    for path in (*range(LIVING), "dead"):
        there = 1 if path == "dead" and dead == "refuses" else port
        arn = join(world, "http", f"http://127.0.0.1:{there}/{path}")
        world.ask(confirm_subscription, TopicArn=TOPIC, Token=token_of(world, arn))
    service = site.open_service(AcceptanceRequired=True)
    found = Provider(world, service["ServiceId"], [site.endpoint(service)["VpcEndpointId"] for _ in range(ENDPOINTS)])
    asked = {"ConnectionNotificationArn": TOPIC, "ConnectionEvents": ["Accept", "Reject"]}
    world.ask(create_vpc_endpoint_connection_notification, ServiceId=found.service, **asked)
    return found


# --- measuring ----------------------------------------------------------------------------------------------------


async def until_received(receivers: Receivers, wanted: int) -> None:
    async with asyncio.timeout(CAREFUL_SECONDS):
        while receivers.count.value < wanted:  # noqa: ASYNC110 - another process counts
            await asyncio.sleep(0.02)


def delays(got: list[tuple[float, bytes, bytes]], committed: dict[str, list[float]], skipped: int) -> list[float]:
    """Seconds from commit to receipt of each event at each living subscriber, without each endpoint's first ``skipped``.

    What comes to one subscriber about one endpoint comes in its order: so the receipt of each event is known.
    """
    places: dict[tuple[bytes, str], int] = defaultdict(int)
    found = []
    for moment, path, body in got:
        endpoint = json.loads(json.loads(body)["Message"])["vpcEndpointId"]
        place, places[path, endpoint] = places[path, endpoint], places[path, endpoint] + 1
        if place >= skipped:
            found.append(moment - committed[endpoint][place])
    return sorted(found)


def row(*cells: object) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


async def measure(arguments: argparse.Namespace, store: Store, state: Path, receivers: Receivers) -> None:
    maker = await asyncio.to_thread(provider, store, receivers.port, arguments.dead)
    carrier = HttpCarrier(Signer.new(utc_now()), Reach((ip_network("127.0.0.0/8"),)))
    postman = Postman(
        store, carriers={"http": carrier}, dead=DeadLetters(Queues(None), state / "dead-letters"),
        base="http://127.0.0.1:4680", clock=utc_now, entropy=os.urandom,
    )  # fmt: skip
    running = asyncio.create_task(postman.run())
    burst, paced = (number // ENDPOINTS * ENDPOINTS for number in (arguments.events, arguments.paced))
    begun = time.monotonic()
    await asyncio.to_thread(maker.act_often, burst, 0)
    written = time.monotonic() - begun
    await until_received(receivers, burst * LIVING)
    taken = time.monotonic() - begun
    await asyncio.to_thread(maker.act_often, paced, arguments.rate)
    await until_received(receivers, (burst + paced) * LIVING)
    got = receivers.all()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    took = delays(got, maker.committed, burst // ENDPOINTS)
    assert len(got) == (burst + paced) * LIVING, "something came twice"
    row("events", "written in", "delivered in", "deliveries a second", f"at {arguments.rate:g} events a second: p50", "p99")
    row(*["---"] * 6)
    p50, p99 = (f"{took[min(len(took) - 1, int(len(took) * part))] * 1000:.0f} ms" for part in (0.5, 0.99))
    row(f"{burst:,}", f"{written:.1f} s", f"{taken:.1f} s", f"{burst * LIVING / taken:,.0f}", p50, p99)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--paced", type=int, default=1_000)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--database", default=None)
    parser.add_argument("--dead", choices=["hangs", "refuses"], default="hangs")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="sidedoor-") as directory,
        receiving() as receivers,
        closing(Store(arguments.database or f"sqlite:///{directory}/sidedoor.db")) as store,
    ):
        store.migrate()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as serve
            runner.run(measure(arguments, store, Path(directory), receivers))


if __name__ == "__main__":
    main()
