"""The placement in network namespaces: each VPC a router of its own, overlapping addresses welcome.

Rule: ``observe`` and ``apply`` talk netlink and belong on a worker's thread; ``locate``, ``socket`` and ``cut`` are a few plain
system calls and may be called on an event loop's.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from sidedoor.dataplane import flows, source_ports
from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.attachments import NotYet
from sidedoor.dataplane.desired import Network
from sidedoor.dataplane.driver import At, Clients, DriverError, Place, Standing
from sidedoor.dataplane.netns.apply import Builder, make_fabric
from sidedoor.dataplane.netns.joints import Joiner
from sidedoor.dataplane.netns.namespaces import Namespaces
from sidedoor.dataplane.netns.naming import FABRIC
from sidedoor.dataplane.netns.observe import observe, reaches
from sidedoor.dataplane.plan import Step
from sidedoor.settings import CONNECTIONS_PER_TARGET

log = logging.getLogger(__name__)

EVERYWHERE = "0.0.0.0/0"
"""A VPC's own namespace has no flows but its own."""


class NetnsDriver:
    """Keeps its namespaces below ``run_dir/netns``: ``fabric``, one a VPC and one a workload's interface, by their ids."""

    moves_addresses = False
    name = "netns"
    resolver_port = 53

    def __init__(self, run_dir: Path, connections_per_target: int = CONNECTIONS_PER_TARGET) -> None:
        self._namespaces = Namespaces(run_dir / "netns")
        self.joiner = Joiner(run_dir)
        self._flow_ports = source_ports.of_flows(connections_per_target)
        self._cannot_cut = False

    def start(self) -> None:
        try:
            self._namespaces.start()
            make_fabric(self._namespaces)
        except OSError as error:
            raise DriverError(f"network namespaces cannot be made here: {error.strerror}") from error

    def networks(self) -> set[str]:
        return {name for name in self._namespaces.names() if name.startswith("vpc-")}

    def observe(self, vpc_id: str) -> Network | None:
        try:
            return observe(self._namespaces, vpc_id)
        except OSError as error:
            raise DriverError(f"{vpc_id} cannot be read back: {error.strerror}") from error

    def apply(self, steps: Sequence[Step]) -> None:
        if not steps:
            return
        self.start()
        with Builder(self._namespaces, self._flow_ports) as builder:
            for step in steps:
                try:
                    builder.carry_out(step)
                except OSError as error:
                    raise DriverError(f"{step}: {error.strerror}") from error

    def locate(self, vpc_id: str, address: str) -> Place:
        if not reaches(self._namespaces, vpc_id, address):
            raise KeyError(f"{vpc_id} has no {address} here")
        return Place(address, self._namespaces.path(vpc_id))

    def seen(self, vpc_id: str, admission: Admission) -> Clients:
        return admission.blocks

    def socket(self, vpc_id: str, kind: socket.SocketKind) -> socket.socket:
        try:
            with self._namespaces.entered(vpc_id):
                made = socket.socket(socket.AF_INET, kind)
        except OSError as error:
            raise DriverError(f"no socket in {vpc_id}: {error.strerror}") from error
        made.setblocking(False)
        return made

    def cut(self, vpc_id: str, address: str) -> None:
        diagnosis = self._diagnosis(vpc_id)
        if diagnosis is None:
            return
        with diagnosis:
            try:
                flows.end_flows(diagnosis, address)
            except OSError as error:
                self._say_once(error)

    def reset(self, vpc_id: str, source: str, peers: Collection[tuple[str, int]], holder: int | None) -> int:
        diagnosis = self._diagnosis(vpc_id)
        if diagnosis is None:
            return 0
        with diagnosis:
            try:
                return flows.reset_flows(diagnosis, source, peers, holder)
            except OSError as error:
                self._say_once(error)
                return 0

    def ends_flows(self) -> bool:
        with self._namespaces.entered(FABRIC):
            return flows.can_end("0.0.0.0")  # noqa: S104 - nobody else is in this namespace

    def standing(self, doors: Collection[At]) -> list[Standing]:
        of_vpc: defaultdict[str, dict[bytes, At]] = defaultdict(dict)
        for vpc_id, address, port in doors:
            of_vpc[vpc_id][flows.place(address, port)] = (vpc_id, address, port)
        found: list[Standing] = []
        for vpc_id, places in of_vpc.items():
            with self._diagnosis(vpc_id) or contextlib.nullcontext() as diagnosis:
                if diagnosis is not None:
                    found += [Standing(places[one.place], one) for one in flows.open_flows(diagnosis, EVERYWHERE, places)]
        return found

    def end(self, standing: Collection[Standing], holder: int | None) -> None:
        of_vpc: defaultdict[str, dict[int, bytes]] = defaultdict(dict)
        for one in standing:
            of_vpc[one.at[0]][one.flow.inode] = one.flow.socket_id
        for vpc_id, found in of_vpc.items():
            with self._diagnosis(vpc_id) or contextlib.nullcontext() as diagnosis:
                if diagnosis is not None:
                    flows.end(diagnosis, found, holder)

    def _diagnosis(self, vpc_id: str) -> flows.Diagnosis | None:
        """A socket with which flows of the VPC can be found and ended, or None where there is no such network."""
        try:
            with self._namespaces.entered(vpc_id):
                return flows.open_diagnosis()
        except FileNotFoundError:
            return None

    def _say_once(self, error: OSError) -> None:
        if not self._cannot_cut:
            self._cannot_cut = True
            detail = "it was built without SOCK_DESTROY" if error.errno == errno.EOPNOTSUPP else error.strerror
            text = "The kernel does not end flows on request (%s); Envoy alone ends them."
            log.warning(text, detail, extra={"action": "netns.cut"})

    def remove_everything(self) -> None:
        """What others lent us goes back first: a link of theirs would end with the fabric."""
        try:
            with contextlib.suppress(NotYet, PermissionError):  # Who may not enter may not unmount either, and says so.
                self.joiner.release_all()
            self._namespaces.remove_all()
        except OSError as error:
            raise DriverError(f"the namespaces cannot be removed: {error.strerror}") from error

    def close(self) -> None:
        """This process holds nothing: namespaces stand by their names."""
