"""Pose from five points; brightness and sharpness of a crop."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from onlooker.attributes.crop import CANONICAL
from onlooker.core.doubts import placed
from onlooker.core.faces import Detections, Picture8
from onlooker.detection.quality import MEAN_FACE, measure, pose

Matrix = NDArray[np.float64]


def turn(yaw: float, pitch: float, roll: float) -> Matrix:
    """The rotation to the picture's right, up, and clockwise, in degrees (x to the right, y down, z away)."""
    (y, p, r), c, s = np.radians([yaw, pitch, roll]), np.cos, np.sin
    right = np.array([[c(y), 0, -s(y)], [0, 1, 0], [s(y), 0, c(y)]])
    up = np.array([[1, 0, 0], [0, c(p), s(p)], [0, -s(p), c(p)]])
    clockwise = np.array([[c(r), -s(r), 0], [s(r), c(r), 0], [0, 0, 1]])
    return np.asarray(clockwise @ right @ up)


def seen(yaw: float, pitch: float, roll: float, *, size: float = 80, x: float = 300, y: float = 200) -> Matrix:
    """Landmarks ``(5, 2)`` of the mean face in that pose, as a far camera sees them."""
    return np.asarray((MEAN_FACE @ turn(yaw, pitch, roll).T)[:, :2] * size + [x, y])


def points(*each: Matrix) -> NDArray[np.float32]:
    return np.array(each, dtype=np.float32).reshape(-1, 5, 2)


def test_the_mean_face_is_the_crops_own() -> None:
    assert np.array_equal(MEAN_FACE[:, :2], CANONICAL)


def test_landmarks_where_the_crop_expects_them_have_pose_zero() -> None:
    assert pose(points(CANONICAL * 112, CANONICAL * 9 + 500)) == pytest.approx(np.zeros((2, 3)), abs=0.05)


@given(yaw=st.floats(-80, 80), pitch=st.floats(-60, 60), roll=st.floats(-179, 179), size=st.floats(10, 4000))
def test_a_pose_is_read_as_it_was_made(yaw: float, pitch: float, roll: float, size: float) -> None:
    assert pose(points(seen(yaw, pitch, roll, size=size)))[0] == pytest.approx([yaw, pitch, roll], abs=0.5)


@pytest.mark.parametrize(
    ("shift", "axis", "sign"),
    [((8, 0), 0, 1), ((-8, 0), 0, -1), ((0, -8), 1, 1), ((0, 8), 1, -1)],
    ids=["right", "left", "up", "down"],
)
def test_a_nose_moved_to_one_side_is_a_look_to_that_side(shift: tuple[int, int], axis: int, sign: int) -> None:
    landmarks = CANONICAL * 112
    landmarks[2] += shift
    angles = pose(points(landmarks))[0]
    assert sign * angles[axis] > 10
    assert np.abs(np.delete(angles, axis)).max() < 1


def test_eyes_that_fall_to_the_right_are_a_roll_clockwise() -> None:
    tilt = np.radians(20)
    turned = CANONICAL @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    assert turned[1, 1] > turned[0, 1]
    assert pose(points(turned * 112))[0] == pytest.approx([0, 0, 20], abs=0.05)


def test_a_tilted_picture_changes_the_roll_alone() -> None:
    upright, tilted = pose(points(seen(30, -10, 0), seen(30, -10, 75)))
    assert tilted - upright == pytest.approx([0, 0, 75], abs=0.05)


def test_a_mirrored_face_looks_the_other_way() -> None:
    landmarks = seen(25, 8, 12)
    mirrored = (landmarks * [-1, 1])[[1, 0, 2, 4, 3]]
    # The mean face is not quite symmetric, as measured.
    assert pose(points(mirrored))[0] == pytest.approx([-25, 8, -12], abs=2.5)


@pytest.mark.parametrize(
    "landmarks",
    [
        pytest.param(np.zeros((5, 2)), id="nowhere"),
        pytest.param(np.full((5, 2), 77.7), id="one point"),
        pytest.param(np.outer(np.arange(5), [3, 7]), id="one line"),
        pytest.param(np.full((5, 2), np.nan), id="not a number"),
        pytest.param(np.where(np.eye(5, 2), np.inf, 3), id="infinite"),
    ],
)
def test_landmarks_that_are_no_face_have_pose_zero_and_do_not_count_as_placed(landmarks: Matrix) -> None:
    both = points(landmarks, seen(20, 0, 0))
    assert pose(both) == pytest.approx(np.array([[0, 0, 0], [20, 0, 0]]), abs=0.05)
    assert placed(both).tolist() == [False, True]


