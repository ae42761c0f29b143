"""What the tests of ``sidedoor attach`` work on: the host's own namespaces, links and bridges, with names that nobody has."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from rules_lab import APPLICATION_PORT, AZ1, PORT, Lab

from sidedoor.app import attach
from sidedoor.dataplane.attachments import Kind
from sidedoor.demo.system import System, until
from sidedoor.settings import Settings

RESOLVER = "10.0.0.2"
GATEWAY = "10.0.0.1"
_NUMBERS = itertools.count(1)
PREFIX = f"sdt{os.getpid()}"

ASK = f"""
import sys, dns.resolver
resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers = ["{RESOLVER}"]
print(resolver.resolve(sys.argv[1], "A")[0])
"""


TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000

GET = """
import http.client, json, sys
try:
    connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=2)
    connection.request("GET", "/")
    print(json.load(connection.getresponse())["client"].partition(":")[0])
except (OSError, http.client.HTTPException) as error:
    print(type(error).__name__)
"""


def ip(*arguments: str, namespace: str | None = None) -> str:
    """What ip(8) prints. Raises ``CalledProcessError``."""
    where = ["-n", namespace] if namespace else []
    return subprocess.run(["ip", *where, *arguments], capture_output=True, text=True, check=True, timeout=20).stdout


def links(namespace: str | None = None) -> dict[str, dict[str, Any]]:
    return {one["ifname"]: one for one in json.loads(ip("-d", "-j", "link", "show", namespace=namespace))}


@dataclass
class Workshop:
    """A service of the provider's with one server, and an endpoint of the consumer's to it, whose subnet the tests use."""

    lab: Lab
    endpoint: dict[str, Any]
    address: str
    made: list[list[str]] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def on(cls, system: System) -> Workshop:
        lab = Lab(system)
        server, balancer = lab.server(), lab.balancer()
        group = lab.provider.elb.create_target_group(
            Name=PREFIX, Protocol="TCP", Port=APPLICATION_PORT, VpcId=lab.provider.vpc, TargetType="ip"
        )["TargetGroups"][0]["TargetGroupArn"]
        proxy = [{"Key": "proxy_protocol_v2.enabled", "Value": "true"}]
        lab.provider.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=proxy)
        lab.provider.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server.address}])
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        lab.provider.elb.create_listener(LoadBalancerArn=balancer, Protocol="TCP", Port=PORT, DefaultActions=forward)
        endpoint = lab.available(lab.endpoint(lab.service(balancer)))
        found = lab.consumer.ec2.describe_network_interfaces(NetworkInterfaceIds=endpoint["NetworkInterfaceIds"])
        return cls(lab, endpoint, found["NetworkInterfaces"][0]["PrivateIpAddress"])

    @property
    def subnet(self) -> str:
        return self.lab.consumer.subnet(AZ1)

    def interface(self) -> tuple[str, str]:
        return self.lab.consumer.workload(AZ1)

    def admit(self, cidr: str) -> None:
        """Has the endpoint's security group let in what comes from there, group or no group."""
        group = self.endpoint["Groups"][0]["GroupId"]
        rule = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT, "IpRanges": [{"CidrIp": cidr}]}
        self.lab.consumer.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])

    # --- the host's things ----------------------------------------------------------------------------------------

    def name(self) -> str:
        return f"{PREFIX}x{next(_NUMBERS)}"

    def namespace(self, name: str | None = None) -> str:
        name = name or self.name()
        ip("netns", "add", name)
        self.made.append(["netns", "del", name])
        return name

    def bridge(self) -> str:
        name = self.name()
        ip("link", "add", name, "type", "bridge")
        self.made.append(["link", "del", name])
        ip("link", "set", name, "up")
        return name

    def pair(self, namespace: str, *, mac: str | None = None) -> str:
        """A veth whose other end is ``eth0`` in a namespace. Returns the name of the end on the host."""
        name = self.name()
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        self.made.append(["link", "del", name])
        if mac is not None:
            ip("link", "set", "eth0", "address", mac, namespace=namespace)
        return name

    def dress(self, namespace: str, address: str) -> None:
        """Gives a namespace what a user has to: its address and its way out, for there is no DHCP."""
        ip("addr", "add", f"{address}/24", "dev", "eth0", namespace=namespace)
        ip("link", "set", "eth0", "up", namespace=namespace)
        ip("route", "add", "default", "via", GATEWAY, namespace=namespace)

    def tap(self) -> tuple[str, BinaryIO]:
        """A tap, as a virtual machine has it, and the end on which its frames are read and written (tuntap.rst)."""
        name = self.name()
        frames = Path("/dev/net/tun").open("r+b", buffering=0)  # noqa: SIM115 - the test closes it
        fcntl.ioctl(frames, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
        ip("link", "set", name, "up")
        return name, frames

    def container(self) -> int:
        """A process with network, files and process ids of its own, as a container's. Returns its id."""
        isolated = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        process = subprocess.Popen([*isolated, "sleep", "infinity"])
        self.processes.append(process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        child = int(until(children.read_text, "the container starts"))
        until(lambda: Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"sleep"), "the container's program runs")
        return child

    def end(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def clean_up(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(10)
        for command in reversed(self.made):
            subprocess.run(["ip", *command], capture_output=True, check=False, timeout=20)
        left = [name for name in (*links(), *ip("netns", "list").split()) if name.startswith(PREFIX)]
        assert left == []

    # --- programs -------------------------------------------------------------------------------------------------

    def inside(self, where: str | int, *command: str) -> str:
        """What a program prints in a namespace, by its name, its path, or a process whose files it has too."""
        path = str(where) if "/" in str(where) else f"/run/netns/{where}"
        target = ["-t", str(where), "-n", "-m"] if isinstance(where, int) else [f"--net={path}"]
        done = subprocess.run(["nsenter", *target, "--", *command], capture_output=True, text=True, timeout=30, check=False)
        return done.stdout or done.stderr

    def client(self, where: str | int, host: str | None = None) -> str:
        """As whom the provider's server sees a client in a namespace, or why there was no answer."""
        said = self.inside(where, sys.executable, "-I", "-c", GET, host or self.address, str(PORT))
        return said.strip().rpartition("\n")[2]

    def resolved(self, where: str | int, name: str) -> str:
        return self.inside(where, sys.executable, "-c", ASK, name).strip()

    # --- sidedoor -------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        return Settings(state=self.lab.system.state)

    def attach(self, target: str, kind: Kind, place: str, *, wait: float = 15.0, **options: Any) -> str:
        """Attaches as the command does. Returns why it does not stand (the agent may not have said yet), or nothing."""
        asked = {"name": "eth0", "default_route": True, "resolver": True, **options}
        status, _ = attach.attach(self.settings, target, kind, place, wait=wait, **asked)
        return status.reason if status is not None else "no agent says anything"

    def detach(self, target: str) -> None:
        assert attach.detach(self.settings, target)

    def state(self, target: str) -> tuple[str, str]:
        found = attach.listed(self.settings)
        return next(((one["State"], one["Reason"]) for one in found if one["Id"] == target), ("none", ""))
