"""Errors of endpoint services, endpoints and their notifications."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


class ServiceNameInvalid(ApiError):
    """The Vpc Endpoint Service '{name}' does not exist"""

    code = "InvalidServiceName"


class ServiceIdNotFound(ApiError):
    """The VpcEndpointService Id '{id}' does not exist"""

    code = "InvalidVpcEndpointServiceId.NotFound"


class ServiceIdMalformed(ApiError):
    """Invalid Id: '{id}' (expecting 'vpce-svc-...')"""

    code = "InvalidVpcEndpointServiceIdId.Malformed"


class ServiceNotFound(ApiError):
    """The VpcEndpointService Id '{id}' does not exist"""

    code = "InvalidVpcEndpointService.NotFound"


class EndpointIdNotFound(ApiError):
    """The Vpc Endpoint Id '{id}' does not exist"""

    code = "InvalidVpcEndpointId.NotFound"


class EndpointIdMalformed(ApiError):
    """Invalid Id: '{id}' (expecting 'vpce-...')"""

    code = "InvalidVpcEndpointId.Malformed"


class EndpointNotFound(ApiError):
    """The Vpc Endpoint Id '{id}' does not exist"""

    code = "InvalidVpcEndpoint.NotFound"


class ExistingConnections(ApiError):
    """Service has existing active VPC Endpoint connections!"""

    code = "ExistingVpcEndpointConnections"


class EndpointTypeInvalid(ApiError):
    """The VPC endpoint type '{type}' is not valid"""

    code = "InvalidVpcEndpointType"


class ZoneNotSupported(ApiError):
    """The VPC endpoint service {service} does not support the availability zone of the subnet: {subnet_id}."""

    code = "InvalidParameter"


class PrivateDnsNotProvided(ApiError):
    """Private DNS can't be enabled because the service {service} does not provide a private DNS name."""

    code = "InvalidParameter"


class PrivateDnsNeedsAttributes(ApiError):
    """Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc_id}"""

    code = "InvalidParameter"


class PrivateDnsConflict(ApiError):
    """private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} in the VPC {vpc_id}"""

    code = "InvalidParameter"


class DuplicateSubnetsInSameZone(ApiError):
    """Found another VPC endpoint subnet in the availability zone of {subnet_id}"""

    code = "DuplicateSubnetsInSameZone"


class EndpointLimitExceeded(ApiError):
    """VPC {vpc_id} already has {limit} interface endpoints"""

    code = "VpcEndpointLimitExceeded"


class PrincipalTypeUnknown(ApiError):
    """The principal type of '{principal}' is not supported."""

    code = "UnknownPrincipalType.Unsupported"


class PolicyDocumentInvalid(ApiError):
    """The policy document is not valid: {reason}"""

    code = "InvalidPolicyDocument"


class ConnectionNotificationInvalid(ApiError):
    """The connection notification '{id}' does not exist"""

    code = "InvalidConnectionNotification"
