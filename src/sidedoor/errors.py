"""Every AWS error that Sidedoor answers: one class a code, whose docstring is the message.

Rule 1: an error is raised with the facts that its docstring names: ``raise VpcNotFound(id="vpc-1")``.
Rule 2: the code and the HTTP status are AWS's (EC2 API reference, "Error codes"; the service models of ELBv2, IAM, STS, SNS).
Rule 3: anything that is not an ``ApiError`` and reaches the edge is a bug and answers ``InternalError``.
"""

from __future__ import annotations

import inspect
from typing import ClassVar


class ApiError(Exception):
    """An error with a name that AWS gave it. Never raised itself."""

    code: ClassVar[str]
    status: ClassVar[int] = 400

    def __init__(self, message: str | None = None, /, **facts: object) -> None:
        self.message = message or inspect.cleandoc(self.__doc__ or "").format(**facts)
        super().__init__(self.message)


# --- the request itself -------------------------------------------------------------------------------------------


class DryRunOperation(ApiError):
    """Request would have succeeded, but DryRun flag is set."""

    code = "DryRunOperation"
    status = 412


class InternalError(ApiError):
    """An internal error has occurred. The server's log has the cause under request id {request_id}."""

    code = "InternalError"
    status = 500


class InvalidAction(ApiError):
    """The action {action} is not valid for this web service."""

    code = "InvalidAction"


class UnsupportedOperation(ApiError):
    """The operation {operation} is not supported by Sidedoor."""

    code = "UnsupportedOperation"


class MissingAction(ApiError):
    """The request must contain the parameter Action."""

    code = "MissingAction"


class UnknownParameter(ApiError):
    """The parameter {name} is not recognized"""

    code = "UnknownParameter"


class MissingParameter(ApiError):
    """The request must contain the parameter {name}"""

    code = "MissingParameter"


class InvalidParameterValue(ApiError):
    """Value ({value}) for parameter {name} is invalid. {reason}"""

    code = "InvalidParameterValue"


class InvalidParameterCombination(ApiError):
    """The parameters cannot be used together."""

    code = "InvalidParameterCombination"


class InvalidParameter(ApiError):
    """A parameter is not valid."""

    code = "InvalidParameter"


class ValidationError(ApiError):
    """A value does not satisfy the constraints of its parameter."""

    code = "ValidationError"


class MalformedQueryString(ApiError):
    """The request body is not a form-encoded string."""

    code = "MalformedQueryString"


class RequestEntityTooLarge(ApiError):
    """The request is larger than the {limit} bytes that this server reads."""

    code = "RequestEntityTooLarge"
    status = 413


class InvalidFilter(ApiError):
    """The filter '{name}' is invalid"""

    code = "InvalidFilter"


class FilterLimitExceeded(ApiError):
    """The maximum number of filter values specified on a single call is {limit}"""

    code = "FilterLimitExceeded"


class InvalidNextToken(ApiError):
    """The token '{token}' is invalid"""

    code = "InvalidNextToken"


class InvalidMarker(ApiError):
    """The marker is not valid"""

    code = "ValidationError"


class IdempotentParameterMismatch(ApiError):
    """The client token '{token}' was used before with other parameters"""

    code = "IdempotentParameterMismatch"


class InvalidID(ApiError):
    """The ID '{id}' is not valid"""

    code = "InvalidID"


class InvalidTagKeyMalformed(ApiError):
    """The tag key '{key}' is not valid: it must have 1 to 127 characters and must not begin with aws:"""

    code = "InvalidTagKey.Malformed"


class TagLimitExceeded(ApiError):
    """The resource may not have more than {limit} tags"""

    code = "TagLimitExceeded"


class OperationNotPermitted(ApiError):
    """The operation is not permitted."""

    code = "OperationNotPermitted"


class DependencyViolation(ApiError):
    """{resource} has a dependent object ({dependent}) and cannot be deleted"""

    code = "DependencyViolation"


class InvalidState(ApiError):
    """The resource {id} is in the state '{state}', in which this is not possible"""

    code = "InvalidState"


# --- who asks -----------------------------------------------------------------------------------------------------


class MissingAuthenticationToken(ApiError):
    """Request is missing Authentication Token"""

    code = "MissingAuthenticationToken"
    status = 403


class IncompleteSignature(ApiError):
    """The request signature does not conform to AWS standards: {reason}"""

    code = "IncompleteSignature"


