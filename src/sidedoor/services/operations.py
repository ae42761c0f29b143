"""Endpoint services: what a provider makes of its load balancers, and what consumers can find of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sidedoor import errors, tagging, unsuccessful
from sidedoor.aws.listing import Field, filtered
from sidedoor.call import Answer, Call, Request
from sidedoor.endpoints import private_names
from sidedoor.networks.lookup import chosen
from sidedoor.paging import page
from sidedoor.services import balancers, private_dns, wire
from sidedoor.services.lookup import has_attached_endpoints, named_service, owned_service, visible_services
from sidedoor.services.model import Service, ServiceState, zones_after


def create_vpc_endpoint_service_configuration(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpointServiceConfiguration.html"""
    earlier = call.replayed(request)
    if earlier is not None:
        return _created(call, request, owned_service(call, earlier))
    _check_ip_address_types(request.get("SupportedIpAddressTypes") or ())
    _check_regions(call, request.get("SupportedRegions") or ())
    behind = balancers.of_new_service(call, request)
    service = Service(
        id=call.new_id("vpce-svc"), account=call.account, region=call.region, state=ServiceState.AVAILABLE, created=call.now,
        load_balancer_ids=tuple(one.id for one in behind), zone_ids=zones_after((), (), [one.zone_ids for one in behind]),
        acceptance_required=request.get("AcceptanceRequired", True),
        tags=tagging.from_specifications(request, "vpc-endpoint-service"),
    )  # fmt: skip
    stored = call.tables.services.add(private_dns.changed(call, service, request))
    call.remember_token(request, stored.id)
    return _created(call, request, stored)


def _created(call: Call, request: Request, service: Service) -> Answer:
    return {"ServiceConfiguration": wire.configuration(call, service), "ClientToken": request.get("ClientToken")}


def describe_vpc_endpoint_service_configurations(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointServiceConfigurations.html"""
    services = chosen(call, call.tables.services, request.get("ServiceIds"), owned_service)
    found = filtered(services, request.get("Filters"), _OWN_FILTERS, tags=lambda service: service.tags)
    shown, token = page(call, request, found)
    return {"ServiceConfigurations": [wire.configuration(call, service) for service in shown], "NextToken": token}


def modify_vpc_endpoint_service_configuration(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpointServiceConfiguration.html"""
    service = owned_service(call, request["ServiceId"])
    _check_ip_address_types(request.get("AddSupportedIpAddressTypes") or ())
    _check_regions(call, request.get("AddSupportedRegions") or ())
    if request.get("RemoveSupportedIpAddressTypes") or request.get("RemoveSupportedRegions"):
        raise errors.InvalidParameter(f"A service supports at least ipv4 and its own Region {call.region}.")
    after = private_dns.changed(call, balancers.changed(call, service, request), request)
    acceptance_required = request.get("AcceptanceRequired", service.acceptance_required)
    call.tables.services.update(service, replace(after, acceptance_required=acceptance_required))
    return {"Return": True}


def delete_vpc_endpoint_service_configurations(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpointServiceConfigurations.html"""
    return {"Unsuccessful": unsuccessful.each(request["ServiceIds"], lambda service_id: _delete(call, service_id))}


def _delete(call: Call, service_id: str) -> None:
    """Deletes a service with its permissions and notifications; load balancers and detached endpoints stay."""
    tables = call.tables
    service = tables.services.find(service_id)
    if service is None or (service.account, service.region) != (call.account, call.region):
        raise errors.ServiceNotFound(id=service_id)
    if has_attached_endpoints(call, service.id):
        raise errors.ExistingConnections
    tables.permissions.remove_all(tables.permissions.where(service_id=service.id))
    tables.connection_notifications.remove_all(tables.connection_notifications.where(service_id=service.id))
    private_names.withdraw(tables, service)
    tables.services.remove(service)


def describe_vpc_endpoint_services(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcEndpointServices.html"""
    _check_regions(call, request.get("ServiceRegions") or ())
    services = visible_services(call)
    if request.get("ServiceNames"):
        named = {named_service(call, name).id for name in request["ServiceNames"]}
        services = [service for service in services if service.id in named]
    found = filtered(services, request.get("Filters"), _filters(call), tags=lambda service: wire.visible_tags(call, service))
    shown, token = page(call, request, found)
    return {
        "ServiceNames": [service.name for service in shown],
        "ServiceDetails": [wire.detail(call, service) for service in shown],
        "NextToken": token,
    }


def modify_vpc_endpoint_service_payer_responsibility(call: Call, request: Request) -> Answer:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpointServicePayerResponsibility.html"""
    service = owned_service(call, request["ServiceId"])
    payer = request["PayerResponsibility"]
    if payer != "ServiceOwner":
        reason = "Expecting ServiceOwner."
        raise errors.InvalidParameterValue(value=payer, name="PayerResponsibility", reason=reason)
    call.tables.services.update(service, replace(service, payer_responsibility=payer))
    return {"ReturnValue": True}


def _check_ip_address_types(asked: Iterable[str]) -> None:
    for kind in asked:
        if kind != "ipv4":
            raise errors.InvalidParameter(f"The IP address type {kind} is not supported by Sidedoor: use ipv4.")


def _check_regions(call: Call, asked: Iterable[str]) -> None:
    for region in asked:
        if region != call.region:
            raise errors.InvalidParameter(
                f"Access from one Region to another ({region}) is not supported by Sidedoor: use {call.region}."
            )


_OWN_FILTERS: Mapping[str, Field[Service]] = {
    "service-name": lambda service: service.name,
    "service-id": lambda service: service.id,
    "service-state": lambda service: service.state.value,
    "supported-ip-address-types": lambda service: service.ip_address_types,
}


def _filters(call: Call) -> Mapping[str, Field[Service]]:
    """The filters of DescribeVpcEndpointServices."""

    def owner(service: Service) -> list[str]:
        account = call.tables.accounts.find(service.account)
        return [service.account, *(account.aliases if account else ())]

    return {
        "owner": owner,
        "service-name": lambda service: service.name,
        "service-region": lambda service: service.region,
        "service-type": lambda service: wire.SERVICE_TYPE,
        "supported-ip-address-types": lambda service: service.ip_address_types,
    }
