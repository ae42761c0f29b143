"""Endpoints as answers show them: to the consumer as endpoints, to the provider as connections."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sidedoor import tagging
from sidedoor.endpoints.model import Endpoint
from sidedoor.networks.zones import zone_name
from sidedoor.services.model import private_zone, service_name
from sidedoor.store.tables import Tables

ENDPOINT_TYPE = "Interface"

FULL_ACCESS = '{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}'
"""The policy of an endpoint for which none was given."""

_HOSTED_ZONES: Mapping[str, str] = {"us-east-1": "Z7HUB22UULQXV", "us-east-2": "ZC8PG0KIFKBRI"}
"""Region -> the public zone of its endpoints' names, where AWS's documentation shows it (aws-reference 3.2)."""


@dataclass(frozen=True, slots=True)
class Names:
    """What endpoints only have ids for. ``zones``: subnet id -> its zone's name in the account that owns the subnet."""

    zones: Mapping[str, str]
    groups: Mapping[str, str]


def names_of(tables: Tables, endpoints: Collection[Endpoint]) -> Names:
    """The names that these endpoints need, in two queries."""
    subnets = tables.subnets.where(id={subnet_id for endpoint in endpoints for subnet_id in endpoint.subnet_ids})
    groups = tables.security_groups.where(id={group_id for endpoint in endpoints for group_id in endpoint.group_ids})
    return Names(
        zones={subnet.id: zone_name(subnet.account, subnet.region, subnet.zone_id) for subnet in subnets},
        groups={group.id: group.name for group in groups},
    )


def endpoint_to_wire(endpoint: Endpoint, names: Names) -> dict[str, Any]:
    """``VpcEndpoint``."""
    return {
        "VpcEndpointId": endpoint.id,
        "VpcEndpointType": ENDPOINT_TYPE,
        "VpcId": endpoint.vpc_id,
        "ServiceName": service_name(endpoint.service_id, endpoint.service_region),
        "State": endpoint.state.value,
        "PolicyDocument": endpoint.policy or FULL_ACCESS,
        "RouteTableIds": [],
        "SubnetIds": list(endpoint.subnet_ids),
        # A group may go while the endpoint has no interface that carries it.
        "Groups": [{"GroupId": one, "GroupName": names.groups[one]} for one in endpoint.group_ids if one in names.groups],
        "IpAddressType": endpoint.ip_address_type,
        "DnsOptions": {"DnsRecordIpType": endpoint.dns_record_ip_type},
        "PrivateDnsEnabled": endpoint.private_dns_enabled,
        "RequesterManaged": False,
        "NetworkInterfaceIds": list(endpoint.interface_ids),
        "DnsEntries": [*dns_entries(endpoint, names), *_private_entry(endpoint)],
        "CreationTimestamp": endpoint.created,
        "Tags": tagging.to_wire(endpoint.tags),
        "OwnerId": endpoint.account,
        "ServiceRegion": endpoint.service_region,
        **_failure(endpoint),
        **payer(endpoint),
    }


def _failure(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.last_error_message is None:
        return {}
    return {
        "LastError": {"Code": endpoint.last_error_code, "Message": endpoint.last_error_message},
        "FailureReason": endpoint.last_error_message,
    }


def payer(endpoint: Endpoint) -> dict[str, Any]:
    """Who pays, where somebody decided that."""
    if endpoint.payer is None:
        return {}
    return {"PayerResponsibilities": [{"Scope": "vpc-endpoint-charges", "PayerResponsibilityType": endpoint.payer}]}


def dns_entries(endpoint: Endpoint, names: Names) -> list[dict[str, str]]:
    """The regional name and then the zonal ones, with the consumer's names of the zones."""
    zone_id = hosted_zone_id(endpoint.service_region)
    return [{"DnsName": name, "HostedZoneId": zone_id} for name in endpoint.dns_names(names.zones)]


def _private_entry(endpoint: Endpoint) -> list[dict[str, str]]:
    """The private name, if the endpoint has one, in a hosted zone of its own, which only its VPC has."""
    if endpoint.private_dns_name is None:
        return []
    text = f"{endpoint.id}/{private_zone(endpoint.private_dns_name)}"
    zone_id = f"Z0{hashlib.sha256(text.encode()).hexdigest()[:19].upper()}"
    return [{"DnsName": endpoint.private_dns_name, "HostedZoneId": zone_id}]


def hosted_zone_id(region: str) -> str:
    """The id of the zone that holds a region's endpoint names; where AWS's is not public, always the same one of our own."""
    if region in _HOSTED_ZONES:
        return _HOSTED_ZONES[region]
    return "Z" + hashlib.sha256(f"vpce.{region}".encode()).hexdigest()[:13].upper()
