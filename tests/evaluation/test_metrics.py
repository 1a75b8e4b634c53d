from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from onlooker.evaluation.answers import Answers, named_by
from onlooker.evaluation.metrics import NAMES, RESAMPLES, Estimate, bootstrap, measure, share_of


def answers(
    true_age: list[float],
    age: list[float],
    *,
    female: list[int] | None = None,
    p_female: list[float] | None = None,
    low: list[float] | None = None,
    high: list[float] | None = None,
    last: list[float] | None = None,
) -> Answers:
    n = len(true_age)
    p = np.array([0.5] * n if p_female is None else p_female, np.float64)
    return Answers(
        label_low=np.array(true_age, np.float64),
        label_high=np.array(true_age if last is None else last, np.float64),
        female=np.array([-1] * n if female is None else female, np.int8),
        age=np.array(age, np.float64),
        age_low=np.array(age if low is None else low, np.float64),
        age_high=np.array(age if high is None else high, np.float64),
        p_female=p,
        named=named_by(p),
    )


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


def test_the_error_is_the_mean_of_what_is_off_either_way() -> None:
    assert value(measure(answers([10, 20, 40, 70], [12, 17, 40, 80])).mae) == pytest.approx((2 + 3 + 0 + 10) / 4)


def test_five_years_off_is_within_five_years() -> None:
    found = measure(answers([30, 30, 30, 30], [35, 25, 35.01, 24.99]))
    assert value(found.cs5) == 0.5
    assert value(found.cs5_whole) == 1.0


def test_gender_is_judged_by_the_likelier_one_of_those_whose_label_is_known() -> None:
    found = measure(answers([30] * 6, [30] * 6, female=[1, 1, 0, 0, 1, -1], p_female=[0.9, 0.5, 0.1, 0.7, 0.49, 0.99]))
    assert value(found.gender_accuracy) == pytest.approx(3 / 5)


def test_without_a_gender_label_there_is_no_gender_accuracy() -> None:
    found = measure(answers([30, 40], [30, 40], female=[-1, -1], p_female=[0.9, 0.1]))
    assert found.gender_accuracy is None
    assert found.to_dict()["gender_accuracy"] is None


def test_one_known_gender_among_many_is_judged_alone() -> None:
    found = measure(answers([30] * 50, [30] * 50, female=[1] + [-1] * 49, p_female=[0.8] + [0.1] * 49))
    assert found.gender_accuracy is not None
    assert found.gender_accuracy.value == 1.0
    assert found.gender_accuracy.low == pytest.approx(1 / (1 + 1.96**2), abs=1e-3), "Wilson's, of one"


@pytest.mark.parametrize(
    ("true", "said", "right"),
    [
        (18, 5, 1.0),
        (18, 18.4, 1.0),
        (18, 18.5, 0.0),
        (19, 18.5, 1.0),
        (19, 18.4, 0.0),
        (59, 59.4, 1.0),
        (59, 59.5, 0.0),
        (60, 59.5, 1.0),
        (60, 59.4, 0.0),
        (100, 60, 1.0),
        (5, 70, 0.0),
    ],
)
def test_classes_end_at_18_and_begin_at_60_by_the_rounded_age(true: float, said: float, right: float) -> None:
    assert value(measure(answers([true], [said])).class_accuracy) == right


def test_macro_recall_counts_each_class_alike() -> None:
    # Children: 1 of 1. Adults: 2 of 4. Old: 0 of 1.
    found = measure(answers([5, 30, 30, 30, 30, 70], [5, 30, 30, 70, 10, 30]))
    assert value(found.class_accuracy) == pytest.approx(3 / 6)
    assert value(found.class_macro_recall) == pytest.approx((1 + 0.5 + 0) / 3)


def test_macro_recall_leaves_out_a_class_that_nobody_is_in() -> None:
    found = measure(answers([30, 30, 70, 70], [30, 5, 70, 70]))
    assert value(found.class_macro_recall) == pytest.approx((0.5 + 1) / 2)


def test_an_interval_holds_an_age_when_it_reaches_any_part_of_its_year() -> None:
    found = measure(answers([20] * 6, [30] * 6, low=[10, 20.5, 20.6, 10, 10, 20], high=[30, 30, 30, 19.5, 19.4, 20]))
    assert value(found.interval_coverage) == pytest.approx(4 / 6)


def test_no_face_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no face to measure"):
        measure(answers([], []))


def test_pictures_without_an_answer_are_counted_beside_the_faces() -> None:
    found = measure(answers([30, 40], [30, 40]), no_face=7)
    assert (found.n, found.no_face) == (2, 7)


