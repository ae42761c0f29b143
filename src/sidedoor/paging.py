"""``MaxResults`` and ``NextToken`` of the EC2 operations, over records in the order in which the store returns them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sidedoor import errors
from sidedoor.aws import listing
from sidedoor.call import Call, Request

T = TypeVar("T")

FEWEST, MOST = 5, 1000
"""A page has 5 to 1,000 items (EC2 API reference, ``MaxResults``); a larger request gets 1,000 (aws-reference 1.1)."""


def page(
    call: Call,
    request: Request,
    records: Sequence[T],
    token_name: str = "NextToken",  # noqa: S107 - the name of a parameter
    *,
    key: Callable[[T], str] | None = None,
) -> tuple[list[T], str | None]:
    """The page that the request asks for and the next page's token, or None at the end.

    ``key``: what orders the items; it is only needed for items that are no records. Raises ``InvalidParameterValue`` and
    ``InvalidNextToken``.
    """
    size = request.get("MaxResults")
    if size is not None and size < FEWEST:
        reason = f"Expecting a value greater than or equal to {FEWEST}."
        raise errors.InvalidParameterValue(value=size, name="MaxResults", reason=reason)
    return listing.paged(
        records,
        size=size,
        token=request.get(token_name),
        key=key or record_key,
        secret=call.settings.paging_secret,
        scope=f"{call.account}/{call.region}/{call.operation}",
        most=MOST,
    )


def record_key(record: Any) -> str:
    """Orders records as ``Records.where`` does: by creation, then by id."""
    created = getattr(record, "created", None)
    return record.id if created is None else f"{created.isoformat(timespec='microseconds')} {record.id}"