class AuthFailure(ApiError):
    """AWS was not able to validate the provided access credentials"""

    code = "AuthFailure"
    status = 401


class InvalidClientTokenId(ApiError):
    """The security token included in the request is invalid."""

    code = "InvalidClientTokenId"
    status = 403


class SignatureDoesNotMatch(ApiError):
    """The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key
    and signing method."""

    code = "SignatureDoesNotMatch"
    status = 403


class RequestExpired(ApiError):
    """Request has expired: it was signed at {signed}, the server's time is {now}. Correct the client's clock."""

    code = "RequestExpired"


class ExpiredToken(ApiError):
    """The security token included in the request is expired"""

    code = "ExpiredToken"
    status = 403


class AccessDenied(ApiError):
    """User: {principal} is not authorized to perform: {action} on resource: {resource}"""

    code = "AccessDenied"
    status = 403


class UnauthorizedOperation(ApiError):
    """You are not authorized to perform this operation."""

    code = "UnauthorizedOperation"
    status = 403


# --- IAM and STS --------------------------------------------------------------------------------------------------


class InvalidInput(ApiError):
    """The request was rejected because an invalid or out-of-range value was supplied for an input parameter."""

    code = "InvalidInput"


class NoSuchEntity(ApiError):
    """The {kind} with name {name} cannot be found."""

    code = "NoSuchEntity"
    status = 404


class EntityAlreadyExists(ApiError):
    """{kind} with name {name} already exists."""

    code = "EntityAlreadyExists"
    status = 409


class DeleteConflict(ApiError):
    """Cannot delete entity, must {remedy} first."""

    code = "DeleteConflict"
    status = 409


class LimitExceeded(ApiError):
    """Cannot exceed quota for {quota}: {limit}"""

    code = "LimitExceeded"
    status = 409


class MalformedPolicyDocument(ApiError):
    """The policy is not in the valid JSON format: {reason}"""

    code = "MalformedPolicyDocument"


# --- networks -----------------------------------------------------------------------------------------------------


class VpcNotFound(ApiError):
    """The vpc ID '{id}' does not exist"""

    code = "InvalidVpcID.NotFound"


class VpcIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "vpc-...")"""

    code = "InvalidVpcID.Malformed"


class VpcRangeInvalid(ApiError):
    """The CIDR '{cidr}' is invalid."""

    code = "InvalidVpc.Range"


class SubnetNotFound(ApiError):
    """The subnet ID '{id}' does not exist"""

    code = "InvalidSubnetID.NotFound"


class SubnetIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "subnet-...")"""

    code = "InvalidSubnetID.Malformed"


class SubnetRangeInvalid(ApiError):
    """The CIDR '{cidr}' is invalid."""

    code = "InvalidSubnet.Range"


class SubnetConflict(ApiError):
    """The CIDR '{cidr}' conflicts with another subnet"""

    code = "InvalidSubnet.Conflict"


class InsufficientFreeAddresses(ApiError):
    """The subnet '{id}' has no free address left"""

    code = "InsufficientFreeAddressesInSubnet"


class GroupNotFound(ApiError):
    """The security group '{id}' does not exist"""

    code = "InvalidGroup.NotFound"


class GroupIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "sg-...")"""

    code = "InvalidGroupId.Malformed"


class GroupDuplicate(ApiError):
    """The security group '{name}' already exists for VPC '{vpc_id}'"""

    code = "InvalidGroup.Duplicate"


class GroupReserved(ApiError):
    """Cannot use reserved security group name: {name}"""

    code = "InvalidGroup.Reserved"


class CannotDelete(ApiError):
    """the specified group: "{id}" name: "default" cannot be deleted by a user"""

    code = "CannotDelete"


class PermissionDuplicate(ApiError):
    """the specified rule "{rule}" already exists"""

    code = "InvalidPermission.Duplicate"


class PermissionNotFound(ApiError):
    """The specified rule does not exist in this security group."""

    code = "InvalidPermission.NotFound"


class PermissionMalformed(ApiError):
    """The rule is not well formed: {reason}"""

    code = "InvalidPermission.Malformed"


class GroupRuleNotFound(ApiError):
    """The security group rule ID '{id}' does not exist"""

    code = "InvalidSecurityGroupRuleId.NotFound"


class GroupRuleIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "sgr-...")"""

    code = "InvalidSecurityGroupRuleId.Malformed"


