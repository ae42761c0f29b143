"""What a placement has to offer: networks that can be read back and changed step by step, and sockets inside them."""

from __future__ import annotations

import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.desired import Network
from sidedoor.dataplane.plan import Step

Clients = tuple[str, ...] | None
"""Blocks of addresses from which connections are let in; None: from everywhere."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address of a VPC really is: the address to use, and the network namespace to use it in (None: the host's)."""

    address: str
    namespace: str | None


At = tuple[str, str, int]
"""A VPC, an address in it and a port: where a door is."""


class Sight(NamedTuple):
    """An open flow at a place (``place``). ``silent``: the seconds since data or an acknowledgement went through; ``segments``:
    came in so far.

    What the kernel does not count as either is a keepalive of the other end's: that is a segment more, and nothing else.
    """

    place: bytes
    cookie: bytes
    socket_id: bytes
    inode: int
    silent: float
    segments: int


class Standing(NamedTuple):
    """A flow that stands at a door."""

    at: At
    flow: Sight


class DriverError(Exception):
    """The kernel refused a step. The message says which, and what the kernel said."""


class Driver(Protocol):
    """A placement. It remembers nothing that it can read back."""

    name: str
    """``netns``, ``loopback`` or ``memory``."""

    resolver_port: int
    """The port on which a VPC's resolver answers here: 53 where the VPC has a network of its own. 0: any free one."""

    moves_addresses: bool
    """Whether an address of a VPC may stand on another one here."""

    def start(self) -> None:
        """Makes what all networks stand on. Repeating it changes nothing. Raises ``DriverError``."""

    def networks(self) -> set[str]:
        """The ids of the VPCs that this state directory has placed on this host."""

    def observe(self, vpc_id: str) -> Network | None:
        """What of this VPC stands on the host now, or None."""

    def apply(self, steps: Sequence[Step]) -> None:
        """Carries out steps in order; one already done changes nothing. Raises ``DriverError`` at the first refusal."""

    def locate(self, vpc_id: str, address: str) -> Place:
        """Where this address of this VPC is. Raises ``KeyError`` where the VPC has no such address here.

        Where the VPC has a network of its own, any address counts that the network holds or that lies in one of its subnets.
        """

    def seen(self, vpc_id: str, admission: Admission) -> Clients:
        """From which addresses clients of this VPC connect that may come in. ``KeyError``: the VPC is not here.

        Where the VPC has a network of its own, they connect from those that they have.
        """

    def socket(self, vpc_id: str, kind: socket.SocketKind) -> socket.socket:
        """A new non-blocking IPv4 socket inside the VPC. Raises ``DriverError``."""

    def cut(self, vpc_id: str, address: str) -> None:
        """Ends every established TCP flow to this local address of the VPC at once, where the host can do that."""

    def reset(self, vpc_id: str, source: str, peers: Collection[tuple[str, int]], holder: int | None) -> int:
        """Ends the flows from an address of the VPC to these others, each an address of the VPC with a port. Returns how many.

        ``holder``: the process whose flows are meant, and no other's. May take a while: not for an event loop.
        """

    def ends_flows(self) -> bool:
        """Whether this host lets us end any flow. Known once the placement was started."""

    def standing(self, doors: Collection[At]) -> list[Standing]:
        """The flows that stand at these doors. Raises ``OSError``. May take a while: not for an event loop."""

    def end(self, standing: Collection[Standing], holder: int | None) -> None:
        """Ends these flows, which ``holder`` has, with a reset for both ends. Raises ``OSError``. Not for an event loop."""

    def remove_everything(self) -> None:
        """Takes away all that carries this state directory's mark."""

    def close(self) -> None:
        """Lets go of what this process holds for the networks. They themselves stay."""
