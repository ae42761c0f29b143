"""Further interfaces of an instance: given to it and taken back. Its first one is there as long as the instance itself.

Each stands in a namespace of its own, which ``sidedoor exec eni-...`` enters; the instance's id means the first one's.
"""

from __future__ import annotations

from dataclasses import replace

from sidedoor import errors
from sidedoor.call import Answer, Call, Request
from sidedoor.instances.lookup import interfaces_of, owned_instance
from sidedoor.instances.model import Instance, InstanceState
from sidedoor.instances.types import TYPES
from sidedoor.networks.lookup import changeable_interface
from sidedoor.networks.model import Attachment, Interface, InterfaceKind
from sidedoor.networks.refusals import refuse

_REFUSED = ("EnaSrdSpecification", "EnaQueueCount", "NetworkCardIndex")


def attach_network_interface(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AttachNetworkInterface.html"""
    refuse(request, _REFUSED, "an instance has one network card without settings.")
    interface = changeable_interface(call, request["NetworkInterfaceId"])
    instance, index = owned_instance(call, request["InstanceId"]), request["DeviceIndex"]
    if interface.attachment is not None:
        raise errors.InterfaceInUse(id=interface.id)
    _check_fits(call, instance, interface, index)
    attachment = Attachment(
        id=call.new_id("eni-attach"), instance_id=instance.id, attached=call.now, delete_on_termination=False,
        running=instance.running, device_index=index,
    )  # fmt: skip
    call.tables.interfaces.update(interface, replace(interface, attachment=attachment))
    return {"AttachmentId": attachment.id, "NetworkCardIndex": 0}


def _check_fits(call: Call, instance: Instance, interface: Interface, index: int) -> None:
    if instance.state not in (InstanceState.RUNNING, InstanceState.STOPPED):
        raise errors.IncorrectInstanceState(id=instance.id, state=instance.state.value)
    if instance.zone_id != interface.zone_id:
        raise errors.InvalidParameterCombination(
            "You may not attach a network interface to an instance if they are not in the same availability zone"
        )
    others = interfaces_of(call, instance)
    if index < 0 or index in {one.attachment.device_index for one in others if one.attachment is not None}:
        raise errors.InvalidParameterValue(
            f"Instance '{instance.id}' already has an interface attached at device index '{index}'."
            if index >= 0
            else f"Value ({index}) for parameter deviceIndex is invalid. Expecting a value greater than 0."
        )
    if len(others) >= TYPES[instance.instance_type].interfaces:
        raise errors.AttachmentLimitExceeded(count=len(others) + 1, type=instance.instance_type)


def detach_network_interface(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachNetworkInterface.html"""
    attachment_id = request["AttachmentId"]
    for interface in call.tables.interfaces.where(**call.owned, kind=InterfaceKind.WORKLOAD):
        attachment = interface.attachment
        if attachment is not None and attachment.id == attachment_id:
            if attachment.device_index == 0:
                sentence = "The network interface at device index 0 and networkCard index 0 cannot be detached."
                raise errors.OperationNotPermitted(sentence)
            call.tables.interfaces.update(interface, replace(interface, attachment=None))
            return {}
    raise errors.AttachmentNotFound(id=attachment_id)
