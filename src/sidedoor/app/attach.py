"""``sidedoor attach``, ``detach`` and ``attachments``: write down what of this host is put where; the agent does it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from sidedoor.app.placement import Placement
from sidedoor.app.workload import find
from sidedoor.dataplane.attachment_files import AttachmentFiles, Status
from sidedoor.dataplane.attachments import LONGEST_PLACE, AttachError, Attachment, Kind, rivals
from sidedoor.dataplane.cache import glance
from sidedoor.dataplane.whereabouts import written
from sidedoor.networks.model import Subnet, Vpc, gateway_address, resolver_address
from sidedoor.settings import Settings, SettingsError

PATIENCE_SECONDS = 10.0
"""How long the agent may take to detach something."""

_LONGEST_NAME = 15


@dataclass(frozen=True, kw_only=True)
class Network:
    """What has to be told to whatever is attached: it gets no DHCP."""

    address: str
    subnet: Subnet
    vpc: Vpc
    mac: str = ""

    def lines(self) -> list[tuple[str, str]]:
        prefix = self.subnet.cidr.partition("/")[2]
        told = [("address", f"{self.address}/{prefix}" if self.address else f"any free one of {self.subnet.cidr}")]
        told += [("mac", self.mac)] if self.mac else []
        told.append(("gateway", gateway_address(self.subnet.cidr)))
        return told + ([("resolver", resolver_address(self.vpc.cidr))] if self.vpc.dns_support else [])


def attach(
    settings: Settings, target: str, kind: Kind, place: str, *, name: str, default_route: bool, resolver: bool, wait: float
) -> tuple[Status | None, Network]:
    """Writes an attachment down and waits for it. Returns how it is, None where no agent says, and what goes with it.

    Raises ``SettingsError``.
    """
    _check_placement(settings)
    files = _files(settings)
    network, target_id = _network(settings, target, kind)
    attachment = Attachment(
        id=target_id,
        kind=kind,
        place=_place(kind, place),
        link=_link_name(name),
        default_route=default_route,
        resolver=resolver,
    )
    holder = rivals({**{one.id: one for one in files.load().values() if one.id != target_id}, target_id: attachment})
    if target_id in holder:
        raise SettingsError(f"{place} is attached to {holder[target_id]} already: `sidedoor detach {holder[target_id]}` first.")
    files.put(attachment)
    return _wait(files, attachment, wait), network


def detach(settings: Settings, target: str) -> bool:
    """Gives up an attachment. Returns whether the agent has carried it out. Raises ``SettingsError``: there is none."""
    files = _files(settings)
    target_id = target
    if target not in files.load() and not target.startswith(("eni-", "subnet-")):
        target_id = find(settings, target).interface.id
    if not files.remove(target_id):
        raise SettingsError(f"Nothing is attached to {target}: `sidedoor attachments` lists what there is.")
    end = time.monotonic() + PATIENCE_SECONDS
    while target_id in files.seen():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def listed(settings: Settings) -> list[dict[str, Any]]:
    """All attachments and how they are."""
    files = _files(settings)
    seen, found = files.seen(), []
    for name, one in files.load().items():
        status = seen.get(name)
        current = status is not None and status.attachment == one
        found.append(
            {
                "Id": name,
                "Kind": str(one.kind),
                "Place": one.place,
                "Name": one.link if one.kind is Kind.NETNS else None,
                "State": status.state if status is not None and current else "unknown",
                "Reason": (status.reason or status.hint) if status is not None and current else "The agent has not said yet.",
            }
        )
    return found


def _files(settings: Settings) -> AttachmentFiles:
    return AttachmentFiles(settings.state, settings.run)


def _check_placement(settings: Settings) -> None:
    placement = Placement.read(settings)
    if placement is None:
        raise SettingsError(f"No agent has placed anything for {settings.state}: start `sidedoor up --state {settings.state}`.")
    refusal = placement.why_nothing_can_be_attached
    if refusal:
        raise SettingsError(refusal)


def _network(settings: Settings, target: str, kind: Kind) -> tuple[Network, str]:
    """What the target is, and its id: a subnet for a bridge, else an interface or the instance whose it is."""
    if kind is Kind.BRIDGE:
        subnet, vpc = _subnet(settings, target)
        return Network(address="", subnet=subnet, vpc=vpc), target
    inside = find(settings, target)
    subnet, vpc = _subnet(settings, inside.interface.subnet_id)
    return Network(address=inside.interface.address, mac=inside.interface.mac, subnet=subnet, vpc=vpc), inside.interface.id


def _subnet(settings: Settings, subnet_id: str) -> tuple[Subnet, Vpc]:
    from sidedoor.app.planning import asked

    told = asked(settings)
    if told is not None:
        subnets, vpcs = told.subnets, told.vpcs
    else:
        cache = settings.state / "agent.db"
        subnets = {one.id: one for _, one in glance(cache, "subnets", subnet_id)}
        vpcs = {one.id: one for _, one in glance(cache, "vpcs")}
    subnet = subnets.get(subnet_id)
    if subnet is None or subnet.vpc_id not in vpcs:
        raise SettingsError(f"There is no subnet {subnet_id}: `aws ec2 describe-subnets` lists those that there are.")
    return subnet, vpcs[subnet.vpc_id]


def _place(kind: Kind, place: str) -> str:
    if kind is not Kind.NETNS:
        return _link_name(place)
    try:
        return written(place)
    except AttachError as error:
        raise SettingsError(str(error)) from None


def _link_name(name: str) -> str:
    if not 0 < len(name) <= min(_LONGEST_NAME, LONGEST_PLACE) or "/" in name or name in (".", "..") or name.split() != [name]:
        raise SettingsError(f"{name!r} is no name of a network interface: give one of at most {_LONGEST_NAME} characters.")
    return name


def _wait(files: AttachmentFiles, attachment: Attachment, seconds: float) -> Status | None:
    """The agent's word about an attachment: that it stands, or after some time why it does not."""
    end = time.monotonic() + seconds
    while True:
        status = files.seen().get(attachment.id)
        current = status if status is not None and status.attachment == attachment else None
        if (current is not None and not current.reason) or time.monotonic() > end:
            return current
        time.sleep(0.05)
