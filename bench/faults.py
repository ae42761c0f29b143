"""Faults, one after the other, on a system of its own: what goes on meanwhile, and that nothing is lost afterwards.

    python bench/faults.py [locked|full|silent|idle|drift]... [--connections 10000]

Each fault meets a running system with a transfer through an endpoint. Before and after it all that the API says of the
connection and all that is placed is written down and compared. Bounded: each takes less than two minutes, and nothing is left.
``full`` needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sidedoor.dataplane.netns import kernel
from sidedoor.dataplane.netns.driver import NetnsDriver
from sidedoor.demo.play import PORT, Play
from sidedoor.demo.screen import Screen
from sidedoor.demo.system import processes_of, running, until

ZONE, OTHER_ZONE = "use1-az1", "use1-az2"
IDLE_PORT = 9000

HOLD = """
import asyncio, sys
async def main():
    async def hold(reader, writer):
        try:
            await reader.read()
        except ConnectionError:
            pass
        writer.close()
    server = await asyncio.start_server(hold, sys.argv[1], int(sys.argv[2]), backlog=4096)
    print("listening", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

OPEN = """
import socket, sys, time
host, port, count = socket.gethostbyname(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
began, kept = time.monotonic(), []
for _ in range(count):
    kept.append(socket.create_connection((host, port), 20))
print(round(time.monotonic() - began, 2), flush=True)
sys.stdin.read()
dead = 0
for one in kept:
    one.setblocking(False)
    try:
        one.recv(1)
        dead += 1
    except BlockingIOError:
        pass
    except OSError:
        dead += 1
    one.close()
print(dead, flush=True)
"""


class Lost(Exception):
    """Something is not as it was."""


def say(text: str) -> None:
    print(f"    {text}", flush=True)


# --- what there is ------------------------------------------------------------------------------------------------


def state(play: Play) -> dict[str, Any]:
    """All that the API says of the connection, and all that is placed for it."""
    provider, consumer = play.provider.ec2, play.consumer.ec2
    group = play.elb.describe_target_groups()["TargetGroups"]
    answers = {
        "endpoints": consumer.describe_vpc_endpoints()["VpcEndpoints"],
        "connections": provider.describe_vpc_endpoint_connections()["VpcEndpointConnections"],
        "services": provider.describe_vpc_endpoint_service_configurations()["ServiceConfigurations"],
        "interfaces": [side.ec2.describe_network_interfaces()["NetworkInterfaces"] for side in (play.provider, play.consumer)],
        "balancers": play.elb.describe_load_balancers()["LoadBalancers"],
        "groups": group,
        "health": [
            play.elb.describe_target_health(TargetGroupArn=one["TargetGroupArn"])["TargetHealthDescriptions"] for one in group
        ],
        "placed": placed(play),
    }
    document: dict[str, Any] = json.loads(json.dumps(answers, default=str, sort_keys=True))
    return document


def placed(play: Play) -> list[str]:
    if play.system.placement != {"mode": "netns", "user_namespace": False}:
        return []
    driver = NetnsDriver(play.system.state / "run")
    return [str(driver.observe(vpc)) for vpc in sorted(driver.networks())]


def expect_same(play: Play, before: dict[str, Any]) -> None:
    """Waits until all is as it was. Raises ``Lost``."""
    end = time.monotonic() + 60
    while (after := state(play)) != before or (steps := play.system.plan()):
        if time.monotonic() > end:
            different = [name for name in before if before[name] != after[name]]
            raise Lost(f"not as before: {different or steps}")
        time.sleep(0.5)
    say("the API's answers and the placed networks are as before; `sidedoor plan` has nothing to do")


# --- bytes --------------------------------------------------------------------------------------------------------


def interface(play: Play) -> str:
    found: str = play.consumer.interfaces[ZONE]["NetworkInterfaceId"]
    return found


def answers(play: Play) -> bool:
    return "server" in play.system.ask(interface(play), "get", play.names[1], str(PORT))


@contextlib.contextmanager
def transfer(play: Play) -> Iterator[None]:
    """A transfer that has to live as long as the block. Raises ``Lost``."""
    program = play.system.start(
        interface(play), sys.executable, "-m", "sidedoor.demo.client", "watch", play.names[1], str(PORT)
    )
    assert program.stdout is not None
    first = program.stdout.readline()
    yield
    alive, last = program.poll() is None, program.stdout.readline()
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=10)
    if not alive or "open" not in last:
        raise Lost(f"the transfer ended: {last}")
    say(f"the transfer went on from line {json.loads(first)['last']} to line {json.loads(last)['last']} and further")


def refusal(call: Callable[..., Any], **request: Any) -> str:
    try:
        call(**request)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "none"


def expect(condition: object, what: str) -> None:
    if not condition:
        raise Lost(f"not so: {what}")
    say(what)


# --- the faults ---------------------------------------------------------------------------------------------------


