"""Says no to what a request asks of networks and Sidedoor does not have, so that nothing is silently left out; and to what
would leave something without ground.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sidedoor import errors
from sidedoor.call import Call


def refuse(request: Mapping[str, Any], parameters: Iterable[str], reason: str) -> None:
    """Raises ``UnsupportedOperation`` where the request asks for one of these; ``False``, 0 and empty ask for nothing."""
    for name in parameters:
        if request.get(name):
            raise errors.UnsupportedOperation(f"The parameter {name} is not supported by Sidedoor: {reason}")


def in_use(call: Call, kind: str, resource_id: str, dependent: str) -> errors.DependencyViolation:
    """What to raise when ``dependent`` keeps a resource from going: AWS's sentence does not name it, the operator's log does.

    ``kind``: what EC2's sentence calls the resource, such as ``routeTable``.
    """
    call.explain("network.in_use", f"{resource_id} cannot go before {dependent}", resource=resource_id, dependent=dependent)
    if kind == "resource":
        return errors.DependencyViolation(f"resource {resource_id} has a dependent object")
    return errors.DependencyViolation(kind=kind, id=resource_id)
