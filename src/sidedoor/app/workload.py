"""``sidedoor exec``: becomes a program inside an interface, with its VPC's resolver."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from sidedoor.app.placement import Placement
from sidedoor.dataplane.cache import glance
from sidedoor.dataplane.netns.enter import EnterError, exec_in, stands
from sidedoor.networks.model import Interface, Vpc, resolver_address
from sidedoor.settings import Settings, SettingsError

PATIENCE_SECONDS = 10.0
"""How long an interface that was only just made may take to stand."""


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What a program inside an interface has to know."""

    interface: Interface
    vpc: Vpc


def run(settings: Settings, interface_id: str, command: list[str]) -> NoReturn:
    """Becomes the command. Raises ``SettingsError``."""
    placement = Placement.read(settings.run)
    if placement is None:
        raise SettingsError(f"No agent has placed anything for {settings.state}: start `sidedoor up --state {settings.state}`.")
    inside = _find(settings, interface_id)
    if placement.mode == "loopback":
        _run_on_loopback(settings, inside, command)
    resolver = resolver_address(inside.vpc.cidr)
    _set_environment("netns", inside.interface.address, f"{resolver}:53")
    _wait(lambda: stands(settings.run, interface_id))
    try:
        exec_in(settings.run, interface_id, f"nameserver {resolver}\n", command)
    except EnterError as error:
        raise SettingsError(str(error)) from None


def _run_on_loopback(settings: Settings, inside: Inside, command: list[str]) -> NoReturn:
    """Without namespaces a program is told where its interface stands; nothing keeps it there."""
    from sidedoor.dataplane.loopback.driver import LoopbackDriver, addresses_of

    resolver = resolver_address(inside.vpc.cidr)

    def placed() -> bool:
        return {inside.interface.address, resolver} <= set(addresses_of(settings.state, inside.vpc.id))

    _wait(placed)
    addresses = addresses_of(settings.state, inside.vpc.id)
    if inside.interface.address not in addresses:
        raise SettingsError(f"{inside.interface.id} stands nowhere yet: is the agent running?")
    _set_environment(
        "loopback", addresses[inside.interface.address], f"{addresses.get(resolver, '')}:{LoopbackDriver.resolver_port}"
    )
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise SettingsError(f"{command[0]} cannot be run: {error.strerror}.") from None


def _set_environment(mode: str, address: str, resolver: str) -> None:
    os.environ |= {"SIDEDOOR_PLACEMENT": mode, "SIDEDOOR_ADDRESS": address, "SIDEDOOR_RESOLVER": resolver}


def _find(settings: Settings, interface_id: str) -> Inside:
    """The interface among what the agent was told. Raises ``SettingsError``."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = _look_up(settings, interface_id)
        if found is not None:
            return found
        if time.monotonic() > end:
            raise SettingsError(
                f"There is no interface {interface_id} here: `aws ec2 describe-network-interfaces` lists those that there are."
            )
        time.sleep(0.05)


def _look_up(settings: Settings, interface_id: str) -> Inside | None:
    cache = settings.state / "agent.db"
    interface = next((one for _, one in glance(cache, "interfaces", interface_id)), None)
    vpc = next((one for _, one in glance(cache, "vpcs", interface.vpc_id)), None) if interface is not None else None
    return None if interface is None or vpc is None else Inside(interface=interface, vpc=vpc)


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
