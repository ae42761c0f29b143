"""Minutes to bytes and back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sidedoor.metrics.model import StatisticSet, sample
from sidedoor.metrics.packing import pack, unpack

values = st.one_of(st.integers(0, 2**60).map(float), st.floats(allow_nan=False, allow_infinity=False))
sets = st.one_of(values.map(sample), st.builds(StatisticSet, values, values, values, values))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.dictionaries(st.integers(0, 59), sets))
def test_what_is_packed_is_unpacked(minutes: dict[int, StatisticSet]) -> None:
    assert unpack(pack(minutes.items())) == minutes


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.dictionaries(st.integers(0, 59), sets), st.dictionaries(st.integers(0, 59), sets))
def test_what_is_appended_replaces_the_same_minutes(first: dict[int, StatisticSet], then: dict[int, StatisticSet]) -> None:
    assert unpack(pack(first.items()) + pack(then.items())) == first | then


def test_an_hour_of_zeros_and_small_counts_takes_few_bytes() -> None:
    assert len(pack((minute, sample(0)) for minute in range(60))) == 60
    assert len(pack((minute, sample(1000)) for minute in range(60))) == 180