def locked(play: Play, _: argparse.Namespace) -> None:
    """Another process holds the database's lock, longer than a writer waits for it (30 s)."""
    with contextlib.closing(sqlite3.connect(play.system.state / "sidedoor.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        expect(answers(play), "a new connection works while the database is locked")
        expect(play.consumer.ec2.describe_vpc_endpoints()["VpcEndpoints"], "the API reads while the database is locked")
        code = refusal(play.consumer.ec2.create_vpc, CidrBlock="10.7.0.0/16")
        expect(code == "ServiceUnavailable", f"a change answers {code} after {time.monotonic() - began:.0f} s")
        other.execute("ROLLBACK")
    vpc = play.consumer.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    play.consumer.ec2.delete_vpc(VpcId=vpc)
    say("a change works again when the lock is gone")


def full(play: Play, _: argparse.Namespace) -> None:
    """The state directory's file system, a small tmpfs, has no byte left; and in that the agent is killed."""
    filler = play.system.state / "filler"
    descriptor = os.open(filler, os.O_CREAT | os.O_WRONLY)
    with contextlib.suppress(OSError):
        while os.write(descriptor, bytes(4096)):
            pass
    os.close(descriptor)
    codes = set()
    for number in range(400):
        codes.add(refusal(play.consumer.ec2.create_vpc, CidrBlock=f"10.{number % 200}.0.0/16"))
        if codes != {"none"}:
            break
    made = [one["VpcId"] for one in play.consumer.ec2.describe_vpcs()["Vpcs"] if one["VpcId"] != play.consumer.vpc]
    expect(
        (codes <= {"none", "ServiceUnavailable"} and len(codes) > 1) or codes == {"ServiceUnavailable"},
        f"changes answer {codes}",
    )
    expect(play.consumer.ec2.describe_vpc_endpoints()["VpcEndpoints"], "the API reads while the disk is full")
    agent = next(one for one in processes_of(play.system.state) if " agent --state" in one.command)
    os.kill(agent.pid, signal.SIGKILL)
    until(lambda: answers(play), "a new connection works", 60)
    say("the agent that was killed meanwhile came again, and new connections work by name")
    filler.unlink()
    for vpc in made:
        if not next(one for one in play.consumer.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"])["IsDefault"]:
            until(lambda vpc=vpc: refusal(play.consumer.ec2.delete_vpc, VpcId=vpc) == "none", "a change works again", 30)
    say("changes work again when there is room")


def expect_quietly(condition: object, what: str) -> None:
    if not condition:
        raise Lost(f"not so: {what}")


def silent(play: Play, _: argparse.Namespace) -> None:
    """One more target accepts connections and never answers; its TCP checks succeed, so it gets its share."""
    made = play.provider.ec2.create_network_interface(SubnetId=play.provider.subnets[ZONE])["NetworkInterface"]
    address = made["PrivateIpAddress"]
    program = play.system.start(made["NetworkInterfaceId"], sys.executable, "-c", HOLD, address, "8080")
    assert program.stdout is not None
    program.stdout.readline()
    group = play.elb.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    play.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address}])
    until(lambda: "healthy" in health(play, group, address), "the silent target is healthy by its TCP checks", 40)
    outcomes = [answers(play) for _ in range(16)]
    expect(any(outcomes), f"of 16 connections {sum(outcomes)} were answered, the others were the silent target's")
    play.elb.modify_target_group(
        TargetGroupArn=group, HealthCheckProtocol="HTTP", HealthCheckPath="/", HealthCheckTimeoutSeconds=2
    )
    until(lambda: health(play, group, address) == ("unhealthy", "Target.Timeout"), "HTTP checks find it out", 60)
    expect(all(answers(play) for _ in range(8)), "with HTTP checks it is unhealthy (Target.Timeout) and gets no connection")
    play.elb.modify_target_group(TargetGroupArn=group, HealthCheckProtocol="TCP")
    play.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": address}])
    program.kill()
    program.communicate()
    until(
        lambda: refusal(play.provider.ec2.delete_network_interface, NetworkInterfaceId=made["NetworkInterfaceId"]) == "none", ""
    )


def health(play: Play, group: str, address: str) -> tuple[str, str]:
    found = play.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    mine = [one["TargetHealth"] for one in found if one["Target"]["Id"] == address]
    return (mine[0]["State"], mine[0].get("Reason", "")) if mine else ("", "")


