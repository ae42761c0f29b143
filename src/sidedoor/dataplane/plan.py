"""plan(wanted, observed) -> ordered steps, printable. Pure.

Rule 1: a plan is a value; printing it is the explanation of what the agent is about to do.
Rule 2: ``plan(x, x)`` is empty. Carrying out a step that is already done changes nothing.
Rule 3: what is no longer wanted goes first, so that an address which moved is free when it is needed again.
Rule 4: adding means "make it so": it also mends what stands there half done or otherwise, so that what is still wanted is not
taken away for it. A driver reports a half-done part with empty values, which differ from any that can be wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sidedoor.dataplane.desired import Network, Segment, Workload


@dataclass(frozen=True, slots=True)
class AddNetwork:
    vpc_id: str
    cidr: str

    def __str__(self) -> str:
        return f"+ network {self.vpc_id} {self.cidr}"


@dataclass(frozen=True, slots=True)
class RemoveNetwork:
    vpc_id: str

    def __str__(self) -> str:
        return f"- network {self.vpc_id}"


@dataclass(frozen=True, slots=True)
class SetResolver:
    """The VPC's router takes (or with None gives up) the resolver's address."""

    vpc_id: str
    address: str | None

    def __str__(self) -> str:
        return f"{'+' if self.address else '-'} resolver of {self.vpc_id} {self.address or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class AddSegment:
    vpc_id: str
    subnet_id: str
    cidr: str
    gateway: str

    def __str__(self) -> str:
        return f"+ subnet {self.subnet_id} {self.cidr} gateway {self.gateway} in {self.vpc_id}"


@dataclass(frozen=True, slots=True)
class RemoveSegment:
    vpc_id: str
    subnet_id: str

    def __str__(self) -> str:
        return f"- subnet {self.subnet_id} in {self.vpc_id}"


@dataclass(frozen=True, slots=True)
class AddAddress:
    """The VPC's router takes the address of an endpoint or of a load balancer node in a subnet."""

    vpc_id: str
    subnet_id: str
    address: str

    def __str__(self) -> str:
        return f"+ address {self.address} in {self.subnet_id} of {self.vpc_id}"


@dataclass(frozen=True, slots=True)
class RemoveAddress:
    vpc_id: str
    subnet_id: str
    address: str

    def __str__(self) -> str:
        return f"- address {self.address} in {self.subnet_id} of {self.vpc_id}"


@dataclass(frozen=True, slots=True)
class AddWorkload:
    """An interface with its own namespace, in a subnet (``cidr``, ``gateway``: the subnet's)."""

    vpc_id: str
    subnet_id: str
    cidr: str
    gateway: str
    workload: Workload

    def __str__(self) -> str:
        return f"+ interface {self.workload.interface_id} {self.workload.address} in {self.subnet_id} of {self.vpc_id}"


@dataclass(frozen=True, slots=True)
class RemoveWorkload:
    vpc_id: str
    subnet_id: str
    interface_id: str

    def __str__(self) -> str:
        return f"- interface {self.interface_id} in {self.subnet_id} of {self.vpc_id}"


Step = (
    AddNetwork
    | RemoveNetwork
    | SetResolver
    | AddSegment
    | RemoveSegment
    | AddAddress
    | RemoveAddress
    | AddWorkload
    | RemoveWorkload
)


def plan(wanted: Network | None, observed: Network | None) -> tuple[Step, ...]:
    """The steps that lead from what is observed of one VPC to what is wanted of it."""
    if wanted is None:
        return () if observed is None else _without(observed)
    if observed is not None and observed.cidr != wanted.cidr:
        return (*_without(observed), *plan(wanted, None))
    before = {segment.subnet_id: segment for segment in observed.segments} if observed else {}
    after = {segment.subnet_id: segment for segment in wanted.segments}
    steps: list[Step] = []
    for subnet_id, segment in before.items():
        steps += _removals(wanted.vpc_id, segment, after.get(subnet_id))
    if observed is None:
        steps.append(AddNetwork(wanted.vpc_id, wanted.cidr))
    for subnet_id, segment in after.items():
        kept = before.get(subnet_id)
        steps += _additions(wanted.vpc_id, segment, kept if kept and _same_subnet(kept, segment) else None)
    if wanted.resolver != (observed.resolver if observed else None):
        steps.append(SetResolver(wanted.vpc_id, wanted.resolver))
    return tuple(steps)


def _without(observed: Network) -> tuple[Step, ...]:
    steps: list[Step] = []
    for segment in observed.segments:
        steps += _removals(observed.vpc_id, segment, None)
    return (*steps, RemoveNetwork(observed.vpc_id))


def _same_subnet(one: Segment, other: Segment) -> bool:
    return (one.cidr, one.gateway) == (other.cidr, other.gateway)


def _removals(vpc_id: str, observed: Segment, wanted: Segment | None) -> Iterator[Step]:
    kept = {workload.interface_id for workload in wanted.workloads} if wanted else set()
    for workload in observed.workloads:
        if workload.interface_id not in kept:
            yield RemoveWorkload(vpc_id, observed.subnet_id, workload.interface_id)
    for address in observed.addresses:
        if wanted is None or address not in wanted.addresses:
            yield RemoveAddress(vpc_id, observed.subnet_id, address)
    if wanted is None:
        yield RemoveSegment(vpc_id, observed.subnet_id)


def _additions(vpc_id: str, wanted: Segment, observed: Segment | None) -> Iterator[Step]:
    if observed is None:
        yield AddSegment(vpc_id, wanted.subnet_id, wanted.cidr, wanted.gateway)
    for address in wanted.addresses:
        if observed is None or address not in observed.addresses:
            yield AddAddress(vpc_id, wanted.subnet_id, address)
    for workload in wanted.workloads:
        if observed is None or workload not in observed.workloads:
            yield AddWorkload(vpc_id, wanted.subnet_id, wanted.cidr, wanted.gateway, workload)
