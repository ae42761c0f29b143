"""Subnets: a part of a VPC's block in one zone, from which interfaces get their addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered, truth
from sidedoor.call import Answer, Call, Request
from sidedoor.networks import cidrs, defaults, founding, lookup
from sidedoor.networks.model import Subnet, Vpc, usable_addresses
from sidedoor.networks.refusals import in_use, refuse
from sidedoor.networks.zones import zone_name, zones
from sidedoor.paging import page

_REFUSED = (
    "Ipv6CidrBlock", "Ipv6Native", "Ipv6IpamPoolId", "Ipv6NetmaskLength", "Ipv4IpamPoolId", "Ipv4NetmaskLength", "OutpostArn",
)  # fmt: skip


def create_subnet(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html"""
    if request.get("Ipv6Native"):
        _check_native(request)
    refuse(request, _REFUSED, "a subnet has the one IPv4 block of CidrBlock.")
    vpc = lookup.owned_vpc(call, request["VpcId"])
    zone_id = _zone_id(call, request)
    network = _free_block(call, vpc, request)
    tags = tagging.from_specifications(request, "subnet")
    subnet = founding.add_subnet(call, vpc, str(network), zone_id, tags=tags)
    return {"Subnet": _to_wire(call, subnet, usable_addresses(subnet.cidr))}


def _check_native(request: Request) -> None:
    """What AWS says first to who wants a subnet without IPv4 and does not say so consistently."""
    if not request.get("Ipv6CidrBlock") and not request.get("Ipv6IpamPoolId"):
        raise errors.MissingParameter("Either 'ipv6CidrBlock' or 'ipv6IpamPoolId' should be provided.")
    if request.get("CidrBlock") or request.get("Ipv4IpamPoolId"):
        raise errors.InvalidParameterCombination(
            "When specifying ipv4 parameters, cidrBlock or ipv4IpamPoolId, you cannot set ipv6Native to true."
        )


