"""Finds an instance that the caller owns, and what its answers show of the network it stands in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.instances.model import Instance
from sidedoor.networks.lookup import owned
from sidedoor.networks.model import Interface, InterfaceKind
from sidedoor.networks.zones import zone_name
from sidedoor.paging import record_key


@dataclass(frozen=True)
class View:
    """An instance with its first interface, which a terminated one no longer has, and the (id, name) of its groups.

    ``others``: its further interfaces in the order of their device index; ``names``: group id -> name for all of them.
    """

    instance: Instance
    interface: Interface | None
    groups: tuple[tuple[str, str], ...]
    zone_name: str
    others: tuple[Interface, ...]
    names: Mapping[str, str]

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        return self.others if self.interface is None else (self.interface, *self.others)


def owned_instance(call: Call, instance_id: str) -> Instance:
    not_found, malformed = errors.InstanceNotFound, errors.InstanceIdMalformed
    instance = owned(call, call.tables.instances, instance_id, "i", not_found, malformed)
    if instance.forgotten(call.now):
        raise errors.InstanceNotFound(id=instance_id)
    return instance


def chosen_instances(call: Call, instance_ids: Iterable[str] | None) -> list[Instance]:
    """The instances with these ids, or all that the caller owns and that are not forgotten; oldest first."""
    if not instance_ids:
        return [one for one in call.tables.instances.where(**call.owned) if not one.forgotten(call.now)]
    return sorted(named_instances(call, instance_ids), key=record_key)


def named_instances(call: Call, instance_ids: Iterable[str]) -> list[Instance]:
    """The instances with these ids in their order. Raises ``InvalidInstanceID.NotFound``, which names all that are missing."""
    found: list[Instance] = []
    missing: list[str] = []
    for instance_id in dict.fromkeys(instance_ids):
        try:
            found.append(owned_instance(call, instance_id))
        except errors.InstanceNotFound:
            missing.append(instance_id)
    if len(missing) > 1:
        raise errors.InstanceNotFound(f"The instance IDs '{', '.join(missing)}' do not exist")
    if missing:
        raise errors.InstanceNotFound(id=missing[0])
    return found


def views(call: Call, instances: Iterable[Instance]) -> list[View]:
    """The instances in the same order, each with what belongs to it."""
    instances = list(instances)
    interfaces = _interfaces(call, instances)
    group_ids = {group_id for some in interfaces.values() for one in some for group_id in one.group_ids}
    names = {group.id: group.name for group in call.tables.security_groups.where(id=group_ids)}

    def view(instance: Instance) -> View:
        mine = interfaces.get(instance.id, ())
        first = next((one for one in mine if one.id == instance.interface_id), None)
        groups = tuple((one, names[one]) for one in first.group_ids) if first else ()
        others = tuple(one for one in mine if one is not first)
        return View(instance, first, groups, zone_name(call.account, instance.region, instance.zone_id), others, names)

    return [view(instance) for instance in instances]


def _interfaces(call: Call, instances: Sequence[Instance]) -> Mapping[str, Sequence[Interface]]:
    """Instance id -> its interfaces in the order of their device index."""
    found: dict[str, list[Interface]] = defaultdict(list)
    wanted = {one.id for one in instances}
    for interface in call.tables.interfaces.where(**call.owned, kind=InterfaceKind.WORKLOAD):
        if interface.attachment is not None and interface.attachment.instance_id in wanted:
            found[interface.attachment.instance_id].append(interface)
    for some in found.values():
        some.sort(key=_device_index)
    return found


def _device_index(interface: Interface) -> int:
    return interface.attachment.device_index if interface.attachment is not None else 0


def interfaces_of(call: Call, instance: Instance) -> Sequence[Interface]:
    """All interfaces of the instance, the one at device index 0 first."""
    return _interfaces(call, [instance]).get(instance.id, ())


def interface_of(call: Call, instance: Instance) -> Interface | None:
    """The interface by which others reach the instance."""
    return call.tables.interfaces.find(instance.interface_id) if instance.interface_id is not None else None
