"""What a request may ask of an endpoint besides its place: type, policy, DNS options. What Sidedoor lacks is refused here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sidedoor import errors
from sidedoor.call import Call, Request
from sidedoor.endpoints.wire import ENDPOINT_TYPE

LONGEST_POLICY = 20_480
"""Characters (PrivateLink quotas)."""

DEFAULT_TYPE = "Gateway"
SERVICE_TYPES = frozenset({"Interface", "Gateway", "GatewayLoadBalancer"})
LATTICE_TYPES = frozenset({"Resource", "ServiceNetwork", "Tunnel"})

_DNS_RECORD_TYPES = ("ipv4", "service-defined")
_NO_DNS_OPTIONS = ("PrivateDnsOnlyForInboundResolverEndpoint", "PrivateDnsPreference", "PrivateDnsSpecifiedDomains")


def check_supported(call: Call, request: Request) -> None:
    """Raises ``InvalidVpcEndpointType``, and ``InvalidParameter`` for what needs VPC Lattice, IPv6 or another Region."""
    kind = request.get("VpcEndpointType", DEFAULT_TYPE)
    if kind not in SERVICE_TYPES | LATTICE_TYPES:
        raise errors.EndpointTypeInvalid(type=kind)
    if kind in LATTICE_TYPES or request.get("ServiceNetworkArn") or request.get("ResourceConfigurationArn"):
        raise errors.InvalidParameter(
            "Endpoints of VPC Lattice (Resource, ServiceNetwork, Tunnel) are not supported by Sidedoor: use the type Interface."
        )
    region = request.get("ServiceRegion", call.region)
    if region != call.region:
        raise errors.InvalidParameter(
            f"A service in another Region ({region}) is not supported by Sidedoor: create the endpoint in its Region."
        )
    check_addressing(request)


def check_addressing(request: Request) -> None:
    """Raises ``InvalidParameter`` for IPv6 and for DNS options of AWS's own services."""
    kind = request.get("IpAddressType", "ipv4")
    if kind != "ipv4":
        raise errors.InvalidParameter(f"The IP address type {kind} is not supported by Sidedoor: use ipv4.")
    options: Mapping[str, Any] = request.get("DnsOptions") or {}
    record_type = options.get("DnsRecordIpType", "ipv4")
    if record_type not in _DNS_RECORD_TYPES:
        raise errors.InvalidParameter(f"The DNS record IP type {record_type} is not supported by Sidedoor: use ipv4.")
    for name in _NO_DNS_OPTIONS:
        if options.get(name):
            raise errors.InvalidParameter(f"The DNS option {name} is not supported for endpoint services.")


def check_type(request: Request) -> None:
    """Raises ``InvalidParameter`` where the endpoint's type, which is Gateway by default, does not fit an endpoint service."""
    kind = request.get("VpcEndpointType", DEFAULT_TYPE)
    if kind != ENDPOINT_TYPE:
        raise errors.InvalidParameter(f"Endpoint type ({kind}) does not match service type ({ENDPOINT_TYPE}).")
    check_no_route_tables(request, ("RouteTableIds",))


def check_no_route_tables(request: Request, parameters: Iterable[str]) -> None:
    if any(request.get(name) for name in parameters):
        raise errors.InvalidParameter("Route table IDs are only supported for Gateway type VPC Endpoint.")


def policy(request: Request) -> str | None:
    """The policy that the request gives, or None. Raises ``InvalidPolicyDocument``. It is kept and shown, not enforced."""
    text: str | None = request.get("PolicyDocument")
    if not text:
        return None
    if len(text) > LONGEST_POLICY:
        raise errors.PolicyDocumentInvalid(reason=f"it has more than {LONGEST_POLICY} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.PolicyDocumentInvalid(reason="it is not JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("Statement"), list | dict):
        raise errors.PolicyDocumentInvalid(reason="it is not an object with a Statement")
    return text


def dns_record_type(request: Request, default: str) -> str:
    options: Mapping[str, Any] = request.get("DnsOptions") or {}
    chosen: str = options.get("DnsRecordIpType", default)
    return chosen