def create_default_subnet(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateDefaultSubnet.html"""
    refuse(request, ("Ipv6Native",), "a subnet has an IPv4 block.")
    if not request.get("AvailabilityZone") and not request.get("AvailabilityZoneId"):
        raise errors.MissingParameter(name="AvailabilityZone")
    subnet = defaults.add_default_subnet(call, _zone_id(call, request))
    return {"Subnet": _to_wire(call, subnet, usable_addresses(subnet.cidr))}


def _zone_id(call: Call, request: Request) -> str:
    """The zone that the request names, or the region's first one in the caller's order."""
    name, zone_id = request.get("AvailabilityZone"), request.get("AvailabilityZoneId")
    if name and zone_id:
        raise errors.InvalidParameterCombination("Specify AvailabilityZone or AvailabilityZoneId, not both.")
    choice = zones(call.account, call.region)
    named = [zone.id for zone in choice if (zone.name == name if name else zone.id == zone_id if zone_id else True)]
    if named:
        return named[0]
    known = ", ".join(zone.id if zone_id else zone.name for zone in choice)
    raise errors.ZoneNotFound(name=name or zone_id, zones=known)


def _free_block(call: Call, vpc: Vpc, request: Request) -> IPv4Network:
    """The requested block, which lies in one of the VPC's and in no other subnet's."""
    if not request.get("CidrBlock"):
        raise errors.MissingParameter(name="CidrBlock")
    text = request["CidrBlock"]
    network = cidrs.block(text)
    if not cidrs.has_size(network) or not any(network.subnet_of(IPv4Network(block)) for block in vpc.blocks):
        raise errors.SubnetRangeInvalid(cidr=text)
    if any(network.overlaps(IPv4Network(other.cidr)) for other in call.tables.subnets.where(vpc_id=vpc.id)):
        raise errors.SubnetConflict(cidr=text)
    return network


def describe_subnets(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html"""
    subnets = lookup.chosen(call, call.tables.subnets, request.get("SubnetIds"), lookup.owned_subnet)
    free = _free_addresses(call, subnets)
    found = filtered(subnets, request.get("Filters"), _filters(call, free), tags=lambda subnet: subnet.tags)
    shown, token = page(call, request, found)
    return {"Subnets": [_to_wire(call, subnet, free[subnet.id]) for subnet in shown], "NextToken": token}


def _free_addresses(call: Call, subnets: Sequence[Subnet]) -> dict[str, int]:
    """Subnet id -> how many addresses are still free."""
    interfaces = call.tables.interfaces.where(subnet_id=[subnet.id for subnet in subnets])
    taken = Counter(interface.subnet_id for interface in interfaces for _ in interface.addresses)
    return {subnet.id: usable_addresses(subnet.cidr) - taken[subnet.id] for subnet in subnets}


def delete_subnet(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html"""
    subnet = lookup.owned_subnet(call, request["SubnetId"])
    for interface in call.tables.interfaces.where(subnet_id=subnet.id):
        raise in_use(call, "subnet", subnet.id, interface.id)
    founding.remove_subnet(call, subnet)
    return {}


_FIXED: Mapping[str, bool | str] = {
    "AssignIpv6AddressOnCreation": False,
    "MapCustomerOwnedIpOnLaunch": False,
    "EnableDns64": False,
    "EnableResourceNameDnsARecordOnLaunch": False,
    "EnableResourceNameDnsAAAARecordOnLaunch": False,
    "DisableLniAtDeviceIndex": True,
    "PrivateDnsHostnameTypeOnLaunch": "ip-name",
}
"""The attributes of every subnet that cannot be changed; a request may ask for the value that is there."""


def modify_subnet_attribute(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySubnetAttribute.html"""
    subnet = lookup.owned_subnet(call, request["SubnetId"])
    refuse(request, ("CustomerOwnedIpv4Pool", "EnableLniAtDeviceIndex"), "there is no Outpost.")
    for name in _FIXED.keys() & request.keys():
        asked = request[name].get("Value") if isinstance(request[name], Mapping) else request[name]
        if asked != _FIXED[name]:
            raise errors.UnsupportedOperation(f"The attribute {name} cannot have the value {asked} in Sidedoor.")
    if "MapPublicIpOnLaunch" in request:
        map_public_ip = bool(request["MapPublicIpOnLaunch"].get("Value"))
        call.tables.subnets.update(subnet, replace(subnet, map_public_ip=map_public_ip))
    return {}


def _arn(subnet: Subnet) -> str:
    return f"arn:aws:ec2:{subnet.region}:{subnet.account}:subnet/{subnet.id}"


def _to_wire(call: Call, subnet: Subnet, free: int) -> dict[str, Any]:
    return {
        "SubnetId": subnet.id,
        "SubnetArn": _arn(subnet),
        "VpcId": subnet.vpc_id,
        "OwnerId": subnet.account,
        "State": "available",
        "CidrBlock": subnet.cidr,
        "AvailableIpAddressCount": free,
        "AvailabilityZone": zone_name(call.account, subnet.region, subnet.zone_id),
        "AvailabilityZoneId": subnet.zone_id,
        "DefaultForAz": subnet.default_for_zone,
        "MapPublicIpOnLaunch": subnet.map_public_ip,
        "MapCustomerOwnedIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": False,
        "Ipv6CidrBlockAssociationSet": [],
        "Ipv6Native": False,
        "EnableDns64": False,
        "PrivateDnsNameOptionsOnLaunch": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "Tags": tagging.to_wire(subnet.tags),
    }


def _filters(call: Call, free: Mapping[str, int]) -> Mapping[str, Field[Subnet]]:
    def zone(subnet: Subnet) -> str:
        return zone_name(call.account, subnet.region, subnet.zone_id)

    return {
        "availability-zone": zone,
        "availabilityZone": zone,
        "availability-zone-id": lambda subnet: subnet.zone_id,
        "availabilityZoneId": lambda subnet: subnet.zone_id,
        "available-ip-address-count": lambda subnet: str(free[subnet.id]),
        "cidr": lambda subnet: subnet.cidr,
        "cidr-block": lambda subnet: subnet.cidr,
        "cidrBlock": lambda subnet: subnet.cidr,
        "customer-owned-ipv4-pool": lambda subnet: None,
        "default-for-az": lambda subnet: truth(subnet.default_for_zone),
        "defaultForAz": lambda subnet: truth(subnet.default_for_zone),
        "enable-dns64": lambda subnet: "false",
        "enable-lni-at-device-index": lambda subnet: None,
        "ipv6-cidr-block-association.ipv6-cidr-block": lambda subnet: None,
        "ipv6-cidr-block-association.association-id": lambda subnet: None,
        "ipv6-cidr-block-association.state": lambda subnet: None,
        "ipv6-native": lambda subnet: "false",
        "map-customer-owned-ip-on-launch": lambda subnet: "false",
        "map-public-ip-on-launch": lambda subnet: truth(subnet.map_public_ip),
        "outpost-arn": lambda subnet: None,
        "owner-id": lambda subnet: subnet.account,
        "private-dns-name-options-on-launch.hostname-type": lambda subnet: "ip-name",
        "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": lambda subnet: "false",
        "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": lambda subnet: "false",
        "state": lambda subnet: "available",
        "subnet-arn": _arn,
        "subnet-id": lambda subnet: subnet.id,
        "vpc-id": lambda subnet: subnet.vpc_id,
    }
