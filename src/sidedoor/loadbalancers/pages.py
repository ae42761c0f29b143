"""``PageSize`` and ``Marker`` of the ELBv2 operations, over records in the order in which the store returns them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sidedoor import errors
from sidedoor.aws import listing
from sidedoor.call import Call, Request
from sidedoor.paging import record_key

T = TypeVar("T")

MOST = 400


def page(
    call: Call, request: Request, records: Sequence[T], key: Callable[[T], str] = record_key
) -> tuple[list[T], dict[str, str]]:
    """The page that the request asks for, and ``NextMarker`` where there are more.

    Raises ``ValidationError`` for a size outside 1 to 400 and for a marker that is none of ours.
    """
    size = request.get("PageSize")
    if size is not None and not 1 <= size <= MOST:
        raise errors.ValidationError(f"Page size '{size}' not supported. Must be a number between 1 and {MOST}")
    scope = f"{call.account}/{call.region}/{call.operation}"
    try:
        found, marker = listing.paged(
            records, size=size or MOST, token=request.get("Marker"), key=key,
            secret=call.settings.paging_secret, scope=scope, most=MOST,
        )  # fmt: skip
    except errors.InvalidNextToken:
        raise errors.InvalidMarker from None
    return found, {} if marker is None else {"NextMarker": marker}
