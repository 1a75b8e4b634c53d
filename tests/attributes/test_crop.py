import numpy as np
import pytest

from onlooker.attributes.crop import (
    BOX_IN_FRAME,
    CANONICAL,
    cut,
    frame_from_box,
    frame_from_landmarks,
    frames,
    whole_picture,
)
from onlooker.core.faces import Detections
from onlooker.core.geometry import affine_scale, fit_similarity, transform_points
from onlooker.testing import face_detection

SIZE = 112


def landmarks_under(frame: np.ndarray) -> np.ndarray:
    return transform_points(frame, CANONICAL).astype(np.float32)


@pytest.mark.parametrize("angle", [-40.0, 0.0, 25.0])
@pytest.mark.parametrize("side", [30.0, 400.0])
def test_a_frame_is_recovered_from_where_it_puts_the_landmarks(angle: float, side: float) -> None:
    c, s = np.cos(np.radians(angle)) * side, np.sin(np.radians(angle)) * side
    frame = np.array([[c, -s, 90.0], [s, c, 40.0]])
    found = frame_from_landmarks(landmarks_under(frame))
    assert found is not None
    assert found == pytest.approx(frame, abs=side * 1e-4)


def test_a_turned_face_is_cut_no_tighter_than_a_frontal_one() -> None:
    turned = CANONICAL.copy()
    turned[:, 0] = 0.5 + (turned[:, 0] - 0.5) * 0.7
    frame = frame_from_landmarks((turned * 100).astype(np.float32))
    assert frame is not None
    fitted_on_the_picture = affine_scale(fit_similarity(CANONICAL, turned * 100))
    assert affine_scale(frame) > 1.02 * fitted_on_the_picture


@pytest.mark.parametrize(
    "landmarks",
    [
        np.full((5, 2), np.nan),
        np.full((5, 2), 7.0),
        CANONICAL[[3, 1, 2, 0, 4]] * 100,
        CANONICAL[::-1] * 100 * np.array([1, 0.2]),
    ],
    ids=["not finite", "one point", "eye and mouth exchanged", "flattened"],
)
def test_landmarks_that_are_no_face_fail(landmarks: np.ndarray) -> None:
    assert frame_from_landmarks(landmarks.astype(np.float32)) is None


def test_the_box_serves_where_landmarks_fail() -> None:
    good = face_detection(50, 60, 200)
    broken = Detections(good.boxes, good.scores, np.full((1, 5, 2), np.nan))
    assert frames(broken)[0] == pytest.approx(frames(good)[0], abs=1.0)


def test_box_and_landmarks_agree_on_an_average_face() -> None:
    box = (BOX_IN_FRAME * 80 + 10).astype(np.float32)
    assert frame_from_box(box) == pytest.approx(np.array([[80, 0, 10], [0, 80, 10]]), abs=1e-3)


def test_an_empty_box_still_gives_a_frame() -> None:
    assert np.isfinite(frame_from_box(np.array([5, 5, 5, 5], np.float32))).all()


@pytest.mark.parametrize(("width", "height"), [(200, 200), (300, 200), (200, 300)])
def test_an_aligned_picture_is_its_own_centred_square(width: int, height: int) -> None:
    corners = transform_points(whole_picture(width, height), np.array([[0.0, 0.0], [1.0, 1.0]]))
    assert corners.mean(axis=0) == pytest.approx([width / 2, height / 2])
    assert corners[1, 0] - corners[0, 0] == 200


def test_the_crop_puts_the_landmarks_where_the_frame_has_them() -> None:
    frame = np.array([[140.0, -60.0, 120.0], [60.0, 140.0, 50.0]])
    picture = np.zeros((320, 340, 3), np.uint8)
    for x, y in landmarks_under(frame):
        picture[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4] = 255
    crop = cut(picture, frame, SIZE)
    assert crop.shape == (SIZE, SIZE, 3)
    for x, y in CANONICAL * SIZE:
        assert crop[int(y), int(x), 0] > 150
    assert crop.mean() < 40


def test_a_margin_widens_the_crop_around_the_same_centre(noise: np.ndarray) -> None:
    frame = np.array([[32.0, 0, 16], [0, 32.0, 8]])
    wide = cut(noise, frame, 48, margin=0.25)
    assert np.array_equal(wide[8:40, 8:40], cut(noise, frame, 32))
