"""Inputs and outputs made from botocore's shapes, for every operation in the table, and botocore itself as the other end."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from botocore.model import Shape

from api_client import botocore_model, botocore_reads, botocore_sends
from sidedoor import api
from sidedoor.aws import models

__all__ = ["OPERATIONS", "SERVICES", "botocore_model", "botocore_reads", "botocore_sends", "sample"]

SERVICES = models.load(api.OPERATIONS)

OPERATIONS = [(name, operation) for name, service in SERVICES.items() if service.form for operation in service.offered]
"""Those that are asked for in forms; those of services that speak documents are in ``test_wire_documents``."""


def sample(shape: Shape, random: Random, *, thin: bool = False, depth: int = 0) -> Any:
    """A value of a shape that keeps the model's limits; ``thin`` leaves optional members out."""
    if shape.type_name == "structure":
        return _structure(shape, random, thin, depth)
    if shape.type_name == "list":
        return [sample(shape.member, random, thin=thin, depth=depth + 1) for _ in range(random.randint(1, 3))]
    if shape.type_name == "map":
        keys = {sample(shape.key, random) + str(number) for number in range(random.randint(1, 3))}
        return {key: sample(shape.value, random, thin=thin, depth=depth + 1) for key in sorted(keys)}
    return _SCALARS[shape.type_name](shape, random)


def _structure(shape: Shape, random: Random, thin: bool, depth: int) -> dict[str, Any]:
    optional = [name for name in shape.members if name not in shape.required_members]
    kept = [name for name in optional if not thin and depth < 6 and random.random() < (0.9 if depth < 2 else 0.5)]
    wanted = [*shape.required_members, *kept] or list(shape.members)[:1]
    return {name: sample(shape.members[name], random, thin=thin, depth=depth + 1) for name in wanted}


_TEXTS = (
    *("vpce-svc-03d5ebb7d9579a2b3", "arn:aws:iam::123456789012:role/some-role", "ABCDEFGHIJKLMNOPQRST", "123456789012"),
    *("a<b>&\"c' ]]> \ttab\nline\rreturn", "na\u00efve \u65e5\u672c\u8a9e \U0001f511", "+%2B&=;", " 7 ", "", "true"),
    *("abc", "name", "/", "/path/", "200", "301", "654321", "HTTPS", "ipv4pool-coip-0a", "ipam-pool-0a", "v1"),
)


def _text(shape: Shape, random: Random) -> str:
    limits = shape.metadata
    fitting = [text for text in _TEXTS if limits.get("min", 0) <= len(text) <= limits.get("max", 10**6)]
    if "pattern" in limits and r"\p" not in limits["pattern"]:
        pattern = re.compile(limits["pattern"], re.ASCII)
        fitting = [text for text in fitting if pattern.fullmatch(text)]
    assert fitting, f"no sample for {shape.name} {limits}"
    return random.choice(fitting)


def _whole(shape: Shape, random: Random) -> int:
    bits = 31 if shape.type_name == "integer" else 63
    return random.randint(int(shape.metadata.get("min", -(1 << bits))), int(shape.metadata.get("max", (1 << bits) - 1)))


def _time(shape: Shape, random: Random) -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC) + timedelta(seconds=random.randint(0, 10**6))


_SCALARS: dict[str, Callable[[Shape, Random], Any]] = {
    "string": _text,
    "integer": _whole,
    "long": _whole,
    "boolean": lambda shape, random: random.random() < 0.5,
    "double": lambda shape, random: random.choice((0.0, -1.5, 1e-7, 12345.678)),
    "float": lambda shape, random: random.choice((0.0, -1.5, 12345.5)),
    "timestamp": _time,
    "blob": lambda shape, random: random.randbytes(random.randint(1, 9)),
}
