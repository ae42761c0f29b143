"""hypothesis strategies made from botocore's shapes: everything that an input or an output may hold, and nothing else."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

from botocore.model import Shape
from hypothesis import strategies as st
from wire_samples import sample

DEEPEST = 2
"""How deep optional members go on; required ones always do."""

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r"))
"""What XML 1.0 can hold."""

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))


def values_of(shape: Shape, protocol: str, *, output: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Inputs or outputs of this shape.

    An input's empty lists, maps and structures are not on the wire, but for the empty lists of the protocol ``query``.
    """
    return _Builder(protocol, output).structure(shape, 0)


class _Builder:
    def __init__(self, protocol: str, output: bool) -> None:
        self._output = output
        self._fewest = 0 if output or protocol == "query" else 1

    def of(self, shape: Shape, depth: int) -> st.SearchStrategy[Any]:
        if shape.type_name == "structure":
            return self.structure(shape, depth)
        if shape.type_name == "list":
            fewest = max(self._fewest if depth < 2 else 1, shape.metadata.get("min", 0))
            return st.lists(self.of(shape.member, depth + 1), min_size=fewest, max_size=max(2, fewest))
        if shape.type_name == "map":
            fewest = 0 if self._output else 1
            return st.dictionaries(self.of(shape.key, depth), self.of(shape.value, depth + 1), min_size=fewest, max_size=2)
        if shape.type_name == "timestamp":
            precision = 1000 if self._output else 1  # an answer shows milliseconds
            return TIMES.map(lambda when: when.replace(microsecond=when.microsecond // precision * precision))
        return _scalars(shape)

    def structure(self, shape: Shape, depth: int) -> st.SearchStrategy[dict[str, Any]]:
        members = {
            name: self.of(member, depth + 1) for name, member in shape.members.items() if self._goes_on(shape, name, depth)
        }
        required = {name: strategy for name, strategy in members.items() if name in shape.required_members}
        optional = {name: strategy for name, strategy in members.items() if name not in required}
        if depth and not required and not self._output:
            return st.sampled_from(sorted(optional)).flatmap(
                lambda name: st.fixed_dictionaries({name: optional[name]}, optional=_but(optional, name))
            )
        return st.fixed_dictionaries(required, optional=optional)

    def _goes_on(self, shape: Shape, name: str, depth: int) -> bool:
        """Beyond the depth only what has to be, and scalars, so that a structure is not empty."""
        member = shape.members[name]
        return depth < DEEPEST or name in shape.required_members or member.type_name not in ("structure", "list", "map")


def _but(members: dict[str, Any], name: str) -> dict[str, Any]:
    return {other: strategy for other, strategy in members.items() if other != name}


@cache
def _limits(low: int | None, high: int | None) -> st.SearchStrategy[int]:
    return st.integers(low, high)


def _scalars(shape: Shape) -> st.SearchStrategy[Any]:
    if shape.type_name == "string":
        return _texts(shape)
    if shape.type_name in ("integer", "long"):
        bits = 31 if shape.type_name == "integer" else 63
        return _limits(int(shape.metadata.get("min", -(1 << bits))), int(shape.metadata.get("max", (1 << bits) - 1)))
    if shape.type_name in ("float", "double"):
        return st.floats(allow_nan=False, allow_infinity=False)
    return {"boolean": st.booleans(), "blob": st.binary(min_size=1, max_size=20)}[shape.type_name]


def _texts(shape: Shape) -> st.SearchStrategy[str]:
    limits = shape.metadata
    fewest, most = limits.get("min", 0), limits.get("max", 10**6)
    usual = st.integers(0, 99).map(lambda seed: sample(shape, Random(seed)))
    if shape.enum:
        return st.sampled_from(shape.enum) | usual
    if "pattern" in limits:
        pattern = limits["pattern"]
        if "\\p" in pattern or "[\\w" not in pattern:
            return usual
        matching = st.from_regex(re.compile(pattern, re.ASCII), fullmatch=True)
        return usual | matching.filter(lambda text: fewest <= len(text) <= most)
    return usual | TEXT.filter(lambda text: fewest <= len(text) <= most) if fewest < 5 else usual
