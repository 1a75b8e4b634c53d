from typing import Any

import numpy as np
import pytest

from onlooker.core.demographics import HALF_YEARS
from onlooker.core.errors import InputError
from onlooker.models.calibration import Calibration

TWO = Calibration(0.9, 1.2, (20, 60), (0.5, 0.9), ((0.1, 0.3), (0.2, 0.4)), "somebody's faces")


def at(age: float, tails: np.ndarray) -> float:
    return float(tails[age == HALF_YEARS][0])


def test_tails_are_interpolated_between_ages_and_level_beyond_them() -> None:
    tails = TWO.tails_for()
    assert tails.shape == HALF_YEARS.shape
    assert [at(age, tails) for age in (0, 20, 40, 60, 100)] == pytest.approx([0.3, 0.3, 0.35, 0.4, 0.4])


def test_tails_are_interpolated_between_probabilities() -> None:
    assert at(20, TWO.tails_for(0.7)) == pytest.approx(0.2)
    assert at(20, TWO.tails_for(0.5)) == pytest.approx(0.1)


@pytest.mark.parametrize("wanted", [0.49, 0.91, 0, 2])
def test_an_interval_that_was_not_fitted_is_refused_with_those_that_were(wanted: float) -> None:
    with pytest.raises(InputError, match=r"known for a confidence of 0\.5 to 0\.9, not"):
        TWO.tails_for(wanted)


def test_it_comes_back_from_its_dict() -> None:
    assert Calibration.from_dict(TWO.to_dict()) == TWO


def test_a_card_of_before_has_one_tail_for_all_ages() -> None:
    old = Calibration.from_dict({"interval_probability": 0.9, "interval_tail": 0.44, "gender_temperature": 1.1})
    assert set(old.tails_for().tolist()) == {0.44}
    with pytest.raises(InputError, match=r"confidence of 0\.9 alone, not 0\.8; .*`onlooker calibrate`"):
        old.tails_for(0.8)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"tails": ((0.1, "0.3"), (0.2, 0.4))}, "tails must hold finite numbers, holds '0.3'"),
        ({"ages": (20, float("nan"))}, "ages must hold finite numbers, holds nan"),
        ({"ages": (60, 20)}, "must rise"),
        ({"probabilities": (0.9, 0.9)}, "must rise"),
        ({"probabilities": (0.5, 1.0)}, "must lie between 0 and 1"),
        ({"gender_temperature": 0}, "gender_temperature must be above 0, is 0"),
        ({"gender_temperature": None}, "gender_temperature must hold finite numbers"),
        ({"interval_probability": True}, "interval_probability must hold finite numbers"),
    ],
)
def test_numbers_that_no_answer_can_be_made_of_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Calibration.from_dict(TWO.to_dict() | wrong)


@pytest.mark.parametrize("tails", [((0.1, 0.3),), ((0.1, 0.3), (0.2,)), ((0.1, 0.3), (0.2, 0.3), (0.2, 0.3))])
def test_tails_of_another_shape_are_refused(tails: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match="tails must have 2 rows of 2"):
        Calibration(0.9, 1.0, (20, 60), (0.5, 0.9), tails)
