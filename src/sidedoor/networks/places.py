"""Where things can be: regions, an account's zones, what an account has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sidedoor import errors
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.networks.lookup import default_vpc
from sidedoor.networks.zones import REGIONS, Zone, zones

_NO_OPT_IN = "opt-in-not-required"


def describe_availability_zones(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html"""
    every = zones(call.account, call.region)
    names, zone_ids = request.get("ZoneNames") or (), request.get("ZoneIds") or ()
    _check_known(names, [zone.name for zone in every], "availability zone")
    _check_known(zone_ids, [zone.id for zone in every], "availability zone-id")
    chosen = [zone for zone in every if (not names or zone.name in names) and (not zone_ids or zone.id in zone_ids)]
    found = filtered(chosen, request.get("Filters"), _ZONE_FILTERS)
    return {"AvailabilityZones": [_zone_to_wire(zone) for zone in found]}


def describe_regions(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html"""
    names = request.get("RegionNames") or ()
    _check_known(names, list(REGIONS), "region")
    found = filtered([name for name in REGIONS if not names or name in names], request.get("Filters"), _REGION_FILTERS)
    regions = [{"RegionName": name, "Endpoint": _endpoint(name), "OptInStatus": _NO_OPT_IN} for name in found]
    return {"Regions": regions}


def _check_known(asked: Sequence[str], known: Sequence[str], what: str) -> None:
    unknown = [name for name in asked if name not in known]
    if unknown:
        raise errors.InvalidParameterValue(f"Invalid {what}: [{', '.join(unknown)}]")


_QUOTAS: Mapping[str, str] = {
    "max-instances": "20",
    "vpc-max-security-groups-per-interface": "5",
    "max-elastic-ips": "5",
    "vpc-max-elastic-ips": "5",
}
"""What AWS says of a new account (EC2 API reference, ``DescribeAccountAttributes``). Nothing here is held to it."""


def describe_account_attributes(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html"""
    vpc = default_vpc(call)
    values = {"supported-platforms": "VPC", "default-vpc": vpc.id if vpc else "none", **_QUOTAS}
    asked = request.get("AttributeNames") or list(values)
    for name in asked:
        if name not in values:
            reason = f"Expecting one of {', '.join(values)}."
            raise errors.InvalidParameterValue(value=name, name="AttributeName", reason=reason)
    attributes = [{"AttributeName": name, "AttributeValues": [{"AttributeValue": values[name]}]} for name in asked]
    return {"AccountAttributes": attributes}


def _group(zone: Zone) -> str:
    return f"{zone.region}-zg-1"


def _zone_to_wire(zone: Zone) -> dict[str, Any]:
    return {
        "ZoneName": zone.name,
        "ZoneId": zone.id,
        "ZoneType": "availability-zone",
        "RegionName": zone.region,
        "GroupName": _group(zone),
        "NetworkBorderGroup": zone.region,
        "OptInStatus": _NO_OPT_IN,
        "State": "available",
        "Messages": [],
    }


_ZONE_FILTERS: Mapping[str, Field[Zone]] = {
    "group-long-name": lambda zone: None,
    "group-name": _group,
    "message": lambda zone: None,
    "opt-in-status": lambda zone: _NO_OPT_IN,
    "parent-zone-id": lambda zone: None,
    "parent-zone-name": lambda zone: None,
    "region-name": lambda zone: zone.region,
    "state": lambda zone: "available",
    "zone-id": lambda zone: zone.id,
    "zone-name": lambda zone: zone.name,
    "zone-type": lambda zone: "availability-zone",
}


def _endpoint(region: str) -> str:
    return f"ec2.{region}.amazonaws.com"


_REGION_FILTERS: Mapping[str, Field[str]] = {
    "endpoint": _endpoint,
    "opt-in-status": lambda region: _NO_OPT_IN,
    "region-name": lambda region: region,
}
