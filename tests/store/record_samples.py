"""A record of any kind, made from the types of its fields."""

from __future__ import annotations

import dataclasses
import types
import typing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sidedoor.networks.model import Vpc
from sidedoor.store.schema import Kind

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ODD_TEXT = "Zürich 日本 'quoted' \"twice\" \\ %s :name \n end"


def full_record(kind: Kind[Any], record_id: str = "id-1") -> Any:
    """A record with a value in every field."""
    values = {field.name: _value(field.annotation) for field in kind.fields}
    return kind.record(**values | {"id": record_id, "version": 0})


def bare_record(kind: Kind[Any], record_id: str = "id-1") -> Any:
    """A record with a value in those fields alone that need one."""
    needed = {one.name for one in dataclasses.fields(kind.record) if _is_needed(one)}
    values = {field.name: _value(field.annotation) for field in kind.fields if field.name in needed}
    return kind.record(**values | {"id": record_id})


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(annotation: Any) -> Any:
    if isinstance(annotation, types.UnionType):
        return _value(next(part for part in typing.get_args(annotation) if part is not types.NoneType))
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        return (_value(parts[0]), _value(parts[0]))
    if origin is dict:
        return {_value(parts[0]): _value(parts[1]), "": "" if parts[1] is str else _value(parts[1])}
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return list(annotation)[-1]
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        return annotation(**{field.name: _value(hints[field.name]) for field in dataclasses.fields(annotation)})
    scalars: dict[Any, Any] = {str: ODD_TEXT, int: 2**40, bool: True, datetime: START}
    return scalars[annotation]


def vpc(number: int | str = 1, **fields: Any) -> Vpc:
    values = {"account": "111111111111", "region": "us-east-1", "cidr": "10.0.0.0/16", "created": START}
    return Vpc(id=f"vpc-{number}", **values | fields)