@given(st.lists(st.floats(width=32), min_size=10, max_size=10))
def test_no_landmarks_give_anything_but_angles(values: list[float]) -> None:
    angles = pose(points(np.array(values)))
    assert np.isfinite(angles).all()
    assert np.abs(angles).max() <= 180


def detections(n: int) -> Detections:
    landmarks = np.tile(CANONICAL * 112, (n, 1, 1)).astype(np.float32)
    return Detections(np.zeros((n, 4), np.float32), np.ones(n, np.float32), landmarks)


def brightness(crop: Picture8) -> float:
    return float(measure(detections(1), [crop]).brightness[0])


def sharpness(crop: Picture8) -> float:
    return float(measure(detections(1), [crop]).sharpness[0])


@pytest.fixture
def natural() -> Picture8:
    """A crop with detail at every scale, as pictures have, and a share of what is lit differently."""
    random = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(112), np.fft.fftfreq(112)))
    spectrum = np.fft.fft2(random.normal(size=(112, 112))) / np.maximum(frequency, 1 / 112)
    values = np.real(np.fft.ifft2(spectrum))
    grey = np.clip(128 + 40 * (values - values.mean()) / values.std(), 0, 255)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def filtered(crop: Picture8, sigma: float) -> Picture8:
    return np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(sigma)))


def enlarged(crop: Picture8, side: int) -> Picture8:
    small = Image.fromarray(crop).resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small.resize(crop.shape[1::-1], Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("colour", "expected"),
    [((0, 0, 0), 0), ((255, 255, 255), 100), ((255, 0, 0), 29.9), ((0, 255, 0), 58.7), ((0, 0, 255), 11.4)],
)
def test_brightness_is_the_luma_of_the_face_in_percent(colour: tuple[int, int, int], expected: float) -> None:
    assert brightness(np.full((112, 112, 3), colour, np.uint8)) == pytest.approx(expected, abs=0.05)


def test_what_lies_around_the_face_does_not_make_it_brighter() -> None:
    crop = np.full((112, 112, 3), 51, np.uint8)
    crop[:14] = crop[-14:] = 255
    crop[:, :20] = crop[:, -20:] = 255
    assert brightness(crop) == pytest.approx(20, abs=0.1)


def test_sharpness_falls_with_every_blur_and_every_enlargement(natural: Picture8) -> None:
    by_blur = [sharpness(filtered(natural, sigma)) for sigma in (0, 1, 1.5, 2, 3, 4)]
    by_size = [sharpness(enlarged(natural, side)) for side in (112, 64, 48, 32, 24, 16, 12)]
    assert by_blur == sorted(by_blur, reverse=True)
    assert by_size == sorted(by_size, reverse=True)
    assert by_blur[0] > 70
    assert max(by_blur[-1], by_size[-1]) < 30


def test_sharpness_does_not_depend_on_contrast_or_light(natural: Picture8) -> None:
    soft = filtered(natural, 1)
    flat = (soft * 0.4 + 100).astype(np.uint8)
    dark = (soft * 0.5).astype(np.uint8)
    assert sharpness(flat) == pytest.approx(sharpness(soft), abs=6)
    assert sharpness(dark) == pytest.approx(sharpness(soft), abs=6)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 2, 3), (3, 3, 3), (112, 112, 3), (224, 224, 3)])
def test_an_even_surface_of_any_size_has_no_detail(shape: tuple[int, int, int]) -> None:
    seen = measure(detections(1), [np.full(shape, 90, np.uint8)])
    assert seen.sharpness.tolist() == [0]
    assert seen.brightness == pytest.approx([90 / 2.55], abs=0.01)


def test_rounding_is_no_detail() -> None:
    rows, columns = np.mgrid[:112, :112]
    slopes = ((0.13, 0.07), (-0.05, 0.11), (0.09, -0.12))
    levels = np.stack([90 + down * rows + across * columns for down, across in slopes], axis=2)
    assert sharpness(np.round(levels).astype(np.uint8)) == 0


@pytest.mark.parametrize("value", [0, 255])
def test_noise_is_all_the_detail_there_can_be(value: int) -> None:
    random = np.random.default_rng(value)
    assert sharpness(random.integers(0, 256, (112, 112, 3), dtype=np.uint8)) == 100


def test_each_face_is_measured_on_its_own(natural: Picture8) -> None:
    crops = [natural, filtered(natural, 3), natural // 4]
    together = measure(detections(3), crops)
    assert together.sharpness.tolist() == [sharpness(crop) for crop in crops]
    assert together.brightness.tolist() == [brightness(crop) for crop in crops]


def test_no_face_has_no_quality() -> None:
    none = measure(Detections.empty(), [])
    assert (none.pose.shape, none.brightness.shape, none.sharpness.shape) == ((0, 3), (0,), (0,))
