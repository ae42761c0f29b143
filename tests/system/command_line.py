"""Commands of the program ``sidedoor``, and what they work on."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import boto3

from sidedoor.demo.system import SIDEDOOR, System, leftovers, processes_of, until

ACCOUNT = "333333333333"


def sidedoor(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SIDEDOOR, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def refusal(*arguments: str | Path) -> str:
    """The one sentence with which a command ends that cannot do what it was told."""
    done = sidedoor(*arguments)
    assert done.returncode == 2, done
    assert done.stdout == ""
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("sidedoor: ")
    return sentence


@contextlib.contextmanager
def a_state() -> Iterator[Path]:
    """A state directory of which nothing may be left at the end."""
    state = Path(tempfile.mkdtemp(prefix="sidedoor-"))
    try:
        yield state
        until(lambda: not leftovers(state), f"nothing of {state} is left")
        shutil.rmtree(state)
    finally:
        for process in processes_of(state):
            os.kill(process.pid, signal.SIGKILL)


def workload(session: boto3.Session, system: System) -> str:
    """A new interface in a VPC of its own."""
    ec2 = system.client(session, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    interface: str = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    return interface
