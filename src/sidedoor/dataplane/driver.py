"""What a placement has to offer: networks that can be read back and changed step by step, and sockets inside them."""

from __future__ import annotations

import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sidedoor.dataplane.desired import Network
from sidedoor.dataplane.flows import Flow
from sidedoor.dataplane.plan import Step


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address of a VPC really is: the address to use, and the network namespace to use it in (None: the host's)."""

    address: str
    namespace: str | None


class Standing(NamedTuple):
    """A flow that stands at a door: (VPC, address, port)."""

    door: tuple[str, str, int]
    flow: Flow


class DriverError(Exception):
    """The kernel refused a step. The message says which, and what the kernel said."""


class Driver(Protocol):
    """A placement. It remembers nothing that it can read back."""

    name: str
    """``netns``, ``loopback`` or ``memory``."""

    resolver_port: int
    """The port on which a VPC's resolver answers here: 53 where the VPC has a network of its own. 0: any free one."""

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

    def socket(self, vpc_id: str, kind: socket.SocketKind) -> socket.socket:
        """A new non-blocking IPv4 socket inside the VPC. Raises ``DriverError``."""

    def cut(self, vpc_id: str, address: str) -> None:
        """Ends every established TCP flow to this local address of the VPC at once, where the host can do that."""

    def ends_flows(self) -> bool:
        """Whether this host lets us end flows. Known once the placement was started."""

    def flows(self, doors: Collection[tuple[str, str, int]]) -> list[Standing]:
        """The flows that stand at these doors, where flows can be ended. Raises ``OSError``."""

    def end(self, standing: Sequence[Standing]) -> None:
        """Ends these flows with a reset; one that ended by itself is none. Raises ``OSError``."""

    def remove_everything(self) -> None:
        """Takes away all that carries this state directory's mark."""

    def close(self) -> None:
        """Lets go of what this process holds for the networks. They themselves stay."""
