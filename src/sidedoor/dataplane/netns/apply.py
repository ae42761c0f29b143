"""Carries out the steps of a plan in the kernel.

Rule 1: a step makes it so, whatever stands there: nothing, half of it, or all of it.
Rule 2: whoever is killed between two calls leaves something that ``observe`` sees, or nothing. A namespace gets its name last;
a subnet begins and ends with the router's leg, a workload ends with its port on the bridge: by these they are found.
Rule 3: IPv6 is off in every namespace before it has a link, and no namespace but a VPC's router forwards.
"""

from __future__ import annotations

from contextlib import ExitStack
from ipaddress import IPv4Interface, IPv4Network
from types import TracebackType
from typing import Self

from sidedoor.dataplane.netns import kernel
from sidedoor.dataplane.netns.links import Link, Links
from sidedoor.dataplane.netns.namespaces import Namespaces, here, opened
from sidedoor.dataplane.netns.naming import (
    BRIDGE,
    FABRIC,
    GATEWAY,
    INSIDE,
    LEG,
    LOOPBACK,
    WORKLOAD,
    is_kind,
    leg_mac,
    link_name,
)
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


def make_fabric(namespaces: Namespaces) -> None:
    """The namespace of all bridges. It has no address and forwards nothing."""
    if FABRIC not in namespaces:
        with namespaces.made(FABRIC):
            _set_up(forward=False)
            # Where br_netfilter is loaded, as Docker does, each frame on a bridge would pass iptables, which is empty here.
            kernel.set_sysctl_if_there("bridge/bridge-nf-call-iptables", "0")


class Builder:
    """Carries out steps, with its sockets in the fabric and in the VPCs open until the ``with`` block ends."""

    def __init__(self, namespaces: Namespaces, flow_ports: tuple[int, int]) -> None:
        """``flow_ports``: the first and the last port from which load balancers' nodes connect to targets."""
        self._namespaces = namespaces
        self._flow_ports = flow_ports
        self._open = ExitStack()
        self._routers: dict[str, Links] = {}
        with namespaces.entered(FABRIC):
            self._fabric = self._open.enter_context(Links())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._open.close()

    def carry_out(self, step: Step) -> None:
        match step:
            case AddNetwork():
                self._add_network(step)
            case RemoveNetwork():
                self._remove_network(step)
            case SetResolver():
                self._set_resolver(step)
            case AddSegment():
                self._add_segment(step)
            case RemoveSegment():
                self._remove_segment(step.vpc_id, step.subnet_id)
            case AddAddress():
                router = self._router(step.vpc_id)
                router.add_address(router.get(link_name(LEG, step.subnet_id)), IPv4Interface(step.address))
            case RemoveAddress():
                self._remove_address(step)
            case AddWorkload():
                self._add_workload(step)
            case RemoveWorkload():
                self._namespaces.remove(step.interface_id)
                self._fabric.remove(link_name(WORKLOAD, step.interface_id))

    def _router(self, vpc_id: str) -> Links:
        """The netlink socket of a VPC. Raises ``FileNotFoundError`` where the VPC has no namespace."""
        if vpc_id not in self._routers:
            with self._namespaces.entered(vpc_id):
                self._routers[vpc_id] = self._open.enter_context(Links())
        return self._routers[vpc_id]

    # --- networks -------------------------------------------------------------------------------------------------

    def _add_network(self, step: AddNetwork) -> None:
        mark = f"{step.vpc_id} {step.cidr}"
        if step.vpc_id in self._namespaces:
            with self._namespaces.entered(step.vpc_id):
                _set_up_router(mark, self._flow_ports)
        else:
            with self._namespaces.made(step.vpc_id):
                _set_up_router(mark, self._flow_ports)

    def _remove_network(self, step: RemoveNetwork) -> None:
        if step.vpc_id not in self._namespaces:
            self._namespaces.remove(step.vpc_id)
            return
        for link in self._router(step.vpc_id).all():
            if is_kind(LEG, link.name):
                self._remove_segment(step.vpc_id, link.mark or link.name)
        self._routers.pop(step.vpc_id)
        self._namespaces.remove(step.vpc_id)

    def _set_resolver(self, step: SetResolver) -> None:
        """The address stands on ``lo``: Linux answers ARP for it on every leg (arp_ignore 0), whatever subnet it is in."""
        if step.address is None and step.vpc_id not in self._namespaces:
            return
        router = self._router(step.vpc_id)
        loopback = router.get(LOOPBACK)
        wanted = IPv4Interface(step.address) if step.address else None
        for address in router.addresses().get(loopback.index, []):
            if address != wanted and not address.ip.is_loopback:
                router.remove_address(loopback, address)
        if wanted is not None:
            router.add_address(loopback, wanted)

    # --- subnets --------------------------------------------------------------------------------------------------

    def _add_segment(self, step: AddSegment) -> None:
        router = self._router(step.vpc_id)
        leg, port = self._leg(step)
        bridge = self._bridge(step.subnet_id)
        self._fabric.set(port, master=bridge.index, ifalias=step.subnet_id, state="up")
        self._give_gateway(router, leg, IPv4Interface((step.gateway, IPv4Network(step.cidr).prefixlen)))
        router.set(leg, ifalias=step.subnet_id, state="up")
        with self._namespaces.entered(step.vpc_id):
            kernel.set_sysctl(f"ipv4/conf/{leg.name}/forwarding", "1")

    def _leg(self, step: AddSegment) -> tuple[Link, Link]:
        """Both ends of the veth between a VPC's router and the subnet's bridge."""
        router, names = self._router(step.vpc_id), (link_name(LEG, step.subnet_id), link_name(GATEWAY, step.subnet_id))
        if not _is_pair(router.find(names[0]), self._fabric.find(names[1])):
            router.remove(names[0])
            self._fabric.remove(names[1])
            mac = leg_mac(step.subnet_id)
            with opened(self._namespaces.path(FABRIC)) as fabric:
                router.add_pair(*names, fabric, mac=mac, peer_mac="fe" + mac[2:])
        return router.get(names[0]), self._fabric.get(names[1])

    def _bridge(self, subnet_id: str) -> Link:
        name = link_name(BRIDGE, subnet_id)
        if self._fabric.find(name) is None:
            self._fabric.add_bridge(name)
        bridge = self._fabric.get(name)
        self._fabric.set(bridge, ifalias=subnet_id, state="up")
        return bridge

    @staticmethod
    def _give_gateway(router: Links, leg: Link, gateway: IPv4Interface) -> None:
        for address in router.addresses().get(leg.index, []):
            if address.network.prefixlen < 32 and address != gateway:
                router.remove_address(leg, address)
        router.add_address(leg, gateway)

    def _remove_segment(self, vpc_id: str, subnet_id: str) -> None:
        """The leg goes last: as long as something of the subnet is there, it is found by its leg."""
        self._fabric.remove(link_name(BRIDGE, subnet_id))
        self._fabric.remove(link_name(GATEWAY, subnet_id))
        if vpc_id in self._namespaces:
            self._router(vpc_id).remove(link_name(LEG, subnet_id))

    def _remove_address(self, step: RemoveAddress) -> None:
        if step.vpc_id not in self._namespaces:
            return
        router = self._router(step.vpc_id)
        leg = router.find(link_name(LEG, step.subnet_id))
        if leg is not None:
            router.remove_address(leg, IPv4Interface(step.address))

    # --- workloads ------------------------------------------------------------------------------------------------

    def _add_workload(self, step: AddWorkload) -> None:
        name = step.workload.interface_id
        there = self._namespaces.entered(name) if name in self._namespaces else self._namespaces.made(name)
        with there:
            _set_up(forward=False)
            with Links() as inside:
                self._connect(step, inside)

    def _connect(self, step: AddWorkload, inside: Links) -> None:
        """Gives the namespace in which this thread is its interface, address and way out."""
        workload, name = step.workload, link_name(WORKLOAD, step.workload.interface_id)
        bridge = self._fabric.get(link_name(BRIDGE, step.subnet_id))
        if not _is_pair(inside.find(INSIDE), self._fabric.find(name)):
            inside.remove(INSIDE)
            self._fabric.remove(name)
            with here() as namespace:
                mac = workload.mac
                self._fabric.add_pair(name, INSIDE, namespace, mac="fe" + mac[2:], peer_mac=mac, master=bridge.index)
        port, link = self._fabric.get(name), inside.get(INSIDE)
        self._fabric.set(port, master=bridge.index, ifalias=workload.interface_id, state="up")
        if link.mac != workload.mac:
            inside.set(link, address=workload.mac)
        inside.set(link, ifalias=workload.interface_id, state="up")
        address = IPv4Interface((workload.address, IPv4Network(step.cidr).prefixlen))
        present = inside.addresses().get(link.index, [])
        if present[:1] != [address]:
            for other in present:
                inside.remove_address(link, other)
            inside.add_address(link, address)
        inside.set_default_gateway(step.gateway)


