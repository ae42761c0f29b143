"""Errors of who asks: signatures, keys, rights."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


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
