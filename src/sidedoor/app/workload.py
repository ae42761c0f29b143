"""``sidedoor exec``: becomes a program inside an interface, with its VPC's resolver."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NoReturn

from sidedoor.app.placement import Placement
from sidedoor.dataplane.attachment_files import AttachmentFiles
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


def run(settings: Settings, place: str, command: list[str]) -> NoReturn:
    """Becomes the command inside an interface, or an instance's. Raises ``SettingsError``."""
    placement = Placement.read(settings)
    if placement is None:
        raise SettingsError(f"No agent has placed anything for {settings.state}: start `sidedoor up --state {settings.state}`.")
    inside = find(settings, place)
    interface_id = inside.interface.id
    if placement.mode == "loopback":
        _run_on_loopback(settings, inside, command)
    resolver = resolver_address(inside.vpc.cidr)
    _set_environment("netns", inside.interface.address, f"{resolver}:53")
    attached = AttachmentFiles(settings.state, settings.run).load().get(interface_id)
    if attached is not None and not placement.why_nothing_can_be_attached:
        raise SettingsError(
            f"{interface_id} stands in {attached.place}: run the program there, or `sidedoor detach {interface_id}` first."
        )
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


def find(settings: Settings, place: str) -> Inside:
    """The interface, or the instance's, among what the agent was told or is about to be told. Raises ``SettingsError``."""
    cache = settings.state / "agent.db"
    interface = _among((one for _, one in glance(cache, "interfaces", place if place.startswith("eni-") else None)), place)
    vpc = next((one for _, one in glance(cache, "vpcs", interface.vpc_id)), None) if interface is not None else None
    if interface is None or vpc is None:
        return _ask_for(settings, place)
    return Inside(interface=interface, vpc=vpc)


def _ask_for(settings: Settings, place: str) -> Inside:
    """The place as the control plane knows it: the agent may not have heard of it yet. Raises ``SettingsError``."""
    from sidedoor.app.planning import asked

    told = asked(settings)
    if told is None:
        raise SettingsError(f"{place} is unknown here, and no control plane answers: start `sidedoor up`.")
    interface = _among(told.interfaces.values(), place)
    if interface is None:
        raise SettingsError(
            f"There is no interface or instance {place} to run in: "
            "`aws ec2 describe-network-interfaces` lists the interfaces that there are."
        )
    return Inside(interface=interface, vpc=told.vpcs[interface.vpc_id])


def _among(interfaces: Iterable[Interface], place: str) -> Interface | None:
    """The workload interface that has this id, or belongs to the instance that has it."""
    return next((one for one in interfaces if one.kind is InterfaceKind.WORKLOAD and _is(one, place)), None)


def _is(interface: Interface, place: str) -> bool:
    """An instance's id means the interface that it came with."""
    attachment = interface.attachment
    return place == interface.id or (attachment is not None and (place, 0) == (attachment.instance_id, attachment.device_index))


def _wait(condition: Callable[[], bool]) -> bool:
    """Whether it came true in time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
