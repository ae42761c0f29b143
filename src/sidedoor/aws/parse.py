"""Form fields in, an operation's input out: the protocols ``ec2`` and ``query``, by input shape.

Rule 1: what the shape does not have is refused, never ignored; only the protocol's own fields are skipped.
Rule 2: the work is bounded by the size of the request, whatever indexes, depth or repetition it claims.
Rule 3: text that XML 1.0 cannot hold is refused here, since no answer could show it again.

botocore's enums are not checked: they are not the wire's values (aws-reference 2.1).
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.model import Shape

from sidedoor import errors
from sidedoor.aws import refusals
from sidedoor.aws.models import FormProtocol, Service
from sidedoor.aws.refusals import Refusals
from sidedoor.aws.serialize import NOT_XML

MAX_FIELDS = 20_000
MAX_DEPTH = 32

_PROTOCOL_FIELDS = frozenset(
    ("action", "version", "awsaccesskeyid", "signature", "signaturemethod", "signatureversion", "timestamp", "expires",
     "securitytoken")
)  # fmt: skip
_INDEX = re.compile(r"[1-9][0-9]{0,8}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,4})?")
NOT_XML_AT_ALL = re.compile(f"[{NOT_XML}]")


def fields(*encoded: str | bytes) -> dict[str, str]:
    """The fields of form-encoded texts (query string, body). One that comes twice is refused: which would be meant?"""
    found: dict[str, str] = {}
    for text in encoded:
        if not text:
            continue
        try:
            decoded = text if isinstance(text, str) else text.decode()
            pairs = parse_qsl(decoded, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
        except ValueError as error:
            raise errors.MalformedQueryString from error
        for name, value in pairs:
            if name in found:
                raise errors.MalformedQueryString(f"The parameter {refusals.shortened(name)} occurs more than once.")
            found[name] = value
    return found


def read(service: Service, operation: str, given: Mapping[str, str]) -> dict[str, Any]:
    """The input of an operation that the service offers, as boto3's caller wrote it. Raises the service's errors."""
    shape = service.offered[operation].input_shape
    if service.form is None:
        raise TypeError(f"{service.name} is not asked with fields")
    reading = _Reading(service.form, refusals.of_service(service.name, service.form))
    members = _wire_names(shape, service.form) if shape is not None else {}
    tree = _Node("")
    for name, value in given.items():
        _plant(tree, name, value, reading.refusals)
    for name in [name for name in tree.children if name not in members and _is_protocol_field(name)]:
        del tree.children[name]
    if shape is not None:
        return _structure(shape, tree, reading)
    for child in tree.children.values():
        raise reading.refusals.unknown(child.name)
    return {}


@dataclass(frozen=True)
class _Reading:
    protocol: FormProtocol
    refusals: Refusals


@dataclass(slots=True)
class _Node:
    """A field, or the stem of several: ``Filter.1.Name`` hangs below ``Filter.1`` below ``Filter``."""

    name: str
    value: str | None = None
    children: dict[str, _Node] = field(default_factory=dict)


def _plant(tree: _Node, name: str, value: str, refuse: Refusals) -> None:
    if name.count(".") >= MAX_DEPTH:
        raise refuse.unknown(name)
    node = tree
    for part in name.split("."):
        child = node.children.get(part)
        if child is None:
            child = node.children[part] = _Node(f"{node.name}.{part}" if node is not tree else part)
        node = child
    node.value = value


def _is_protocol_field(name: str) -> bool:
    lowered = name.lower()
    return lowered in _PROTOCOL_FIELDS or lowered.startswith("x-amz-")


@cache
def _wire_names(shape: Shape, protocol: FormProtocol) -> dict[str, tuple[str, Shape]]:
    """Wire name -> (member name, shape)."""
    return {_wire_name(member, name, protocol): (name, member) for name, member in shape.members.items()}


def _wire_name(shape: Shape, name: str, protocol: FormProtocol) -> str:
    """What a member is called in a request (aws-reference 1.1). The EC2 protocol capitalises the answer's name."""
    names = shape.serialization
    if protocol == "ec2":
        given: str = names.get("queryName") or names.get("name") or name
        return given if "queryName" in names or "name" not in names else given[0].upper() + given[1:]
    if shape.type_name == "list" and names.get("flattened"):
        return str(shape.member.serialization.get("name") or names.get("name") or name)
    return str(names.get("name") or name)


def _value(shape: Shape, node: _Node, reading: _Reading) -> Any:
    compound = _COMPOUND.get(shape.type_name)
    if compound is not None:
        if node.value:
            raise reading.refusals.invalid(node.name, node.value, f"must be a {shape.type_name}")
        return compound(shape, node, reading)
    for child in node.children.values():
        raise reading.refusals.unknown(child.name)
    text = node.value or ""
    try:
        value = _SCALAR[shape.type_name](text)
    except (ValueError, OverflowError):
        raise reading.refusals.invalid(node.name, text, FORMS[shape.type_name]) from None
    # EC2's operations word their own limits; the others name the model's constraint.
    broken = broken_constraint(shape.metadata, value) if reading.protocol == "query" else None
    if broken is not None:
        raise reading.refusals.invalid(node.name, text, broken)
    return value


