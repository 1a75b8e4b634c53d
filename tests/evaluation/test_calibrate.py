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
    located,
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


def in_classes(held: Held, years: int) -> Held:
    """The same people, of each of whom only a class of so many years is known."""
    first = (np.floor(held.age_low / years) * years).astype(np.float32)
    return replace(held, age_low=first, age_high=first + np.float32(years - 1))


@pytest.mark.parametrize("years", [10, 25])
@pytest.mark.parametrize("wrong", [3.0, 5.0, 8.0])
def test_classes_of_ages_are_fitted_so_that_ages_are_held_not_so_that_classes_are_reached(
    years: int, wrong: float
) -> None:
    """However sure the network is, too: the classes tell."""
    fresh = people(4000, wrong, seed=1)
    found = apply(fit_calibration(in_classes(people(3000, wrong), years)), fresh)
    assert covered(found, fresh) == pytest.approx(0.9, abs=0.04)


def test_classes_that_tell_nothing_leave_the_distribution_as_it_is() -> None:
    held = people(2000, 5.0)
    anybody = replace(held, age_low=np.zeros(2000, np.float32), age_high=np.full(2000, 125, np.float32))
    off = located(anybody).age_low - held.age_low
    assert off.std() == pytest.approx(np.hypot(5, 5), rel=0.1), "the network's own error, and the draw's"


def test_cross_fitting_on_classes_fits_ages_too() -> None:
    held = people(2000, 5.0)
    assert covered(cross_fitted(in_classes(held, 10)), held) == pytest.approx(0.9, abs=0.03)


def test_an_age_is_drawn_where_the_face_has_it_within_its_class_and_known_ages_stay() -> None:
    held = people(600, 5.0)
    assert located(held) is held
    known, classes = np.arange(600) < 100, in_classes(held, 25)
    mixed = replace(
        held,
        age_low=np.where(known, held.age_low, classes.age_low),
        age_high=np.where(known, held.age_high, classes.age_high),
    )
    found = located(mixed)
    assert np.array_equal(found.age_low, found.age_high)
    assert np.array_equal(found.age_low[known], held.age_low[known])
    assert ((found.age_low >= mixed.age_low) & (found.age_low <= mixed.age_high)).all()
    off = np.abs(found.age_low - held.age_low)[~known]
    middle = np.abs((mixed.age_low + mixed.age_high) / 2 - held.age_low)[~known]
    assert off.mean() < 0.8 * middle.mean(), "nearer than the middle of its class"
    assert np.array_equal(located(mixed).age_low, found.age_low), "drawn alike each time"
    over = replace(held, age_low=np.full(600, 101, np.float32), age_high=np.full(600, 125, np.float32))
    assert set(located(over).age_low.tolist()) == {100.0}


def test_known_ages_are_fitted_to_the_digit_as_before_there_were_classes() -> None:
    found = fit_calibration(people(400, 5.0))
    assert found.tails[AGES.index(50)][found.probabilities.index(0.9)] == 0.40855


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
