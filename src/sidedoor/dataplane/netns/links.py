"""Links, addresses and routes of one network namespace, through netlink.

Rule 1: names, not numbers: a link is looked up by its name, so that the cost does not depend on how many there are.
Rule 2: what the kernel refuses is an ``OSError`` with the kernel's number.
"""

from __future__ import annotations

import errno
import os
import socket
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from typing import Any, Self

from pyroute2.iproute.linux import IPRoute
from pyroute2.netlink import NLM_F_DUMP_INTR
from pyroute2.netlink.exceptions import NetlinkError

_IFF_UP, _IFF_LOWER_UP = 1, 1 << 16
_SKIP_STATISTICS = 8  # RTEXT_FILTER_SKIP_STATS (rtnetlink.h)
_MAIN_TABLE = 254
_DUMP_ATTEMPTS = 5

EVERYWHERE = IPv4Network("0.0.0.0/0")


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface. ``peer``: the index that a veth's other end has in its namespace. ``forwards``: between networks.

    ``carrier``: what is on its other side is up too. ``kind``: ``veth``, ``bridge``, ``tun`` for a tap; empty for hardware.
    """

    index: int
    name: str
    mark: str
    mac: str
    up: bool
    master: int | None
    peer: int | None
    forwards: bool
    carrier: bool
    kind: str


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the main table: where to, by whom, over which link."""

    to: IPv4Network
    gateway: str | None
    link: int | None


class Links:
    """A netlink socket in the network namespace in which the thread that makes it is at that moment."""

    def __init__(self) -> None:
        self._netlink = IPRoute()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._netlink.close()

    def find(self, name: str) -> Link | None:
        try:
            with _as_os_errors():
                return _link(self._netlink.link("get", ifname=name, ext_mask=_SKIP_STATISTICS)[0])
        except OSError as error:
            if error.errno == errno.ENODEV:
                return None
            raise

    def get(self, name: str) -> Link:
        """Like ``find``, for what must be there."""
        link = self.find(name)
        if link is None:
            raise OSError(errno.ENODEV, f"there is no link {name}")
        return link

    def all(self) -> list[Link]:
        return [_link(one) for one in _dump(lambda: self._netlink.link("dump", dump_filter=None, ext_mask=_SKIP_STATISTICS))]

    def ports(self, bridge: Link) -> list[Link]:
        """The links that are attached to a bridge. The kernel picks them out."""
        return [
            _link(one)
            for one in _dump(
                lambda: self._netlink.link("dump", dump_filter=None, master=bridge.index, ext_mask=_SKIP_STATISTICS)
            )
            if one.get_attr("IFLA_MASTER") == bridge.index
        ]

    def add_bridge(self, name: str) -> None:
        with _as_os_errors():
            self._netlink.link("add", ifname=name, kind="bridge", br_stp_state=0, br_forward_delay=0)

    def add_pair(
        self, name: str, peer: str, peer_namespace: int, *, mac: str, peer_mac: str, master: int | None = None
    ) -> None:
        """A veth pair of which the other end starts in another namespace, given as a descriptor."""
        other = {"ifname": peer, "net_ns_fd": peer_namespace, "address": peer_mac}
        attributes = {} if master is None else {"master": master}
        with _as_os_errors():
            self._netlink.link("add", ifname=name, kind="veth", peer=other, address=mac, **attributes)

    def set(self, link: Link, **attributes: Any) -> None:
        """For example ``state="up"``, ``master=7``, ``ifalias="eni-..."``."""
        with _as_os_errors():
            self._netlink.link("set", index=link.index, **attributes)

    def remove(self, name: str) -> None:
        """Takes a link away (a veth goes with its other end), if it is there."""
        link = self.find(name)
        if link is not None:
            with _as_os_errors(errno.ENODEV):
                self._netlink.link("del", index=link.index)

    def addresses(self) -> dict[int, list[IPv4Interface]]:
        """All IPv4 addresses by the index of their link, in the kernel's order."""
        found: defaultdict[int, list[IPv4Interface]] = defaultdict(list)
        for one in _dump(lambda: self._netlink.addr("dump", dump_filter=None, family=socket.AF_INET)):
            found[one["index"]].append(IPv4Interface((one.get_attr("IFA_LOCAL"), one["prefixlen"])))
        return found

    def add_address(self, link: Link, address: IPv4Interface) -> None:
        with _as_os_errors(errno.EEXIST):
            self._netlink.addr("add", index=link.index, address=str(address.ip), prefixlen=address.network.prefixlen)

    def remove_address(self, link: Link, address: IPv4Interface) -> None:
        # A link may vanish on its own: the kernel takes a veth away some time after its other end's namespace.
        with _as_os_errors(errno.EADDRNOTAVAIL, errno.ENODEV):
            self._netlink.addr("del", index=link.index, address=str(address.ip), prefixlen=address.network.prefixlen)

    def routes(self) -> list[Route]:
        return [
            Route(
                IPv4Network((one.get_attr("RTA_DST") or str(EVERYWHERE[0]), one["dst_len"])),
                one.get_attr("RTA_GATEWAY"),
                one.get_attr("RTA_OIF"),
            )
            for one in _dump(lambda: self._netlink.route("dump", dump_filter=None, family=socket.AF_INET, table=_MAIN_TABLE))
            if one.get_attr("RTA_TABLE") == _MAIN_TABLE
        ]

    def default_gateway(self) -> str | None:
        return next((one.gateway for one in self.routes() if one.to == EVERYWHERE), None)

    def set_route(self, to: IPv4Network, gateway: str, link: Link) -> None:
        with _as_os_errors():
            self._netlink.route("replace", dst=str(to), gateway=gateway, oif=link.index)

    def set_default_gateway(self, gateway: str) -> None:
        with _as_os_errors():
            self._netlink.route("replace", dst="0.0.0.0/0", gateway=gateway)


def _link(message: Any) -> Link:
    specific = message.get_attr("IFLA_AF_SPEC")
    settings = specific.get_attr("AF_INET") if specific is not None else None
    info = message.get_attr("IFLA_LINKINFO")
    return Link(
        index=message["index"],
        name=message.get_attr("IFLA_IFNAME"),
        mark=message.get_attr("IFLA_IFALIAS") or "",
        mac=message.get_attr("IFLA_ADDRESS") or "",
        up=bool(message["flags"] & _IFF_UP),
        master=message.get_attr("IFLA_MASTER"),
        peer=message.get_attr("IFLA_LINK"),
        forwards=bool(settings and settings["forwarding"]),
        carrier=bool(message["flags"] & _IFF_LOWER_UP),
        kind=(info.get_attr("IFLA_INFO_KIND") if info is not None else None) or "",
    )


def _dump(ask: Callable[[], Any]) -> list[Any]:
    """All answers of a dump, asked again when something changed while the kernel was answering (NLM_F_DUMP_INTR)."""
    for _ in range(_DUMP_ATTEMPTS):
        with _as_os_errors():
            answers = list(ask())
        if not any(one["header"]["flags"] & NLM_F_DUMP_INTR for one in answers):
            return answers
    raise OSError(errno.EAGAIN, "the kernel's list kept changing while it was read")


@contextmanager
def _as_os_errors(*done_already: int) -> Iterator[None]:
    """Translates what netlink refuses; the numbers named mean that there was nothing to do."""
    try:
        yield
    except NetlinkError as error:
        if error.code not in done_already:
            raise OSError(error.code, os.strerror(error.code)) from None
