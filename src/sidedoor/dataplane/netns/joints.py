"""Puts what somebody else made into subnets: namespaces, links and bridges of the host (``sidedoor attach``).

Rule 1: each joint has one port in the fabric, whose mark says what it joins. A fresh agent knows by it what stands, and how to
take it away.
Rule 2: of what is somebody else's nothing is changed but what the joint needs: in a namespace our own link, its address and its
routes; of a link its place, for as long as it is attached; of a bridge nothing but one more port.
Rule 3: ``settle`` looks first and changes only what is otherwise; what it cannot have it says in a sentence (``AttachError``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Hashable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from sidedoor.dataplane.attachments import AttachError, Joint, Kind, NotYet
from sidedoor.dataplane.netns import kernel, resolv_conf
from sidedoor.dataplane.netns.links import EVERYWHERE, Link, Links
from sidedoor.dataplane.netns.namespaces import Namespaces, inside, opened
from sidedoor.dataplane.netns.naming import (
    ATTACHED,
    BRIDGE,
    DOWNLINK,
    FABRIC,
    UPLINK,
    is_kind,
    leg_mac,
    link_name,
    record_id,
)
from sidedoor.dataplane.whereabouts import Site

_TAKEN = {"veth", "tun"}
"""Kinds of link that are taken as a port: a pair's end, and a tap. The host's own hardware is not."""


class Joiner:
    """The joints of one state directory. Runs in the host's network namespace, as root of the host."""

    def __init__(self, run_dir: Path) -> None:
        self._namespaces = Namespaces(run_dir / "netns")
        self._resolvers = run_dir / "resolv"

    def standing(self) -> set[str]:
        """The ids of all to which something is attached, or half attached."""
        with self._fabric() as fabric:
            return {_owner(one) for one in _ports(fabric)}

    def signatures(self, owners: Collection[str]) -> dict[str, Hashable]:
        """Of each of these that stands what would be otherwise if somebody had touched it. Cheap: nothing else is looked at."""
        with self._fabric() as fabric:
            found = ((owner, fabric.find(_port_name(owner))) for owner in owners)
            return {
                owner: (one.index, one.mark, one.up, one.carrier, one.master, one.peer)
                for owner, one in found
                if one is not None
            }

    def settle(self, joint: Joint, site: Site | None) -> str:
        """Makes it so. ``site``: the namespace, where it is one. Returns what it lacks, a sentence or nothing.

        Raises ``AttachError`` and ``OSError``.
        """
        with self._fabric() as fabric:
            bridge = fabric.find(link_name(BRIDGE, joint.subnet_id))
            if bridge is None:
                raise NotYet(f"The network of {joint.vpc_id} does not stand yet.")
            if joint.attachment.id in self._namespaces:
                raise NotYet(f"{joint.attachment.id} is yet to leave the namespace of its own.")
            match joint.attachment.kind:
                case Kind.NETNS:
                    return self._settle_in_namespace(joint, site, fabric, bridge)
                case Kind.VETH:
                    return self._settle_link(joint, fabric, bridge)
                case Kind.BRIDGE:
                    return self._settle_bridge(joint, fabric, bridge)

    def release(self, owner: str) -> None:
        """Takes a joint away, and gives back what it took. Repeating it changes nothing. Raises ``OSError``."""
        with self._fabric() as fabric:
            port = fabric.find(_port_name(owner))
            if port is not None:
                self._release(fabric, port)

    def release_all(self) -> None:
        with self._fabric() as fabric:
            for one in _ports(fabric):
                self._release(fabric, one)
        if self._resolvers.exists():
            for file in self._resolvers.iterdir():
                file.unlink()
            self._resolvers.rmdir()

    @contextmanager
    def _fabric(self) -> Iterator[Links]:
        """The fabric's links. Raises ``AttachError`` where there is none yet."""
        try:
            with self._namespaces.entered(FABRIC):
                links = Links()
        except FileNotFoundError:
            raise NotYet("The networks of this host do not stand yet.") from None
        with links:
            yield links

    # --- a namespace ----------------------------------------------------------------------------------------------

    def _settle_in_namespace(self, joint: Joint, site: Site | None, fabric: Links, bridge: Link) -> str:
        if site is None:
            raise AttachError(f"{joint.attachment.place} is no network namespace.")
        mark = f"{joint.attachment.id} {Kind.NETNS} {site.inode} {site.pid or '-'} {joint.attachment.link}"
        port_name = _port_name(joint.attachment.id)
        self._release_if_other(fabric, port_name, mark)
        with self._entered(site), Links() as links:
            link = self._pair(joint, fabric, port_name, links)
            _set(links, link, mark=joint.attachment.id)
            if link.mac != joint.mac:
                links.set(link, address=joint.mac)
            _give_way_out(joint, links, link)
        _set(fabric, fabric.get(port_name), mark=mark, master=bridge)
        return self._give_resolver(joint, site)

    @contextmanager
    def _entered(self, site: Site) -> Iterator[None]:
        """Runs the block inside the namespace, if it is still the one that was found, and neither the host's nor ours."""
        try:
            with opened(site.path) as namespace:
                found = os.fstat(namespace)
                if (found.st_dev, found.st_ino) != (site.device, site.inode):
                    raise AttachError(f"{site.path} has become another namespace.")
                if site.inode in self._forbidden():
                    raise AttachError(f"{site.path} is the host's own network namespace, or one that Sidedoor made.")
                with inside(namespace):
                    yield
        except FileNotFoundError:
            raise AttachError(f"There is no network namespace behind {site.path}.") from None

    def _forbidden(self) -> set[int]:
        """The inodes of the namespaces that are not to be attached. Of process 1 the kernel may tell even root nothing."""
        found = {Path(self._namespaces.path(name)).stat().st_ino for name in self._namespaces.names()}
        for home in ("/proc/thread-self/ns/net", "/proc/1/ns/net"):
            with contextlib.suppress(PermissionError):
                found.add(Path(home).stat().st_ino)
        return found

    def _pair(self, joint: Joint, fabric: Links, port_name: str, links: Links) -> Link:
        """The inner end of the veth, made anew unless both ends stand and belong together."""
        name, owner = joint.attachment.link, joint.attachment.id
        link, port = links.find(name), fabric.find(port_name)
        if link is not None and link.mark != owner:
            raise AttachError(f"{joint.attachment.place} has an interface {name} of its own: choose another --name.")
        _check_ways(joint, links, link)
        if link is None or port is None or (link.peer, port.peer) != (port.index, link.index):
            links.remove(name)
            fabric.remove(port_name)
            with opened(self._namespaces.path(FABRIC)) as namespace:
                links.add_pair(name, port_name, namespace, mac=joint.mac, peer_mac="fe" + joint.mac[2:])
            link = links.get(name)
            kernel.set_sysctl_if_there(f"ipv6/conf/{name}/disable_ipv6", "1")
        return link

    def _give_resolver(self, joint: Joint, site: Site) -> str:
        """The VPC's resolver in the place of the container's, where it is known whose files a namespace goes with."""
        file = self._resolvers / joint.attachment.id
        if not joint.attachment.resolver or joint.resolver is None or site.pid is None:
            return ""
        self._resolvers.mkdir(mode=0o755, exist_ok=True)
        text = f"nameserver {joint.resolver}\n"
        if not file.exists() or file.read_text(encoding="ascii") != text:
            file.write_text(text, encoding="ascii")
        return resolv_conf.cover(site.pid, file)

    # --- a link of the host's -------------------------------------------------------------------------------------

    def _settle_link(self, joint: Joint, fabric: Links, bridge: Link) -> str:
        name, port_name = joint.attachment.place, _port_name(joint.attachment.id)
        mark = f"{joint.attachment.id} {Kind.VETH} {name}"
        self._release_if_other(fabric, port_name, mark)
        if fabric.find(port_name) is None:
            self._take(name, port_name, mark)
        port = fabric.get(port_name)
        _set(fabric, port, mark=mark, master=bridge)
        return "" if fabric.get(port_name).carrier else f"What is behind {name} is down."

    def _take(self, name: str, port_name: str, mark: str) -> None:
        """Moves a link of the host's into the fabric. Its mark comes first: by it the link's own name is known again."""
        with Links() as host:
            link = host.find(name)
            if link is None:
                raise AttachError(f"There is no interface {name} on this host.")
            if link.kind not in _TAKEN:
                raise AttachError(f"{name} is no veth and no tap ({link.kind or 'hardware'}): such an interface is not taken.")
            host.set(link, ifalias=mark)
            with opened(self._namespaces.path(FABRIC)) as namespace:
                host.set(link, net_ns_fd=namespace, ifname=port_name)

    # --- a bridge of the host's -----------------------------------------------------------------------------------

    def _settle_bridge(self, joint: Joint, fabric: Links, bridge: Link) -> str:
        name, subnet_id = joint.attachment.place, joint.subnet_id
        mark = f"{subnet_id} {Kind.BRIDGE} {name}"
        up, down = _port_name(subnet_id), link_name(DOWNLINK, subnet_id)
        with Links() as host:
            outer = host.find(name)
            if outer is None or outer.kind != "bridge":
                fabric.remove(up)
                raise AttachError(f"There is no bridge {name} on this host.")
            link, port = host.find(down), fabric.find(up)
            if link is None or port is None or (link.peer, port.peer) != (port.index, link.index):
                fabric.remove(up)
                host.remove(down)
                # A Linux bridge has the lowest MAC address of its ports': this one is high, so that the host's keeps its own.
                digits = leg_mac(subnet_id)[2:]
                with opened(self._namespaces.path(FABRIC)) as namespace:
                    host.add_pair(down, up, namespace, mac="fe" + digits, peer_mac="fa" + digits)
            _set(host, host.get(down), mark=subnet_id, master=outer)
        _set(fabric, fabric.get(up), mark=mark, master=bridge)
        return "" if outer.up else f"The bridge {name} is down."

    # --- taking away ----------------------------------------------------------------------------------------------

    def _release_if_other(self, fabric: Links, port_name: str, mark: str) -> None:
        """Frees a port that joins something else, or never got so far as to say what."""
        port = fabric.find(port_name)
        if port is not None and port.mark != mark:
            self._release(fabric, port)

    def _release(self, fabric: Links, port: Link) -> None:
        owner, kind, *rest = [*port.mark.split(" "), "", ""]
        if kind == Kind.VETH:
            self._give_back(fabric, port, rest[0])
            return
        fabric.remove(port.name)
        if kind == Kind.NETNS and rest[1].isdigit():
            resolv_conf.uncover(int(rest[1]), self._resolvers / owner)
            (self._resolvers / owner).unlink(missing_ok=True)

    def _give_back(self, fabric: Links, port: Link, name: str) -> None:
        """Moves a link back to the host. Where its name is taken by now it keeps the one that it has here."""
        with Links() as host, opened("/proc/thread-self/ns/net") as home:
            back = port.name if host.find(name) is not None else name
            fabric.set(port, net_ns_fd=home, ifname=back)
            host.set(host.get(back), ifalias="", state="up")


