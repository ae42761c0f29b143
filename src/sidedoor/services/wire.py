"""Endpoint services as answers show them, to their owner and to those who may connect to them."""

from __future__ import annotations

from typing import Any

from sidedoor import tagging
from sidedoor.call import Call
from sidedoor.networks.zones import zone_name
from sidedoor.services.model import Service

SERVICE_TYPE = "Interface"
DNS_RECORD_TYPE = "TXT"


def configuration(call: Call, service: Service) -> dict[str, Any]:
    """``ServiceConfiguration``: the owner's view."""
    return {
        "ServiceType": [{"ServiceType": SERVICE_TYPE}],
        "ServiceId": service.id,
        "ServiceName": service.name,
        "ServiceState": service.state.value,
        "AvailabilityZoneIds": list(service.zone_ids),
        "AvailabilityZones": _zone_names(call, service),
        "AcceptanceRequired": service.acceptance_required,
        "ManagesVpcEndpoints": False,
        "NetworkLoadBalancerArns": list(service.load_balancer_ids),
        "SupportedIpAddressTypes": list(service.ip_address_types),
        "BaseEndpointDnsNames": [service.base_dns_name],
        **_private_dns(service),
        "PayerResponsibility": service.payer_responsibility,
        "Tags": tagging.to_wire(service.tags),
        "SupportedRegions": [{"Region": service.region, "ServiceState": service.state.value}],
        "RemoteAccessEnabled": False,
    }


def detail(call: Call, service: Service) -> dict[str, Any]:
    """``ServiceDetail``: what everybody sees who may connect. The zones have the caller's names; the tags are the owner's."""
    shown: dict[str, Any] = {
        "ServiceName": service.name,
        "ServiceId": service.id,
        "ServiceType": [{"ServiceType": SERVICE_TYPE}],
        "ServiceRegion": service.region,
        "AvailabilityZoneIds": list(service.zone_ids),
        "AvailabilityZones": _zone_names(call, service),
        "Owner": service.account,
        "BaseEndpointDnsNames": [service.base_dns_name],
        "VpcEndpointPolicySupported": False,
        "AcceptanceRequired": service.acceptance_required,
        "ManagesVpcEndpoints": False,
        "PayerResponsibility": service.payer_responsibility,
        "Tags": tagging.to_wire(visible_tags(call, service)),
        "SupportedIpAddressTypes": list(service.ip_address_types),
    }
    if service.private_dns_name is not None and service.private_dns_state is not None:
        shown["PrivateDnsName"] = service.private_dns_name
        shown["PrivateDnsNames"] = [{"PrivateDnsName": service.private_dns_name}]
        shown["PrivateDnsNameVerificationState"] = service.private_dns_state.value
    return shown


def visible_tags(call: Call, service: Service) -> dict[str, str]:
    """The service's tags for its owner, none for others."""
    return service.tags if service.account == call.account else {}


def _zone_names(call: Call, service: Service) -> list[str]:
    """The names that the caller has for the service's zones: the same place may have another name in another account."""
    return [zone_name(call.account, service.region, zone_id) for zone_id in service.zone_ids]


def _private_dns(service: Service) -> dict[str, Any]:
    if service.private_dns_name is None or service.private_dns_state is None:
        return {}
    return {
        "PrivateDnsName": service.private_dns_name,
        "PrivateDnsNameConfiguration": {
            "State": service.private_dns_state.value,
            "Type": DNS_RECORD_TYPE,
            "Value": service.private_dns_record_value,
            "Name": service.private_dns_record_name,
        },
    }
