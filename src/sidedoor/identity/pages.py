"""``Marker``, ``MaxItems`` and ``IsTruncated`` of IAM's lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from sidedoor import errors
from sidedoor.aws import listing
from sidedoor.call import Call, Request
from sidedoor.identity.constraints import check_range

T = TypeVar("T")

USUAL, MOST = 100, 1000
"""IAM's lists give 100 items unless told otherwise (IAM API reference, ``MaxItems``)."""


def marked_page(call: Call, request: Request, items: Iterable[T], key: Callable[[T], str]) -> tuple[list[T], dict[str, Any]]:
    """One page of the items, ordered by ``key``, which is unique; and the members of the answer that say what follows."""
    size = check_range(request.get("MaxItems", USUAL), "maxItems", 1, MOST)
    try:
        shown, marker = listing.paged(
            sorted(items, key=key),
            size=size,
            token=request.get("Marker"),
            key=key,
            secret=call.settings.paging_secret,
            scope=f"{call.account}/{call.operation}",
        )
    except errors.InvalidNextToken:
        raise errors.InvalidMarker from None
    if marker is None:
        return shown, {"IsTruncated": False}
    return shown, {"IsTruncated": True, "Marker": marker}


def nothing(call: Call, request: Request, member: str) -> dict[str, Any]:
    """The answer of a list of which Sidedoor has no items."""
    none: list[str] = []
    shown, rest = marked_page(call, request, none, key=str)
    return {member: shown, **rest}
