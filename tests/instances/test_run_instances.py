"""RunInstances: what a launch takes, what it refuses, and what comes of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from instance_lab import IMAGE, Lab

from sidedoor import errors
from sidedoor.identity.instance_profiles import create_instance_profile
from sidedoor.instances.launch import run_instances
from sidedoor.instances.operations import describe_instances
from sidedoor.networks.interfaces import (
    create_network_interface,
    describe_network_interface_attribute,
    describe_network_interfaces,
)
from sidedoor.networks.model import SecurityGroup, Subnet, Vpc
from sidedoor.networks.security_groups import create_security_group
from sidedoor.networks.subnets import create_subnet
from sidedoor.networks.vpcs import create_vpc
from sidedoor.networks.zones import zone_name
from sidedoor.tags import describe_tags

OWNER = "111111111111"


def default_vpc(lab: Lab, *zone_ids: str) -> None:
    """A default VPC with a default subnet in each of these zones."""
    owned: dict[str, Any] = {"account": OWNER, "region": "us-east-1", "created": datetime(2026, 1, 1, tzinfo=UTC)}
    with lab.world.store.write() as tables:
        tables.vpcs.add(Vpc(id="vpc-d", cidr="172.31.0.0/16", is_default=True, **owned))
        tables.security_groups.add(SecurityGroup(id="sg-d", vpc_id="vpc-d", name="default", description="", **owned))
        for number, zone_id in enumerate(zone_ids):
            cidr = f"172.31.{number * 16}.0/20"
            subnet = Subnet(id=f"subnet-{zone_id}", vpc_id="vpc-d", cidr=cidr, zone_id=zone_id, default_for_zone=True, **owned)
            tables.subnets.add(subnet)


def test_a_launch_answers_pending_and_the_instance_runs(lab: Lab) -> None:
    launched = lab.run()
    assert launched["State"] == {"Code": 0, "Name": "pending"}
    described = lab.described(launched)
    assert described == launched | {"State": {"Code": 16, "Name": "running"}}
    assert described["InstanceId"].startswith("i-0")
    assert (described["ImageId"], described["InstanceType"]) == (IMAGE, "t3.micro")
    assert (described["VpcId"], described["SubnetId"]) == (lab.vpc, lab.subnet)
    assert described["Placement"]["AvailabilityZone"] == lab.zone
    assert (described["PrivateIpAddress"], described["PrivateDnsName"]) == ("10.0.1.4", "ip-10-0-1-4.ec2.internal")
    assert described["MetadataOptions"]["HttpTokens"] == "optional"
    assert described["BlockDeviceMappings"] == []


def test_an_instance_is_a_workload_interface_that_is_attached_to_it(lab: Lab) -> None:
    instance = lab.run()
    (interface,) = lab.interfaces()
    (shown,) = instance["NetworkInterfaces"]
    assert interface["Attachment"] == shown["Attachment"] | {"InstanceId": instance["InstanceId"], "InstanceOwnerId": OWNER}
    assert (interface["Status"], interface["InterfaceType"]) == ("in-use", "interface")
    assert interface["PrivateDnsName"] == instance["PrivateDnsName"]
    assert shown["NetworkInterfaceId"] == interface["NetworkInterfaceId"]
    assert instance["SecurityGroups"] == shown["Groups"] == interface["Groups"]
    assert [group["GroupName"] for group in interface["Groups"]] == ["default"]


def test_one_request_launches_several_in_one_reservation(lab: Lab) -> None:
    reservation = lab.reserve(MinCount=2, MaxCount=3)
    assert [one["AmiLaunchIndex"] for one in reservation["Instances"]] == [0, 1, 2]
    assert len({one["PrivateIpAddress"] for one in reservation["Instances"]}) == 3
    assert reservation["ReservationId"].startswith("r-0")
    assert len(lab.instances()) == 3


def test_a_launch_takes_what_the_subnet_has_room_for(lab: Lab) -> None:
    small = lab.world.ask(create_subnet, VpcId=lab.vpc, CidrBlock="10.0.2.0/28")["Subnet"]["SubnetId"]
    assert len(lab.reserve(SubnetId=small, MinCount=5, MaxCount=20)["Instances"]) == 11
    with pytest.raises(errors.InsufficientFreeAddresses):
        lab.reserve(SubnetId=small)


@pytest.mark.parametrize(
    ("counts", "error"),
    [
        ((0, 1), errors.InvalidParameterValue),
        ((2, 1), errors.InvalidParameterCombination),
        ((1, 101), errors.InstanceLimitExceeded),
    ],
)
def test_a_count_that_cannot_be_is_refused(lab: Lab, counts: tuple[int, int], error: type[errors.ApiError]) -> None:
    with pytest.raises(error):
        lab.reserve(MinCount=counts[0], MaxCount=counts[1])
    assert lab.instances() == []


@pytest.mark.parametrize(
    ("request_", "error", "sentence"),
    [
        ({"ImageId": None}, errors.MissingParameter, "ImageId"),
        ({"ImageId": "ubuntu"}, errors.ImageIdMalformed, "ubuntu"),
        ({"InstanceType": "t9.huge"}, errors.InvalidParameterValue, r"Invalid value 't9\.huge' for InstanceType"),
        ({"SubnetId": "subnet-12345678"}, errors.SubnetNotFound, "subnet-12345678"),
        ({"SecurityGroupIds": ["sg-12345678"]}, errors.GroupNotFound, "sg-12345678"),
        ({"SecurityGroups": ["default"]}, errors.InvalidParameterCombination, "groupName"),
        ({"PrivateIpAddress": "10.0.1.1"}, errors.InvalidParameterValue, r"10\.0\.1\.1"),
        ({"PrivateIpAddress": "10.0.1.9", "MaxCount": 2}, errors.InvalidParameterCombination, "one instance only"),
        ({"UserData": "not base64"}, errors.InvalidParameterValue, "Invalid BASE64 encoding of user data"),
        ({"UserData": base64.b64encode(b"x" * 16_385).decode()}, errors.InvalidParameterValue, "16384"),
        ({"IamInstanceProfile": {"Name": "none"}}, errors.InvalidParameterValue, r"iamInstanceProfile\.name"),
        ({"Placement": {"AvailabilityZone": "us-east-1z"}}, errors.InvalidParameterValue, "us-east-1z"),
        ({"Placement": {"AvailabilityZone": "us-east-1f"}}, errors.InvalidParameterValue, "does not match"),
        ({"Placement": {"Tenancy": "host"}}, errors.UnsupportedOperation, "host"),
        ({"Placement": {"GroupName": "near"}}, errors.UnsupportedOperation, "GroupName"),
        ({"InstanceInitiatedShutdownBehavior": "sleep"}, errors.InvalidParameterValue, "sleep"),
        ({"CreditSpecification": {"CpuCredits": "none"}}, errors.InvalidParameterValue, "CpuCredits"),
        (
            {"InstanceType": "m5.large", "CreditSpecification": {"CpuCredits": "standard"}},
            errors.InvalidParameterCombination,
            r"m5\.large",
        ),
        ({"MetadataOptions": {"HttpTokens": "some"}}, errors.InvalidParameterValue, "HttpTokens"),
        ({"MetadataOptions": {"HttpPutResponseHopLimit": 65}}, errors.InvalidParameterValue, "64"),
        ({"LaunchTemplate": {"LaunchTemplateName": "web"}}, errors.UnsupportedOperation, "LaunchTemplate"),
        ({"EnclaveOptions": {"Enabled": True}}, errors.UnsupportedOperation, "EnclaveOptions"),
        ({"PrivateDnsNameOptions": {"HostnameType": "resource-name"}}, errors.UnsupportedOperation, "ip-name"),
        ({"TagSpecifications": [{"ResourceType": "vpc", "Tags": []}]}, errors.InvalidParameterValue, "'vpc'"),
    ],
)
def test_what_cannot_be_launched_is_refused(
    lab: Lab, request_: dict[str, Any], error: type[errors.ApiError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        lab.reserve(**request_)
    assert lab.interfaces() == []


def test_what_is_switched_off_is_not_refused(lab: Lab) -> None:
    lab.run(EnclaveOptions={"Enabled": False}, HibernationOptions={"Configured": False}, Monitoring={"Enabled": False})


def test_a_launch_keeps_what_it_was_told(lab: Lab) -> None:
    profile = lab.world.ask(create_instance_profile, InstanceProfileName="web")["InstanceProfile"]
    instance = lab.run(
        KeyName="mine", IamInstanceProfile={"Name": "web"}, Monitoring={"Enabled": True}, EbsOptimized=True,
        Placement={"Tenancy": "dedicated"}, MaintenanceOptions={"AutoRecovery": "disabled"},
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
    )  # fmt: skip
    assert (instance["KeyName"], instance["EbsOptimized"]) == ("mine", True)
    assert instance["IamInstanceProfile"] == {"Arn": profile["Arn"], "Id": profile["InstanceProfileId"]}
    assert (instance["Monitoring"]["State"], instance["Placement"]["Tenancy"]) == ("enabled", "dedicated")
    assert instance["MaintenanceOptions"] == {"AutoRecovery": "disabled"}
    options = instance["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"], options["HttpEndpoint"]) == ("required", 2, "enabled")
    assert "IamInstanceProfile" in lab.run(IamInstanceProfile={"Arn": profile["Arn"]})


def test_tags_go_to_the_instance_and_to_its_interface(lab: Lab) -> None:
    kinds = ("instance", "network-interface", "volume")
    specifications = [{"ResourceType": kind, "Tags": [{"Key": "on", "Value": kind}]} for kind in kinds]
    instance = lab.run(TagSpecifications=specifications)
    assert instance["Tags"] == [{"Key": "on", "Value": "instance"}]
    assert lab.interfaces()[0]["TagSet"] == [{"Key": "on", "Value": "network-interface"}]
    tags = lab.ask(describe_tags)["Tags"]
    assert {(tag["ResourceType"], tag["Value"]) for tag in tags} == {(kind, kind) for kind in kinds[:2]}


# --- the interface ------------------------------------------------------------------------------------------------


def test_the_interface_can_be_described_in_full(lab: Lab) -> None:
    group = lab.world.ask(create_security_group, VpcId=lab.vpc, GroupName="web", Description="web")["GroupId"]
    wanted = {
        "DeviceIndex": 0, "SubnetId": lab.subnet, "Groups": [group], "PrivateIpAddress": "10.0.1.77",
        "DeleteOnTermination": False, "Description": "front",
    }  # fmt: skip
    instance = lab.run(NetworkInterfaces=[wanted])
    (shown,) = instance["NetworkInterfaces"]
    assert (shown["PrivateIpAddress"], shown["Description"]) == ("10.0.1.77", "front")
    assert shown["Groups"] == [{"GroupId": group, "GroupName": "web"}]
    assert shown["Attachment"]["DeleteOnTermination"] is False


def test_an_interface_that_is_there_becomes_the_instances(lab: Lab) -> None:
    made = lab.world.ask(create_network_interface, SubnetId=lab.subnet)["NetworkInterface"]
    specification = {"DeviceIndex": 0, "NetworkInterfaceId": made["NetworkInterfaceId"]}
    instance = lab.run(NetworkInterfaces=[specification])
    assert instance["PrivateIpAddress"] == made["PrivateIpAddress"]
    assert instance["NetworkInterfaces"][0]["Attachment"]["DeleteOnTermination"] is False
    with pytest.raises(errors.InterfaceInUse, match=made["NetworkInterfaceId"]):
        lab.run(NetworkInterfaces=[specification])


@pytest.mark.parametrize("asked", [True, False])
def test_a_public_address_that_was_asked_for_shows_as_an_association_without_an_address(lab: Lab, asked: bool) -> None:
    instance = lab.run(NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": lab.subnet, "AssociatePublicIpAddress": asked}])
    association = {"IpOwnerId": "amazon", "PublicDnsName": ""} if asked else None
    (shown,), (interface,) = instance["NetworkInterfaces"], lab.interfaces()
    assert shown.get("Association") == interface.get("Association") == association
    assert "PublicIpAddress" not in instance
    attribute = lab.world.ask(
        describe_network_interface_attribute,
        NetworkInterfaceId=interface["NetworkInterfaceId"], Attribute="associatePublicIpAddress",
    )  # fmt: skip
    assert attribute["AssociatePublicIpAddress"] is asked
    for operation, name in (
        (describe_instances, "network-interface.association.ip-owner-id"),
        (describe_network_interfaces, "association.ip-owner-id"),
    ):
        found = lab.world.ask(operation, Filters=[{"Name": name, "Values": ["amazon"]}])
        assert bool(found.get("Reservations") or found.get("NetworkInterfaces")) is asked


@pytest.mark.parametrize(
    ("specifications", "more", "error"),
    [
        ([{"DeviceIndex": 0}, {"DeviceIndex": 1}], {}, errors.UnsupportedOperation),
        ([{"DeviceIndex": 1}], {}, errors.InvalidParameterValue),
        ([{"DeviceIndex": 0, "NetworkInterfaceId": "eni-12345678", "AssociatePublicIpAddress": True}], {},
         errors.InvalidParameterCombination),
        ([{"DeviceIndex": 0}], {"SubnetId": "subnet-12345678"}, errors.InvalidParameterCombination),
        ([{"DeviceIndex": 0, "NetworkInterfaceId": "eni-12345678"}], {}, errors.InterfaceNotFound),
        ([{"DeviceIndex": 0, "NetworkInterfaceId": "eni-12345678"}], {"MaxCount": 2}, errors.InvalidParameterCombination),
        ([{"DeviceIndex": 0, "NetworkInterfaceId": "eni-12345678", "SubnetId": "subnet-1"}], {},
         errors.InvalidParameterCombination),
    ],
)  # fmt: skip
def test_an_interface_that_an_instance_cannot_have_is_refused(
    lab: Lab, specifications: list[dict[str, Any]], more: dict[str, Any], error: type[errors.ApiError]
) -> None:
    with pytest.raises(error):
        lab.run(NetworkInterfaces=specifications, **more)


def test_a_group_of_another_vpc_is_refused(lab: Lab) -> None:
    other = lab.world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    group = lab.world.ask(create_security_group, VpcId=other, GroupName="far", Description="far")["GroupId"]
    with pytest.raises(errors.DifferentNetworks):
        lab.run(SecurityGroupIds=[group])


# --- the default VPC ----------------------------------------------------------------------------------------------


def test_without_a_subnet_and_a_default_vpc_there_is_nowhere_to_go(lab: Lab) -> None:
    with pytest.raises(errors.VpcIdNotSpecified):
        lab.run(SubnetId=None)
    default_vpc(lab)
    with pytest.raises(errors.DefaultSubnetMissing, match="vpc-d"):
        lab.run(SubnetId=None)


def test_without_a_subnet_an_instance_goes_to_the_default_vpc(lab: Lab) -> None:
    default_vpc(lab, "use1-az1", "use1-az2")
    first = min("use1-az1", "use1-az2", key=lambda zone_id: zone_name(OWNER, "us-east-1", zone_id))
    assert lab.run(SubnetId=None)["SubnetId"] == f"subnet-{first}"
    for zone_id in ("use1-az1", "use1-az2"):
        placement = {"AvailabilityZone": zone_name(OWNER, "us-east-1", zone_id)}
        assert lab.run(SubnetId=None, Placement=placement)["SubnetId"] == f"subnet-{zone_id}"
    named = lab.run(SubnetId=None, SecurityGroups=["default"])
    assert named["SecurityGroups"] == [{"GroupId": "sg-d", "GroupName": "default"}]


# --- once and not at all ------------------------------------------------------------------------------------------


def test_the_same_client_token_launches_once(lab: Lab) -> None:
    first = lab.reserve(ClientToken="once")
    again = lab.reserve(ClientToken="once")
    assert again["ReservationId"] == first["ReservationId"]
    assert again["Instances"][0]["State"]["Name"] == "running"
    assert len(lab.instances()) == 1
    with pytest.raises(errors.IdempotentParameterMismatch):
        lab.reserve(ClientToken="once", InstanceType="t3.small")


def test_a_dry_run_launches_nothing(lab: Lab) -> None:
    with pytest.raises(errors.DryRunOperation):
        lab.reserve(DryRun=True)
    assert lab.instances() == lab.interfaces() == []


def test_another_accounts_subnet_does_not_exist(lab: Lab) -> None:
    request = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": lab.subnet}
    with pytest.raises(errors.SubnetNotFound):
        lab.world.ask(run_instances, account="222222222222", **request)
