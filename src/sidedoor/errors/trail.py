"""Errors of CloudTrail, whose codes end in ``Exception``."""

from __future__ import annotations

from sidedoor.errors.api_error import ApiError


class InvalidLookupAttributes(ApiError):
    """The lookup attributes are not valid: {reason}"""

    code = "InvalidLookupAttributesException"


class InvalidTimeRange(ApiError):
    """The StartTime must not be after the EndTime."""

    code = "InvalidTimeRangeException"


class InvalidMaxResults(ApiError):
    """MaxResults must be a number from 1 to {most}."""

    code = "InvalidMaxResultsException"


class InvalidTrailToken(ApiError):
    """The NextToken is none of this lookup: ask for the first page again."""

    code = "InvalidNextTokenException"


class InvalidEventCategory(ApiError):
    """The event category {category} is not valid: insight is not supported by Sidedoor."""

    code = "InvalidEventCategoryException"
