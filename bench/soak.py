"""Minutes of mixed traffic with one API change a second: nothing breaks that was not touched, nothing grows, nothing is left.

    python bench/soak.py [--minutes 30] [--seed 1] [--flows 20] [--report docs/soak.md]

Against a ``sidedoor up`` of its own: one provider with a plain service, one behind PROXY headers and one that wants to accept;
two consumers in two accounts with an endpoint to each of the first two. Long flows and short connections run through those
endpoints all the time and check every byte. Meanwhile, once a second and by the seed's dice: targets come and go beside the
two that stay, endpoints are asked for, accepted, used, rejected and deleted. At the end everything made is deleted.
Prints its report as Markdown; ends with status 1 where a flow broke that should have lived, where memory grew, or where a
namespace, listener, cluster or open file is left. Bounded: it stops by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lab import CONSUMER, PROVIDER, Account, Subnet, Workload, descriptors, inside, memory_mb, parts, rows

from sidedoor.dataplane.envoy.admin import Admin
from sidedoor.demo.system import System, running, until

TRAFFIC = str(Path(__file__).with_name("traffic.py"))
OTHER_CONSUMER = "333333333333"
PLAIN, WITH_HEADER = 8000, 8001
LISTENERS = {"plain": PLAIN, "proxy": WITH_HEADER, "choosy": PLAIN}
STEADY, COMING = 2, 3
SAMPLE_SECONDS = 10.0
MOST_ENDPOINTS = 12
MOST_SHOWN = 30

GROWTH_MB, GROWTH_PART = 8.0, 0.05
"""What the last quarter's median may be above the second quarter's: the larger of the two."""

FILES_LEFT = 6
"""What a process may have open more than before: connections of a database's pool, or of a client that lingers."""


@dataclass
class Consumer:
    account: Account
    subnet: Subnet
    workload: Workload
    endpoints: dict[str, str] = field(default_factory=dict)
    driver: subprocess.Popen[str] | None = None

    def ask(self, *words: str) -> dict[str, Any]:
        assert self.driver and self.driver.stdin and self.driver.stdout
        self.driver.stdin.write(" ".join(words) + "\n")
        self.driver.stdin.flush()
        answer: dict[str, Any] = json.loads(self.driver.stdout.readline())
        return answer


@dataclass
class Guest:
    """An endpoint that comes and goes. ``state``: what the last change asks for."""

    id: str
    consumer: Consumer
    state: str