def random_answers(n: int, seed: int) -> Answers:
    random = np.random.default_rng(seed)
    true = random.uniform(1, 90, n)
    said = true + random.normal(0, 8, n)
    return answers(
        true.tolist(),
        said.tolist(),
        female=random.integers(-1, 2, n).tolist(),
        p_female=random.uniform(size=n).tolist(),
        low=(said - 10).tolist(),
        high=(said + 10).tolist(),
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_interval_contains_its_figure_and_shares_stay_shares(seed: int) -> None:
    found = measure(random_answers(120, seed))
    figures = {k: v for k, v in found.to_dict().items() if isinstance(v, dict)}
    assert len(figures) == len(NAMES) - 3  # no class of ages is labelled
    for name, figure in figures.items():
        assert figure["low"] <= figure["value"] <= figure["high"], name
        years = name in ("mae", "bias", "interval_width")
        assert years or (figure["low"] >= 0 and figure["high"] <= 1), name


def test_intervals_are_the_same_for_a_seed_and_differ_for_another() -> None:
    given = random_answers(80, 0)
    assert measure(given, seed=3) == measure(given, seed=3)
    other = measure(given, seed=4)
    same = measure(given, seed=3).mae
    assert other.mae is not None
    assert same is not None
    assert other.mae.value == same.value
    assert other.mae.low != same.low


def test_the_interval_of_a_mean_has_the_width_theory_gives_it() -> None:
    n = 400
    values = np.random.default_rng(0).normal(10, 3, n)
    found = bootstrap({"mean": share_of(values, np.ones(n, bool))}, n)["mean"]
    expected = 2 * 1.96 * float(values.std()) / np.sqrt(n)
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(expected, rel=0.1)
    assert (found.low + found.high) / 2 == pytest.approx(values.mean(), abs=expected * 0.1)


def test_the_interval_of_a_share_has_the_width_theory_gives_it() -> None:
    n = 500
    found = bootstrap({"share": share_of(np.arange(n) < 400, np.ones(n, bool))}, n)["share"]
    assert found.value == 0.8
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / n), rel=0.1)


