"""Further interfaces of an instance: attached, shown, stopped along with it, detached, left behind."""

from __future__ import annotations

from typing import Any

import pytest
from instance_lab import Lab

from sidedoor import errors
from sidedoor.instances.attachments import attach_network_interface, detach_network_interface
from sidedoor.instances.operations import start_instances, stop_instances, terminate_instances
from sidedoor.networks.interfaces import (
    create_network_interface,
    delete_network_interface,
    describe_network_interfaces,
    modify_network_interface_attribute,
)
from sidedoor.networks.subnets import create_subnet


@pytest.fixture
def instance_id(lab: Lab) -> str:
    return str(lab.run()["InstanceId"])


@pytest.fixture
def interface_id(lab: Lab) -> str:
    return str(lab.ask(create_network_interface, SubnetId=lab.subnet)["NetworkInterface"]["NetworkInterfaceId"])


def attach(lab: Lab, interface_id: str, instance_id: str, index: int = 1) -> str:
    asked = {"NetworkInterfaceId": interface_id, "InstanceId": instance_id, "DeviceIndex": index}
    return str(lab.ask(attach_network_interface, **asked)["AttachmentId"])


def shown(lab: Lab, interface_id: str) -> Any:
    (found,) = lab.ask(describe_network_interfaces, NetworkInterfaceIds=[interface_id])["NetworkInterfaces"]
    return found


def devices(lab: Lab, instance_id: str) -> dict[int, str]:
    (instance,) = lab.instances(InstanceIds=[instance_id])
    return {one["Attachment"]["DeviceIndex"]: one["NetworkInterfaceId"] for one in instance["NetworkInterfaces"]}


def test_an_attached_interface_is_one_of_its_instance(lab: Lab, instance_id: str, interface_id: str) -> None:
    (first,) = devices(lab, instance_id).values()
    attachment_id = attach(lab, interface_id, instance_id)
    assert attachment_id.startswith("eni-attach-")
    found = shown(lab, interface_id)
    assert (found["Status"], found["Attachment"]["InstanceId"], found["Attachment"]["DeviceIndex"]) == (
        "in-use",
        instance_id,
        1,
    )
    assert (found["Attachment"]["AttachmentId"], found["Attachment"]["DeleteOnTermination"]) == (attachment_id, False)
    assert devices(lab, instance_id) == {0: first, 1: interface_id}
    (instance,) = lab.instances(InstanceIds=[instance_id])
    assert instance["PrivateIpAddress"] == shown(lab, first)["PrivateIpAddress"]
    for name, value in {
        "network-interface.network-interface-id": interface_id,
        "network-interface.attachment.device-index": "1",
        "network-interface.private-ip-address": found["PrivateIpAddress"],
    }.items():
        assert [one["InstanceId"] for one in lab.instances(Filters=[{"Name": name, "Values": [value]}])] == [instance_id]


def test_a_detached_interface_is_free(lab: Lab, instance_id: str, interface_id: str) -> None:
    attachment_id = attach(lab, interface_id, instance_id)
    with pytest.raises(errors.InterfaceInUse):
        lab.ask(delete_network_interface, NetworkInterfaceId=interface_id)
    lab.ask(detach_network_interface, AttachmentId=attachment_id, Force=True)
    assert (shown(lab, interface_id)["Status"], list(devices(lab, instance_id))) == ("available", [0])
    with pytest.raises(errors.AttachmentNotFound):
        lab.ask(detach_network_interface, AttachmentId=attachment_id)
    lab.ask(delete_network_interface, NetworkInterfaceId=interface_id)


def test_the_first_interface_cannot_be_detached(lab: Lab, instance_id: str) -> None:
    (first,) = devices(lab, instance_id).values()
    with pytest.raises(errors.OperationNotPermitted, match="device index 0"):
        lab.ask(detach_network_interface, AttachmentId=shown(lab, first)["Attachment"]["AttachmentId"])


def test_every_interface_of_a_stopped_instance_stands_nowhere(lab: Lab, instance_id: str, interface_id: str) -> None:
    attach(lab, interface_id, instance_id)
    for operation, running in ((stop_instances, False), (start_instances, True)):
        lab.ask(operation, InstanceIds=[instance_id])
        with lab.world.store.read() as tables:
            interfaces = [one for one in tables.interfaces.where() if one.attachment is not None]
        assert [one.attachment.running for one in interfaces] == [running, running]


@pytest.mark.parametrize("delete", [True, False])
def test_a_terminated_instance_leaves_what_it_does_not_delete(
    lab: Lab, instance_id: str, interface_id: str, delete: bool
) -> None:
    attachment = {"AttachmentId": attach(lab, interface_id, instance_id), "DeleteOnTermination": delete}
    lab.ask(modify_network_interface_attribute, NetworkInterfaceId=interface_id, Attachment=attachment)
    lab.ask(terminate_instances, InstanceIds=[instance_id])
    left = lab.ask(describe_network_interfaces)["NetworkInterfaces"]
    assert [(one["NetworkInterfaceId"], one["Status"]) for one in left] == ([] if delete else [(interface_id, "available")])


def test_an_index_has_one_interface(lab: Lab, instance_id: str, interface_id: str) -> None:
    for index in (0, -1):
        with pytest.raises(errors.InvalidParameterValue):
            attach(lab, interface_id, instance_id, index)
    attach(lab, interface_id, instance_id)
    with pytest.raises(errors.InterfaceInUse):
        attach(lab, interface_id, instance_id, 2)


def test_an_instance_has_as_many_interfaces_as_its_type(lab: Lab, instance_id: str, interface_id: str) -> None:
    attach(lab, interface_id, instance_id)
    other = lab.ask(create_network_interface, SubnetId=lab.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    with pytest.raises(errors.AttachmentLimitExceeded, match=r"Interface count 3 exceeds the limit for t3\.micro"):
        attach(lab, other, instance_id, 2)


def test_an_interface_of_another_zone_is_out_of_reach(lab: Lab, instance_id: str) -> None:
    elsewhere = lab.ask(create_subnet, VpcId=lab.vpc, CidrBlock="10.0.200.0/24", AvailabilityZone="us-east-1f")["Subnet"]
    assert elsewhere["AvailabilityZone"] != lab.zone
    asked = {"SubnetId": elsewhere["SubnetId"]}
    interface_id = lab.ask(create_network_interface, **asked)["NetworkInterface"]["NetworkInterfaceId"]
    with pytest.raises(errors.InvalidParameterCombination, match="same availability zone"):
        attach(lab, interface_id, instance_id)


def test_a_terminated_instance_gets_no_interface(lab: Lab, instance_id: str, interface_id: str) -> None:
    lab.ask(terminate_instances, InstanceIds=[instance_id])
    with pytest.raises(errors.IncorrectInstanceState):
        attach(lab, interface_id, instance_id)
