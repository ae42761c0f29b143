"""The API's speed beside the emulator moto's, on this machine and with the same client; prints a Markdown table.

    python bench/api.py [--endpoints 1000] [--seconds 3] [--rounds 3] [--moto PATH/TO/moto_server]

Both servers run at the same time and are asked in turn. Sidedoor is ``sidedoor serve`` as it comes: signatures are verified and
every write is on the disk (SQLite, ``synchronous=FULL``) before its answer. Without ``--moto`` the program is looked for on
PATH, and where it is not there, moto is installed into a virtual environment that goes away at the end.

The second part, which is Sidedoor's alone, is the time of DescribeVpcEndpointConnections with a filter that ten endpoints
match, among a hundred endpoints and among ten thousand. Bounded: it makes that many endpoints and stops by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from lean import Connection, Server, rate, seconds_of

ACCOUNT = "123456789012"
ENDPOINTS_PER_VPC = 40
STARTS_IN = 30.0


@contextlib.contextmanager
def process(*command: str, log: Path) -> Iterator[None]:
    with log.open("w") as output:
        started = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield
        finally:
            started.terminate()
            started.wait(20)


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + STARTS_IN
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not start within {STARTS_IN:.0f} s")
        time.sleep(0.05)


@contextlib.contextmanager
def sidedoor(directory: Path) -> Iterator[Server]:
    state, program = directory / "state", (sys.executable, "-m", "sidedoor")
    create = (*program, "accounts", "create", "--state", str(state), "--id", ACCOUNT, "--json", "bench")
    account = json.loads(subprocess.check_output(create, text=True))
    url = state / "run" / "url"
    with process(*program, "serve", "--state", str(state), "--listen", "127.0.0.1:0", log=directory / "sidedoor.log"):
        until(url.exists, "Sidedoor")
        yield Server("Sidedoor", url.read_text(), account["AccessKeyId"], account["SecretAccessKey"])


@contextlib.contextmanager
def moto(directory: Path, program: str) -> Iterator[Server]:
    server = Server("moto", f"http://127.0.0.1:{free_port()}", ACCOUNT, "any")
    host, port = server.address
    with process(program, "-H", host, "-p", str(port), log=directory / "moto.log"):
        until(lambda: answers(server), "moto")
        yield server


def answers(server: Server) -> bool:
    try:
        return Connection(server.address).ask(server.request("DescribeVpcs"))[0] == 200
    except OSError:
        return False


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def moto_program(asked: str | None, directory: Path) -> str:
    """The path of ``moto_server``, which is installed if need be."""
    found = asked or shutil.which("moto_server")
    if found:
        return found
    place = directory / "moto"
    venv.create(place, with_pip=True)
    subprocess.run([place / "bin" / "pip", "install", "--quiet", "moto[server]"], check=True)
    return str(place / "bin" / "moto_server")


class Stage:
    """What endpoints need, in one account: a service, and as many VPCs as there is room for endpoints in."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._numbers = itertools.count(1)
        self.ec2, self.elb = self._client("ec2"), self._client("elbv2")
        self.service_id, self.service_name = self.service()

    def _client(self, name: str) -> Any:
        server, config = self.server, Config(retries={"total_max_attempts": 1}, ignore_configured_endpoint_urls=True)
        session = boto3.Session(server.key, server.secret, region_name="us-east-1")
        return session.client(name, endpoint_url=server.url, config=config)

    def _subnet(self) -> tuple[str, str]:
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", AvailabilityZone="us-east-1a")["Subnet"]
        return vpc, subnet["SubnetId"]

    def service(self) -> tuple[str, str]:
        """(id, name) of a new service that wants acceptance, with a load balancer of its own."""
        _, subnet = self._subnet()
        name, request = f"bench-{next(self._numbers)}", {"Type": "network", "Scheme": "internal", "Subnets": [subnet]}
        (balancer,) = self.elb.create_load_balancer(Name=name, **request)["LoadBalancers"]
        request = {"NetworkLoadBalancerArns": [balancer["LoadBalancerArn"]], "AcceptanceRequired": True}
        made = self.ec2.create_vpc_endpoint_service_configuration(**request)["ServiceConfiguration"]
        return made["ServiceId"], made["ServiceName"]

    def creations(self, count: int, service_name: str | None = None) -> list[bytes]:
        """Requests that create so many endpoints, in VPCs that are made here."""
        requests: list[bytes] = []
        while len(requests) < count:
            vpc, subnet = self._subnet()
            fields = {"VpcId": vpc, "ServiceName": service_name or self.service_name, "SubnetId_1": subnet}
            request = self.server.request("CreateVpcEndpoint", VpcEndpointType="Interface", **fields)
            requests += [request] * min(ENDPOINTS_PER_VPC, count - len(requests))
        return requests

    def fill(self, count: int, connections: int, service_name: str | None = None) -> float:
        """Creates so many endpoints. Returns how many a second."""
        requests = self.creations(count, service_name)
        began = time.perf_counter()
        seconds_of(self.server, requests, connections)
        return count / (time.perf_counter() - began)

    def describe_one(self) -> bytes:
        (endpoint, *_) = self.ec2.describe_vpc_endpoints()["VpcEndpoints"]
        return self.server.request("DescribeVpcEndpoints", VpcEndpointId_1=endpoint["VpcEndpointId"])

    def describe_all(self) -> bytes:
        return self.server.request("DescribeVpcEndpoints")