def test_every_resample_draws_as_many_faces_as_there_are() -> None:
    seen: list[NDArray[np.float64]] = []

    def spy(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        seen.append(weights)
        return weights @ np.ones(weights.shape[1])

    assert bootstrap({"n": spy}, 7)["n"] == Estimate(7.0, 7.0, 7.0)
    assert sum(len(weights) for weights in seen) == RESAMPLES + 1


def test_a_share_weighs_its_faces_and_is_nan_where_none_has_weight() -> None:
    statistic = share_of(np.array([1.0, 0.0, 1.0]), np.array([True, True, False]))
    found = statistic(np.array([[1.0, 1, 1], [3, 1, 5], [0, 0, 9]]))
    assert found[:2] == pytest.approx([0.5, 0.75])
    assert np.isnan(found[2])


def test_the_printed_form_has_exactly_these_keys() -> None:
    found = measure(random_answers(20, 0), no_face=1).to_dict()
    assert list(found) == ["n", *NAMES, "no_face"]
    assert all(list(v) == ["value", "low", "high"] for v in found.values() if isinstance(v, dict))


def test_figures_are_kept_to_six_digits_so_that_a_card_rounds_as_the_command_does() -> None:
    assert Estimate(1 / 3, 0.1234567, 2).to_dict() == {"value": 0.333333, "low": 0.123457, "high": 2}
    share = 0.98746  # 98.7 %; by way of four digits it would be 98.8
    assert f"{Estimate(share, share, share).to_dict()['value']:.1%}" == f"{share:.1%}"


def test_bias_has_a_sign_and_is_the_mean_of_the_errors() -> None:
    assert value(measure(answers([30, 30, 30], [35, 29, 20])).bias) == pytest.approx(-2)


def test_an_age_within_its_class_is_right_and_outside_is_as_far_off_as_the_nearer_end() -> None:
    # A class of 25 to 34 is the ages that are said so in whole years: 24.5 to 34.5.
    found = measure(answers([25] * 5, [25, 34.4, 24.6, 37.5, 20.5], last=[34] * 5, low=[30] * 5, high=[40] * 5))
    assert value(found.mae) == pytest.approx((0 + 0 + 0 + 3 + 4) / 5)
    assert value(found.bias) == pytest.approx((3 - 4) / 5)
    assert value(found.cs5) == 1.0
    assert value(found.label_class_accuracy) == pytest.approx(3 / 5)
    assert value(found.label_class_reached) == 1.0
    assert found.interval_coverage is None, "whether an age is held is not known"


def test_ages_held_are_told_of_known_ages_and_classes_reached_apart() -> None:
    given = answers([20, 30, 30, 30], [30] * 4, last=[20, 30, 39, 49], low=[25] * 4, high=[35] * 4)
    assert value(measure(given).interval_coverage) == 0.5
    assert value(measure(given).label_class_reached) == 1.0


def test_all_right_is_not_certain_to_be_all_of_everyone() -> None:
    """Fifty resamples of fifty that are right are all right: the bootstrap knows nothing else."""
    n = 50
    everyone, nobody = np.ones(n, bool), np.zeros(n, bool)
    found = bootstrap({"all": share_of(everyone, everyone), "none": share_of(nobody, np.arange(n) < 30)}, n)
    assert (found["all"].value, found["all"].high) == (1.0, 1.0)
    assert found["all"].low == pytest.approx(0.9287, abs=1e-4)
    assert (found["none"].low, found["none"].value) == (0.0, 0.0)
    assert found["none"].high == pytest.approx(0.1135, abs=1e-4)
    years = bootstrap({"mean": share_of(np.ones(n), everyone)}, n)["mean"]
    assert years == Estimate(1.0, 1.0, 1.0), "years are no share"


def test_a_class_that_straddles_child_and_adult_says_nothing_of_either() -> None:
    found = measure(answers([10, 20], [15, 70], last=[25, 29]))
    assert value(found.class_accuracy) == 0.0
    assert value(measure(answers([10, 20], [15, 25], last=[25, 29])).class_accuracy) == 1.0
    assert measure(answers([10], [15], last=[25])).class_accuracy is None


def test_the_probability_of_the_right_class_is_what_lies_in_it() -> None:
    given = answers([25, 60], [30, 30], last=[34, 125])
    distribution = np.full((2, 101), 1 / 101, np.float32)
    probable = replace(given, distribution=distribution)
    assert value(measure(probable).label_class_probability) == pytest.approx((10 + 41) / 2 / 101, abs=1e-6)


def test_what_is_named_is_counted_apart_from_what_is_likelier() -> None:
    given = answers([30] * 5, [30] * 5, female=[1, 1, 0, 0, -1], p_female=[0.95, 0.6, 0.1, 0.85, 0.99])
    found = measure(given)
    assert value(found.gender_answered) == pytest.approx(3 / 4)
    assert value(found.gender_answered_right) == pytest.approx(2 / 3)


def test_nobody_named_leaves_no_share_of_the_named() -> None:
    found = measure(answers([30, 30], [30, 30], female=[1, 0], p_female=[0.6, 0.4]))
    assert value(found.gender_answered) == 0
    assert found.gender_answered_right is None


def test_adults_are_those_from_18() -> None:
    found = measure(answers([17, 18, 40], [30] * 3, female=[1, 1, 1], p_female=[0.1, 0.9, 0.1]))
    assert value(found.gender_accuracy_adults) == 0.5


def test_the_most_certain_ninety_in_a_hundred_leave_out_the_least() -> None:
    p = [0.51] + [0.9] * 9
    found = measure(answers([30] * 10, [30] * 10, female=[0] + [1] * 9, p_female=p))
    assert value(found.gender_accuracy) == 0.9
    assert value(found.gender_accuracy_sure) == 1.0


def test_probabilities_that_are_right_as_often_as_they_say_have_hardly_an_error() -> None:
    random = np.random.default_rng(0)
    p = random.uniform(size=4000)
    female = (random.uniform(size=4000) < p).astype(int)
    honest = measure(answers([30] * 4000, [30] * 4000, female=female.tolist(), p_female=p.tolist()))
    assert value(honest.gender_ece) < 0.03
    assert value(honest.gender_brier) == pytest.approx(1 / 6, abs=0.02)


def test_too_much_confidence_is_an_error_of_its_size() -> None:
    n = 1000
    found = measure(answers([30] * n, [30] * n, female=[1] * 700 + [0] * 300, p_female=[0.95] * n))
    assert value(found.gender_ece) == pytest.approx(0.25)


def test_a_system_that_says_no_interval_and_no_gender_is_judged_by_its_ages() -> None:
    nothing = [np.nan, np.nan]
    found = measure(answers([30, 40], [33, 40], female=[1, 0], p_female=nothing, low=nothing, high=nothing))
    assert value(found.mae) == 1.5
    assert found.gender_accuracy is None
    assert found.interval_coverage is None


def test_ages_over_a_hundred_are_held_by_an_interval_that_reaches_a_hundred() -> None:
    assert value(measure(answers([116], [90], low=[80], high=[100])).interval_coverage) == 1.0
