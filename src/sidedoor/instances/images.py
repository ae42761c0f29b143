"""Images, which mean nothing here: an instance is a network interface, and its programs are the host's.

Rule 1: RunInstances takes every well-formed image id, so that what was written for AWS runs unchanged; DescribeImages knows
every such id likewise.
Rule 2: for those who look an image up by its owner and name there is a short list. Each name fits the pattern by which people
find that family, and says ``sidedoor`` where AWS has a date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidedoor import errors, ids
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.paging import page

AMAZON, CANONICAL = "137112412989", "099720109477"
ALIASES: Mapping[str, str] = {AMAZON: "amazon"}
DESCRIPTION = "Sidedoor has no images: an instance is a network interface in which you start the host's programs"
CREATED = "2024-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Image:
    id: str
    name: str
    owner: str = AMAZON
    architecture: str = "x86_64"

    @property
    def location(self) -> str:
        return f"{ALIASES.get(self.owner, self.owner)}/{self.name}"


_NAMES: Sequence[tuple[str, str, str]] = (
    ("sidedoor", AMAZON, "x86_64"),
    ("al2023-ami-2023.0.sidedoor.0-kernel-6.1-x86_64", AMAZON, "x86_64"),
    ("al2023-ami-2023.0.sidedoor.0-kernel-6.1-arm64", AMAZON, "arm64"),
    ("amzn2-ami-hvm-2.0.sidedoor.0-x86_64-gp2", AMAZON, "x86_64"),
    ("amzn2-ami-hvm-2.0.sidedoor.0-arm64-gp2", AMAZON, "arm64"),
    ("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-sidedoor", CANONICAL, "x86_64"),
    ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-sidedoor", CANONICAL, "x86_64"),
)
"""(name, owner, architecture) of the images that can be looked up."""


def check_image_id(image_id: str | None) -> str:
    """The image that an instance is to have. Raises ``MissingParameter`` and ``InvalidAMIID.Malformed``."""
    if not image_id:
        raise errors.MissingParameter(name="ImageId")
    if not ids.is_id("ami", image_id):
        raise errors.ImageIdMalformed(id=image_id)
    return image_id


def describe_images(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html"""
    listed = _listed(call.region)
    by_id = {image.id: image for image in listed}
    asked = [check_image_id(image_id) for image_id in dict.fromkeys(request.get("ImageIds") or ())]
    images = [by_id.get(image_id) or Image(image_id, f"sidedoor-{image_id}") for image_id in asked] if asked else listed
    owners = request.get("Owners") or ()
    owned = [image for image in images if not owners or not {image.owner, ALIASES.get(image.owner)}.isdisjoint(owners)]
    found = filtered(owned, request.get("Filters"), _FILTERS, tags=lambda image: {})
    shown, token = page(call, request, sorted(found, key=lambda image: image.id), key=lambda image: image.id)
    return {"Images": [_to_wire(image) for image in shown], "NextToken": token}


def _listed(region: str) -> list[Image]:
    """A region's images; as on AWS an image has another id in another region, and always the same in one."""
    return [
        Image(f"ami-0{hashlib.sha256(f'{region}/{name}'.encode()).hexdigest()[:16]}", name, owner, architecture)
        for name, owner, architecture in _NAMES
    ]


def _to_wire(image: Image) -> dict[str, Any]:
    alias = {"ImageOwnerAlias": ALIASES[image.owner]} if image.owner in ALIASES else {}
    return {
        "ImageId": image.id,
        "Name": image.name,
        "Description": DESCRIPTION,
        "OwnerId": image.owner,
        **alias,
        "ImageLocation": image.location,
        "ImageType": "machine",
        "Architecture": image.architecture,
        "CreationDate": CREATED,
        "Public": True,
        "State": "available",
        "Hypervisor": "xen",
        "VirtualizationType": "hvm",
        "PlatformDetails": "Linux/UNIX",
        "UsageOperation": "RunInstances",
        "EnaSupport": True,
        "RootDeviceType": "ebs",
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [],
        "Tags": [],
    }


_NEVER: Sequence[str] = (
    "block-device-mapping.delete-on-termination", "block-device-mapping.device-name", "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id", "block-device-mapping.volume-size", "block-device-mapping.volume-type", "boot-mode",
    "image-watermark.source-image-creation-time", "image-watermark.source-image-id", "image-watermark.source-image-region",
    "image-watermark.watermark-creation-time", "image-watermark.watermark-key",
    "instance-type-specification.supported-instance-type", "instance-type-specification.unsupported-instance-type",
    "kernel-id", "platform", "product-code", "product-code.type", "public-ssm-parameter-name", "ramdisk-id",
    "scan-result.critical-fix-available-since", "scan-result.finding-scan-date", "scan-result.high-fix-available-since",
    "scan-result.highest-finding-severity-label", "scan-result.informational-fix-available-since",
    "scan-result.low-fix-available-since", "scan-result.medium-fix-available-since", "source-image-id",
    "source-image-region", "source-instance-id", "sriov-net-support", "state-reason-code", "state-reason-message",
)  # fmt: skip
"""Filters of AWS on what no image here has."""

_FILTERS: Mapping[str, Field[Image]] = {
    **{name: (lambda image: None) for name in _NEVER},
    "architecture": lambda image: image.architecture,
    "creation-date": lambda image: CREATED,
    "description": lambda image: DESCRIPTION,
    "ena-support": lambda image: "true",
    "free-tier-eligible": lambda image: "true",
    "hypervisor": lambda image: "xen",
    "image-allowed": lambda image: "true",
    "image-id": lambda image: image.id,
    "image-type": lambda image: "machine",
    "is-public": lambda image: "true",
    "manifest-location": lambda image: image.location,
    "name": lambda image: image.name,
    "owner-alias": lambda image: ALIASES.get(image.owner),
    "owner-id": lambda image: image.owner,
    "root-device-name": lambda image: "/dev/xvda",
    "root-device-type": lambda image: "ebs",
    "state": lambda image: "available",
    "virtualization-type": lambda image: "hvm",
}
