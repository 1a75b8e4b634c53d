from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from onlooker.core.errors import DatasetError
from onlooker.evaluation.calibrate import (
    AGES,
    GENDERS,
    Calibrated,
    Held,
    apply,
    cross_fitted,
    fit_calibration,
    fit_temperature,
    needed,
)
from onlooker.models.calibration import Calibration


def gaussians(means: NDArray[np.floating], sigma: float) -> NDArray[np.float32]:
    weights = np.exp(-0.5 * ((np.arange(101) - means[:, None]) / sigma) ** 2)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


def people(n: int, wrong: float, *, old_wrong: float | None = None, seed: int = 0) -> Held:
    """People of 25 to 75 whose network is ``wrong`` by a Gaussian of that many years (``old_wrong`` from 50), and says
    it is by five."""
    random = np.random.default_rng(seed)
    ages = random.uniform(25, 75, n).round().astype(np.float32)
    sigma = np.where(ages >= 50, wrong if old_wrong is None else old_wrong, wrong)
    logits = random.normal(0, 2, n).astype(np.float32)
    females = (random.random(n) < 1 / (1 + np.exp(-logits))).astype(np.float32)
    return Held(gaussians(ages + random.normal(0, 1, n) * sigma, 5.0), logits, ages, ages, females)


def covered(found: Calibrated, held: Held, among: NDArray[np.bool_] | None = None) -> float:
    inside = (held.age_low >= found.age_low - 0.5) & (held.age_high <= found.age_high + 0.5)
    return float(inside[among].mean() if among is not None else inside.mean())


@pytest.mark.parametrize("wrong", [3.0, 8.0])
@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_the_interval_covers_what_it_says_however_sure_the_network_is(wrong: float, probability: float) -> None:
    found = fit_calibration(people(2000, wrong), probability)
    fresh = people(4000, wrong, seed=1)
    # Whole years add some coverage where the interval is a few years wide.
    assert covered(apply(found, fresh), fresh) == pytest.approx(probability, abs=0.025)


def test_it_covers_each_age_where_one_tail_for_all_would_not() -> None:
    held, fresh = (people(4000, 3.0, old_wrong=9.0, seed=seed) for seed in (0, 1))
    found = apply(fit_calibration(held), fresh)
    assert covered(found, fresh, fresh.age_low < 45) == pytest.approx(0.9, abs=0.03)
    assert covered(found, fresh, fresh.age_low > 55) == pytest.approx(0.9, abs=0.03)


def test_every_probability_it_keeps_holds() -> None:
    found = fit_calibration(people(3000, 5.0))
    assert list(found.ages) == list(AGES)
    assert found.probabilities[-1] == 0.99
    fresh = people(4000, 5.0, seed=1)
    for probability in found.probabilities:
        answers = apply(replace(found, interval_probability=probability), fresh)
        assert covered(answers, fresh) == pytest.approx(probability, abs=0.025), probability


def test_intervals_of_greater_probability_hold_those_of_less() -> None:
    found, fresh = fit_calibration(people(500, 5.0)), people(100, 5.0, seed=1)
    last = apply(replace(found, interval_probability=found.probabilities[0]), fresh)
    for probability in found.probabilities[1:]:
        wider = apply(replace(found, interval_probability=probability), fresh)
        assert (wider.age_low <= last.age_low).all()
        assert (wider.age_high >= last.age_high).all()
        last = wider


@pytest.mark.parametrize(("probability", "least"), [(0.9, 100), (0.8, 50), (0.95, 200), (0.99, 1000)])
def test_too_few_faces_are_refused_with_how_many_it_takes(probability: float, least: int) -> None:
    assert needed(probability) == least
    fit_calibration(people(least, 5.0), probability)
    with pytest.raises(DatasetError, match=f"{least - 1} labelled faces are too few .* at least {least} are needed"):
        fit_calibration(people(least - 1, 5.0), probability)


def test_few_faces_keep_only_the_probabilities_they_can_tell() -> None:
    assert fit_calibration(people(100, 5.0)).probabilities == (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)


def test_a_class_of_ages_is_held_where_the_interval_reaches_any_part_of_it() -> None:
    exact = people(1500, 5.0)
    decades = np.floor(exact.age_low / 10) * 10
    classes = replace(exact, age_low=decades.astype(np.float32), age_high=(decades + 9).astype(np.float32))
    narrow, wide = (apply(fit_calibration(h), exact) for h in (classes, exact))
    assert (narrow.age_high - narrow.age_low).mean() < (wide.age_high - wide.age_low).mean()


def test_temperature_undoes_too_much_confidence() -> None:
    held = people(5000, 5.0)
    assert fit_temperature(held.gender_logits, held.females) == pytest.approx(1.0, abs=0.1)
    assert fit_temperature(3 * held.gender_logits, held.females) == pytest.approx(3.0, abs=0.3)


def test_without_gender_labels_the_temperature_stays_one() -> None:
    held = people(200, 5.0)
    found = fit_calibration(replace(held, females=np.full(200, -1, np.float32)))
    assert found.gender_temperature == 1.0
    assert found.interval_probability == 0.9


@pytest.mark.parametrize(("labelled", "kept"), [(GENDERS - 1, True), (GENDERS, False)])
def test_a_few_genders_do_not_move_the_temperature(labelled: int, kept: bool) -> None:
    """All of a handful may be right, and the likeliest temperature is then the smallest there is."""
    held = people(200, 5.0)
    females = np.where(np.arange(200) < labelled, held.gender_logits > 0, -1).astype(np.float32)
    sure = replace(held, females=females)
    assert (fit_calibration(sure, temperature=0.85).gender_temperature == 0.85) is kept
    before = apply(Calibration(0.9, 0.85, (0.0,), (0.9,), ((0.4,),)), held).p_female
    assert np.array_equal(cross_fitted(sure, temperature=0.85).p_female, before) is kept


def test_cross_fitting_tells_what_fresh_faces_will_see() -> None:
    held = people(1000, 8.0)
    assert covered(cross_fitted(held), held) == pytest.approx(0.9, abs=0.03)
