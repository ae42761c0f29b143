"""Errors of the request itself, whoever sends it and whatever it asks for."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


class DryRunOperation(ApiError):
    """Request would have succeeded, but DryRun flag is set."""

    code = "DryRunOperation"
    status = 412


class InternalError(ApiError):
    """An internal error has occurred. The server's log has the cause under request id {request_id}."""

    code = "InternalError"
    status = 500


class ServiceUnavailable(ApiError):
    """The database cannot be used now ({reason}). Nothing was changed; try again."""

    code = "ServiceUnavailable"
    status = 503


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


class SerializationError(ApiError):
    """The request body is not a document of the protocol. {reason}"""

    code = "SerializationException"


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
    """The {kind} '{id}' has dependencies and cannot be deleted."""

    code = "DependencyViolation"


class InvalidState(ApiError):
    """The resource {id} is in the state '{state}', in which this is not possible"""

    code = "InvalidState"
