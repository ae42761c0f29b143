"""What counting costs: a connection, a start of Envoy, the forms of asking it for its counters, and a beat of the agent.

    python bench/counting.py [--doors 2000] [--connections 1000] [--rounds 14]

Times are processor time, of the process that is named, so that other work on the machine disturbs them little. Bounded: so many
doors and connections on loopback addresses, in a temporary directory, and it stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from lab import cpu_seconds

from sidedoor import codec
from sidedoor.agents import Agents
from sidedoor.counters.model import Counts, Passage, Told
from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.books import Books
from sidedoor.dataplane.counting import Reading
from sidedoor.dataplane.desired import Cluster, Door
from sidedoor.dataplane.driver import Place
from sidedoor.dataplane.envoy import resources, tally
from sidedoor.dataplane.envoy.ads import AdsServer
from sidedoor.dataplane.envoy.process import EnvoyProcess
from sidedoor.loadbalancers.model import HealthCheck
from sidedoor.store.engine import Store

CLUSTER = "eni-node/targetgroup/one/1"
FORMS = {
    "counters (used)": tally.QUESTION,
    "counters, filtered (used)": f"{tally.QUESTION}&filter=downstream_cx_%7C%5Edoor",
    "all (used)": "/stats?usedonly",
    "all, filtered (used)": "/stats?usedonly&filter=downstream_cx_%7C_bytes_total%7C%5Edoor",
    "Prometheus (used)": "/stats/prometheus?usedonly",
    "JSON, counters (used)": f"{tally.QUESTION}&format=json",
}
TARGET = """
import socket
listening = socket.create_server(("127.79.0.1", 0), backlog=1000)
print(listening.getsockname()[1], flush=True)
while True:
    connection, _ = listening.accept()
    connection.sendall(b"x")
    connection.recv(1)
    connection.close()
