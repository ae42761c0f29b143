"""Instances as answers show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sidedoor import tagging
from sidedoor.call import Call
from sidedoor.instances import metadata
from sidedoor.instances.lookup import View
from sidedoor.instances.model import CODES, Instance, InstanceState
from sidedoor.instances.types import TYPES
from sidedoor.networks.model import Interface, private_dns_name
from sidedoor.networks.public_side import association
from sidedoor.networks.wire import private_addresses

_USER_SHUTDOWN = "Client.UserInitiatedShutdown"
_ENDED = frozenset({InstanceState.STOPPING, InstanceState.STOPPED, InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})


def reservations(call: Call, views: Sequence[View]) -> list[dict[str, Any]]:
    """The instances by the request that launched them, in the order of their first instance."""
    grouped: dict[str, list[View]] = {}
    for view in views:
        grouped.setdefault(view.instance.reservation_id, []).append(view)
    return [
        {
            "ReservationId": reservation_id,
            "OwnerId": call.account,
            "Groups": [],
            "Instances": [to_wire(view) for view in sorted(members, key=lambda view: view.instance.launch_index)],
        }
        for reservation_id, members in grouped.items()
    ]


def state_to_wire(state: InstanceState) -> dict[str, Any]:
    return {"Code": CODES[state], "Name": state.value}


def dns_name(interface: Interface) -> str:
    return private_dns_name(interface.region, interface.address)


def transition_reason(instance: Instance) -> str:
    """Why it does not run, in AWS's words; empty where it does."""
    if instance.state not in _ENDED or instance.ended is None:
        return ""
    return f"User initiated ({instance.ended:%Y-%m-%d %H:%M:%S} GMT)"


def state_reason(instance: Instance) -> dict[str, str] | None:
    if instance.state not in _ENDED:
        return None
    return {"Code": _USER_SHUTDOWN, "Message": f"{_USER_SHUTDOWN}: User initiated shutdown"}


def to_wire(view: View) -> dict[str, Any]:
    instance, kind = view.instance, TYPES[view.instance.instance_type]
    reason = state_reason(instance)
    return {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "InstanceType": instance.instance_type,
        "State": state_to_wire(instance.state),
        "StateTransitionReason": transition_reason(instance),
        **({"StateReason": reason} if reason else {}),
        "AmiLaunchIndex": instance.launch_index,
        "LaunchTime": instance.launched,
        "Placement": {
            "AvailabilityZone": view.zone_name,
            "AvailabilityZoneId": instance.zone_id,
            "GroupName": "",
            "Tenancy": instance.tenancy,
        },
        "Monitoring": {"State": "enabled" if instance.monitoring else "disabled"},
        "Architecture": kind.architecture,
        "CpuOptions": {"CoreCount": kind.cores, "ThreadsPerCore": kind.threads_per_core},
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "EnaSupport": True,
        "EbsOptimized": instance.ebs_optimized,
        "RootDeviceType": "ebs",
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [],
        "ProductCodes": [],
        "PublicDnsName": "",
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "HibernationOptions": {"Configured": False},
        "EnclaveOptions": {"Enabled": False},
        "MaintenanceOptions": {"AutoRecovery": instance.auto_recovery},
        "MetadataOptions": metadata.to_wire(instance.metadata),
        "PrivateDnsNameOptions": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        **_given(instance),
        **_network(view),
        **({"Tags": tagging.to_wire(instance.tags)} if instance.tags else {}),
    }


def _given(instance: Instance) -> dict[str, Any]:
    """What an answer has only where the launch said it."""
    wire: dict[str, Any] = {}
    if instance.client_token:
        wire["ClientToken"] = instance.client_token
    if instance.key_name:
        wire["KeyName"] = instance.key_name
    if instance.profile_arn:
        wire["IamInstanceProfile"] = {"Arn": instance.profile_arn, "Id": instance.profile_id}
    return wire


def _network(view: View) -> dict[str, Any]:
    """Where the instance is; a terminated one is nowhere."""
    if view.interface is None:
        return {"PrivateDnsName": "", "SecurityGroups": [], "NetworkInterfaces": []}
    return {
        "VpcId": view.interface.vpc_id,
        "SubnetId": view.interface.subnet_id,
        "PrivateIpAddress": view.interface.address,
        "PrivateDnsName": dns_name(view.interface),
        "SourceDestCheck": True,
        "SecurityGroups": _groups(view),
        "NetworkInterfaces": [_interface(view, one) for one in view.interfaces],
    }


def _groups(view: View) -> list[dict[str, str]]:
    return [{"GroupId": group_id, "GroupName": name} for group_id, name in view.groups]


def _interface(view: View, interface: Interface) -> dict[str, Any]:
    name = dns_name(interface)
    wire: dict[str, Any] = {
        "NetworkInterfaceId": interface.id,
        "OwnerId": interface.account,
        "VpcId": interface.vpc_id,
        "SubnetId": interface.subnet_id,
        "Description": interface.description,
        "InterfaceType": interface.kind.value,
        "MacAddress": interface.mac,
        "PrivateIpAddress": interface.address,
        "PrivateDnsName": name,
        "PrivateIpAddresses": private_addresses(interface),
        "Ipv6Addresses": [],
        "Groups": [{"GroupId": one, "GroupName": view.names[one]} for one in interface.group_ids],
        "SourceDestCheck": True,
        "Status": "in-use",
        **association(interface),
    }
    if interface.attachment is not None:
        wire["Attachment"] = {
            "AttachmentId": interface.attachment.id,
            "AttachTime": interface.attachment.attached,
            "DeleteOnTermination": interface.attachment.delete_on_termination,
            "DeviceIndex": interface.attachment.device_index,
            "NetworkCardIndex": 0,
            "Status": "attached",
        }
    return wire
