"""Where a subscriber may be: what keeps a subscription from reaching the control plane's own host.

Rule: the address is looked at that is connected to, and not the one that a name had when somebody asked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

import httpcore

from sidedoor.notifications.carriers.carrier import Undeliverable

Block = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Reach:
    """``allowed``: blocks that may be reached though they are of a kind that may not."""

    allowed: tuple[Block, ...] = ()

    def permits(self, address: str) -> bool:
        """Whether a subscriber may have this address: no loopback, link-local, multicast or unspecified one."""
        found = _plain(ip_address(address.partition("%")[0]))
        if any(found in block for block in self.allowed):
            return True
        return not (found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """An IPv4 address that is written as an IPv6 one is the IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class GuardedNetwork(httpcore.AnyIOBackend):
    """Connects to those of a name's addresses that may be reached."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises ``Undeliverable`` where there is no such address."""
        addresses = await _addresses(host, port)
        permitted = [one for one in addresses if self._reach.permits(one)]
        if not permitted:
            raise Undeliverable(
                f"{host} is at {', '.join(addresses)}, where nothing is delivered: --deliver-to allows it", final=True
            )
        return await super().connect_tcp(permitted[0], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise Undeliverable("no subscriber is a Unix socket", final=True)


async def _addresses(host: str, port: int) -> Sequence[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Undeliverable(f"{host} has no address: {error.strerror}") from None
    return list(dict.fromkeys(str(one[4][0]) for one in found))
