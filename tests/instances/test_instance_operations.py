"""Describing, stopping, starting and terminating instances."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from instance_lab import MODEL, Lab

from sidedoor import errors
from sidedoor.instances.attributes import modify_instance_attribute
from sidedoor.instances.operations import (
    describe_instance_status,
    describe_instances,
    monitor_instances,
    start_instances,
    stop_instances,
    terminate_instances,
    unmonitor_instances,
)
from sidedoor.networks.interfaces import (
    create_network_interface,
    delete_network_interface,
    describe_network_interfaces,
    modify_network_interface_attribute,
)
from sidedoor.tags import create_tags

STRANGER = "222222222222"
UNKNOWN = "i-0123456789abcdef0"


def states(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """(before, now) of each instance that an answer says to have changed."""
    (changes,) = answer.values()
    return [(one["PreviousState"]["Name"], one["CurrentState"]["Name"]) for one in changes]


def stop(lab: Lab, *instances: dict[str, Any]) -> list[tuple[str, str]]:
    return states(lab.ask(stop_instances, InstanceIds=[one["InstanceId"] for one in instances]))


def start(lab: Lab, *instances: dict[str, Any]) -> list[tuple[str, str]]:
    return states(lab.ask(start_instances, InstanceIds=[one["InstanceId"] for one in instances]))


def terminate(lab: Lab, *instances: dict[str, Any]) -> list[tuple[str, str]]:
    return states(lab.ask(terminate_instances, InstanceIds=[one["InstanceId"] for one in instances]))


# --- life ---------------------------------------------------------------------------------------------------------


def test_an_instance_stops_and_starts_with_the_same_interface(lab: Lab) -> None:
    instance = lab.run()
    assert stop(lab, instance) == [("running", "stopping")]
    stopped = lab.described(instance)
    assert stopped["State"] == {"Code": 80, "Name": "stopped"}
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert re.fullmatch(r"User initiated \(2026-01-02 \d\d:\d\d:\d\d GMT\)", stopped["StateTransitionReason"])
    assert stop(lab, instance) == [("stopped", "stopped")]
    assert start(lab, instance) == [("stopped", "pending")]
    started = lab.described(instance)
    assert started["State"]["Name"] == "running"
    assert started["StateTransitionReason"] == ""
    assert started["LaunchTime"] > instance["LaunchTime"]
    assert started["NetworkInterfaces"] == instance["NetworkInterfaces"]
    assert start(lab, instance) == [("running", "running")]


def test_an_interface_says_whether_its_instance_runs(lab: Lab) -> None:
    instance = lab.run()

    def running() -> bool:
        with lab.world.store.read() as tables:
            (interface,) = tables.interfaces.where()
            assert interface.attachment is not None
            return bool(interface.attachment.running)

    assert running()
    stop(lab, instance)
    assert not running()
    start(lab, instance)
    assert running()


def test_a_terminated_instance_takes_its_interface_along(lab: Lab) -> None:
    instance = lab.run()
    assert terminate(lab, instance) == [("running", "shutting-down")]
    assert lab.interfaces() == []
    gone = lab.described(instance)
    assert gone["State"] == {"Code": 48, "Name": "terminated"}
    assert gone["NetworkInterfaces"] == gone["SecurityGroups"] == []
    assert not gone.keys() & {"VpcId", "SubnetId", "PrivateIpAddress"}
    assert gone["Placement"]["AvailabilityZone"] == lab.zone
    assert terminate(lab, instance) == [("terminated", "terminated")]


def test_a_stopped_instance_can_be_terminated(lab: Lab) -> None:
    instance = lab.run()
    stop(lab, instance)
    assert terminate(lab, instance) == [("stopped", "shutting-down")]
    assert lab.state(instance) == "terminated"


def test_an_interface_that_stays_is_free_afterwards(lab: Lab) -> None:
    made = lab.world.ask(create_network_interface, SubnetId=lab.subnet)["NetworkInterface"]
    instance = lab.run(NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": made["NetworkInterfaceId"]}])
    terminate(lab, instance)
    (interface,) = lab.interfaces()
    assert interface["Status"] == "available"
    assert "Attachment" not in interface
    lab.world.ask(delete_network_interface, NetworkInterfaceId=made["NetworkInterfaceId"])


def test_what_is_terminated_neither_starts_nor_stops(lab: Lab) -> None:
    instance = lab.run()
    terminate(lab, instance)
    for change in (start, stop):
        with pytest.raises(errors.IncorrectInstanceState, match="terminated"):
            change(lab, instance)


def test_one_instance_that_is_not_there_changes_none(lab: Lab) -> None:
    instance = lab.run()
    for change in (start, stop, terminate):
        with pytest.raises(errors.InstanceNotFound, match=UNKNOWN):
            change(lab, instance, {"InstanceId": UNKNOWN})
        with pytest.raises(errors.InstanceIdMalformed):
            change(lab, {"InstanceId": "x-1"})
    assert lab.state(instance) == "running"


def test_hibernating_is_refused(lab: Lab) -> None:
    with pytest.raises(errors.UnsupportedOperation):
        lab.ask(stop_instances, InstanceIds=[lab.run()["InstanceId"]], Hibernate=True)


def test_a_protected_instance_is_neither_stopped_nor_terminated(lab: Lab) -> None:
    instance, other = lab.run(DisableApiStop=True, DisableApiTermination=True), lab.run()
    with pytest.raises(errors.OperationNotPermitted, match=r"may not be stopped\. Modify its 'disableApiStop'"):
        stop(lab, other, instance)
    with pytest.raises(errors.OperationNotPermitted, match=r"may not be terminated\. Modify its 'disableApiTermination'"):
        terminate(lab, other, instance)
    assert (lab.state(instance), lab.state(other)) == ("running", "running")
    change = {"InstanceId": instance["InstanceId"], "DisableApiTermination": {"Value": False}}
    lab.ask(modify_instance_attribute, **change)
    assert terminate(lab, instance) == [("running", "shutting-down")]


def test_a_terminated_instance_is_forgotten_after_an_hour(lab: Lab) -> None:
    first = lab.reserve(ClientToken="once")
    terminate(lab, *first["Instances"])
    lab.world.now += timedelta(minutes=59)
    assert lab.state(first["Instances"][0]) == "terminated"
    lab.world.now += timedelta(minutes=1)
    assert lab.instances() == []
    with pytest.raises(errors.InstanceNotFound):
        lab.described(first["Instances"][0])
    with pytest.raises(errors.InstanceNotFound):
        terminate(lab, *first["Instances"])


def test_what_is_forgotten_is_removed_with_its_token(lab: Lab) -> None:
    first = lab.reserve(ClientToken="once")
    terminate(lab, *first["Instances"])
    lab.world.now += timedelta(hours=1)
    lab.run()
    with lab.world.store.read() as tables:
        assert len(tables.instances.where()) == 1
        assert tables.client_tokens.where() == []
    assert lab.reserve(ClientToken="once")["ReservationId"] != first["ReservationId"]


# --- its interface ------------------------------------------------------------------------------------------------


def test_an_attached_interface_cannot_be_deleted(lab: Lab) -> None:
    lab.run()
    (interface,) = lab.interfaces()
    with pytest.raises(errors.InterfaceInUse, match=f"'{interface['NetworkInterfaceId']}' is currently in use"):
        lab.world.ask(delete_network_interface, NetworkInterfaceId=interface["NetworkInterfaceId"])


def test_whether_an_interface_goes_with_its_instance_can_be_changed(lab: Lab) -> None:
    instance = lab.run()
    (interface,) = lab.interfaces()
    wanted = {"AttachmentId": interface["Attachment"]["AttachmentId"], "DeleteOnTermination": False}
    request = {"NetworkInterfaceId": interface["NetworkInterfaceId"]}
    lab.world.ask(modify_network_interface_attribute, **request, Attachment=wanted)
    with pytest.raises(errors.AttachmentNotFound, match="eni-attach-0"):
        lab.world.ask(modify_network_interface_attribute, **request, Attachment={"AttachmentId": "eni-attach-0"})
    terminate(lab, instance)
    assert [one["Status"] for one in lab.interfaces()] == ["available"]


@pytest.mark.parametrize("member", ["InstanceId", "AttachmentId", "InstanceOwnerId", "Status"])
def test_interfaces_can_be_filtered_by_their_instance(lab: Lab, member: str) -> None:
    lab.world.ask(create_network_interface, SubnetId=lab.subnet)
    lab.run()
    (attached,) = [one for one in lab.interfaces() if "Attachment" in one]
    name = f"attachment.{re.sub('(?<!^)(?=[A-Z])', '-', member).lower()}"
    filters = [{"Name": name, "Values": [attached["Attachment"][member]]}]
    assert lab.ask(describe_network_interfaces, Filters=filters)["NetworkInterfaces"] == [attached]


# --- describe -----------------------------------------------------------------------------------------------------


def test_instances_are_listed_by_their_reservations(lab: Lab) -> None:
    two, one = lab.reserve(MinCount=2, MaxCount=2), lab.reserve()
    reservations = lab.ask(describe_instances)["Reservations"]
    assert [one["ReservationId"] for one in reservations] == [two["ReservationId"], one["ReservationId"]]
    assert [len(one["Instances"]) for one in reservations] == [2, 1]


def test_pages_of_instances_follow_each_other(lab: Lab) -> None:
    ids = {one["InstanceId"] for one in lab.reserve(MinCount=7, MaxCount=7)["Instances"]}
    first = lab.ask(describe_instances, MaxResults=5)
    second = lab.ask(describe_instances, MaxResults=5, NextToken=first["NextToken"])
    shown = [one["InstanceId"] for page in (first, second) for one in page["Reservations"][0]["Instances"]]
    assert (len(shown), set(shown), second["NextToken"]) == (7, ids, None)
    with pytest.raises(errors.InvalidParameterCombination):
        lab.ask(describe_instances, InstanceIds=shown[:1], MaxResults=5)


def test_another_accounts_instance_does_not_exist(lab: Lab) -> None:
    request = {"InstanceIds": [lab.run()["InstanceId"]]}
    assert lab.world.ask(describe_instances, account=STRANGER)["Reservations"] == []
    for operation in (describe_instances, start_instances, stop_instances, terminate_instances, describe_instance_status):
        with pytest.raises(errors.InstanceNotFound):
            lab.world.ask(operation, account=STRANGER, **request)


def documented_filters(operation: str) -> list[str]:
    text = MODEL.operation_model(operation).input_shape.members["Filters"].documentation
    return [name for name in re.findall(r"<code>([a-z0-9.-]+)</code> -", text) if not name.startswith("tag:")]


@pytest.mark.parametrize(
    ("operation", "name"),
    [("DescribeInstances", name) for name in documented_filters("DescribeInstances")]
    + [("DescribeInstanceStatus", name) for name in documented_filters("DescribeInstanceStatus")],
)
def test_every_filter_that_aws_documents_is_known(lab: Lab, operation: str, name: str) -> None:
    lab.run()
    filters = [{"Name": name, "Values": ["no such value"]}]
    asked = {"DescribeInstances": describe_instances, "DescribeInstanceStatus": describe_instance_status}[operation]
    answer = lab.ask(asked, Filters=filters)
    assert answer in ({"Reservations": [], "NextToken": None}, {"InstanceStatuses": [], "NextToken": None})


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("instance-state-name", "running", {"a"}),
        ("instance-state-name", "stopped", {"b"}),
        ("instance-state-code", "80", {"b"}),
        ("instance-type", "t3.*", {"a"}),
        ("architecture", "arm64", {"b"}),
        ("vpc-id", "vpc-*", {"a", "b"}),
        ("private-ip-address", "10.0.1.4", {"a"}),
        ("private-dns-name", "ip-10-0-1-5.ec2.internal", {"b"}),
        ("network-interface.addresses.private-ip-address", "10.0.1.5", {"b"}),
        ("network-interface.attachment.delete-on-termination", "true", {"a", "b"}),
        ("instance.group-name", "default", {"a", "b"}),
        ("key-name", "mine", {"a"}),
        ("client-token", "once", {"a"}),
        ("monitoring-state", "enabled", {"b"}),
        ("metadata-options.http-tokens", "required", {"b"}),
        ("reason", "User initiated*", {"b"}),
        ("state-reason-code", "Client.UserInitiatedShutdown", {"b"}),
        ("launch-index", "0", {"a", "b"}),
        ("tag:Name", "a", {"a"}),
        ("tag-key", "Name", {"a", "b"}),
        ("ip-address", "*", set()),
    ],
)
def test_instances_can_be_filtered(lab: Lab, name: str, value: str, found: set[str]) -> None:
    first = lab.run(KeyName="mine", ClientToken="once")
    second = lab.run(InstanceType="t4g.nano", Monitoring={"Enabled": True}, MetadataOptions={"HttpTokens": "required"})
    stop(lab, second)
    names = {first["InstanceId"]: "a", second["InstanceId"]: "b"}
    for instance_id, tag in names.items():
        lab.world.ask(create_tags, Resources=[instance_id], Tags=[{"Key": "Name", "Value": tag}])
    filters = [{"Name": name, "Values": [value]}]
    assert {names[one["InstanceId"]] for one in lab.instances(Filters=filters)} == found


def test_a_filter_that_aws_does_not_have_is_refused(lab: Lab) -> None:
    for operation in (describe_instances, describe_instance_status):
        with pytest.raises(errors.InvalidFilter):
            lab.ask(operation, Filters=[{"Name": "colour", "Values": ["red"]}])


def test_the_status_is_that_of_running_instances_unless_all_are_asked_for(lab: Lab) -> None:
    running, stopped = lab.run(), lab.run()
    stop(lab, stopped)
    (status,) = lab.ask(describe_instance_status)["InstanceStatuses"]
    assert (status["InstanceId"], status["InstanceState"]["Name"]) == (running["InstanceId"], "running")
    assert (status["InstanceStatus"]["Status"], status["SystemStatus"]["Status"]) == ("ok", "ok")
    both = lab.ask(describe_instance_status, IncludeAllInstances=True)["InstanceStatuses"]
    assert [one["InstanceStatus"]["Status"] for one in both] == ["ok", "not-applicable"]
    named = lab.ask(describe_instance_status, InstanceIds=[stopped["InstanceId"]])
    assert named["InstanceStatuses"] == []


def test_monitoring_goes_on_and_off_and_what_is_so_already_says_so(lab: Lab) -> None:
    instance = lab.run()
    which = {"InstanceIds": [instance["InstanceId"]]}
    for operation, passing, lasting in (
        (monitor_instances, "pending", "enabled"),
        (unmonitor_instances, "disabling", "disabled"),
    ):
        for shown in (passing, lasting):
            (answer,) = lab.ask(operation, **which)["InstanceMonitorings"]
            assert answer == {"InstanceId": instance["InstanceId"], "Monitoring": {"State": shown}}
        assert lab.described(instance)["Monitoring"] == {"State": lasting}
    terminate(lab, instance)
    with pytest.raises(errors.IncorrectInstanceState):
        lab.ask(monitor_instances, **which)


def test_all_missing_instances_are_named_at_once(lab: Lab) -> None:
    there, first, second = lab.run()["InstanceId"], "i-00000000000000001", "i-00000000000000002"
    for operation in (describe_instances, terminate_instances):
        with pytest.raises(errors.InstanceNotFound, match=f"^The instance IDs '{first}, {second}' do not exist$"):
            lab.ask(operation, InstanceIds=[first, there, second])
        with pytest.raises(errors.InstanceNotFound, match=f"^The instance ID '{first}' does not exist$"):
            lab.ask(operation, InstanceIds=[there, first])