class VpcIdNotSpecified(ApiError):
    """No default VPC for this user"""

    code = "VPCIdNotSpecified"


class DifferentNetworks(ApiError):
    """You have specified two resources that belong to different networks: {id}."""

    code = "InvalidParameter"


class PrefixListNotFound(ApiError):
    """The prefix list ID '{id}' does not exist"""

    code = "InvalidPrefixListID.NotFound"


class InterfaceNotFound(ApiError):
    """The networkInterface ID '{id}' does not exist"""

    code = "InvalidNetworkInterfaceID.NotFound"


class InterfaceIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "eni-...")"""

    code = "InvalidNetworkInterfaceId.Malformed"


class AddressInUse(ApiError):
    """Address {address} is in use."""

    code = "InvalidIPAddress.InUse"


class ZoneNotFound(ApiError):
    """Value ({name}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following
    availability zones: {zones}."""

    code = "InvalidParameterValue"


# --- endpoint services and endpoints ------------------------------------------------------------------------------


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


# --- load balancers (ELBv2: the codes of its service model) -------------------------------------------------------


class LoadBalancerNotFound(ApiError):
    """One or more load balancers not found"""

    code = "LoadBalancerNotFound"


class TargetGroupNotFound(ApiError):
    """One or more target groups not found"""

    code = "TargetGroupNotFound"


class ListenerNotFound(ApiError):
    """One or more listeners not found"""

    code = "ListenerNotFound"


class DuplicateLoadBalancerName(ApiError):
    """A load balancer with the same name '{name}' exists, but with different settings"""

    code = "DuplicateLoadBalancerName"


class DuplicateTargetGroupName(ApiError):
    """A target group with the same name '{name}' exists, but with different settings"""

    code = "DuplicateTargetGroupName"


class DuplicateListener(ApiError):
    """A listener already exists on this port for this load balancer '{load_balancer}'"""

    code = "DuplicateListener"


class InvalidConfigurationRequest(ApiError):
    """The requested configuration is not valid."""

    code = "InvalidConfigurationRequest"


class ElbSubnetNotFound(ApiError):
    """The subnet ID '{id}' does not exist"""

    code = "SubnetNotFound"


class InvalidSubnet(ApiError):
    """The subnet is not valid."""

    code = "InvalidSubnet"


class InvalidSecurityGroup(ApiError):
    """The security group '{id}' does not exist"""

    code = "InvalidSecurityGroup"


class InvalidTarget(ApiError):
    """The following targets are not valid: {targets}"""

    code = "InvalidTarget"


class IncompatibleProtocols(ApiError):
    """Protocol {listener} of the listener is not compatible with protocol {target_group} of the target group"""

    code = "IncompatibleProtocols"


class UnsupportedProtocol(ApiError):
    """Protocol {protocol} is not supported by Sidedoor"""

    code = "UnsupportedProtocol"


class TargetGroupAssociationLimit(ApiError):
    """The following target groups cannot be associated with more than one load balancer: {id}"""

    code = "TargetGroupAssociationLimit"


class ResourceInUse(ApiError):
    """The resource is in use."""

    code = "ResourceInUse"


class InvalidScheme(ApiError):
    """The scheme '{scheme}' is not valid: use internal or internet-facing"""

    code = "InvalidScheme"


class AllocationIdNotFound(ApiError):
    """The allocation ID '{id}' does not exist"""

    code = "AllocationIdNotFound"


class TooManyActions(ApiError):
    """A listener of a network load balancer has exactly one default action"""

    code = "TooManyActions"


class InvalidLoadBalancerAction(ApiError):
    """The action type '{type}' is not valid with a network load balancer: use forward"""

    code = "InvalidLoadBalancerAction"


class TooManyListeners(ApiError):
    """The load balancer may not have more than {limit} listeners"""

    code = "TooManyListeners"


class TooManyTargets(ApiError):
    """The target group may not have more than {limit} targets"""

    code = "TooManyTargets"


class RuleNotFound(ApiError):
    """One or more rules not found"""

    code = "RuleNotFound"


class DuplicateTagKeys(ApiError):
    """A tag key was given more than once: {key}"""

    code = "DuplicateTagKeys"


class TooManyTags(ApiError):
    """The resource may not have more than {limit} tags"""

    code = "TooManyTags"
