"""The placement without rights: every address of every VPC stands on a loopback address of its own.

Rule 1: the file of a VPC is what stands. The kernel has nothing to keep, for all of 127.0.0.0/8 answers on ``lo``.
Rule 2: an address keeps its place as long as it is wanted, over restarts too; a place that was given up is used again last.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
from bisect import bisect
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import groupby
from pathlib import Path

from sidedoor import codec, whole_file
from sidedoor.dataplane import flows
from sidedoor.dataplane.admission import Admission
from sidedoor.dataplane.desired import Network
from sidedoor.dataplane.driver import At, Clients, DriverError, Place, Standing
from sidedoor.dataplane.loopback.block import Block, NoFreeBlock, claim
from sidedoor.dataplane.memory import after, held_addresses, open_socket
from sidedoor.dataplane.plan import Step

log = logging.getLogger(__name__)

_PLACES = 255 * 256
"""How many values may follow 127.B. as the last 16 bits. The last 256 of them are kept for the claim."""


NOWHERE = "127.0.0.1"
"""Where connections come from, on this host, whose program has not said from where."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A network and where its addresses stand: address -> the last 16 bits of the loopback address."""

    network: Network
    places: dict[str, int] = field(default_factory=dict)


class LoopbackDriver:
    """Keeps a file for each VPC below ``state_dir/loopback``."""

    moves_addresses = True
    name = "loopback"

    resolver_port = 10053
    """Port 53 needs rights, and 5353 belongs to mDNS on many hosts."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / "loopback"
        self._block: Block | None = None
        self._placed: dict[str, Placed] = {}
        self._used: set[int] = set()
        self._last = 0
        self._cannot_cut = False

    def start(self) -> None:
        if self._block is not None:
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._block = claim(self._directory / "block")
        except (OSError, NoFreeBlock) as error:
            raise DriverError(f"no loopback addresses could be claimed: {error}") from error
        self._placed = {vpc_id: placed for vpc_id in self.networks() if (placed := self._read(vpc_id))}
        self._used = {place for placed in self._placed.values() for place in placed.places.values()}
        self._last = max(self._used, default=0)

    def close(self) -> None:
        if self._block is not None:
            self._block.close()
            self._block = None

    def networks(self) -> set[str]:
        return {path.stem for path in self._directory.glob("vpc-*.json")}

    def observe(self, vpc_id: str) -> Network | None:
        placed = self._read(vpc_id)
        return placed.network if placed else None

    def apply(self, steps: Sequence[Step]) -> None:
        for vpc_id, own in groupby(steps, key=lambda step: step.vpc_id):
            network = self.observe(vpc_id)
            try:
                for step in own:
                    network = after(network, step)
            finally:
                self._write(vpc_id, network)

    def locate(self, vpc_id: str, address: str) -> Place:
        return Place(self._loopback_address(self._placed[vpc_id].places[address]), None)

    def seen(self, vpc_id: str, admission: Admission) -> Clients:
        """The places of the addresses, and the host's own address for a client that says not where it is.

        A program that binds nothing connects from 127.0.0.1. It may be in any VPC or in none, so no rule can be asked about it:
        it is let in where there are rules at all.
        """
        if admission.blocks is None:
            return None
        spans = sorted((int(one.network_address), int(one.broadcast_address)) for one in map(IPv4Network, admission.blocks))
        within = [place for address, place in self._placed[vpc_id].places.items() if _is_within(spans, address)]
        nowhere = (f"{NOWHERE}/32",) if admission.ruled else ()
        return (*nowhere, *(f"{self._loopback_address(place)}/32" for place in sorted(within)))

    def socket(self, vpc_id: str, kind: socket.SocketKind) -> socket.socket:
        if vpc_id not in self._placed:
            raise DriverError(f"no socket in {vpc_id}: there is no such network")
        return open_socket(kind)

    def cut(self, vpc_id: str, address: str) -> None:
        """The kernel ends flows for root alone; without that Envoy does it, a second after it lost the listener."""
        try:
            place = self.locate(vpc_id, address)
        except KeyError:
            return
        with flows.open_diagnosis() as diagnosis:
            try:
                flows.end_flows(diagnosis, place.address)
            except OSError as error:
                self._say_once(error)

    def reset(self, vpc_id: str, source: str, peers: Collection[tuple[str, int]], holder: int | None) -> int:
        try:
            place = self.locate(vpc_id, source)
            places = {(self._standing(vpc_id, address), port) for address, port in peers}
        except KeyError:
            return 0
        with flows.open_diagnosis() as diagnosis:
            try:
                return flows.reset_flows(diagnosis, place.address, places, holder)
            except OSError as error:
                self._say_once(error)
                return 0

    def ends_flows(self) -> bool:
        return flows.can_end("127.0.0.1")

    def standing(self, doors: Collection[At]) -> list[Standing]:
        """All VPCs are one network of the host's, so that one question is enough."""
        places: dict[bytes, At] = {}
        for vpc_id, address, port in doors:
            with contextlib.suppress(KeyError):
                places[flows.place(self.locate(vpc_id, address).address, port)] = (vpc_id, address, port)
        if self._block is None or not places:
            return []
        with flows.open_diagnosis() as diagnosis:
            found = flows.open_flows(diagnosis, f"127.{self._block.number}.0.0/16", places)
        return [Standing(places[one.place], one) for one in found]

    def end(self, standing: Collection[Standing], holder: int | None) -> None:
        with flows.open_diagnosis() as diagnosis:
            flows.end(diagnosis, {one.flow.inode: one.flow.socket_id for one in standing}, holder)

    def _standing(self, vpc_id: str, address: str) -> str:
        """Where an address stands; one that stands nowhere is used as it is."""
        try:
            return self.locate(vpc_id, address).address
        except KeyError:
            return address

    def _say_once(self, error: OSError) -> None:
        if not self._cannot_cut:
            self._cannot_cut = True
            text = "The kernel ends no flows for this user (%s); Envoy alone ends them."
            log.info(text, error.strerror, extra={"action": "loopback.cut"})

    def remove_everything(self) -> None:
        self.close()
        for path in self._directory.glob("*"):
            path.unlink()
        if self._directory.exists():
            self._directory.rmdir()
        self._placed, self._used, self._last = {}, set(), 0

    # --- files and places -----------------------------------------------------------------------------------------

    def _path(self, vpc_id: str) -> Path:
        return self._directory / f"{vpc_id}.json"

    def _read(self, vpc_id: str) -> Placed | None:
        """What the file says. A file that cannot be understood stands for nothing and is written anew."""
        try:
            return codec.from_document(json.loads(self._path(vpc_id).read_text(encoding="utf-8")), Placed)
        except (FileNotFoundError, ValueError):
            return None

    def _write(self, vpc_id: str, network: Network | None) -> None:
        """Keeps a network as it is now, or, where it cannot be written, as it was.

        Other threads look addresses up meanwhile: what stands is exchanged at once and is never away.
        """
        before = self._placed[vpc_id].places if vpc_id in self._placed else {}
        if network is None:
            self._path(vpc_id).unlink(missing_ok=True)
            self._placed.pop(vpc_id, None)
            self._used -= set(before.values())
            return
        held = sorted(held_addresses(network))
        places = {address: before[address] if address in before else self._free_place() for address in held}
        placed = Placed(network=network, places=places)
        try:
            whole_file.write(self._path(vpc_id), json.dumps(codec.to_document(placed)))
        except OSError:
            self._used -= set(places.values()) - set(before.values())
            raise
        self._placed[vpc_id] = placed
        self._used -= set(before.values()) - set(places.values())

    def _free_place(self) -> int:
        """The next place after the one that was given out last; never a network's or a broadcast's last byte."""
        for offset in range(1, _PLACES + 1):
            place = (self._last + offset) % _PLACES
            if place not in self._used and place & 0xFF not in (0, 0xFF):
                self._used.add(place)
                self._last = place
                return place
        raise DriverError("every loopback address of the block is taken")

    def _loopback_address(self, place: int) -> str:
        if self._block is None:
            raise DriverError("the loopback placement was not started")
        return _written(self._block.number, place)


def _is_within(spans: Sequence[tuple[int, int]], address: str) -> bool:
    """Whether an address is in one of these spans, which are in order and apart."""
    number = int(IPv4Address(address))
    after = bisect(spans, (number, 2**32))
    return after > 0 and number <= spans[after - 1][1]


def addresses_of(state_dir: Path, vpc_id: str) -> dict[str, str]:
    """Where a VPC's addresses stand, for a process that is not the agent: address -> 127.x.y.z. Empty where there is none."""
    directory = state_dir / "loopback"
    try:
        number = int((directory / "block").read_text(encoding="ascii"))
        placed = codec.from_document(json.loads((directory / f"{vpc_id}.json").read_text(encoding="utf-8")), Placed)
    except (FileNotFoundError, ValueError):
        return {}
    return {address: _written(number, place) for address, place in placed.places.items()}


def _written(block: int, place: int) -> str:
    return f"127.{block}.{place >> 8}.{place & 0xFF}"
