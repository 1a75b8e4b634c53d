import numpy as np
import pytest
from numpy.typing import NDArray

from onlooker.evaluation.metrics import RESAMPLES, Answers, Estimate, bootstrap, measure, share_of


def answers(
    true_age: list[float],
    age: list[float],
    *,
    female: list[int] | None = None,
    p_female: list[float] | None = None,
    low: list[float] | None = None,
    high: list[float] | None = None,
) -> Answers:
    n = len(true_age)
    return Answers(
        true_age=np.array(true_age, np.float64),
        female=np.array([-1] * n if female is None else female, np.int8),
        age=np.array(age, np.float64),
        age_low=np.array(age if low is None else low, np.float64),
        age_high=np.array(age if high is None else high, np.float64),
        p_female=np.array([0.5] * n if p_female is None else p_female, np.float64),
    )


def value(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


def test_the_error_is_the_mean_of_what_is_off_either_way() -> None:
    assert measure(answers([10, 20, 40, 70], [12, 17, 40, 80])).mae.value == pytest.approx((2 + 3 + 0 + 10) / 4)


def test_five_years_off_is_within_five_years() -> None:
    assert measure(answers([30, 30, 30, 30], [35, 25, 35.01, 24.99])).cs5.value == 0.5


def test_gender_is_judged_by_the_likelier_one_of_those_whose_label_is_known() -> None:
    found = measure(answers([30] * 6, [30] * 6, female=[1, 1, 0, 0, 1, -1], p_female=[0.9, 0.5, 0.1, 0.7, 0.49, 0.99]))
    assert value(found.gender_accuracy) == pytest.approx(3 / 5)


def test_without_a_gender_label_there_is_no_gender_accuracy() -> None:
    found = measure(answers([30, 40], [30, 40], female=[-1, -1], p_female=[0.9, 0.1]))
    assert found.gender_accuracy is None
    assert found.to_dict()["gender_accuracy"] is None


def test_one_known_gender_among_many_is_judged_alone() -> None:
    found = measure(answers([30] * 50, [30] * 50, female=[1] + [-1] * 49, p_female=[0.8] + [0.1] * 49))
    assert found.gender_accuracy == Estimate(1.0, 1.0, 1.0)


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
    assert measure(answers([true], [said])).class_accuracy.value == right


def test_macro_recall_counts_each_class_alike() -> None:
    # Children: 1 of 1. Adults: 2 of 4. Old: 0 of 1.
    found = measure(answers([5, 30, 30, 30, 30, 70], [5, 30, 30, 70, 10, 30]))
    assert found.class_accuracy.value == pytest.approx(3 / 6)
    assert found.class_macro_recall.value == pytest.approx((1 + 0.5 + 0) / 3)


def test_macro_recall_leaves_out_a_class_that_nobody_is_in() -> None:
    found = measure(answers([30, 30, 70, 70], [30, 5, 70, 70]))
    assert found.class_macro_recall.value == pytest.approx((0.5 + 1) / 2)


def test_an_interval_holds_an_age_when_it_reaches_any_part_of_its_year() -> None:
    found = measure(answers([20] * 6, [30] * 6, low=[10, 20.5, 20.6, 10, 10, 20], high=[30, 30, 30, 19.5, 19.4, 20]))
    assert found.interval_coverage.value == pytest.approx(4 / 6)


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
    assert len(figures) == 6
    for name, figure in figures.items():
        assert figure["low"] < figure["value"] < figure["high"], name
        assert name == "mae" or (figure["low"] >= 0 and figure["high"] <= 1), name


def test_intervals_are_the_same_for_a_seed_and_differ_for_another() -> None:
    given = random_answers(80, 0)
    assert measure(given, seed=3) == measure(given, seed=3)
    other = measure(given, seed=4)
    assert other.mae.value == measure(given, seed=3).mae.value
    assert other.mae.low != measure(given, seed=3).mae.low


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
    assert list(found) == [
        "n",
        "mae",
        "cs5",
        "gender_accuracy",
        "class_accuracy",
        "class_macro_recall",
        "interval_coverage",
        "no_face",
    ]
    assert all(list(v) == ["value", "low", "high"] for v in found.values() if isinstance(v, dict))


def test_figures_are_printed_to_four_digits() -> None:
    assert Estimate(1 / 3, 0.123456, 2).to_dict() == {"value": 0.3333, "low": 0.1235, "high": 2}
