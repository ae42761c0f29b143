"""Volumes, of which there are none: an instance has the host's files. Clients ask all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sidedoor import errors
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.paging import page

_FILTERS: Sequence[str] = (
    "attachment.attach-time", "attachment.delete-on-termination", "attachment.device", "attachment.instance-id",
    "attachment.status", "availability-zone", "availability-zone-id", "create-time", "encrypted", "fast-restored",
    "multi-attach-enabled", "operator.managed", "operator.principal", "size", "snapshot-id", "status", "volume-id",
    "volume-type",
)  # fmt: skip


def describe_volumes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html"""
    for volume_id in request.get("VolumeIds") or ():
        raise errors.VolumeNotFound(id=volume_id)
    fields: Mapping[str, Field[str]] = {name: lambda volume: None for name in _FILTERS}
    nothing: list[str] = []
    found = filtered(nothing, request.get("Filters"), fields, tags=lambda volume: {})
    shown, token = page(call, request, found, key=str)
    return {"Volumes": shown, "NextToken": token}
