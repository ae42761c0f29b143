"""Secondary addresses of interfaces, and the reservations that keep addresses from being given out."""

from __future__ import annotations

from typing import Any

import pytest

from sidedoor import errors
from sidedoor.networks.interfaces import create_network_interface, describe_network_interfaces
from sidedoor.networks.private_addresses import assign_private_ip_addresses, unassign_private_ip_addresses
from sidedoor.networks.subnet_reservations import (
    create_subnet_cidr_reservation,
    delete_subnet_cidr_reservation,
    get_subnet_cidr_reservations,
)
from sidedoor.networks.subnets import create_subnet, delete_subnet, describe_subnets
from sidedoor.networks.vpcs import create_vpc
from sidedoor.tags import create_tags, describe_tags

CONSUMER = "222222222222"


@pytest.fixture
def subnet_id(world: Any) -> str:
    vpc_id = world.ask(create_vpc, CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    return str(world.ask(create_subnet, VpcId=vpc_id, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"])


def make(world: Any, subnet_id: str, **asked: Any) -> str:
    answer = world.ask(create_network_interface, SubnetId=subnet_id, **asked)
    return str(answer["NetworkInterface"]["NetworkInterfaceId"])


def addresses(world: Any, interface_id: str) -> list[str]:
    (shown,) = world.ask(describe_network_interfaces, NetworkInterfaceIds=[interface_id])["NetworkInterfaces"]
    listed = shown["PrivateIpAddresses"]
    assert [one["Primary"] for one in listed] == [True, *[False] * (len(listed) - 1)]
    assert listed[0]["PrivateIpAddress"] == shown["PrivateIpAddress"]
    return [one["PrivateIpAddress"] for one in listed]


def free(world: Any, subnet_id: str) -> int:
    (subnet,) = world.ask(describe_subnets, SubnetIds=[subnet_id])["Subnets"]
    return int(subnet["AvailableIpAddressCount"])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"SecondaryPrivateIpAddressCount": 2}, ["10.0.0.4", "10.0.0.5", "10.0.0.6"]),
        (
            {"PrivateIpAddresses": [{"Primary": False, "PrivateIpAddress": "10.0.0.4"}, {"PrivateIpAddress": "10.0.0.9"}]},
            ["10.0.0.5", "10.0.0.4", "10.0.0.9"],
        ),
        (
            {"PrivateIpAddress": "10.0.0.20", "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.21"}]},
            ["10.0.0.20", "10.0.0.21"],
        ),
        (
            {"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.8"}, {"Primary": True, "PrivateIpAddress": "10.0.0.7"}]},
            ["10.0.0.7", "10.0.0.8"],
        ),
    ],
)
def test_an_interface_is_made_with_secondary_addresses(
    world: Any, subnet_id: str, asked: dict[str, Any], expected: list[str]
) -> None:
    before = free(world, subnet_id)
    assert addresses(world, make(world, subnet_id, **asked)) == expected
    assert free(world, subnet_id) == before - len(expected)


def test_addresses_are_assigned_by_number_or_by_name_and_taken_back(world: Any, subnet_id: str) -> None:
    interface_id = make(world, subnet_id)
    answer = world.ask(assign_private_ip_addresses, NetworkInterfaceId=interface_id, SecondaryPrivateIpAddressCount=1)
    assert answer["AssignedPrivateIpAddresses"] == [{"PrivateIpAddress": "10.0.0.5"}]
    world.ask(assign_private_ip_addresses, NetworkInterfaceId=interface_id, PrivateIpAddresses=["10.0.0.77"])
    assert addresses(world, interface_id) == ["10.0.0.4", "10.0.0.5", "10.0.0.77"]
    for name in ("private-ip-address", "addresses.private-ip-address"):
        found = world.ask(describe_network_interfaces, Filters=[{"Name": name, "Values": ["10.0.0.77"]}])
        assert [one["NetworkInterfaceId"] for one in found["NetworkInterfaces"]] == [interface_id]
    world.ask(unassign_private_ip_addresses, NetworkInterfaceId=interface_id, PrivateIpAddresses=["10.0.0.5"])
    assert addresses(world, interface_id) == ["10.0.0.4", "10.0.0.77"]
    assert addresses(world, make(world, subnet_id)) == ["10.0.0.5"]


