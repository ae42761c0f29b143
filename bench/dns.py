"""Questions a second that a VPC's resolver answers, and how many of them one core would.

    python bench/dns.py [--seconds 5] [--endpoints 20] [--network auto|netns|loopback]

A client inside the consumer's VPC asks the resolver of a ``sidedoor up`` of its own for the names of its endpoints: in turns A,
AAAA (which is empty) and a name that does not exist, with a few questions under way at all times. "One core" is what the agent
spent: answers divided by the seconds of CPU time of its process, which does everything on one thread. A second run asks each
question in a spelling of its own (0x20), which no cache can have seen. Bounded, and it stops by itself. The exit status is 1
where one core answers fewer than 5,000 questions a second. See docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab import CONSUMER, PROVIDER, cpu_seconds, session

from sidedoor.demo.system import SIDEDOOR, System, processes_of, running, until

WANTED = 5_000

CLIENT = """
import json, os, random, select, socket, struct, sys, time
names, seconds, spellings = json.loads(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "spellings"
host, _, port = os.environ["SIDEDOOR_RESOLVER"].partition(":")
A, AAAA = 1, 28

def question(name, kind):
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    return b"\\x01\\x00\\x00\\x01\\0\\0\\0\\0\\0\\0" + labels + b"\\0" + struct.pack("!HH", kind, 1)

def spelled(wire):
    letters = bytearray(wire)
    for place in range(11, len(letters) - 5):
        if 97 <= letters[place] <= 122 and random.getrandbits(1):
            letters[place] -= 32
    return bytes(letters)

asked = [question(name, kind) for name in names for kind in (A, AAAA)]
asked += [question("missing-" + name, A) for name in names]
random.shuffle(asked)
sockets, turn, under_way, took = [], 0, {}, []
for _ in range(4):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.connect((host, int(port or 53)))
    one.setblocking(False)
    sockets.append(one)

def ask(one):
    global turn
    turn += 1
    wire = asked[turn % len(asked)]
    number = struct.pack("!H", turn & 65535)
    under_way[one, number] = time.perf_counter()
    one.send(number + (spelled(wire) if spellings else wire))

answers = lost = 0
rcodes = {}
for one in sockets:
    for _ in range(8):
        ask(one)
end = time.perf_counter() + seconds
started = time.perf_counter()
while time.perf_counter() < end:
    ready, _, _ = select.select(sockets, [], [], 1)
    if not ready:
        lost += len(under_way)
        under_way.clear()
        for one in sockets:
            ask(one)
    for one in ready:
        try:
            while True:
                reply = one.recv(2048)
                at = under_way.pop((one, reply[:2]), None)
                if at is not None:
                    took.append(time.perf_counter() - at)
                    answers += 1
                    kind = reply[3] & 15, reply[7] > 0
                    rcodes[kind] = rcodes.get(kind, 0) + 1
                    ask(one)
        except BlockingIOError:
            pass
spent = time.perf_counter() - started
took.sort()
print(json.dumps({
    "answers": answers, "seconds": spent, "lost": lost, "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100],
    "with addresses": rcodes.get((0, True), 0), "empty": rcodes.get((0, False), 0), "missing": rcodes.get((3, False), 0),
}))
"""


def build(system: System, endpoints: int) -> tuple[str, list[str]]:
    """(interface of a client, names of the endpoints in its VPC)."""
    provider, elb = system.client(session(PROVIDER), "ec2"), system.client(session(PROVIDER), "elbv2")
    _, subnets = network(provider)
    balancer = elb.create_load_balancer(Name="bench", Type="network", Scheme="internal", Subnets=subnets)["LoadBalancers"][0]
    service = provider.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[balancer["LoadBalancerArn"]], AcceptanceRequired=False
    )["ServiceConfiguration"]
    provider.modify_vpc_endpoint_service_permissions(ServiceId=service["ServiceId"], AddAllowedPrincipals=["*"])
    consumer = system.client(session(CONSUMER), "ec2")
    vpc, subnets = network(consumer)
    client = consumer.create_network_interface(SubnetId=subnets[0])["NetworkInterface"]["NetworkInterfaceId"]
    request = {"VpcEndpointType": "Interface", "VpcId": vpc, "ServiceName": service["ServiceName"], "SubnetIds": subnets}
    made = [consumer.create_vpc_endpoint(**request)["VpcEndpoint"] for _ in range(endpoints)]

    def available() -> bool:
        found = consumer.describe_vpc_endpoints()["VpcEndpoints"]
        return {one["State"] for one in found} == {"available"}

    until(available, "the endpoints are available", 60)
    return client, [entry["DnsName"] for one in made for entry in one["DnsEntries"]]


def network(ec2: Any) -> tuple[str, list[str]]:
    """(VPC, its subnets in two zones)."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = {"use1-az1": "10.0.0.0/24", "use1-az2": "10.0.1.0/24"}
    made = [ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZoneId=zone) for zone, cidr in zones.items()]
    return vpc, [one["Subnet"]["SubnetId"] for one in made]


def agent_seconds(state: Path) -> float:
    """The CPU time that the agent has spent."""
    (pid,) = (one.pid for one in processes_of(state) if " agent " in one.command and " exec " not in one.command)
    return cpu_seconds(pid)


def measure(system: System, client: str, names: list[str], seconds: float, mode: str) -> float:
    """Prints one row. Returns the answers that a second of the agent's CPU time gives."""
    command = [*SIDEDOOR, "exec", "--state", str(system.state), client, "--", sys.executable, "-c", CLIENT]
    before = agent_seconds(system.state)
    output = subprocess.check_output([*command, json.dumps(names), str(seconds), mode], text=True, timeout=seconds + 60)
    spent, found = agent_seconds(system.state) - before, json.loads(output)
    rate, one_core = found["answers"] / found["seconds"], found["answers"] / spent
    kinds = " / ".join(str(found[kind]) for kind in ("with addresses", "empty", "missing"))
    print(
        f"| {mode} | {rate:,.0f} | {one_core:,.0f} | {found['p50'] * 1000:.2f} | {found['p99'] * 1000:.2f} "
        f"| {kinds} | {found['lost']} |",
        flush=True,
    )
    return one_core


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--endpoints", type=int, default=20)
    parser.add_argument("--network", default="auto")
    options = parser.parse_args()
    with running("--dev", "--network", options.network) as system:
        client, names = build(system, options.endpoints)
        print(f"{system.placement['mode']}, {len(names)} names")
        print("| questions | answers a second | answers a second of the agent's CPU | p50, ms | p99, ms "
              "| with addresses / empty / missing | lost |")  # fmt: skip
        print("|---|---|---|---|---|---|---|")
        slowest = min(measure(system, client, names, options.seconds, mode) for mode in ("repeated", "spellings"))
    return 0 if slowest >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
