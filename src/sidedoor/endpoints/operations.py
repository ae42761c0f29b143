"""Interface endpoints: what a consumer creates to reach a service, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sidedoor import errors, tagging, unsuccessful
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.endpoints import changes, events, options, placement, private_names, wire
from sidedoor.endpoints.lifecycle import moved
from sidedoor.endpoints.lookup import STATE_FILTER, any_case, lower_state, owned_endpoint
from sidedoor.endpoints.model import Endpoint, Event, State, first_state
from sidedoor.ids import base36
from sidedoor.networks.lookup import chosen, owned_vpc
from sidedoor.networks.model import Interface, Vpc
from sidedoor.paging import page
from sidedoor.services.lookup import named_service
from sidedoor.services.model import Service, service_name


def create_vpc_endpoint(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html"""
    earlier = call.replayed(request)
    if earlier is not None:
        return _created(call, request, owned_endpoint(call, earlier))
    options.check_supported(call, request)
    if not request.get("ServiceName"):
        raise errors.MissingParameter(name="ServiceName")
    vpc = owned_vpc(call, request["VpcId"])
    service = named_service(call, request["ServiceName"])
    options.check_type(request)
    wanted = dict.fromkeys(request.get("SubnetIds") or ()) | placement.addresses(request)
    places = placement.places(call, vpc.id, service, wanted)
    group_ids = placement.groups(call, vpc.id, request.get("SecurityGroupIds") or ())
    private_name = private_names.usable(call, service, vpc) if request.get("PrivateDnsEnabled") else None
    _check_quota(call, vpc)
    endpoint_id = call.new_id("vpce")
    interfaces = [placement.settle(call, endpoint_id, service, place, group_ids) for place in places]
    made = _new(call, request, endpoint_id, vpc, service, interfaces, group_ids)
    endpoint = call.tables.endpoints.add(replace(made, private_dns_name=private_name))
    call.remember_token(request, endpoint.id)
    events.remember(call, "Connect", endpoint, service, before=None)
    if endpoint.state is State.PENDING:
        events.remember(call, "Accept", endpoint, service, before=None)
    return _created(call, request, endpoint)


def _new(
    call: Call,
    request: Request,
    endpoint_id: str,
    vpc: Vpc,
    service: Service,
    interfaces: list[Interface],
    group_ids: tuple[str, ...],
) -> Endpoint:
    return Endpoint(
        id=endpoint_id,
        account=call.account,
        region=call.region,
        service_id=service.id,
        service_region=service.region,
        connection_id=call.new_id("vpce-con"),
        vpc_id=vpc.id,
        subnet_ids=tuple(one.subnet_id for one in interfaces),
        interface_ids=tuple(one.id for one in interfaces),
        group_ids=group_ids,
        state=first_state(service.acceptance_required),
        created=call.now,
        dns_suffix=base36(8, call.entropy),
        policy=options.policy(request),
        private_dns_enabled=bool(request.get("PrivateDnsEnabled")),
        dns_record_ip_type=options.dns_record_type(request, "ipv4"),
        tags=tagging.from_specifications(request, "vpc-endpoint"),
    )


def _check_quota(call: Call, vpc: Vpc) -> None:
    there = [state for state in call.tables.endpoints.values("state", vpc_id=vpc.id) if state != State.DELETING]
    if len(there) >= call.settings.endpoints_per_vpc:
        raise errors.EndpointLimitExceeded(vpc_id=vpc.id, limit=call.settings.endpoints_per_vpc)


def _created(call: Call, request: Request, endpoint: Endpoint) -> Answer:
    shown = wire.endpoint_to_wire(endpoint, wire.names_of(call.tables, [endpoint]))
    return {"VpcEndpoint": shown, "ClientToken": request.get("ClientToken")}


def describe_vpc_endpoints(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpoints.html"""
    endpoints = chosen(call, call.tables.endpoints, request.get("VpcEndpointIds"), owned_endpoint)
    found = filtered(endpoints, any_case(request.get("Filters")), _FILTERS, tags=lambda endpoint: endpoint.tags)
    shown, token = page(call, request, found)
    names = wire.names_of(call.tables, shown)
    return {"VpcEndpoints": [wire.endpoint_to_wire(endpoint, names) for endpoint in shown], "NextToken": token}


def modify_vpc_endpoint(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html"""
    endpoint = owned_endpoint(call, request["VpcEndpointId"])
    moved(endpoint, Event.MODIFIED)
    options.check_addressing(request)
    options.check_no_route_tables(request, ("AddRouteTableIds", "RemoveRouteTableIds"))
    service = call.tables.services.find(endpoint.service_id)
    if service is None:
        raise errors.ServiceNameInvalid(name=service_name(endpoint.service_id, endpoint.service_region))
    after = changes.with_policy(endpoint, request)
    after = changes.with_dns(call, after, service, request)
    after = changes.with_groups(call, after, request)
    after = changes.with_subnets(call, after, service, request)
    if after != endpoint:
        changes.regroup(call, after)
        stored = call.tables.endpoints.update(endpoint, moved(after, Event.MODIFIED))
        if stored.state is not endpoint.state:
            events.remember(call, "Modify", stored, service, before=endpoint.state)
    return {"Return": True}


def delete_vpc_endpoints(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html"""
    return {"Unsuccessful": unsuccessful.each(request["VpcEndpointIds"], lambda endpoint_id: _delete(call, endpoint_id))}


def _delete(call: Call, endpoint_id: str) -> None:
    """Marks an endpoint for deletion. It goes when the agent reports that nothing of it is left (``lifecycle.removed``)."""
    endpoint = call.tables.endpoints.find(endpoint_id)
    if endpoint is None or (endpoint.account, endpoint.region) != (call.account, call.region):
        raise errors.EndpointNotFound(id=endpoint_id)
    after = moved(endpoint, Event.DELETE_REQUESTED)
    if after is endpoint:
        return
    stored = call.tables.endpoints.update(endpoint, after)
    service = call.tables.services.find(endpoint.service_id)
    if service is not None:
        events.remember(call, "Delete", stored, service, before=endpoint.state)


def describe_vpc_endpoint_associations(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointAssociations.html"""
    # Only endpoints of VPC Lattice have associations; an interface endpoint to an endpoint service has none.
    chosen(call, call.tables.endpoints, request.get("VpcEndpointIds"), owned_endpoint)
    nothing: list[Endpoint] = []
    shown, token = page(call, request, filtered(nothing, request.get("Filters"), _ASSOCIATION_FILTERS))
    return {"VpcEndpointAssociations": shown, "NextToken": token}


_FILTERS: Mapping[str, Field[Endpoint]] = {
    "ip-address-type": lambda endpoint: endpoint.ip_address_type,
    "service-name": lambda endpoint: service_name(endpoint.service_id, endpoint.service_region),
    "service-region": lambda endpoint: endpoint.service_region,
    "vpc-id": lambda endpoint: endpoint.vpc_id,
    "vpc-endpoint-id": lambda endpoint: endpoint.id,
    STATE_FILTER: lower_state,
    "vpc-endpoint-type": lambda endpoint: wire.ENDPOINT_TYPE,
}

_ASSOCIATION_FILTERS: Mapping[str, Field[Endpoint]] = dict.fromkeys(
    (
        "vpc-endpoint-id", "associated-resource-accessibility", "association-id", "associated-resource-id",
        "service-network-arn", "resource-configuration-group-arn",
    ),
    lambda endpoint: None,
)  # fmt: skip
