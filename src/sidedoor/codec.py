"""Records to JSON documents and back, for JSON columns and for the agent's feed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import cattrs

R = TypeVar("R")
Document = dict[str, Any]


class UnreadableDocument(ValueError):
    """The document does not hold what the record needs."""


def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=False)
    converter.register_unstructure_hook(datetime, lambda at: at.astimezone(UTC).isoformat())
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    return converter


_CONVERTER = _converter()


def to_document(record: object) -> Document:
    """A record (frozen dataclass) as plain JSON types."""
    document: Document = _CONVERTER.unstructure(record)
    return document


def from_document(document: Document, record: type[R]) -> R:
    """The record that ``to_document`` wrote. Unknown keys are left out, so that an older reader survives a newer writer.

    Raises ``UnreadableDocument``.
    """
    try:
        return _CONVERTER.structure(document, record)
    except (cattrs.BaseValidationError, TypeError) as error:
        raise UnreadableDocument(f"not a {record.__name__}: {'; '.join(cattrs.transform_error(error))}") from error


def to_json_value(value: object) -> Any:
    """Any value that a record's field holds, as plain JSON types."""
    return _CONVERTER.unstructure(value)


def writer(kind: Any) -> Callable[[Any], Any]:
    """The function that makes plain JSON types of fields of one type."""
    return _WRITTEN.get(kind, _CONVERTER.unstructure)


def reader(kind: Any) -> Callable[[Any], Any]:
    """The function that reads what ``to_json_value`` wrote of fields of one type."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {member.value: member for member in kind}.__getitem__
    return _CONTAINERS.get(kind) or (lambda value: _CONVERTER.structure(value, kind))


_WRITTEN: Mapping[Any, Callable[[Any], Any]] = {tuple[str, ...]: list, dict[str, str]: dict}
_CONTAINERS: Mapping[Any, Callable[[Any], Any]] = {tuple[str, ...]: tuple, dict[str, str]: dict}
"""Types whose content is JSON's as it is."""
