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
from sidedoor.networks.model import Interface, InterfaceKind, Vpc, resolver_address
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
    placement = Placement.read(settings)
    if placement is None:
        raise SettingsError(f"No agent has placed anything for {settings.state}: start `sidedoor up --state {settings.state}`.")
    inside = _find(settings, interface_id)
    if placement.mode == "loopback":
        _run_on_loopback(settings, inside, command)
    resolver = resolver_address(inside.vpc.cidr)
    _set_environment("netns", inside.interface.address, f"{resolver}:53")
    if not _wait(lambda: stands(settings.run, interface_id)):
        raise SettingsError(f"{interface_id} does not stand yet: is the agent running?")
    try:
        exec_in(settings.run, interface_id, f"nameserver {resolver}\n", command)
    except EnterError as error:
        raise SettingsError(str(error)) from None


def _run_on_loopback(settings: Settings, inside: Inside, command: list[str]) -> NoReturn:
    """Without namespaces a program is told where its interface stands; nothing keeps it there."""
    from sidedoor.dataplane.loopback.driver import LoopbackDriver, addresses_of

    resolver = resolver_address(inside.vpc.cidr)
    needed = {inside.interface.address, resolver} if inside.vpc.dns_support else {inside.interface.address}
    if not _wait(lambda: needed <= addresses_of(settings.state, inside.vpc.id).keys()):
        raise SettingsError(f"{inside.interface.id} does not stand yet: is the agent running?")
    addresses = addresses_of(settings.state, inside.vpc.id)
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
    """The interface among what the agent was told, or is about to be told. Raises ``SettingsError``."""
    found = _look_up(settings, interface_id)
    if found is None:
        from sidedoor.app.planning import asked

        told = asked(settings)
        if told is None:
            raise SettingsError(f"{interface_id} is unknown here, and no control plane answers: start `sidedoor up`.")
        interface = told.interfaces.get(interface_id)
        if interface is None or interface.kind is not InterfaceKind.WORKLOAD:
            raise SettingsError(
                f"There is no interface {interface_id} to run in: `aws ec2 describe-network-interfaces` lists those there are."
            )
        found = Inside(interface=interface, vpc=told.vpcs[interface.vpc_id])
    return found


def _look_up(settings: Settings, interface_id: str) -> Inside | None:
    cache = settings.state / "agent.db"
    interface = next((one for _, one in glance(cache, "interfaces", interface_id)), None)
    if interface is None or interface.kind is not InterfaceKind.WORKLOAD:
        return None
    vpc = next((one for _, one in glance(cache, "vpcs", interface.vpc_id)), None)
    return None if vpc is None else Inside(interface=interface, vpc=vpc)


def _wait(condition: Callable[[], bool]) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
