"""Errors of instances."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


class InstanceNotFound(ApiError):
    """The instance ID '{id}' does not exist"""

    code = "InvalidInstanceID.NotFound"


class InstanceIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "i-...")"""

    code = "InvalidInstanceID.Malformed"


class IncorrectInstanceState(ApiError):
    """The instance '{id}' is in the state '{state}', in which this is not possible."""

    code = "IncorrectInstanceState"


class InstanceLimitExceeded(ApiError):
    """You have requested more instances ({asked}) than your limit of {limit} for one request allows."""

    code = "InstanceLimitExceeded"


class InstanceTypeNotFound(ApiError):
    """The following supplied instance types do not exist: [{names}]"""

    code = "InvalidInstanceType"


class ImageNotFound(ApiError):
    """The image id '[{id}]' does not exist"""

    code = "InvalidAMIID.NotFound"


class ImageIdMalformed(ApiError):
    """Invalid id: "{id}" (expecting "ami-...")"""

    code = "InvalidAMIID.Malformed"


class VolumeNotFound(ApiError):
    """The volume '{id}' does not exist."""

    code = "InvalidVolume.NotFound"


class DefaultSubnetMissing(ApiError):
    """No subnets found for the default VPC '{vpc_id}'. Please specify a subnet."""

    code = "MissingInput"


class AttachmentNotFound(ApiError):
    """The attachment '{id}' does not exist"""

    code = "InvalidAttachmentID.NotFound"


class AttachmentLimitExceeded(ApiError):
    """Interface count {count} exceeds the limit for {type}"""

    code = "AttachmentLimitExceeded"


class InterfaceInUse(ApiError):
    """Network interface '{id}' is currently in use."""

    code = "InvalidNetworkInterface.InUse"