def _is_pair(one: Link | None, other: Link | None) -> bool:
    return one is not None and other is not None and one.peer == other.index and other.peer == one.index


def _set_up(*, forward: bool, mark: str | None = None) -> None:
    """Puts this thread's namespace into order. What a new one inherits is up to the host (devconf_inherit_init_net)."""
    for place in ("all", "default"):
        kernel.set_sysctl_if_there(f"ipv6/conf/{place}/disable_ipv6", "1")
    kernel.set_sysctl("ipv4/ip_forward", "1" if forward else "0")
    for place in ("all", "default"):
        for name, value in _SETTINGS.items():
            kernel.set_sysctl(f"ipv4/conf/{place}/{name}", value)
    with Links() as links:
        loopback = links.get(LOOPBACK)
        links.set(loopback, state="up", **({} if mark is None else {"ifalias": mark}))


def _set_up_router(mark: str, flow_ports: tuple[int, int]) -> None:
    """A VPC's: besides forwarding it holds the load balancers' nodes, and with them the ports of their connections.

    A connection's port is free again a second after its end (tcp_tw_reuse): what counts is how many are open.
    """
    _set_up(forward=True, mark=mark)
    kernel.set_sysctl("ipv4/ip_local_port_range", f"{flow_ports[0]} {flow_ports[1]}")
    kernel.set_sysctl("ipv4/tcp_tw_reuse", "1")


_SETTINGS = {
    "rp_filter": "1",  # a workload cannot send with an address of another subnet (RFC 3704, strict)
    "arp_ignore": "0",  # the router answers for the resolver's address, which is on another link
    "proxy_arp": "0",
    "accept_redirects": "0",
    "send_redirects": "0",
    "accept_source_route": "0",
}
