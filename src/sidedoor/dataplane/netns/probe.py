"""Tries out, in namespaces that end with their process, whether networks can be placed and flows be cut. For ``host.py``."""

from __future__ import annotations

import socket
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

from sidedoor.dataplane import flows
from sidedoor.dataplane.desired import Network, Segment, Workload
from sidedoor.dataplane.driver import DriverError
from sidedoor.dataplane.netns.driver import NetnsDriver
from sidedoor.dataplane.netns.holder import isolate
from sidedoor.dataplane.netns.namespaces import Namespaces
from sidedoor.dataplane.plan import plan
from sidedoor.processes import end_with_parent

_NETWORK = Network(
    vpc_id="vpc-0",
    cidr="10.0.0.0/16",
    resolver="10.0.0.2",
    segments=(
        Segment(
            subnet_id="subnet-0",
            cidr="10.0.0.0/24",
            gateway="10.0.0.1",
            addresses=("10.0.0.4",),
            workloads=(Workload(interface_id="eni-0", address="10.0.0.5", mac="0a:00:00:00:00:05"),),
        ),
    ),
)


def _place(run_dir: Path) -> None:
    driver = NetnsDriver(run_dir)
    driver.start()
    driver.apply(plan(_NETWORK, None))
    left = plan(_NETWORK, driver.observe(_NETWORK.vpc_id))
    if left:
        raise DriverError(f"the kernel did not take: {left[0]}")


def _why_no_cut(run_dir: Path) -> str | None:
    """Ends a flow of the VPC from outside of it."""
    with Namespaces(run_dir / "netns").entered(_NETWORK.vpc_id):
        diagnosis = flows.open_diagnosis()
        server = socket.create_server(("10.0.0.4", 0))
        client = socket.create_connection(server.getsockname(), timeout=5)
    with diagnosis, server, client, server.accept()[0]:
        try:
            ended = flows.end_flows(diagnosis, "10.0.0.4")
        except OSError as error:
            return f"The kernel does not end flows on request ({error.strerror})."
    return None if ended else "The kernel does not find flows by their address."


def run(telling: Connection, user: bool, parent: int) -> None:
    """In a process of its own: tells (why networks cannot be placed, why flows cannot be cut), each None where it can be done.

    ``user``: as root of a new user namespace. ``parent``: who waits for it, and whose end is this process's end.
    """
    end_with_parent(parent)
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
            isolate(user=user)
            try:
                _place(Path(directory))
                telling.send((None, _why_no_cut(Path(directory))))
            finally:
                NetnsDriver(Path(directory)).remove_everything()
    except (OSError, DriverError) as error:
        telling.send((getattr(error, "strerror", None) or str(error), None))
