"""The JSON documents that callers give SNS: read strictly, and not deeper than anything that reads them can go. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

DEEPEST = 50


class Unreadable(ValueError):
    """That is no JSON object."""


def parsed(text: str) -> dict[str, Any]:
    """The JSON object. Raises ``Unreadable``."""
    try:
        document = json.loads(text, parse_constant=_refuse)  # NaN and Infinity are not JSON (RFC 8259, 6)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(document, dict) or _is_too_deep(document):
        raise Unreadable
    return document


def dumped(document: Mapping[str, Any]) -> str:
    """The document as SNS writes it: without spaces."""
    return json.dumps(document, separators=(",", ":"))


def same(one: str, other: str) -> bool:
    """Whether two texts are the same JSON object, or the same text."""
    try:
        return one == other or parsed(one) == parsed(other)
    except Unreadable:
        return False


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_too_deep(document: dict[str, Any]) -> bool:
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        inner = (node.values() if isinstance(node, dict) else node for node in level if isinstance(node, dict | list))
        level = [child for children in inner for child in children]
    return bool(level)
