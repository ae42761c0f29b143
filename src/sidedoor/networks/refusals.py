"""Says no to what a request asks of networks and Sidedoor does not have, so that nothing is silently left out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sidedoor import errors


def refuse(request: Mapping[str, Any], parameters: Iterable[str], reason: str) -> None:
    """Raises ``UnsupportedOperation`` where the request asks for one of these; ``False``, 0 and empty ask for nothing."""
    for name in parameters:
        if request.get(name):
            raise errors.UnsupportedOperation(f"The parameter {name} is not supported by Sidedoor: {reason}")