def test_a_secondary_address_belongs_to_one_interface(world: Any, subnet_id: str) -> None:
    first, second = make(world, subnet_id, SecondaryPrivateIpAddressCount=1), make(world, subnet_id)
    for asked in ({"PrivateIpAddress": "10.0.0.5"}, {"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.5"}]}):
        with pytest.raises(errors.AddressInUse):
            make(world, subnet_id, **asked)
    taking = {"NetworkInterfaceId": second, "PrivateIpAddresses": ["10.0.0.5"]}
    with pytest.raises(errors.AddressInUse):
        world.ask(assign_private_ip_addresses, **taking)
    world.ask(assign_private_ip_addresses, **taking, AllowReassignment=True)
    assert (addresses(world, first), addresses(world, second)) == (["10.0.0.4"], ["10.0.0.6", "10.0.0.5"])
    with pytest.raises(errors.AddressInUse):
        world.ask(
            assign_private_ip_addresses, NetworkInterfaceId=second, PrivateIpAddresses=["10.0.0.4"], AllowReassignment=True
        )


@pytest.mark.parametrize(
    ("operation", "asked", "error"),
    [
        (assign_private_ip_addresses, {}, errors.MissingParameter),
        (assign_private_ip_addresses, {"PrivateIpAddresses": ["10.9.0.1"]}, errors.InvalidParameterValue),
        (assign_private_ip_addresses, {"PrivateIpAddresses": ["ten"]}, errors.InvalidParameterValue),
        (assign_private_ip_addresses, {"SecondaryPrivateIpAddressCount": 50}, errors.AddressLimitExceeded),
        (assign_private_ip_addresses, {"Ipv4PrefixCount": 1}, errors.UnsupportedOperation),
        (
            assign_private_ip_addresses,
            {"PrivateIpAddresses": ["10.0.0.9"], "SecondaryPrivateIpAddressCount": 1},
            errors.InvalidParameterCombination,
        ),
        (unassign_private_ip_addresses, {"PrivateIpAddresses": ["10.0.0.4"]}, errors.InvalidParameterValue),
        (unassign_private_ip_addresses, {"PrivateIpAddresses": ["10.0.0.9"]}, errors.InvalidParameterValue),
        (unassign_private_ip_addresses, {}, errors.MissingParameter),
    ],
)
def test_what_cannot_be_assigned_or_taken_back_is_refused(
    world: Any, subnet_id: str, operation: Any, asked: dict[str, Any], error: Any
) -> None:
    interface_id = make(world, subnet_id)
    with pytest.raises(error):
        world.ask(operation, NetworkInterfaceId=interface_id, **asked)
    with pytest.raises(errors.InterfaceNotFound):
        world.ask(operation, account=CONSUMER, NetworkInterfaceId=interface_id, PrivateIpAddresses=["10.0.0.8"])
    assert addresses(world, interface_id) == ["10.0.0.4"]


