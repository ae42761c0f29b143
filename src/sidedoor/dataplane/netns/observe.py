"""What of a VPC stands in the kernel.

Rule 1: nothing is remembered; all of it is read from the VPC's own namespaces and, by name, from the fabric.
Rule 2: a part that would not carry packets is reported with empty values, so that the plan makes it anew or takes it away.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv4Interface

from sidedoor.dataplane.desired import Network, Segment, Workload
from sidedoor.dataplane.netns.links import Link, Links
from sidedoor.dataplane.netns.namespaces import Namespaces
from sidedoor.dataplane.netns.naming import (
    BRIDGE,
    FABRIC,
    GATEWAY,
    INSIDE,
    LEG,
    LOOPBACK,
    WORKLOAD,
    is_kind,
    link_name,
    record_id,
)


def observe(namespaces: Namespaces, vpc_id: str) -> Network | None:
    """The network of a VPC as it stands, or None. Raises ``OSError``."""
    with ExitStack() as stack:
        router, fabric = _links(namespaces, vpc_id, stack), _links(namespaces, FABRIC, stack)
        if router is None:
            return None
        links, addresses = router.all(), router.addresses()
        segments = [_segment(namespaces, fabric, leg, addresses.get(leg.index, [])) for leg in links if is_kind(LEG, leg.name)]
    loopback = next(link for link in links if link.name == LOOPBACK)
    return Network(
        vpc_id=vpc_id,
        cidr=loopback.mark.partition(" ")[2] if loopback.up else "",
        resolver=_resolver(addresses.get(loopback.index, [])),
        segments=tuple(sorted(segments, key=lambda segment: segment.subnet_id)),
    )


def _links(namespaces: Namespaces, name: str, stack: ExitStack) -> Links | None:
    try:
        with namespaces.entered(name):
            return stack.enter_context(Links())
    except FileNotFoundError:
        return None


def _resolver(addresses: list[IPv4Interface]) -> str | None:
    return " ".join(sorted(str(one.ip) for one in addresses if not one.ip.is_loopback)) or None


def _segment(namespaces: Namespaces, fabric: Links | None, leg: Link, addresses: list[IPv4Interface]) -> Segment:
    subnet_id = record_id("subnet", leg.mark, leg.name)
    bridge = fabric.find(link_name(BRIDGE, subnet_id)) if fabric else None
    gateways = [one for one in addresses if one.network.prefixlen < 32]
    ports = {one.name: one for one in fabric.ports(bridge)} if fabric and bridge else {}
    connected = bridge and bridge.up and _is_connected(leg, ports.get(link_name(GATEWAY, subnet_id)))
    gateway = gateways[0] if connected and leg.mark and leg.forwards and len(gateways) == 1 else None
    return Segment(
        subnet_id=subnet_id,
        cidr=str(gateway.network) if gateway else "",
        gateway=str(gateway.ip) if gateway else "",
        addresses=tuple(sorted(str(one.ip) for one in addresses if one.network.prefixlen == 32)),
        workloads=tuple(
            sorted(_workload(namespaces, port, gateway) for name, port in ports.items() if is_kind(WORKLOAD, name))
        ),
    )


def _is_connected(link: Link | None, port: Link | None) -> bool:
    """Whether a veth carries packets: both of its ends stand, are up and belong together."""
    return link is not None and port is not None and link.up and port.up and link.peer == port.index


def _workload(namespaces: Namespaces, port: Link, gateway: IPv4Interface | None) -> Workload:
    interface_id = record_id("eni", port.mark, port.name)
    unfit = Workload(interface_id=interface_id, address="", mac="")
    with ExitStack() as stack:
        inside = _links(namespaces, interface_id, stack)
        link = inside.find(INSIDE) if inside else None
        if gateway is None or inside is None or link is None or not _is_connected(link, port):
            return unfit
        addresses, out = inside.addresses().get(link.index, []), inside.default_gateway()
    if out != str(gateway.ip) or not addresses or addresses[0].network != gateway.network:
        return unfit
    return Workload(interface_id=interface_id, address=str(addresses[0].ip), mac=link.mac)


def reaches(namespaces: Namespaces, vpc_id: str, address: str) -> bool:
    """Whether the VPC's router holds an address or has it in one of its subnets. Quick: a route lookup, no packet."""
    try:
        with namespaces.entered(vpc_id):
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except FileNotFoundError:
        return False
    with asking:
        try:
            asking.connect((str(IPv4Address(address)), 9))
        except OSError:
            return False
    return True
