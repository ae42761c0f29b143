"""Errors of IAM and STS."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


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


class SessionTagsInvalid(ApiError):
    """The tags of the session are not valid."""

    code = "InvalidParameterValue"


class MalformedPolicyDocument(ApiError):
    """Syntax errors in policy."""

    code = "MalformedPolicyDocument"


class MalformedCertificate(ApiError):
    """Unable to parse certificate. Please ensure the certificate is in PEM format."""

    code = "MalformedCertificate"


class KeyPairMismatch(ApiError):
    """The certificate and the private key do not belong together."""

    code = "KeyPairMismatch"