def _ports(fabric: Links) -> list[Link]:
    return [one for one in fabric.all() if is_kind(ATTACHED, one.name) or is_kind(UPLINK, one.name)]


def _port_name(owner: str) -> str:
    return link_name(ATTACHED if owner.startswith("eni-") else UPLINK, owner)


def _owner(port: Link) -> str:
    prefix = "eni" if is_kind(ATTACHED, port.name) else "subnet"
    return record_id(prefix, port.mark.partition(" ")[0], port.name)


def _set(links: Links, link: Link, *, mark: str, master: Link | None = None) -> None:
    """Gives a link its mark and its bridge, and brings it up."""
    changes: dict[str, object] = {} if link.mark == mark else {"ifalias": mark}
    if master is not None and link.master != master.index:
        changes["master"] = master.index
    if not link.up or changes:
        links.set(link, **changes, state="up")


def _give_way_out(joint: Joint, links: Links, link: Link) -> None:
    """The address, and the routes that are wanted."""
    address = IPv4Interface((joint.address, IPv4Network(joint.cidr).prefixlen))
    if address not in links.addresses().get(link.index, []):
        links.add_address(link, address)
    led = {one.to for one in links.routes() if (one.gateway, one.link) == (joint.gateway, link.index)}
    for block in _ways(joint):
        if block not in {address.network, *led}:
            links.set_route(block, joint.gateway, link)


def _ways(joint: Joint) -> list[IPv4Network]:
    """What is to be reached through the subnet's gateway."""
    return [EVERYWHERE] if joint.attachment.default_route else [IPv4Network(one) for one in joint.blocks]


def _check_ways(joint: Joint, links: Links, link: Link | None) -> None:
    """Raises ``AttachError`` where a namespace leads there by another link."""
    for one in links.routes():
        if one.to in {*_ways(joint), IPv4Network(joint.cidr)} and (link is None or one.link != link.index):
            raise AttachError(
                f"{joint.attachment.place} has a way to {one.to} of its own: "
                + ("attach with --no-default-route." if one.to == EVERYWHERE else "this VPC cannot be reached from there too.")
            )
