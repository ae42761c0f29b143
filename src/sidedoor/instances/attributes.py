"""Reading and changing single attributes of instances."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sidedoor import errors
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.instances import metadata, user_data
from sidedoor.instances.launch import check_shutdown_behavior
from sidedoor.instances.lookup import chosen_instances, interface_of, owned_instance
from sidedoor.instances.model import Instance, InstanceState
from sidedoor.instances.types import TYPES, known_type
from sidedoor.networks.lookup import groups_of_vpc
from sidedoor.networks.refusals import refuse
from sidedoor.paging import page, record_key

_READ: Mapping[str, tuple[str, Callable[[Instance], Any]]] = {
    "disableApiStop": ("DisableApiStop", lambda one: one.disable_api_stop),
    "disableApiTermination": ("DisableApiTermination", lambda one: one.disable_api_termination),
    "ebsOptimized": ("EbsOptimized", lambda one: one.ebs_optimized),
    "enaSupport": ("EnaSupport", lambda one: True),
    "instanceInitiatedShutdownBehavior": ("InstanceInitiatedShutdownBehavior", lambda one: one.shutdown_behavior),
    "instanceType": ("InstanceType", lambda one: one.instance_type),
    "kernel": ("KernelId", lambda one: None),
    "ramdisk": ("RamdiskId", lambda one: None),
    "rootDeviceName": ("RootDeviceName", lambda one: "/dev/xvda"),
    "sourceDestCheck": ("SourceDestCheck", lambda one: True),
    "sriovNetSupport": ("SriovNetSupport", lambda one: None),
    "userData": ("UserData", lambda one: one.user_data),
}
"""Attribute -> (member of the answer, its value); an attribute without a value is an empty member, as on AWS."""

_LISTS: Mapping[str, str] = {"blockDeviceMapping": "BlockDeviceMappings", "productCodes": "ProductCodes"}


def describe_instance_attribute(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html"""
    instance, name = owned_instance(call, request["InstanceId"]), request["Attribute"]
    answer: Answer = {"InstanceId": instance.id}
    if name == "groupSet":
        interface = interface_of(call, instance)
        return answer | {"Groups": [{"GroupId": one} for one in (interface.group_ids if interface else ())]}
    if name == "enclaveOptions":
        return answer | {"EnclaveOptions": {"Enabled": False}}
    if name in _LISTS:
        return answer | {_LISTS[name]: []}
    if name not in _READ:
        raise errors.InvalidParameterValue(value=name, name="attribute", reason="Unknown attribute.")
    member, look = _READ[name]
    value = look(instance)
    return answer | {member: {} if value is None else {"Value": value}}


_REFUSED = ("BlockDeviceMappings", "Kernel", "Ramdisk", "SriovNetSupport")
_NAMED: Mapping[str, str] = {
    "disableApiStop": "DisableApiStop",
    "disableApiTermination": "DisableApiTermination",
    "ebsOptimized": "EbsOptimized",
    "instanceInitiatedShutdownBehavior": "InstanceInitiatedShutdownBehavior",
    "instanceType": "InstanceType",
    "sourceDestCheck": "SourceDestCheck",
    "userData": "UserData",
}
"""An attribute that ``Attribute`` and ``Value`` can change -> the member that does the same."""

_FLAGS: Mapping[str, str] = {
    "DisableApiStop": "disable_api_stop",
    "DisableApiTermination": "disable_api_termination",
    "EbsOptimized": "ebs_optimized",
}
_WHILE_STOPPED = frozenset({"InstanceType", "UserData", "EbsOptimized"})
"""EC2 API reference, ``ModifyInstanceAttribute``: "To modify some attributes, the instance must be stopped"."""


def modify_instance_attribute(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html"""
    instance = owned_instance(call, request["InstanceId"])
    refuse(request, _REFUSED, "an instance is a network interface in which you start programs.")
    asked = _asked(request)
    if len(asked) + bool(request.get("Groups")) > 1:
        raise errors.InvalidParameterCombination("Fields for multiple attribute types specified")
    for member, value in asked.items():
        if member in _WHILE_STOPPED and instance.state is not InstanceState.STOPPED:
            raise errors.IncorrectInstanceState(f"The instance '{instance.id}' is not in the 'stopped' state.")
        call.tables.instances.update(instance, replace(instance, **_changed(member, value)))
    if request.get("Groups"):
        _set_groups(call, instance, request["Groups"])
    return {}


def _asked(request: Request) -> dict[str, Any]:
    """Member -> new value, from either form of the request."""
    if request.get("Attribute"):
        name = request["Attribute"]
        if name not in _NAMED:
            raise errors.InvalidParameterValue(value=name, name="attribute", reason="It cannot be changed.")
        return {_NAMED[name]: request.get("Value")}
    members = (*_NAMED.values(), "EnaSupport", "EnclaveOptions")
    return {member: _value(request[member]) for member in members if member in request}


def _value(member: Mapping[str, Any]) -> Any:
    return member.get("Value", member.get("Enabled"))


def _changed(member: str, value: Any) -> dict[str, Any]:
    """The fields of the record that a member changes."""
    if member in _FLAGS:
        return {_FLAGS[member]: value if isinstance(value, bool) else str(value).lower() == "true"}
    if member == "InstanceType":
        kind = known_type(str(value))
        return {"instance_type": kind.name, "cpu_credits": kind.usual_credits}
    if member == "InstanceInitiatedShutdownBehavior":
        return {"shutdown_behavior": check_shutdown_behavior(str(value))}
    if member == "UserData":
        return {"user_data": user_data.encoded(value) if isinstance(value, bytes) else user_data.checked(value)}
    if str(value).lower() != _UNCHANGEABLE[member]:
        raise errors.UnsupportedOperation(f"The attribute {member} cannot have the value {value} in Sidedoor.")
    return {}


_UNCHANGEABLE: Mapping[str, str] = {"SourceDestCheck": "true", "EnaSupport": "true", "EnclaveOptions": "false"}


def _set_groups(call: Call, instance: Instance, group_ids: list[str]) -> None:
    interface = interface_of(call, instance)
    if interface is None:
        raise errors.IncorrectInstanceState(id=instance.id, state=instance.state.value)
    groups = groups_of_vpc(call, interface.vpc_id, group_ids)
    call.tables.interfaces.update(interface, replace(interface, group_ids=groups))


def modify_instance_metadata_options(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html"""
    instance = owned_instance(call, request["InstanceId"])
    if instance.state is InstanceState.TERMINATED:
        raise errors.IncorrectInstanceState(id=instance.id, state=instance.state.value)
    options = metadata.changed(instance.metadata, request)
    call.tables.instances.update(instance, replace(instance, metadata=options))
    return {"InstanceId": instance.id, "InstanceMetadataOptions": metadata.to_wire(options)}


def describe_instance_credit_specifications(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceCreditSpecifications.html"""
    asked = request.get("InstanceIds")
    chosen = [one for one in chosen_instances(call, asked) if TYPES[one.instance_type].burstable]
    if not asked:
        chosen = [one for one in chosen if one.cpu_credits == "unlimited" and one.state is not InstanceState.TERMINATED]
    found = filtered(chosen, request.get("Filters"), _CREDIT_FILTERS)
    shown, token = page(call, request, found, key=record_key)
    credit = [{"InstanceId": one.id, "CpuCredits": one.cpu_credits} for one in shown]
    return {"InstanceCreditSpecifications": credit, "NextToken": token}


_CREDIT_FILTERS: Mapping[str, Field[Instance]] = {"instance-id": lambda one: one.id}
