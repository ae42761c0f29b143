"""Single attributes of instances, read and changed."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from instance_lab import Lab

from sidedoor import errors
from sidedoor.instances.attributes import (
    describe_instance_attribute,
    describe_instance_credit_specifications,
    modify_instance_attribute,
    modify_instance_metadata_options,
)
from sidedoor.instances.operations import stop_instances, terminate_instances
from sidedoor.networks.security_groups import create_security_group

SCRIPT = b"#!/bin/sh\necho hello\n"
ENCODED = base64.b64encode(SCRIPT).decode()


def read(lab: Lab, instance: dict[str, Any], name: str) -> Any:
    answer = dict(lab.ask(describe_instance_attribute, InstanceId=instance["InstanceId"], Attribute=name))
    assert answer.pop("InstanceId") == instance["InstanceId"]
    (value,) = answer.values()
    return value


def change(lab: Lab, instance: dict[str, Any], **request: Any) -> None:
    lab.ask(modify_instance_attribute, InstanceId=instance["InstanceId"], **request)


def stopped(lab: Lab, **request: Any) -> dict[str, Any]:
    instance = lab.run(**request)
    lab.ask(stop_instances, InstanceIds=[instance["InstanceId"]])
    return instance


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("disableApiStop", {"Value": False}),
        ("disableApiTermination", {"Value": True}),
        ("instanceInitiatedShutdownBehavior", {"Value": "terminate"}),
        ("instanceType", {"Value": "t3.micro"}),
        ("userData", {"Value": ENCODED}),
        ("sourceDestCheck", {"Value": True}),
        ("ebsOptimized", {"Value": False}),
        ("enaSupport", {"Value": True}),
        ("rootDeviceName", {"Value": "/dev/xvda"}),
        ("enclaveOptions", {"Enabled": False}),
        ("sriovNetSupport", {}),
        ("kernel", {}),
        ("ramdisk", {}),
        ("productCodes", []),
        ("blockDeviceMapping", []),
    ],
)
def test_an_attribute_is_as_the_launch_said_or_left_it(lab: Lab, name: str, value: Any) -> None:
    said = {"DisableApiTermination": True, "InstanceInitiatedShutdownBehavior": "terminate", "UserData": ENCODED}
    assert read(lab, lab.run(**said), name) == value


def test_an_instance_without_user_data_has_an_empty_attribute(lab: Lab) -> None:
    assert read(lab, lab.run(), "userData") == {}


def test_the_groups_are_those_of_its_interface(lab: Lab) -> None:
    instance = lab.run()
    group = lab.world.ask(create_security_group, VpcId=lab.vpc, GroupName="web", Description="web")["GroupId"]
    change(lab, instance, Groups=[group])
    assert read(lab, instance, "groupSet") == [{"GroupId": group}]
    assert lab.described(instance)["SecurityGroups"] == [{"GroupId": group, "GroupName": "web"}]
    lab.ask(terminate_instances, InstanceIds=[instance["InstanceId"]])
    assert read(lab, instance, "groupSet") == []
    with pytest.raises(errors.IncorrectInstanceState):
        change(lab, instance, Groups=[group])


@pytest.mark.parametrize(
    ("request_", "name", "value"),
    [
        ({"DisableApiStop": {"Value": True}}, "disableApiStop", True),
        ({"Attribute": "disableApiTermination", "Value": "true"}, "disableApiTermination", True),
        ({"InstanceInitiatedShutdownBehavior": {"Value": "terminate"}}, "instanceInitiatedShutdownBehavior", "terminate"),
        ({"InstanceType": {"Value": "m5.large"}}, "instanceType", "m5.large"),
        ({"EbsOptimized": {"Value": True}}, "ebsOptimized", True),
        ({"UserData": {"Value": SCRIPT}}, "userData", ENCODED),
        ({"Attribute": "userData", "Value": ENCODED}, "userData", ENCODED),
        ({"SourceDestCheck": {"Value": True}}, "sourceDestCheck", True),
    ],
)
def test_an_attribute_of_a_stopped_instance_can_be_changed(
    lab: Lab, request_: dict[str, Any], name: str, value: object
) -> None:
    instance = stopped(lab)
    change(lab, instance, **request_)
    assert read(lab, instance, name) == {"Value": value}


@pytest.mark.parametrize("member", ["InstanceType", "UserData", "EbsOptimized"])
def test_some_attributes_wait_until_the_instance_is_stopped(lab: Lab, member: str) -> None:
    values: dict[str, Any] = {"InstanceType": "t3.small", "UserData": SCRIPT, "EbsOptimized": True}
    with pytest.raises(errors.IncorrectInstanceState, match="not in the 'stopped' state"):
        change(lab, lab.run(), **{member: {"Value": values[member]}})


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"SourceDestCheck": {"Value": False}}, errors.UnsupportedOperation),
        ({"EnaSupport": {"Value": False}}, errors.UnsupportedOperation),
        ({"EnclaveOptions": {"Enabled": True}}, errors.UnsupportedOperation),
        ({"Kernel": {"Value": "aki-1"}}, errors.UnsupportedOperation),
        ({"InstanceType": {"Value": "t9.huge"}}, errors.InvalidParameterValue),
        ({"InstanceInitiatedShutdownBehavior": {"Value": "sleep"}}, errors.InvalidParameterValue),
        ({"Attribute": "colour", "Value": "red"}, errors.InvalidParameterValue),
        ({"DisableApiStop": {"Value": True}, "InstanceType": {"Value": "t3.small"}}, errors.InvalidParameterCombination),
        ({"DisableApiStop": {"Value": True}, "Groups": ["sg-1"]}, errors.InvalidParameterCombination),
    ],
)
def test_what_cannot_be_changed_is_refused(lab: Lab, request_: dict[str, Any], error: type[errors.ApiError]) -> None:
    with pytest.raises(error):
        change(lab, stopped(lab), **request_)


def test_an_attribute_that_no_instance_has_is_refused(lab: Lab) -> None:
    with pytest.raises(errors.InvalidParameterValue, match="colour"):
        read(lab, lab.run(), "colour")


def test_the_metadata_options_can_be_changed(lab: Lab) -> None:
    instance = lab.run()
    request = {"InstanceId": instance["InstanceId"], "HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    options = lab.ask(modify_instance_metadata_options, **request)["InstanceMetadataOptions"]
    assert lab.described(instance)["MetadataOptions"] == options
    assert options == instance["MetadataOptions"] | {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
    lab.ask(terminate_instances, InstanceIds=[instance["InstanceId"]])
    with pytest.raises(errors.IncorrectInstanceState):
        lab.ask(modify_instance_metadata_options, **request)


def test_burstable_instances_have_a_credit_specification(lab: Lab) -> None:
    types = {"t2.micro": "standard", "t3.micro": "unlimited", "m5.large": None}
    instances = {name: lab.run(InstanceType=name)["InstanceId"] for name in types}
    expected = {instances[name]: word for name, word in types.items() if word}
    asked = lab.ask(describe_instance_credit_specifications, InstanceIds=list(instances.values()))
    found = asked["InstanceCreditSpecifications"]
    assert {one["InstanceId"]: one["CpuCredits"] for one in found} == expected
    (unlimited,) = lab.ask(describe_instance_credit_specifications)["InstanceCreditSpecifications"]
    assert unlimited["InstanceId"] == instances["t3.micro"]


def test_a_stopped_instance_of_another_type_has_that_types_credits(lab: Lab) -> None:
    instance = stopped(lab, CreditSpecification={"CpuCredits": "standard"})
    change(lab, instance, InstanceType={"Value": "t3.small"})
    (found,) = lab.ask(describe_instance_credit_specifications)["InstanceCreditSpecifications"]
    assert found == {"InstanceId": instance["InstanceId"], "CpuCredits": "unlimited"}
