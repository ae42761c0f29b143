"""Errors of topics and subscriptions (SNS)."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


class TopicParameterInvalid(ApiError):
    """Invalid parameter: {reason}"""

    code = "InvalidParameter"


class ConfirmationTokenMalformed(ApiError):
    """Invalid token"""

    code = "InvalidParameter"


class TopicNotFound(ApiError):
    """Topic does not exist"""

    code = "NotFound"
    status = 404


class SubscriptionNotFound(ApiError):
    """Subscription does not exist"""

    code = "NotFound"
    status = 404


class TaggedTopicNotFound(ApiError):
    """Resource does not exist"""

    code = "ResourceNotFound"
    status = 404


class TopicTagLimitExceeded(ApiError):
    """Could not complete request: tag quota of per resource exceeded"""

    code = "TagLimitExceeded"


class AuthorizationError(ApiError):
    """User: {principal} is not authorized to perform: {action} on resource: {resource} because no resource-based policy
    allows the {action} action"""

    code = "AuthorizationError"
    status = 403


class MessageAttributeInvalid(ApiError):
    """The message attribute '{name}' {reason}"""

    code = "ParameterValueInvalid"


class EmptyBatchRequest(ApiError):
    """The batch request doesn't contain any entries."""

    code = "EmptyBatchRequest"


class TooManyEntriesInBatchRequest(ApiError):
    """The batch request contains more entries than permissible."""

    code = "TooManyEntriesInBatchRequest"


class InvalidBatchEntryId(ApiError):
    """The Id of a batch entry in a batch request doesn't abide by the specification."""

    code = "InvalidBatchEntryId"


class BatchEntryIdsNotDistinct(ApiError):
    """Two or more batch entries in the request have the same Id."""

    code = "BatchEntryIdsNotDistinct"


class BatchRequestTooLong(ApiError):
    """The length of all the batch messages put together is more than the limit of {limit} bytes."""

    code = "BatchRequestTooLong"
