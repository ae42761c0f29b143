"""Operations on several ids at once, where an id that fails does not fail the call but is listed as ``Unsuccessful``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sidedoor import errors


def each(resource_ids: Iterable[str], act: Callable[[str], None]) -> list[dict[str, Any]]:
    """Does ``act`` for each id, once. Returns the items of ``Unsuccessful``.

    What ``act`` wrote before it raised stays written, so it decides first and writes then.
    """
    items: list[dict[str, Any]] = []
    for resource_id in dict.fromkeys(resource_ids):
        try:
            act(resource_id)
        except errors.ApiError as error:
            items.append({"ResourceId": resource_id, "Error": {"Code": error.code, "Message": error.message}})
    return items