class Site:
    """What is built, and taken down again."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.provider = Account(system, PROVIDER)
        self.programs: list[subprocess.Popen[str]] = []
        self.consumers: list[Consumer] = []
        self.accounts = [Account(system, one) for one in (CONSUMER, OTHER_CONSUMER)]

    def build(self) -> None:
        provider = self.provider
        self.subnet = provider.subnet()
        self.servers = [provider.workload(self.subnet) for _ in range(STEADY + COMING)]
        self.programs = [self._serve(number, one) for number, one in enumerate(self.servers)]
        self.balancers, self.groups, self.services = {}, {}, {}
        for name, port in LISTENERS.items():
            group = provider.group(
                name, self.subnet, port, proxy=port == WITH_HEADER, HealthCheckIntervalSeconds=5, HealthyThresholdCount=2
            )
            delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
            provider.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=delay)
            provider.register(group, *((one.address, port) for one in self.servers[:STEADY]))
            self.balancers[name], self.groups[name] = provider.balancer(name, self.subnet), group
            provider.forward(self.balancers[name], port, group)
            self.services[name] = provider.service(self.balancers[name], acceptance=name == "choosy")
        for group in self.groups.values():
            provider.healthy(group, STEADY, 90)
        self.consumers = [self._consumer(one) for one in self.accounts]

    def _serve(self, number: int, where: Workload) -> subprocess.Popen[str]:
        name = f"steady-{number}" if number < STEADY else f"coming-{number}"
        command = (sys.executable, TRAFFIC, "serve", name, where.address, str(PLAIN), str(WITH_HEADER))
        return subprocess.Popen(inside(self.system.state, where.id, *command), stdin=subprocess.DEVNULL, text=True)

    def _consumer(self, account: Account) -> Consumer:
        subnet = account.subnet()
        made = Consumer(account, subnet, account.workload(subnet))
        made.endpoints = {name: account.endpoint(subnet, self.services[name]) for name in ("plain", "proxy")}
        return made

    def drive(self, consumer: Consumer, seed: int, flows: int) -> None:
        doors = []
        for name, endpoint in consumer.endpoints.items():
            address = consumer.account.available(endpoint)
            doors.append(f"{address}:{LISTENERS[name]}:{endpoint if name == 'proxy' else ''}")
        command = (sys.executable, TRAFFIC, "drive", str(seed), str(flows), *doors)
        consumer.driver = subprocess.Popen(
            inside(self.system.state, consumer.workload.id, *command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def take_down(self) -> None:
        """Deletes everything that was made, in the order that AWS asks for."""
        provider = self.provider
        for consumer in self.consumers:
            _delete_endpoints(consumer.account)
        provider.ec2.delete_vpc_endpoint_service_configurations(ServiceIds=list(self.services.values()))
        for balancer in self.balancers.values():
            for one in provider.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
                provider.elb.delete_listener(ListenerArn=one["ListenerArn"])
            provider.elb.delete_load_balancer(LoadBalancerArn=balancer)
        for group in self.groups.values():
            until(
                lambda group=group: _done(lambda: provider.elb.delete_target_group(TargetGroupArn=group)), "a group is gone", 60
            )
        self.end_programs()
        for account in (provider, *self.accounts):
            _delete_networks(account)

    def end_programs(self) -> None:
        for program in (*self.programs, *(one.driver for one in self.consumers if one.driver)):
            program.kill()
            program.communicate()


def _delete_endpoints(account: Account) -> None:
    def left() -> list[str]:
        return [one["VpcEndpointId"] for one in account.ec2.describe_vpc_endpoints()["VpcEndpoints"]]

    if left():
        account.ec2.delete_vpc_endpoints(VpcEndpointIds=left())
    until(lambda: not left(), "the endpoints are gone", 60)


def _delete_networks(account: Account) -> None:
    for one in account.ec2.describe_network_interfaces()["NetworkInterfaces"]:
        account.ec2.delete_network_interface(NetworkInterfaceId=one["NetworkInterfaceId"])
    for one in account.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]:
        filters = [{"Name": "vpc-id", "Values": [one["VpcId"]]}]
        for subnet in account.ec2.describe_subnets(Filters=filters)["Subnets"]:
            account.ec2.delete_subnet(SubnetId=subnet["SubnetId"])
        account.ec2.delete_vpc(VpcId=one["VpcId"])


def _done(work: Callable[[], object]) -> bool:
    """Whether a call is through; what it depends on may not be gone yet."""
    try:
        work()
    except Exception as error:
        if "InUse" in str(error) or "DependencyViolation" in str(error):
            return False
        raise
    return True


# --- changes ------------------------------------------------------------------------------------------------------


class Changes:
    """One API change after the other, by the seed's dice."""

    def __init__(self, site: Site, dice: random.Random) -> None:
        self.site, self.dice = site, dice
        self.guests: list[Guest] = []
        self.registered: set[tuple[str, int]] = set()
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []

    def one(self) -> None:
        """Does one of the changes that are possible now."""
        possible: list[tuple[int, str, Callable[[], None]]] = [
            (3, "target registered or deregistered", self._target),
            (2, "endpoint created", self._create) if len(self.guests) < MOST_ENDPOINTS else (0, "", self._target),
        ]
        for states, weight, name, work in (
            ({"pending", "rejected"}, 3, "endpoint accepted", self._accept),
            ({"accepted"}, 2, "endpoint rejected", self._reject),
            ({"pending", "rejected", "accepted"}, 2, "endpoint deleted", self._delete),
        ):
            fitting = [one for one in self.guests if one.state in states]
            if fitting:
                possible.append((weight, name, partial(work, self.dice.choice(fitting))))
        (chosen,) = self.dice.choices(possible, [weight for weight, *_ in possible])
        chosen[2]()
        self.done[chosen[1]] += 1

    def _target(self) -> None:
        name, number = self.dice.choice(list(LISTENERS)), self.dice.randrange(STEADY, STEADY + COMING)
        where, group = (self.site.servers[number].address, LISTENERS[name]), self.site.groups[name]
        if (name, number) in self.registered:
            self.site.provider.deregister(group, where)
        else:
            self.site.provider.register(group, where)
        self.registered ^= {(name, number)}

    def _create(self) -> None:
        consumer = self.dice.choice(self.site.consumers)
        made = consumer.account.endpoint(consumer.subnet, self.site.services["choosy"])
        self.guests.append(Guest(made, consumer, "pending"))

    def _accept(self, guest: Guest) -> None:
        """Accepts, and sees that the endpoint carries bytes as soon as it says so."""
        self._decide("accept", guest)
        address = guest.consumer.account.available(guest.id)
        failed = guest.consumer.ask("try", f"{address}:{LISTENERS['choosy']}:")["failed"]
        if failed is not None:
            self.wrong.append(f"{guest.id}, just accepted and available: {failed}")
        guest.state = "accepted"

    def _reject(self, guest: Guest) -> None:
        """Rejects, and sees that nothing passes any more."""
        address = guest.consumer.account.address(guest.id)
        self._decide("reject", guest)
        door = f"{address}:{LISTENERS['choosy']}:"
        try:
            until(lambda: guest.consumer.ask("try", door)["failed"] is not None, "closed", 5)
        except Exception as error:
            self.wrong.append(f"{guest.id}, rejected: {error}")
        guest.state = "rejected"

    def _decide(self, verb: str, guest: Guest) -> None:
        decide = getattr(self.site.provider.ec2, f"{verb}_vpc_endpoint_connections")
        answer = decide(ServiceId=self.site.services["choosy"], VpcEndpointIds=[guest.id])
        self.wrong += [f"{verb} {guest.id}: {one['Error']}" for one in answer["Unsuccessful"]]

    def _delete(self, guest: Guest) -> None:
        guest.consumer.account.ec2.delete_vpc_endpoints(VpcEndpointIds=[guest.id])
        self.guests.remove(guest)


