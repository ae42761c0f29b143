"""Finds an instance that the caller owns, and what its answers show of the network it stands in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sidedoor import errors
from sidedoor.call import Call
from sidedoor.instances.model import Instance
from sidedoor.networks.lookup import owned
from sidedoor.networks.model import Interface
from sidedoor.networks.zones import zone_name
from sidedoor.paging import record_key


@dataclass(frozen=True)
class View:
    """An instance with its interface, which a terminated one no longer has, and the (id, name) of its groups."""

    instance: Instance
    interface: Interface | None
    groups: tuple[tuple[str, str], ...]
    zone_name: str


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
    return sorted((owned_instance(call, one) for one in dict.fromkeys(instance_ids)), key=record_key)


def views(call: Call, instances: Iterable[Instance]) -> list[View]:
    """The instances in the same order, each with what belongs to it."""
    instances = list(instances)
    interface_ids = [one.interface_id for one in instances if one.interface_id is not None]
    interfaces = {one.id: one for one in call.tables.interfaces.where(id=interface_ids)}
    group_ids = {group_id for interface in interfaces.values() for group_id in interface.group_ids}
    names = {group.id: group.name for group in call.tables.security_groups.where(id=group_ids)}

    def view(instance: Instance) -> View:
        interface = interfaces.get(instance.interface_id or "")
        groups = tuple((one, names[one]) for one in interface.group_ids) if interface else ()
        return View(instance, interface, groups, zone_name(call.account, instance.region, instance.zone_id))

    return [view(instance) for instance in instances]


def interface_of(call: Call, instance: Instance) -> Interface | None:
    """The interface by which others reach the instance."""
    return call.tables.interfaces.find(instance.interface_id) if instance.interface_id is not None else None
