"""Regions, zones, account attributes, and the prefix lists that are not there."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.places import (
    describe_account_attributes,
    describe_availability_zones,
    describe_regions,
)

PROVIDER, CONSUMER = "111111111111", "222222222222"


def test_each_account_has_its_own_names_for_the_same_zones(world: Any) -> None:
    mine = {zone["ZoneName"]: zone["ZoneId"] for zone in world.ask(describe_availability_zones)["AvailabilityZones"]}
    theirs = {
        zone["ZoneName"]: zone["ZoneId"]
        for zone in world.ask(describe_availability_zones, account=CONSUMER)["AvailabilityZones"]
    }
    assert set(mine.values()) == set(theirs.values()) == {f"use1-az{number}" for number in range(1, 7)}
    assert mine.keys() == theirs.keys()
    assert mine != theirs


def test_a_zone_is_shown_with_what_terraform_reads(world: Any) -> None:
    (zone,) = world.ask(describe_availability_zones, ZoneNames=["us-east-1b"])["AvailabilityZones"]
    assert (zone["GroupName"], zone["NetworkBorderGroup"]) == ("us-east-1-zg-1", "us-east-1")
    assert (zone["OptInStatus"], zone["State"], zone["ZoneType"]) == ("opt-in-not-required", "available", "availability-zone")
    assert world.ask(describe_availability_zones, ZoneIds=[zone["ZoneId"]])["AvailabilityZones"] == [zone]


def test_zones_can_be_filtered(world: Any) -> None:
    def names(name: str, *values: str) -> list[str]:
        answer = world.ask(describe_availability_zones, Filters=[{"Name": name, "Values": list(values)}])
        return [zone["ZoneName"] for zone in answer["AvailabilityZones"]]

    assert len(names("state", "available")) == len(names("opt-in-status", "opt-in-not-required", "opted-in")) == 6
    assert names("zone-name", "us-east-1c") == ["us-east-1c"]
    assert names("zone-type", "local-zone") == []
    with pytest.raises(errors.InvalidFilter):
        names("zone", "us-east-1c")


def test_an_unknown_zone_is_an_invalid_value(world: Any) -> None:
    with pytest.raises(errors.InvalidParameterValue, match=r"Invalid availability zone: \[us-east-1z\]"):
        world.ask(describe_availability_zones, ZoneNames=["us-east-1a", "us-east-1z"])


def test_regions_are_listed_and_filtered(world: Any) -> None:
    everything = [region["RegionName"] for region in world.ask(describe_regions)["Regions"]]
    assert {"us-east-1", "ap-northeast-1", "eu-central-1"} <= set(everything)
    (region,) = world.ask(describe_regions, RegionNames=["eu-west-1"])["Regions"]
    assert region["Endpoint"] == "ec2.eu-west-1.amazonaws.com"
    filters = [{"Name": "endpoint", "Values": ["*us-*"]}]
    assert all(region["RegionName"].startswith("us-") for region in world.ask(describe_regions, Filters=filters)["Regions"])
    with pytest.raises(errors.InvalidParameterValue, match="moon-1"):
        world.ask(describe_regions, RegionNames=["moon-1"])


def test_an_account_without_a_default_vpc_says_so(world: Any) -> None:
    attributes = world.ask(describe_account_attributes)["AccountAttributes"]
    values = {one["AttributeName"]: one["AttributeValues"][0]["AttributeValue"] for one in attributes}
    assert values == {
        "supported-platforms": "VPC", "default-vpc": "none", "max-instances": "20", "max-elastic-ips": "5",
        "vpc-max-elastic-ips": "5", "vpc-max-security-groups-per-interface": "5",
    }  # fmt: skip
    (one,) = world.ask(describe_account_attributes, AttributeNames=["default-vpc"])["AccountAttributes"]
    assert one["AttributeName"] == "default-vpc"
    with pytest.raises(errors.InvalidParameterValue, match="max-elastic-cats"):
        world.ask(describe_account_attributes, AttributeNames=["max-elastic-cats"])
