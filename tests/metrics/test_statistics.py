"""What minutes come to over a period."""

from __future__ import annotations

import pytest

from sidedoor.metrics.model import Percentile, Statistic, StatisticSet, derived, over_periods, sample

SETS = [StatisticSet(10, 1, 7, 3), sample(0), StatisticSet(5, 5, 5, 1)]


@pytest.mark.parametrize(
    ("statistic", "value"),
    [
        (Statistic.SUM, 15),
        (Statistic.SAMPLE_COUNT, 5),
        (Statistic.AVERAGE, 3),
        (Statistic.MINIMUM, 0),
        (Statistic.MAXIMUM, 7),
    ],
)
def test_statistics_follow_from_the_sets(statistic: Statistic, value: float) -> None:
    assert statistic.of(SETS) == value


@pytest.mark.parametrize(("name", "value"), [("p0", 1), ("p25", 1), ("p50", 2), ("p50.1", 3), ("p99.9", 4), ("p100", 4)])
def test_a_percentile_is_a_sample(name: str, value: float) -> None:
    statistic = derived(name)
    assert statistic is not None
    assert statistic.of([sample(4), sample(2), sample(3), sample(1)]) == value


def test_a_percentile_counts_each_sample_of_a_set() -> None:
    assert Percentile(50).of([StatisticSet(30, 10, 10, 3), sample(1)]) == 10


@pytest.mark.parametrize("one", [StatisticSet(10, 1, 7, 3), sample(-1)])
def test_a_percentile_that_does_not_follow_is_not_made_up(one: StatisticSet) -> None:
    assert Percentile(50).of([sample(1), one]) is None


@pytest.mark.parametrize("name", ["p101", "p-1", "p", "p1e1", "tm90", "sum", "IQM", "", "p50.", "p\u0661"])
def test_what_is_no_statistic_is_none(name: str) -> None:
    assert derived(name) is None


def test_periods_begin_at_the_start_and_empty_ones_are_left_out() -> None:
    minutes = [(480, sample(5)), (60, sample(1)), (120, sample(2)), (240, sample(3)), (600, sample(9))]
    assert over_periods(minutes, 180, 60, 600) == {
        60: [sample(1), sample(2)],
        240: [sample(3)],
        420: [sample(5)],
    }