# --- what is left -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """What stands of a system."""

    namespaces: frozenset[str]
    configured: frozenset[str]
    files: dict[str, int]
    pids: dict[str, int]


def standing(system: System) -> Standing:
    pids = parts(system.state)
    names = frozenset(one.name for one in (system.state / "run" / "netns").iterdir())
    return Standing(
        names, frozenset(asyncio.run(_configured(system.state))), {one: descriptors(pid) for one, pid in pids.items()}, pids
    )


async def _configured(state: Path) -> list[str]:
    async with Admin(state / "run" / "admin.sock") as admin:
        versions = await admin.versions()
    return [f"{type_url.rpartition('.')[2]} {name}" for type_url, names in versions.items() for name in names]


def settled(system: System, before: Standing | None) -> Standing:
    """What stands when the agent has nothing to do, at best as much as before."""
    until(lambda: not system.plan(), "the agent has nothing to do", 60)
    end = time.monotonic() + 30
    while True:
        found = standing(system)
        if before is None or not left(before, found) or time.monotonic() > end:
            return found
        time.sleep(1)


def left(before: Standing, after: Standing) -> list[str]:
    """What is there that was not, one sentence each."""
    found = [f"namespace {one}" for one in sorted(after.namespaces - before.namespaces)]
    found += sorted(after.configured - before.configured)
    for part, files in after.files.items():
        if files > before.files[part] + FILES_LEFT:
            found.append(f"{files - before.files[part]} open files of {part}")
    return found + [f"another process of {part}" for part, pid in after.pids.items() if before.pids[part] != pid]


# --- the soak -----------------------------------------------------------------------------------------------------

Samples = list[tuple[float, dict[str, float]]]
"""Seconds since the start, MB of each part."""


def soak(site: Site, options: argparse.Namespace) -> tuple[Changes, Samples]:
    dice = random.Random(options.seed)
    for number, consumer in enumerate(site.consumers):
        site.drive(consumer, options.seed + number, options.flows)
    changes, samples = Changes(site, dice), []
    pids, start = parts(site.system.state), time.monotonic()
    due, sample_due, end = start, start, start + options.minutes * 60
    while time.monotonic() < end:
        time.sleep(max(0, due - time.monotonic()))
        due = max(due + 1, time.monotonic())
        if time.monotonic() >= sample_due:
            samples.append((time.monotonic() - start, memory(pids)))
            sample_due += SAMPLE_SECONDS
        changes.one()
    return changes, samples


def memory(pids: dict[str, int]) -> dict[str, float]:
    """MB of each part; one that has ended has none, and the report says so of it."""
    found = {}
    for part, pid in pids.items():
        with contextlib.suppress(FileNotFoundError):
            found[part] = memory_mb(pid)
    return found