def idle(play: Play, options: argparse.Namespace) -> None:
    """A consumer opens thousands of connections and sends nothing."""
    address = play.provider.interfaces[ZONE]["PrivateIpAddress"]
    target = play.provider.interfaces[ZONE]["NetworkInterfaceId"]
    server = play.system.start(target, sys.executable, "-c", HOLD, address, str(IDLE_PORT))
    assert server.stdout is not None
    server.stdout.readline()
    group = play.elb.create_target_group(
        Name="idle", Protocol="TCP", Port=IDLE_PORT, VpcId=play.provider.vpc, TargetType="ip"
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    play.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address}])
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    made = play.elb.create_listener(LoadBalancerArn=play.balancer, Protocol="TCP", Port=IDLE_PORT, DefaultActions=forward)
    listener = made["Listeners"][0]["ListenerArn"]
    envoy = next(one for one in processes_of(play.system.state) if "envoy.json" in one.command).pid
    until(lambda: "error" not in play.system.ask(interface(play), "resolve", play.names[1]), "the name answers")
    time.sleep(2)
    before = usage(envoy)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(options.connections, (limit - 2000) // 2)
    say(f"{count} connections (the limit of files is {limit}, and Envoy needs two for each)")
    arguments = [*sidedoor_exec(play), sys.executable, "-c", OPEN, play.names[1], str(IDLE_PORT), str(count)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as consumer:
        assert consumer.stdout is not None
        say(f"opened in {consumer.stdout.readline().strip()} s; Envoy: {usage(envoy)}, before {before}")
        took = []
        for _ in range(20):
            began = time.monotonic()
            expect_quietly(answers(play), "another connection is answered")
            took.append(time.monotonic() - began)
        say(f"20 others were answered meanwhile (a whole client process each, median {statistics.median(took):.2f} s)")
        output, _ = consumer.communicate("done\n", timeout=60)
    expect(output.strip() == "0", f"of the {count} idle connections {output.strip()} had ended")
    until(lambda: usage(envoy)[1] <= before[1] + 50, "Envoy's files are closed", 30)
    say(f"after they were closed Envoy has {usage(envoy)}")
    play.elb.delete_listener(ListenerArn=listener)
    play.elb.delete_target_group(TargetGroupArn=group)
    server.kill()
    server.communicate()


def sidedoor_exec(play: Play) -> list[str]:
    return [sys.executable, "-m", "sidedoor", "exec", "--state", str(play.system.state), interface(play), "--"]


def usage(pid: int) -> tuple[str, int]:
    """Resident memory and the number of open files of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return f"{int(resident) // 1024} MiB", len(list(Path(f"/proc/{pid}/fd").iterdir()))


def drift(play: Play, _: argparse.Namespace) -> None:
    """Somebody deletes the consumer's bridge, the router's leg and a namespace's link by hand."""
    names = play.system.state / "run" / "netns"
    found = subprocess.check_output(["nsenter", f"--net={names}/fabric", "ip", "-o", "link"], text=True)
    bridges = [line.split(":")[1].strip() for line in found.splitlines() if ": br-" in line]
    for bridge in bridges:
        subprocess.run(["nsenter", f"--net={names}/fabric", "ip", "link", "del", bridge], check=True)
    expect(not answers(play), f"without {', '.join(bridges)} nothing passes")
    began = time.monotonic()
    until(lambda: answers(play), "it is mended", 60)
    say(f"mended after {time.monotonic() - began:.0f} s (all networks are compared every 30 s)")


FAULTS: dict[str, Callable[[Play, argparse.Namespace], None]] = {
    "locked": locked, "full": full, "silent": silent, "idle": idle, "drift": drift,
}  # fmt: skip
CUTS = {"drift"}
"""Faults that a connection does not outlive."""


# --- the stage ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def prepared(name: str) -> Iterator[None]:
    """What a fault needs of the world before the system starts."""
    with tempfile.TemporaryDirectory(prefix="sidedoor-fault-") as directory, contextlib.ExitStack() as stack:
        if name == "full":
            kernel.mount("small", directory, "tmpfs", 0, "size=24m")
            stack.callback(kernel.unmount, directory)
            tempfile.tempdir = directory
            stack.callback(setattr, tempfile, "tempdir", None)
        yield


def run(name: str, options: argparse.Namespace) -> None:
    fault = FAULTS[name]
    print(f"{name}: {(fault.__doc__ or '').splitlines()[0]}", flush=True)
    with (
        prepared(name, options),
        running("--network", options.network, "--pending-seconds", "0.5", listen="127.0.0.1:{free}") as system,
    ):
        play = Play(system, Screen())
        with contextlib.redirect_stdout(None):
            play.prepare()
            play.offer()
            play.request()
            play.accept()
        before = state(play)
        with contextlib.nullcontext() if name in CUTS else transfer(play):
            fault(play, options)
        expect_same(play, before)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="*", metavar="FAULT", choices=[*FAULTS, []])
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--network", default="auto")
    options = parser.parse_args()
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    failed = []
    for name in options.faults or FAULTS:
        try:
            run(name, options)
        except Exception as error:
            failed.append(name)
            say(f"FAILED: {type(error).__name__}: {error}")
    print(f"{len(failed)} failed: {', '.join(failed)}" if failed else "nothing was lost")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
