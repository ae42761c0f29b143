"""Regions and zones, and each account's own names for them.

``use1-az1`` is the same place for everybody; which of ``us-east-1a`` ... ``us-east-1f`` an account calls it differs by
account (user guide: "Availability Zone considerations"). Account 123456789012 sees them in order; another account's names are
rotated by its number, so that code which assumes equal names fails here as it does on AWS. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

REGIONS: Mapping[str, tuple[str, int]] = {
    "af-south-1": ("afs1", 3),
    "ap-east-1": ("ape1", 3),
    "ap-northeast-1": ("apne1", 4),
    "ap-northeast-2": ("apne2", 4),
    "ap-northeast-3": ("apne3", 3),
    "ap-south-1": ("aps1", 3),
    "ap-southeast-1": ("apse1", 3),
    "ap-southeast-2": ("apse2", 3),
    "ca-central-1": ("cac1", 3),
    "eu-central-1": ("euc1", 3),
    "eu-north-1": ("eun1", 3),
    "eu-south-1": ("eus1", 3),
    "eu-west-1": ("euw1", 3),
    "eu-west-2": ("euw2", 3),
    "eu-west-3": ("euw3", 3),
    "me-south-1": ("mes1", 3),
    "sa-east-1": ("sae1", 3),
    "us-east-1": ("use1", 6),
    "us-east-2": ("use2", 3),
    "us-west-1": ("usw1", 2),
    "us-west-2": ("usw2", 4),
}
"""Region name -> (prefix of its zone ids, number of zones)."""

REFERENCE_ACCOUNT = 123456789012


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone as one account sees it."""

    id: str
    name: str
    region: str


@lru_cache(maxsize=1024)
def zones(account: str, region: str) -> tuple[Zone, ...]:
    """The zones of a region in the order of this account's names. Unknown regions have none."""
    if region not in REGIONS:
        return ()
    prefix, count = REGIONS[region]
    shift = (int(account) - REFERENCE_ACCOUNT) % count
    return tuple(
        Zone(f"{prefix}-az{(index + shift) % count + 1}", f"{region}{chr(ord('a') + index)}", region) for index in range(count)
    )


def zone_name(account: str, region: str, zone_id: str) -> str:
    """This account's name for a zone id. Raises ``KeyError`` for a zone that the region does not have."""
    return {zone.id: zone.name for zone in zones(account, region)}[zone_id]


def zone_id(account: str, region: str, name: str) -> str | None:
    """The id of the zone that this account calls ``name``, or None where there is none."""
    return {zone.name: zone.id for zone in zones(account, region)}.get(name)