"""
CLIENT = """
import socket, sys
for _ in range(int(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as connection:
        connection.recv(1)
"""


def door(number: int) -> Door:
    endpoint = f"vpce-{number:017x}"
    return Door(
        name=f"{endpoint}/eni-{number:017x}/80", endpoint_id=endpoint, vpc_id="vpc-1", interface_id=f"eni-{number:017x}",
        address=f"127.78.{number // 250}.{number % 250 + 1}", port=8080, cluster=CLUSTER, idle_timeout=350, sticky=False,
        admission=Admission(blocks=None, ruled=True),
    )  # fmt: skip


class Engine:
    """An Envoy with these doors, before one target. ``counted``: which of them have counters of their own."""

    def __init__(self, directory: Path, doors: list[Door], counted: Callable[[Door], bool]) -> None:
        self.doors, self.counted = doors, counted
        self.process = EnvoyProcess(directory, directory, concurrency=2)
        self.ads = AdsServer(self.process.ads_path, lambda _: None)
        self.target = subprocess.Popen([sys.executable, "-c", TARGET], stdout=subprocess.PIPE, text=True)

    async def start(self) -> float:
        """Returns the processor time until all doors stand."""
        assert self.target.stdout is not None
        place = "127.79.0.1", int(self.target.stdout.readline())
        one = Cluster(
            name=CLUSTER, vpc_id="vpc-2", node_interface_id="eni-node", source="127.77.0.1", target_group_id="one",
            listener_port=80, proxy_protocol=False, sticky=False, check=HealthCheck(), candidates=(),
        )  # fmt: skip
        self.ads.set("balancer/x", resources.CLUSTER, {CLUSTER: resources.cluster(one, Place("127.77.0.1", None), 50_000)})
        self.ads.set("balancer/x", resources.ENDPOINTS, {CLUSTER: resources.assignment(CLUSTER, [place])})
        self.ads.set("endpoint/x", resources.LISTENER, {one.name: self._listener(one) for one in self.doors})
        self.ads.complete()
        await self.ads.start()
        self.running = asyncio.create_task(self.process.run())
        while not (self.ads.status("balancer/x").settled and self.ads.status("endpoint/x").settled):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return cpu_seconds(self.pid)

    def _listener(self, one: Door) -> Any:
        loggers = tally.loggers
        if not self.counted(one):
            tally.loggers = lambda _: []
        try:
            return resources.listener(one, Place(one.address, None), None)
        finally:
            tally.loggers = loggers

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    async def stop(self) -> None:
        self.target.kill()
        self.target.communicate()
        await self.process.stop()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.ads.stop()

    async def use_every_door(self) -> None:
        for one in self.doors:
            with socket.create_connection((one.address, one.port)) as connection:
                connection.recv(1)

    async def per_connection(self, one: Door, connections: int) -> float:
        """Microseconds of Envoy's."""
        before = cpu_seconds(self.pid)
        arguments = [sys.executable, "-c", CLIENT, one.address, str(one.port), str(connections)]
        await (await asyncio.create_subprocess_exec(*arguments)).wait()
        return (cpu_seconds(self.pid) - before) / connections * 1e6


async def forms(engine: Engine, times: int = 20) -> str:
    """Prints what each form costs. Returns the answer to the one that the agent takes."""
    transport = httpx.AsyncHTTPTransport(uds=str(engine.process.admin_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://envoy", timeout=60) as admin:
        for name, question in FORMS.items():
            before = cpu_seconds(engine.pid)
            for _ in range(times):
                answer = await admin.get(question)
            cost = (cpu_seconds(engine.pid) - before) / times * 1000
            print(f"  {name:28} {cost:7.1f} ms  {len(answer.content) / 1e6:5.2f} MB")
        return (await admin.get(tally.QUESTION)).text


def passage(one: Door) -> Passage:
    return Passage(
        door=one.name, account="123456789012", region="us-east-1", endpoint_id=one.endpoint_id, vpc_id=one.vpc_id,
        subnet_id="subnet-1", zone_id="use1-az1", service_id="vpce-svc-1",
        service_name="com.amazonaws.vpce.us-east-1.vpce-svc-1",
        service_account="123456789013", balancer_id="arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/x/1",
        balancer_account="123456789013",
    )  # fmt: skip


async def timed(what: str, work: Callable[[], Awaitable[object]]) -> None:
    before = time.process_time()
    await work()
    print(f"  {what:52} {(time.process_time() - before) * 1000:7.1f} ms")


async def beat(directory: Path, doors: list[Door], text: str) -> None:
    """What a beat takes of the agent and of the control plane, when every door was used."""
    books, passages = Books(directory / "counts"), {one.name: passage(one) for one in doors}
    store = Store(f"sqlite:///{directory / 'store.db'}")
    store.migrate()
    agents, message = Agents(store), {}

    async def read(at: float, more: int) -> None:
        counts = {name: one + Counts(opened=more, closed=more, bytes=more) for name, one in tally.read(text).items()}
        books.keep(books.ledger.take(Reading(at=at, life="one", counts=counts, passages=passages)))

    async def tell() -> None:
        minutes = [document for _, document in books.untold(60)]
        told = Told(source=books.source, at=0.0, standing=books.ledger.standing(), minutes=())
        message["counters"] = codec.to_document(told) | {"minutes": minutes}

    async def take() -> None:
        await asyncio.to_thread(agents._take, message)

    noon = datetime.now(UTC).timestamp() // 3600 * 3600
    await read(noon + 10, 0)
    await timed("the agent reads, and writes its ledger", lambda: read(noon + 20, 1))
    await timed("the agent tells", tell)
    await timed("the control plane takes it", take)
    await read(noon + 70, 2)
    await tell()
    await timed("the control plane takes it with a minute of all doors", take)
    store.close()


@contextlib.asynccontextmanager
async def an_engine(doors: list[Door], counted: Callable[[Door], bool]) -> AsyncIterator[tuple[Engine, Path, float]]:
    directory = Path(tempfile.mkdtemp(prefix="sidedoor-bench-"))
    engine = Engine(directory, doors, counted)
    try:
        yield engine, directory, await engine.start()
    finally:
        await engine.stop()
        shutil.rmtree(directory)


async def main(doors: int, connections: int, rounds: int) -> None:
    all_doors = [door(number) for number in range(doors)]
    async with an_engine(all_doors, lambda _: False) as (_, _, without):
        pass
    async with an_engine(all_doors, lambda _: True) as (engine, directory, seconds):
        print(f"to start with {doors} doors, Envoy's time: {seconds:.2f} s, without the counters of doors {without:.2f} s")
        await engine.use_every_door()
        print(f"asking for the counters of {doors} doors, Envoy's time:")
        text = await forms(engine)
        print(f"a beat with {doors} doors that were used:")
        await beat(directory, all_doors, text)
    counted, uncounted = all_doors[:2]
    each: dict[str, list[float]] = {counted.name: [], uncounted.name: []}
    async with an_engine([counted, uncounted], lambda one: one is counted) as (engine, _, _):
        for number in range(rounds):  # in turn, for what else the machine does changes all the time
            for one in (counted, uncounted) if number % 2 else (uncounted, counted):
                each[one.name].append(await engine.per_connection(one, connections))
    found = [f"{statistics.median(each[one.name]):.0f} (least {min(each[one.name]):.0f})" for one in (counted, uncounted)]
    print(f"for a connection, Envoy's time, median of {rounds}: {found[0]} µs, without the counters of doors {found[1]} µs")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--doors", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=14)
    given = parser.parse_args()
    asyncio.run(main(given.doors, given.connections, given.rounds))
