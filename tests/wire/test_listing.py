"""Filters as the store may use them: what they name exactly, and never more than they say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidedoor.aws.listing import exact, filtered

values = st.text(alphabet="ab*?\\", max_size=3)
several = st.lists(
    st.builds(lambda name, values: {"Name": name, "Values": values}, st.sampled_from(["x", "y"]), st.lists(values, max_size=3)),
    max_size=3,
)


@pytest.mark.parametrize(("filters", "named"), [
    (None, None),
    ([{"Name": "y", "Values": ["1"]}], None),
    ([{"Name": "x", "Values": ["1", "2"]}], {"1", "2"}),
    ([{"Name": "x", "Values": ["1", "2"]}, {"Name": "x", "Values": ["2", "3"]}], {"2"}),
    ([{"Name": "x", "Values": ["1", "2*"]}], None),
    ([{"Name": "x", "Values": ["1*"]}, {"Name": "x", "Values": ["2"]}], {"2"}),
    ([{"Name": "x", "Values": []}], set()),
])  # fmt: skip
def test_exact_filters_name_their_values(filters: Any, named: set[str] | None) -> None:
    assert exact(filters, "x") == named


@settings(max_examples=300, deadline=None, derandomize=True)
@given(filters=several, items=st.lists(st.tuples(values, values), max_size=8))
def test_what_exact_filters_leave_out_the_filters_leave_out_too(filters: Any, items: list[tuple[str, str]]) -> None:
    fields: Any = {"x": lambda item: item[0], "y": lambda item: item[1]}
    named = exact(filters, "x")
    narrowed = [item for item in items if named is None or item[0] in named]
    assert filtered(narrowed, filters, fields) == filtered(items, filters, fields)
