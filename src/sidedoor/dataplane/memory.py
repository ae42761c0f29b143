"""The placement without a kernel, and what stands after a step. For tests of what uses a driver, and for trying things out."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.desired import Network, Segment
from sidedoor.dataplane.driver import At, Clients, DriverError, Place, Standing
from sidedoor.dataplane.plan import (
    AddAddress,
    AddNetwork,
    AddSegment,
    AddWorkload,
    RemoveAddress,
    RemoveNetwork,
    RemoveSegment,
    RemoveWorkload,
    SetResolver,
    Step,
)


def after(network: Network | None, step: Step) -> Network | None:
    """What stands of a VPC after a step. Strict like the kernel: what it builds on must be there. Raises ``DriverError``."""
    match step:
        case AddNetwork():
            found = network or Network(vpc_id=step.vpc_id, cidr=step.cidr, resolver=None, segments=())
            return replace(found, cidr=step.cidr)
        case RemoveNetwork():
            return None
        case SetResolver() if network is not None:
            return replace(network, resolver=step.address)
        case AddSegment() if network is not None:
            return _with_segment(network, step)
        case RemoveSegment() if network is not None:
            return replace(network, segments=tuple(one for one in network.segments if one.subnet_id != step.subnet_id))
        case AddAddress():
            return _changed(network, step, lambda one: _addresses(one, {*one.addresses, step.address}))
        case AddWorkload():
            return _changed(network, step, lambda one: _with_workload(one, step))
        case RemoveAddress() if network is not None:
            return _changed(network, step, lambda one: _addresses(one, {*one.addresses} - {step.address}))
        case RemoveWorkload() if network is not None:
            return _changed(network, step, lambda one: _without_workload(one, step.interface_id))
        case RemoveSegment() | RemoveAddress() | RemoveWorkload() | SetResolver(address=None):
            return None
    raise DriverError(f"{step}: there is no network {step.vpc_id}")


def _with_segment(network: Network, step: AddSegment) -> Network:
    old = next((one for one in network.segments if one.subnet_id == step.subnet_id), None)
    new = Segment(
        subnet_id=step.subnet_id, cidr=step.cidr, gateway=step.gateway,
        addresses=old.addresses if old else (), workloads=old.workloads if old else (),
    )  # fmt: skip
    others = [one for one in network.segments if one.subnet_id != step.subnet_id]
    return replace(network, segments=tuple(sorted([*others, new], key=lambda one: one.subnet_id)))


def _changed(
    network: Network | None,
    step: AddAddress | RemoveAddress | AddWorkload | RemoveWorkload,
    change: Callable[[Segment], Segment],
) -> Network:
    found = [one for one in network.segments if one.subnet_id == step.subnet_id] if network else []
    if network is not None and not found and isinstance(step, RemoveAddress | RemoveWorkload):
        return network
    if network is None or not found:
        raise DriverError(f"{step}: there is no subnet {step.subnet_id}")
    return replace(network, segments=tuple(change(one) if one.subnet_id == step.subnet_id else one for one in network.segments))


def _addresses(segment: Segment, addresses: set[str]) -> Segment:
    return replace(segment, addresses=tuple(sorted(addresses)))


def _with_workload(segment: Segment, step: AddWorkload) -> Segment:
    others = _without_workload(segment, step.workload.interface_id).workloads
    return replace(segment, workloads=tuple(sorted([*others, step.workload])))


def _without_workload(segment: Segment, interface_id: str) -> Segment:
    return replace(segment, workloads=tuple(one for one in segment.workloads if one.interface_id != interface_id))


def held_addresses(network: Network) -> set[str]:
    """The addresses of a VPC that have something behind them: its resolver, endpoints, load balancer nodes and workloads."""
    held = {address for segment in network.segments for address in segment.addresses}
    held |= {workload.address for segment in network.segments for workload in segment.workloads}
    return held | ({network.resolver} if network.resolver else set())


class MemoryDriver:
    """Networks are entries of a dict; every address is 127.0.0.1 and sockets are the host's own."""

    moves_addresses = False
    name = "memory"
    resolver_port = 0

    def __init__(self) -> None:
        self._networks: dict[str, Network] = {}

    def start(self) -> None:
        """There is nothing that a dict stands on."""

    def networks(self) -> set[str]:
        return set(self._networks)

    def observe(self, vpc_id: str) -> Network | None:
        return self._networks.get(vpc_id)

    def apply(self, steps: Sequence[Step]) -> None:
        for step in steps:
            network = after(self._networks.get(step.vpc_id), step)
            if network is None:
                self._networks.pop(step.vpc_id, None)
            else:
                self._networks[step.vpc_id] = network

    def locate(self, vpc_id: str, address: str) -> Place:
        if address not in held_addresses(self._networks[vpc_id]):
            raise KeyError(f"{vpc_id} has no {address} here")
        return Place("127.0.0.1", None)

    def seen(self, vpc_id: str, admission: Admission) -> Clients:
        return admission.blocks

    def socket(self, vpc_id: str, kind: socket.SocketKind) -> socket.socket:
        if vpc_id not in self._networks:
            raise DriverError(f"no socket in {vpc_id}: there is no such network")
        return open_socket(kind)

    def cut(self, vpc_id: str, address: str) -> None:
        """No flow belongs to an address of a dict."""

    def reset(self, vpc_id: str, source: str, peers: Collection[tuple[str, int]], holder: int | None) -> int:
        """Likewise."""
        return 0

    def ends_flows(self) -> bool:
        return False

    def standing(self, doors: Collection[At]) -> list[Standing]:
        return []

    def end(self, standing: Collection[Standing], holder: int | None) -> None:
        """There is none."""

    def remove_everything(self) -> None:
        self._networks.clear()

    def close(self) -> None:
        """A dict holds nothing."""


def open_socket(kind: socket.SocketKind) -> socket.socket:
    """A non-blocking IPv4 socket of the host."""
    made = socket.socket(socket.AF_INET, kind)
    made.setblocking(False)
    return made
