"""What becomes of an instance's traces elsewhere when it stops, starts or is terminated, and when it is forgotten."""

from __future__ import annotations

from dataclasses import replace

from sidedoor.call import Call
from sidedoor.instances.lookup import interfaces_of
from sidedoor.instances.model import Instance, InstanceState


def show_elsewhere(call: Call, instance: Instance) -> None:
    """Writes whether the instance runs to what the data plane reads: its interfaces, and the targets that it is.

    An interface outlives its instance where that does not delete it.
    """
    tables = call.tables
    for interface in interfaces_of(call, instance):
        if interface.attachment is not None:
            attachment = replace(interface.attachment, running=instance.running)
            tables.interfaces.update(interface, replace(interface, attachment=attachment))
    for target in tables.targets.where(**call.owned, target_id=instance.id):
        tables.targets.update(target, replace(target, running=instance.running))


def release_interfaces(call: Call, instance: Instance) -> Instance:
    """The terminated instance without its interfaces, each of which goes too or is free for another instance."""
    for interface in interfaces_of(call, instance):
        if interface.attachment is not None and interface.attachment.delete_on_termination:
            call.tables.interfaces.remove(interface)
        else:
            call.tables.interfaces.update(interface, replace(interface, attachment=None))
    return replace(instance, interface_id=None)


def forget_terminated(call: Call) -> None:
    """Removes the caller's instances that were terminated long ago, the targets that they were and their tokens."""
    tables = call.tables
    terminated = tables.instances.where(**call.owned, state=InstanceState.TERMINATED)
    gone = [one for one in terminated if one.forgotten(call.now)]
    if not gone:
        return
    tables.instances.remove_all(gone)
    targets = tables.targets.where(**call.owned, target_id=[one.id for one in gone])
    tables.target_health.remove_all(tables.target_health.where(id=[one.id for one in targets]))
    tables.targets.remove_all(targets)
    reservations = {one.reservation_id for one in gone}
    reservations -= {one.reservation_id for one in tables.instances.where(reservation_id=reservations)}
    tables.client_tokens.remove_all(tables.client_tokens.where(resource_id=reservations))