def growth(samples: Samples, part: str) -> tuple[float, float, float, float, bool]:
    """Median MB of the second and the last quarter, the most, MB an hour of the later three quarters; whether it is flat."""
    samples = [one for one in samples if part in one[1]]
    values = [sample[part] for _, sample in samples]
    quarter = max(1, len(values) // 4)
    early, late = statistics.median(values[quarter : 2 * quarter] or values), statistics.median(values[-quarter:])
    later = samples[quarter:]
    times = [seconds / 3600 for seconds, _ in later]
    slope = statistics.linear_regression(times, [sample[part] for _, sample in later]).slope if len(later) > 1 else 0.0
    return early, late, max(values), slope, late - early <= max(GROWTH_MB, GROWTH_PART * early)


def report(
    site: Site,
    options: argparse.Namespace,
    changes: Changes,
    samples: Samples,
    standings: tuple[Standing, Standing, Standing],
    figures: list[dict[str, Any]],
) -> tuple[str, bool]:
    """The report, and whether everything is as it should be. ``standings``: before, at the end of the changes, after all."""
    before, _, after = standings
    errors = [one for of_one in figures for one in of_one["errors"]]
    touched = [one for one in errors if one["kind"] == "long" and one["server"].startswith("coming")]
    broken = [one for one in errors if one not in touched]
    total: Counter[str] = Counter()
    for one in figures:
        total.update({name: value for name, value in one.items() if isinstance(value, int)})
    held = options.flows * sum(len(one.endpoints) for one in site.consumers)
    remains = left(before, after)
    grown = [(part, growth(samples, part)) for part in before.pids]
    good = not (broken or changes.wrong or remains) and all(flat for _, (*_, flat) in grown)
    text = [
        "# Soak",
        f"`bench/soak.py --minutes {options.minutes:g} --seed {options.seed} --flows {options.flows}`: "
        + ("everything is as it should be." if good else "**something is wrong, see below.**"),
        "\n".join(rows(
            ("traffic", ""),
            ("flows open at one time", held),
            ("of them open from the first second to the last", held - held // 2),
            ("the oldest at the end had lived", f"{max(one['oldest'] for one in figures):.0f} s"),
            ("flows over all", f"{total['long flows']:,}"),
            ("of them to targets that came later", f"{total['to targets that came later']:,}"),
            ("bytes sent, received and compared", f"{total['bytes']:,}"),
            ("short connections", f"{total['short connections']:,}"),
            ("errors of connections that nothing had touched", len(broken)),
            ("long flows that ended with a target that was deregistered", len(touched)),
        )),
        "\n".join(rows(("API change", "times"), *sorted(changes.done.items()), ("that went wrong", len(changes.wrong)))),
        "\n".join(rows(
            ("memory, MB", "second quarter", "last quarter", "most", "MB an hour", "flat"),
            *((part, f"{early:.1f}", f"{late:.1f}", f"{most:.1f}", f"{slope:+.1f}", "yes" if flat else "**no**")
              for part, (early, late, most, slope, flat) in grown),
        )),
        f"Flat: the last quarter's median is at most {GROWTH_MB:g} MB or {GROWTH_PART:.0%} above the second quarter's; "
        f"sampled each {SAMPLE_SECONDS:g} s, {len(samples)} times.",
        "\n".join(rows(
            ("", "before", "at the end", "when all was deleted"),
            ("namespaces", *(len(one.namespaces) for one in standings)),
            ("listeners, clusters and hosts in Envoy", *(len(one.configured) for one in standings)),
            *((f"open files of {part}", *(one.files[part] for one in standings)) for part in before.files),
        )),
        *(f"Wrong: {one}" for one in [*changes.wrong, *(f"left: {one}" for one in remains), *broken][:MOST_SHOWN]),
    ]  # fmt: skip
    return "\n\n".join(text), good


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flows", type=int, default=20, help="long flows through each endpoint")
    parser.add_argument("--report", type=Path, help="also write the report there")
    options = parser.parse_args()
    with running("--dev", "--network", "netns") as system:
        site = Site(system)
        try:
            site.build()  # Once for nothing, so that what is loaded and opened only once is there before.
            site.take_down()
            before = settled(system, None)
            site.build()
            changes, samples = soak(site, options)
            during = standing(system)
            figures = [one.ask("stop") for one in site.consumers]
            site.take_down()
        finally:
            site.end_programs()
        after = settled(system, before)
        text, good = report(site, options, changes, samples, (before, during, after), figures)
    print(text)
    if options.report:
        options.report.write_text(text + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
