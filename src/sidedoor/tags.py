"""EC2's tags on everything that may have some: CreateTags, DeleteTags, DescribeTags.

A connection's tags are the service owner's, although the connection is the consumer's endpoint (aws-reference 1.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sidedoor import errors, tagging
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.endpoints.model import Endpoint
from sidedoor.networks import lookup
from sidedoor.paging import page
from sidedoor.store.tables import Records, Tables


@dataclass(frozen=True)
class Taggable:
    """A kind of record with tags, and what DescribeTags calls it."""

    resource_type: str
    records: Callable[[Tables], Records[Any]]
    not_found: type[errors.ApiError]


TAGGABLE: Mapping[str, Taggable] = {
    "vpc": Taggable("vpc", lambda tables: tables.vpcs, errors.VpcNotFound),
    "dopt": Taggable("dhcp-options", lambda tables: tables.dhcp_options, errors.DhcpOptionsNotFound),
    "pl": Taggable("prefix-list", lambda tables: tables.prefix_lists, errors.PrefixListNotFound),
    "subnet": Taggable("subnet", lambda tables: tables.subnets, errors.SubnetNotFound),
    "scr": Taggable("subnet-cidr-reservation", lambda tables: tables.subnet_reservations, errors.SubnetReservationNotFound),
    "sg": Taggable("security-group", lambda tables: tables.security_groups, errors.GroupNotFound),
    "sgr": Taggable("security-group-rule", lambda tables: tables.security_group_rules, errors.GroupRuleNotFound),
    "eni": Taggable("network-interface", lambda tables: tables.interfaces, errors.InterfaceNotFound),
    "rtb": Taggable("route-table", lambda tables: tables.route_tables, errors.RouteTableNotFound),
    "acl": Taggable("network-acl", lambda tables: tables.network_acls, errors.NetworkAclNotFound),
    "igw": Taggable("internet-gateway", lambda tables: tables.internet_gateways, errors.InternetGatewayNotFound),
    "i": Taggable("instance", lambda tables: tables.instances, errors.InstanceNotFound),
    "vpce": Taggable("vpc-endpoint", lambda tables: tables.endpoints, errors.EndpointIdNotFound),
    "vpce-svc": Taggable("vpc-endpoint-service", lambda tables: tables.services, errors.ServiceIdNotFound),
    "vpce-svc-perm": Taggable("vpc-endpoint-service-permission", lambda tables: tables.permissions, errors.InvalidID),
}
"""Prefix of the id -> the records that have such ids. Connections, which are half of a record, stand apart."""

CONNECTION_PREFIX = "vpce-con"
CONNECTION_TYPE = "vpc-endpoint-connection"


def create_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html"""
    new = tagging.from_wire(request["Tags"])
    for resource_id in dict.fromkeys(request["Resources"]):
        _retag(call, resource_id, lambda tags: tagging.merged(tags, new))
    return {}


def delete_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html"""
    asked = request.get("Tags")
    for resource_id in dict.fromkeys(request["Resources"]):
        _retag(call, resource_id, lambda tags: _without(tags, asked))
    return {}


def _without(tags: Mapping[str, str], asked: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    """The tags that stay: none where no tag is asked for; a tag that is asked for with a value goes only with that value."""
    if not asked:
        return {}
    left = dict(tags)
    for pair in asked:
        key, value = pair.get("Key", ""), pair.get("Value")
        if value is None or left.get(key) == value:
            left.pop(key, None)
    return left


def _retag(call: Call, resource_id: str, change: Callable[[Mapping[str, str]], dict[str, str]]) -> None:
    """Changes the tags of a resource of the caller's. Raises its ``NotFound``, or ``InvalidID`` for what is no such id."""
    prefix = resource_id.rpartition("-")[0]
    if prefix == CONNECTION_PREFIX:
        endpoint = _connection(call, resource_id)
        call.tables.endpoints.update(endpoint, replace(endpoint, connection_tags=change(endpoint.connection_tags)))
        return
    if prefix not in TAGGABLE:
        raise errors.InvalidID(id=resource_id)
    kind = TAGGABLE[prefix]
    records = kind.records(call.tables)
    record = lookup.owned(call, records, resource_id, prefix, kind.not_found, errors.InvalidID)
    records.update(record, replace(record, tags=change(record.tags)))


def _connection(call: Call, connection_id: str) -> Endpoint:
    """The endpoint with this connection to a service of the caller's. Raises ``InvalidID``."""
    for endpoint in call.tables.endpoints.where(connection_id=connection_id):
        service = call.tables.services.find(endpoint.service_id)
        if service is not None and (service.account, service.region) == (call.account, call.region):
            return endpoint
    raise errors.InvalidID(id=connection_id)


@dataclass(frozen=True)
class Tag:
    """One tag of one resource."""

    resource_type: str
    resource_id: str
    key: str
    value: str

    @property
    def order(self) -> str:
        return f"{self.resource_type} {self.resource_id} {self.key}"


def describe_tags(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html"""
    found = filtered(_all_tags(call), request.get("Filters"), _FILTERS, tags=lambda tag: {tag.key: tag.value})
    found.sort(key=lambda tag: tag.order)
    shown, token = page(call, request, found, key=lambda tag: tag.order)
    tags = [
        {"ResourceType": tag.resource_type, "ResourceId": tag.resource_id, "Key": tag.key, "Value": tag.value} for tag in shown
    ]
    return {"Tags": tags, "NextToken": token}


def _all_tags(call: Call) -> Iterator[Tag]:
    for kind in TAGGABLE.values():
        for record in kind.records(call.tables).where(**call.owned):
            for key, value in record.tags.items():
                yield Tag(kind.resource_type, record.id, key, value)
    service_ids = [service.id for service in call.tables.services.where(**call.owned)]
    for endpoint in call.tables.endpoints.where(service_id=service_ids):
        for key, value in endpoint.connection_tags.items():
            yield Tag(CONNECTION_TYPE, endpoint.connection_id, key, value)


_FILTERS: Mapping[str, Field[Tag]] = {
    "key": lambda tag: tag.key,
    "resource-id": lambda tag: tag.resource_id,
    "resource-type": lambda tag: tag.resource_type,
    "value": lambda tag: tag.value,
}