def _structure(shape: Shape, node: _Node, reading: _Reading) -> dict[str, Any]:
    members = _wire_names(shape, reading.protocol)
    found: dict[str, Any] = {}
    for part, child in node.children.items():
        if part not in members:
            raise reading.refusals.unknown(child.name)
        name, member = members[part]
        found[name] = _value(member, child, reading)
    for name in shape.required_members:
        if name not in found:
            wire = _wire_name(shape.members[name], name, reading.protocol)
            raise reading.refusals.missing(f"{node.name}.{wire}" if node.name else wire)
    return found


def _list(shape: Shape, node: _Node, reading: _Reading) -> list[Any]:
    if reading.protocol == "query" and not shape.serialization.get("flattened"):
        item = str(shape.member.serialization.get("name") or "member")
        return [_value(shape.member, one, reading) for one in _items(_only(node, item, reading), reading)]
    return [_value(shape.member, one, reading) for one in _items(node, reading)]


def _map(shape: Shape, node: _Node, reading: _Reading) -> dict[str, Any]:
    if not shape.serialization.get("flattened"):
        node = _only(node, "entry", reading)
    key_name = str(shape.key.serialization.get("name") or "key")
    value_name = str(shape.value.serialization.get("name") or "value")
    found: dict[str, Any] = {}
    for entry in _items(node, reading):
        for part, child in entry.children.items():
            if part not in (key_name, value_name):
                raise reading.refusals.unknown(child.name)
        for part in (key_name, value_name):
            if part not in entry.children:
                raise reading.refusals.missing(f"{entry.name}.{part}")
        key = entry.children[key_name]
        found[_value(shape.key, key, reading)] = _value(shape.value, entry.children[value_name], reading)
    return found


def _only(node: _Node, part: str, reading: _Reading) -> _Node:
    """The child of that name, which is the only one that may be there."""
    for name, child in node.children.items():
        if name != part:
            raise reading.refusals.unknown(child.name)
    return node.children.get(part) or _Node(f"{node.name}.{part}")


def _items(node: _Node, reading: _Reading) -> Iterator[_Node]:
    """The numbered children in the order of their numbers, which need not be contiguous."""
    for index, child in node.children.items():
        if not _INDEX.fullmatch(index):
            raise reading.refusals.unknown(child.name)
    return iter([node.children[index] for index in sorted(node.children, key=int)])


_COMPOUND: Mapping[str, Callable[[Shape, _Node, _Reading], Any]] = {"structure": _structure, "list": _list, "map": _map}


def _string(text: str) -> str:
    if NOT_XML_AT_ALL.search(text):
        raise ValueError
    return text


def _whole(text: str, bits: int) -> int:
    if not _INTEGER.fullmatch(text) or not -(1 << bits - 1) <= int(text) < 1 << bits - 1:
        raise ValueError
    return int(text)


def _integer(text: str) -> int:
    return _whole(text, 32)


def _long(text: str) -> int:
    return _whole(text, 64)


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise ValueError
    return lowered == "true"


def _float(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError
    return float(text)


def _timestamp(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when.astimezone(UTC) if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _blob(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_SCALAR: Mapping[str, Callable[[str], Any]] = {
    "string": _string,
    "character": _string,
    "integer": _integer,
    "long": _long,
    "boolean": _boolean,
    "double": _float,
    "float": _float,
    "timestamp": _timestamp,
    "blob": _blob,
}

FORMS: Mapping[str, str] = {
    "string": "must hold only characters that XML can hold",
    "character": "must hold only characters that XML can hold",
    "integer": "must be an integer of 32 bits",
    "long": "must be an integer of 64 bits",
    "boolean": "must be true or false",
    "double": "must be a number",
    "float": "must be a number",
    "timestamp": "must be a time in ISO 8601 form",
    "blob": "must be encoded in base64",
}


def broken_constraint(limits: Mapping[str, Any], value: Any) -> str | None:
    """The constraint of the model that the value breaks, in AWS's words, or None."""
    if isinstance(value, bool | datetime):
        return None
    size, measure = (len(value), "length") if isinstance(value, str | bytes) else (value, "value")
    if "min" in limits and size < limits["min"]:
        return f"must have {measure} greater than or equal to {limits['min']}"
    if "max" in limits and size > limits["max"]:
        return f"must have {measure} less than or equal to {limits['max']}"
    pattern = _pattern(limits["pattern"]) if "pattern" in limits and isinstance(value, str) else None
    if pattern is not None and not pattern.fullmatch(value):
        return f"must satisfy regular expression pattern: {limits['pattern']}"
    return None


@lru_cache(maxsize=256)
def _pattern(java: str) -> re.Pattern[str] | None:
    r"""The model's pattern, or None where Python's dialect lacks part of it (``\p{L}``)."""
    try:
        return re.compile(java, re.ASCII)
    except re.error:
        return None
