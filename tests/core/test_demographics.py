"""Where a gender is named, where a class of age begins, and what a quantile of a distribution of ages is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from onlooker.core.demographics import (
    AGE_CLASSES,
    CLASS_SHARE,
    GENDER_CONFIDENCE,
    HALF_YEARS,
    N_AGES,
    Floats,
    age_class,
    age_interval,
    age_quantile,
    gender_label,
    likely_class,
    share_below,
    whole_years,
)


@st.composite
def distributions(draw: st.DrawFn) -> Floats:
    """A few rows that sum to 1, with years of no probability among them."""
    rows = draw(st.integers(1, 4))
    whole = st.integers(0, 20)
    weights = draw(arrays(np.int64, (rows, N_AGES), elements=whole, fill=st.just(0))).astype(np.float64)
    weights[:, draw(st.integers(0, N_AGES - 1))] += 1
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def certain(*years: int) -> Floats:
    every: Floats = np.eye(N_AGES, dtype=np.float32)
    return every[list(years)]


@pytest.mark.parametrize(
    ("p_female", "label"),
    [
        (1.0, "female"),
        (0.8, "female"),
        (0.7999, None),
        (0.5, None),
        (0.2001, None),
        (0.19, "male"),
        (0.0, "male"),
    ],
)
def test_a_gender_is_named_from_four_fifths_on(p_female: float, label: str | None) -> None:
    assert GENDER_CONFIDENCE == 0.8
    assert gender_label(p_female) == label


@pytest.mark.parametrize(
    ("p_female", "confidence", "label"),
    [(0.5, 0.5, "female"), (0.4999, 0.5, "male"), (0.99, 1.0, None), (1.0, 1.0, "female"), (0.0, 1.0, "male")],
)
def test_the_confidence_asked_for_moves_the_threshold(p_female: float, confidence: float, label: str | None) -> None:
    assert gender_label(p_female, confidence) == label


@pytest.mark.parametrize(
    ("age", "name"),
    [
        (0, "child"),
        (18, "child"),
        (18.49, "child"),
        (18.5, "adult"),
        (19, "adult"),
        (59, "adult"),
        (59.49, "adult"),
        (59.5, "old"),
        (60, "old"),
        (100, "old"),
    ],
)
def test_an_age_belongs_to_the_class_of_its_rounded_year(age: float, name: str) -> None:
    assert AGE_CLASSES[int(age_class(np.array([age]))[0])] == name


def test_classes_come_for_all_ages_at_once_as_indices() -> None:
    classes = age_class(np.array([70, 5, 30, 18], np.float32))
    assert classes.tolist() == [2, 0, 1, 0]
    assert classes.dtype == np.intp


@pytest.mark.parametrize(
    ("likely", "name"),
    [
        ({18: 1.0}, "child"),
        ({19: 1.0}, "adult"),
        ({59: 1.0}, "adult"),
        ({60: 1.0}, "old"),
        ({10: 0.25, 18: 0.25, 30: 0.5}, "child"),
        ({30: 0.61, 60: 0.2, 100: 0.19}, "adult"),
        ({0: 0.45, 70: 0.55}, "old"),
        ({0: 0.5, 70: 0.5}, "child"),
    ],
)
def test_a_class_is_the_rare_one_from_a_smaller_share_on(likely: dict[int, float], name: str) -> None:
    distribution = sum(share * certain(year) for year, share in likely.items())
    assert [AGE_CLASSES[i] for i in likely_class(np.asarray(distribution, np.float32))] == [name]


def test_a_share_less_than_half_finds_what_the_median_does_not() -> None:
    edge = CLASS_SHARE * certain(70) + (1 - CLASS_SHARE) * certain(30)
    below = edge - 0.001 * certain(70) + 0.001 * certain(30)
    assert age_class(age_quantile(edge, 0.5)).tolist() == [1]
    assert likely_class(np.concatenate([edge, below])).tolist() == [2, 1]


def test_the_median_of_a_certain_year_is_that_year() -> None:
    assert age_quantile(certain(0, 1, 37, 99, 100), 0.5) == pytest.approx([0, 1, 37, 99, 100])


def test_a_certain_year_spreads_over_half_a_year_either_side() -> None:
    year = certain(37)
    assert [float(age_quantile(year, share)[0]) for share in (0.0, 0.25, 1.0)] == pytest.approx([0.0, 36.75, 37.5])
    assert share_below(year, np.array([36.5])) == pytest.approx([0])
    assert share_below(year, np.array([37.0])) == pytest.approx([0.5])
    assert share_below(year, np.array([37.5])) == pytest.approx([1])


def test_the_median_of_two_certain_years_lies_at_the_end_of_the_first() -> None:
    assert age_quantile(certain(20, 40).mean(axis=0, keepdims=True), 0.5) == pytest.approx([20.5])


def test_quantiles_of_the_even_distribution_are_evenly_spaced() -> None:
    even = np.full((1, N_AGES), 1 / N_AGES, np.float32)
    got = [float(age_quantile(even, share)[0]) for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
    assert got == pytest.approx([9.6, 29.8, 50.0, 70.2, 90.4], abs=1e-3)


def test_each_row_may_have_a_share_of_its_own() -> None:
    even = np.full((2, N_AGES), 1 / N_AGES, np.float32)
    assert age_quantile(even, np.array([0.1, 0.9])) == pytest.approx([9.6, 90.4], abs=1e-3)


def test_no_distribution_has_no_quantile() -> None:
    none = np.zeros((0, N_AGES), np.float32)
    assert age_quantile(none, 0.5).shape == (0,)
    assert share_below(none, np.zeros(0)).shape == (0,)


@settings(deadline=None)
@given(distributions(), st.floats(0, 1))
def test_the_share_below_a_quantile_is_the_share_asked_for(distribution: Floats, share: float) -> None:
    outer = distribution[:, 0] / 2, 1 - distribution[:, -1] / 2
    got = share_below(distribution, age_quantile(distribution, share))
    assert got == pytest.approx(np.clip(share, *outer), abs=2e-5)


@settings(deadline=None)
@given(distributions(), st.lists(st.floats(-0.5, 1.5), min_size=2, max_size=6))
def test_quantiles_rise_with_the_share_and_stay_within_the_ages(distribution: Floats, shares: list[float]) -> None:
    ages = np.stack([age_quantile(distribution, share) for share in sorted(shares)])
    assert (np.diff(ages, axis=0) >= -1e-4).all()
    assert ((ages >= 0) & (ages <= N_AGES - 1)).all()
    assert ages.dtype == np.float32


@settings(deadline=None)
@given(distributions(), st.floats(0.01, 0.99), st.floats(0.1, 10))
def test_the_scale_of_a_distribution_does_not_move_its_quantile(
    distribution: Floats, share: float, factor: float
) -> None:
    scaled = (distribution * np.float32(factor)).astype(np.float32)
    below = share_below(scaled, age_quantile(scaled, share))
    assert below == pytest.approx(share_below(distribution, age_quantile(distribution, share)), abs=1e-4)


@settings(deadline=None)
@given(distributions(), st.integers(0, N_AGES - 1))
def test_the_share_below_the_end_of_a_year_is_the_sum_up_to_it(distribution: Floats, year: int) -> None:
    below = share_below(distribution, np.full(len(distribution), year + 0.5))
    cut = distribution[:, : year + 1].sum(axis=1) - (distribution[:, -1] / 2 if year == N_AGES - 1 else 0)
    assert below == pytest.approx(cut, abs=1e-5)


@settings(max_examples=50)
@given(distributions(), st.floats(0, 0.5))
def test_an_interval_of_one_tail_reaches_from_quantile_to_quantile(rows: Floats, tail: float) -> None:
    low, high = age_interval(rows, np.full(len(HALF_YEARS), tail))
    median = age_quantile(rows, 0.5)
    assert (low <= median).all()
    assert (median <= high).all()
    for ends, share in ((low, 0.5 - tail), (high, 0.5 + tail)):
        # Where years of no probability lie between, every age among them is the quantile.
        assert np.abs(share_below(rows, ends) - share).max() < 1e-3 or set(ends.tolist()) & {0.0, 100.0}


@settings(max_examples=50)
@given(distributions(), st.floats(0, 0.4), st.floats(0, 0.1))
def test_a_wider_tail_gives_a_wider_interval(rows: Floats, tail: float, more: float) -> None:
    tails = np.full(len(HALF_YEARS), tail)
    (low, high), (lower, higher) = age_interval(rows, tails), age_interval(rows, tails + more)
    assert (lower <= low + 1e-3).all()
    assert (higher >= high - 1e-3).all()


def test_no_tail_leaves_the_median_alone() -> None:
    low, high = age_interval(certain(0, 40, 100), np.zeros(len(HALF_YEARS)))
    assert low == pytest.approx([0, 40, 100], abs=0.01)
    assert high == pytest.approx([0, 40, 100], abs=0.01)


def test_a_tail_may_differ_by_age() -> None:
    even = np.full((1, N_AGES), 1 / N_AGES, dtype=np.float32)
    tails = np.where(HALF_YEARS < 50, 0.4, 0.1)
    low, high = age_interval(even, tails)
    assert low[0] == pytest.approx(50 - 0.4 * N_AGES, abs=0.01)
    assert high[0] == pytest.approx(50 + 0.1 * N_AGES, abs=0.01)


def test_an_interval_ends_at_the_first_age_that_is_not_held() -> None:
    even = np.full((1, N_AGES), 1 / N_AGES, dtype=np.float32)
    tails = np.where(HALF_YEARS > 80, 0.5, 0.1)  # the very old are always held, but nobody in between is
    assert age_interval(even, tails)[1][0] == pytest.approx(60.1, abs=0.01)


@pytest.mark.parametrize(
    ("age", "years"),
    [(84.5, 85), (85.5, 86), (84.46, 85), (84.44, 84), (84.5499, 85), (0.0, 0), (0.5, 1), (99.96, 100), (100.0, 100)],
)
def test_whole_years_are_those_of_the_age_as_answers_hold_it(age: float, years: int) -> None:
    assert whole_years(age) == years