def test_what_is_reserved_is_given_only_to_whom_names_it(world: Any, subnet_id: str) -> None:
    reserve = {"SubnetId": subnet_id, "ReservationType": "explicit", "Description": "printers"}
    tags = [{"ResourceType": "subnet-cidr-reservation", "Tags": [{"Key": "Name", "Value": "p"}]}]
    made = world.ask(create_subnet_cidr_reservation, **reserve, Cidr="10.0.0.0/29", TagSpecifications=tags)
    reservation = made["SubnetCidrReservation"]
    assert reservation == {
        "SubnetCidrReservationId": reservation["SubnetCidrReservationId"], "SubnetId": subnet_id, "Cidr": "10.0.0.0/29",
        "ReservationType": "explicit", "OwnerId": "111111111111", "Description": "printers",
        "Tags": [{"Key": "Name", "Value": "p"}],
    }  # fmt: skip
    assert addresses(world, make(world, subnet_id)) == ["10.0.0.8"]
    assert addresses(world, make(world, subnet_id, PrivateIpAddress="10.0.0.5")) == ["10.0.0.5"]
    assert world.ask(get_subnet_cidr_reservations, SubnetId=subnet_id)["SubnetIpv4CidrReservations"] == [reservation]
    which = {"SubnetCidrReservationId": reservation["SubnetCidrReservationId"]}
    assert world.ask(delete_subnet_cidr_reservation, **which) == {"DeletedSubnetCidrReservation": reservation}
    assert addresses(world, make(world, subnet_id)) == ["10.0.0.4"]
    with pytest.raises(errors.SubnetReservationNotFound, match="subnet-cidr-reservation ID"):
        world.ask(delete_subnet_cidr_reservation, **which)


@pytest.mark.parametrize(("name", "value"), [("reservationType", "prefix"), ("tag:Name", "p"), ("tag-key", "Name")])
def test_one_reservation_of_several_is_found_by_every_filter(world: Any, subnet_id: str, name: str, value: str) -> None:
    tags = [{"ResourceType": "subnet-cidr-reservation", "Tags": [{"Key": "Name", "Value": "p"}]}]
    for cidr, kind, more in (("10.0.0.16/28", "prefix", {"TagSpecifications": tags}), ("10.0.0.32/28", "explicit", {})):
        world.ask(create_subnet_cidr_reservation, SubnetId=subnet_id, Cidr=cidr, ReservationType=kind, **more)
    filters = [{"Name": name, "Values": [value]}]
    answer = world.ask(get_subnet_cidr_reservations, SubnetId=subnet_id, Filters=filters)
    assert [one["Cidr"] for one in answer["SubnetIpv4CidrReservations"]] == ["10.0.0.16/28"]


@pytest.mark.parametrize(
    ("cidr", "kind", "error"),
    [
        ("10.0.1.0/28", "prefix", errors.InvalidParameterValue),
        ("10.0.0.0/23", "prefix", errors.InvalidParameterValue),
        ("10.0.0.64/26", "prefix", errors.InvalidParameterValue),
        ("10.0.0.16/28", "both", errors.InvalidParameterValue),
        ("2001:db8::/80", "prefix", errors.UnsupportedOperation),
    ],
)
def test_what_cannot_be_reserved_is_refused(world: Any, subnet_id: str, cidr: str, kind: str, error: Any) -> None:
    world.ask(create_subnet_cidr_reservation, SubnetId=subnet_id, Cidr="10.0.0.96/27", ReservationType="explicit")
    with pytest.raises(error):
        world.ask(create_subnet_cidr_reservation, SubnetId=subnet_id, Cidr=cidr, ReservationType=kind)


def test_a_reservation_has_tags_and_goes_with_its_subnet(world: Any, subnet_id: str) -> None:
    made = world.ask(create_subnet_cidr_reservation, SubnetId=subnet_id, Cidr="10.0.0.96/27", ReservationType="explicit")
    reservation_id = made["SubnetCidrReservation"]["SubnetCidrReservationId"]
    world.ask(create_tags, Resources=[reservation_id], Tags=[{"Key": "a", "Value": "b"}])
    (tag,) = world.ask(describe_tags)["Tags"]
    assert (tag["ResourceType"], tag["ResourceId"]) == ("subnet-cidr-reservation", reservation_id)
    world.ask(delete_subnet, SubnetId=subnet_id)
    with pytest.raises(errors.SubnetReservationNotFound):
        world.ask(delete_subnet_cidr_reservation, SubnetCidrReservationId=reservation_id)
