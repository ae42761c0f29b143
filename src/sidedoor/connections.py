"""The provider's view of the endpoints that are connected to its services: it accepts, rejects and sees them.

Accepting says that an endpoint may carry traffic; ``available`` it is only when the agent has reported that it does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sidedoor import errors, tagging, unsuccessful
from sidedoor.aws.listing import Field, exact, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.endpoints import events, placement, wire
from sidedoor.endpoints.lifecycle import moved
from sidedoor.endpoints.lookup import STATE_FILTER, any_case, connected_endpoint, lower_state
from sidedoor.endpoints.model import Endpoint, Event, State
from sidedoor.paging import page
from sidedoor.services.lookup import owned_service
from sidedoor.services.model import Service


def accept_vpc_endpoint_connections(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AcceptVpcEndpointConnections.html"""
    service = owned_service(call, request["ServiceId"])
    return {"Unsuccessful": unsuccessful.each(_endpoint_ids(request), lambda endpoint_id: _accept(call, service, endpoint_id))}


def _accept(call: Call, service: Service, endpoint_id: str) -> None:
    """Accepts an endpoint, also one that was rejected; one that was accepted already stays as it is."""
    endpoint = connected_endpoint(call, service, endpoint_id)
    after = moved(endpoint, Event.ACCEPTED)
    if after is endpoint:
        return
    for before, served in placement.served_again(call, endpoint, service):
        call.tables.interfaces.update(before, served)
    events.remember(call, "Accept", call.tables.endpoints.update(endpoint, after), service, before=endpoint.state)


def reject_vpc_endpoint_connections(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RejectVpcEndpointConnections.html"""
    service = owned_service(call, request["ServiceId"])
    return {"Unsuccessful": unsuccessful.each(_endpoint_ids(request), lambda endpoint_id: _reject(call, service, endpoint_id))}


def _reject(call: Call, service: Service, endpoint_id: str) -> None:
    endpoint = connected_endpoint(call, service, endpoint_id)
    after = moved(endpoint, Event.REJECTED)
    if after is not endpoint:
        events.remember(call, "Reject", call.tables.endpoints.update(endpoint, after), service, before=endpoint.state)


def _endpoint_ids(request: Request) -> list[str]:
    if request.get("TransitGatewayAttachmentIds"):
        raise errors.InvalidParameter(
            "Transit gateway attachments are supported only for Gateway Load Balancer endpoint services."
        )
    return list(request["VpcEndpointIds"])


def describe_vpc_endpoint_connections(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointConnections.html"""
    filters = any_case(request.get("Filters"))
    services = {service.id: service for service in call.tables.services.where(**call.owned)}
    endpoints = call.tables.endpoints.where(**_narrowed(filters, services))
    shown, token = page(call, request, filtered(endpoints, filters, _FILTERS))
    names = wire.names_of(call.tables, shown)
    connections = [_to_wire(endpoint, services[endpoint.service_id], names) for endpoint in shown]
    return {"VpcEndpointConnections": connections, "NextToken": token}


def _narrowed(filters: Sequence[Mapping[str, Any]], services: Collection[str]) -> dict[str, Any]:
    """The endpoints of these services, as a condition for the store: no more of them than exact filters let pass.

    So ten waiting connections are found as fast among ten thousand as among a hundred.
    """
    named = exact(filters, "service-id")
    narrowed: dict[str, Any] = {"service_id": [one for one in services if named is None or one in named]}
    for name, column in (("vpc-endpoint-id", "id"), ("vpc-endpoint-owner", "account")):
        values = exact(filters, name)
        if values is not None:
            narrowed[column] = values
    states = exact(filters, STATE_FILTER)
    if states is not None:
        narrowed["state"] = [state for state in State if state.value.lower() in states]
    return narrowed


def modify_vpc_endpoint_payer_responsibility(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpointPayerResponsibility.html"""
    # AWS does not say who may ask. Here it is the owner of the service, so that nobody makes another account pay.
    endpoint = call.tables.endpoints.find(request["VpcEndpointId"])
    services = [service.id for service in call.tables.services.where(**call.owned)]
    if endpoint is None or endpoint.service_id not in services:
        raise errors.EndpointIdNotFound(id=request["VpcEndpointId"])
    if request.get("ServiceId", endpoint.service_id) != endpoint.service_id:
        raise errors.InvalidParameter(f"{endpoint.id} is not connected to {request['ServiceId']}.")
    scope, payer = request["Scope"], request["PayerResponsibility"]
    if scope != "vpc-endpoint-charges":
        raise errors.InvalidParameterValue(value=scope, name="Scope", reason="Expecting vpc-endpoint-charges.")
    if payer not in ("vpc-endpoint-account", "vpc-endpoint-service-account"):
        reason = "Expecting vpc-endpoint-account or vpc-endpoint-service-account."
        raise errors.InvalidParameterValue(value=payer, name="PayerResponsibility", reason=reason)
    stored = call.tables.endpoints.update(endpoint, replace(endpoint, payer=payer))
    return {"VpcEndpointId": stored.id, **wire.payer(stored)}


def _to_wire(endpoint: Endpoint, service: Service, names: wire.Names) -> dict[str, Any]:
    return {
        "VpcEndpointId": endpoint.id,
        "ServiceId": endpoint.service_id,
        "CreationTimestamp": endpoint.created,
        "VpcEndpointState": endpoint.state.value,
        "VpcEndpointOwner": endpoint.account,
        "DnsEntries": wire.dns_entries(endpoint, names),
        "NetworkLoadBalancerArns": list(service.load_balancer_ids),
        "IpAddressType": endpoint.ip_address_type,
        "VpcEndpointConnectionId": endpoint.connection_id,
        "VpcEndpointRegion": endpoint.region,
        "Tags": tagging.to_wire(endpoint.connection_tags),
        **wire.payer(endpoint),
    }


_FILTERS: Mapping[str, Field[Endpoint]] = {
    "ip-address-type": lambda endpoint: endpoint.ip_address_type,
    "service-id": lambda endpoint: endpoint.service_id,
    "transit-gateway-attachment-id": lambda endpoint: None,
    "vpc-endpoint-id": lambda endpoint: endpoint.id,
    "vpc-endpoint-owner": lambda endpoint: endpoint.account,
    "vpc-endpoint-region": lambda endpoint: endpoint.region,
    STATE_FILTER: lower_state,
}
