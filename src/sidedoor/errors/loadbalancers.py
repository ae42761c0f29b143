"""Errors of load balancers: the codes of ELBv2's service model."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


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


class SslPolicyNotFound(ApiError):
    """The following SSL policies do not exist: {names}"""

    code = "SSLPolicyNotFound"


class TooManyLoadBalancers(ApiError):
    """The account may not have more than {limit} load balancers in a region"""

    code = "TooManyLoadBalancers"


class TooManyTargetGroups(ApiError):
    """The account may not have more than {limit} target groups in a region"""

    code = "TooManyTargetGroups"


class RuleNotFound(ApiError):
    """One or more rules not found"""

    code = "RuleNotFound"


class DuplicateTagKeys(ApiError):
    """A tag key was given more than once: {key}"""

    code = "DuplicateTagKeys"


class TooManyTags(ApiError):
    """The resource may not have more than {limit} tags"""

    code = "TooManyTags"


class CertificateNotFound(ApiError):
    """Certificate '{arn}' not found"""

    code = "CertificateNotFound"


class TooManyCertificates(ApiError):
    """The load balancer may not have more than {limit} certificates besides its listeners' default ones"""

    code = "TooManyCertificates"


class AlpnPolicyNotFound(ApiError):
    """The following ALPN policies do not exist: {names}"""

    code = "ALPNPolicyNotFound"