def compare(stages: list[Stage], options: argparse.Namespace) -> list[tuple[str, list[float], float]]:
    """(what, answers a second of each stage's server, how many times the second's the first has to do)."""
    creating = [stage.fill(options.endpoints, options.connections) for stage in stages]
    rows = [("creating an endpoint", creating, 3.0)]
    for what, make, wanted in (
        (f"describing 1 of {options.endpoints}", Stage.describe_one, 15.0),
        (f"describing all {options.endpoints}", Stage.describe_all, 5.0),
    ):
        measured: list[list[float]] = [[] for _ in stages]
        for _ in range(options.rounds):
            for stage, rates in zip(stages, measured, strict=True):
                rates.append(rate(stage.server, make(stage), options.seconds, options.connections))
        rows.append((what, [statistics.median(rates) for rates in measured], wanted))
    return rows


def connections_with_a_filter(stage: Stage, sizes: tuple[int, ...], options: argparse.Namespace) -> Iterator[str]:
    """The rows of the second table: at each size, the times of two filters that ten endpoints match."""
    few, name = stage.service()
    stage.fill(10, options.connections, name)
    waiting = [one["VpcEndpointId"] for one in stage.ec2.describe_vpc_endpoint_connections()["VpcEndpointConnections"]]
    stage.ec2.reject_vpc_endpoint_connections(ServiceId=few, VpcEndpointIds=waiting[-10:])
    made = 10
    for size in sizes:
        stage.fill(size - made, options.connections)
        made = size
        for filter_name, value in (("service-id", few), ("vpc-endpoint-state", "rejected")):
            asked = {"Filter_1_Name": filter_name, "Filter_1_Value_1": value}
            request = stage.server.request("DescribeVpcEndpointConnections", **asked)
            times = [one * 1000 for one in seconds_of(stage.server, [request] * options.samples)]
            p99 = statistics.quantiles(times, n=100)[98]
            yield f"| {size} | `{filter_name}` | {statistics.median(times):.2f} | {p99:.2f} | {max(times):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoints", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--moto")
    parser.add_argument("--only", choices=["compare", "filter"])
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidedoor-bench-")))
        if options.only != "filter":
            program = moto_program(options.moto, directory)
            stages = [Stage(stack.enter_context(one)) for one in (sidedoor(directory), moto(directory, program))]
            print("| requests a second | Sidedoor | moto | times | needed |\n|---|---|---|---|---|")
            for what, (ours, theirs), wanted in compare(stages, options):
                print(f"| {what} | {ours:.0f} | {theirs:.1f} | {ours / theirs:.1f} | {wanted:.0f} |", flush=True)
    if options.only == "compare":
        return
    with tempfile.TemporaryDirectory(prefix="sidedoor-bench-") as place, sidedoor(Path(place)) as server:
        print("\n| endpoints | filter | median, ms | p99, ms | worst, ms |\n|---|---|---|---|---|")
        for row in connections_with_a_filter(Stage(server), (100, 1_000, 10_000), options):
            print(row, flush=True)


if __name__ == "__main__":
    main()
