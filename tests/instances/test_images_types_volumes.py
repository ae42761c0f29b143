"""What clients ask about before and after a launch: images, types, volumes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from instance_lab import MODEL, Lab

from sidedoor import errors
from sidedoor.instances.images import describe_images
from sidedoor.instances.types import TYPES, describe_instance_types
from sidedoor.instances.volumes import describe_volumes


def images(lab: Lab, *owners: str, name: str = "*", **request: Any) -> list[dict[str, Any]]:
    filters = [{"Name": "name", "Values": [name]}, {"Name": "state", "Values": ["available"]}]
    found: list[dict[str, Any]] = lab.ask(describe_images, Owners=list(owners), Filters=filters, **request)["Images"]
    return found


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("amazon", "sidedoor"),
        ("amazon", "al2023-ami-2023.*-x86_64"),
        ("amazon", "al2023-ami-*-kernel-6.1-arm64"),
        ("amazon", "amzn2-ami-hvm-*-x86_64-gp2"),
        ("137112412989", "amzn2-ami-hvm-2.0.*-arm64-gp2"),
        ("099720109477", "ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-*"),
    ],
)
def test_an_image_is_found_by_the_pattern_that_people_use(lab: Lab, owner: str, name: str) -> None:
    (image,) = images(lab, owner, name=name)
    assert "sidedoor" in image["Name"]
    assert images(lab, ImageIds=[image["ImageId"]]) == [image]
    assert lab.run(ImageId=image["ImageId"])["ImageId"] == image["ImageId"]


def test_an_image_has_another_id_in_another_region(lab: Lab) -> None:
    ids = {
        region: lab.world.ask(describe_images, region=region, Owners=["amazon"])["Images"][0]["ImageId"]
        for region in ("us-east-1", "eu-west-1")
    }
    assert len(set(ids.values())) == 2


def test_every_image_id_is_an_image_as_every_one_can_be_launched(lab: Lab) -> None:
    (image,) = lab.ask(describe_images, ImageIds=["ami-0c55b159cbfafe1f0"])["Images"]
    assert (image["ImageId"], image["State"], image["RootDeviceName"]) == ("ami-0c55b159cbfafe1f0", "available", "/dev/xvda")
    with pytest.raises(errors.ImageIdMalformed):
        lab.ask(describe_images, ImageIds=["ubuntu"])


def test_nobody_else_has_images(lab: Lab) -> None:
    assert images(lab, "self") == images(lab, "111111111111") == []


def test_a_type_is_described_with_what_clients_read(lab: Lab) -> None:
    (found,) = lab.ask(describe_instance_types, InstanceTypes=["t3.micro"])["InstanceTypes"]
    assert found["VCpuInfo"] == {"DefaultVCpus": 2, "DefaultCores": 1, "DefaultThreadsPerCore": 2}
    assert (found["MemoryInfo"]["SizeInMiB"], found["BurstablePerformanceSupported"]) == (1024, True)
    assert found["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"]
    assert found["EbsInfo"]["NvmeSupport"] == "required"


def test_a_type_that_is_not_in_the_table_is_no_type(lab: Lab) -> None:
    with pytest.raises(errors.InstanceTypeNotFound, match=r"do not exist: \[t9\.huge\]"):
        lab.ask(describe_instance_types, InstanceTypes=["t3.micro", "t9.huge"])


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("processor-info.supported-architecture", "arm64", "t4g.*"),
        ("burstable-performance-supported", "false", r"(c5|m5|m1|t1)\..*"),
        ("free-tier-eligible", "true", r"t[23]\.micro"),
        ("vcpu-info.default-vcpus", "4", r"[cm]5\.xlarge"),
        ("hypervisor", "xen", r"(m1|t1|t2)\..*"),
        ("ebs-info.ebs-optimized-support", "unsupported", r"(m1|t1|t2)\..*"),
    ],
)
def test_types_can_be_filtered(lab: Lab, name: str, value: str, found: str) -> None:
    shown = lab.ask(describe_instance_types, Filters=[{"Name": name, "Values": [value]}])["InstanceTypes"]
    assert {one["InstanceType"] for one in shown} == {one for one in TYPES if re.fullmatch(found, one)}


def test_pages_of_types_follow_each_other(lab: Lab) -> None:
    shown, token = [], None
    while True:
        page = lab.ask(describe_instance_types, MaxResults=10, **({"NextToken": token} if token else {}))
        shown += [one["InstanceType"] for one in page["InstanceTypes"]]
        token = page["NextToken"]
        if token is None:
            break
    assert shown == sorted(TYPES)


def test_there_are_no_volumes(lab: Lab) -> None:
    lab.run(BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}])
    text = MODEL.operation_model("DescribeVolumes").input_shape.members["Filters"].documentation
    for name in re.findall(r"<code>([a-z.-]+)</code> -", text):
        assert lab.ask(describe_volumes, Filters=[{"Name": name, "Values": ["*"]}])["Volumes"] == []
    with pytest.raises(errors.VolumeNotFound, match="vol-0123456789abcdef0"):
        lab.ask(describe_volumes, VolumeIds=["vol-0123456789abcdef0"])
