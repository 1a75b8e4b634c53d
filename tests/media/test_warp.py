"""A frame samples exactly the place it names, at the size it names."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onlooker.core.faces import Picture8
from onlooker.core.geometry import Matrix
from onlooker.media.images import resize
from onlooker.media.warp import warp


def frame(x: float, y: float, side: float, degrees: float = 0.0) -> Matrix:
    """A square with its corner at (x, y), turned about that corner."""
    c, s = math.cos(math.radians(degrees)) * side, math.sin(math.radians(degrees)) * side
    return np.array([[c, -s, x], [s, c, y]], dtype=np.float64)


def gradient(width: int = 240, height: int = 200) -> Picture8:
    """Red rises by one a pixel to the right, green by one a pixel down; pixel (i, j) has its centre at +0.5."""
    pixels = np.full((height, width, 3), 77, np.uint8)
    pixels[..., 0] = np.arange(width)[None, :]
    pixels[..., 1] = np.arange(height)[:, None]
    return pixels


def expected(matrix: Matrix, size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What the gradient holds under a frame: its value at the centre of each output pixel, less half a level, which
    Pillow's bicubic loses on average since it cuts the fraction off."""
    centres = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(centres, centres)
    points = np.stack([u, v], axis=-1) @ matrix[:, :2].T + matrix[:, 2] - 0.5
    return np.concatenate([points - 0.5, np.full((size, size, 1), 76.5)], axis=2)


def test_a_frame_of_the_whole_picture_gives_the_picture_back() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    assert np.array_equal(warp(picture, frame(0, 0, 48), 48), picture)


def test_a_frame_shifted_by_whole_pixels_is_a_cut(noise: Picture8) -> None:
    assert np.array_equal(warp(noise, frame(20, 7, 32), 32), noise[7:39, 20:52])


def test_a_frame_turned_by_a_right_angle_is_a_turned_cut(noise: Picture8) -> None:
    turned = np.array([[0, -32, 40], [32, 0, 8]], dtype=np.float64)
    assert np.array_equal(warp(noise, turned, 32), np.rot90(noise[8:40, 8:40]))


def test_a_mirrored_frame_is_a_mirrored_cut(noise: Picture8) -> None:
    mirrored = np.array([[-32, 0, 40], [0, 32, 8]], dtype=np.float64)
    assert np.array_equal(warp(noise, mirrored, 32), noise[8:40, 8:40][:, ::-1])


@pytest.mark.parametrize(
    ("matrix", "size"),
    [
        pytest.param(frame(30.25, 41.5, 60), 60, id="shifted by parts of a pixel"),
        pytest.param(frame(60, 50, 40), 100, id="enlarged"),
        pytest.param(frame(20, 20, 150), 50, id="shrunk threefold"),
        pytest.param(frame(13.3, 9.7, 171), 47, id="shrunk by an odd factor"),
        pytest.param(frame(100, 40, 60, 30), 60, id="turned"),
        pytest.param(frame(120, 20, 100, 45), 37, id="turned and shrunk"),
        pytest.param(frame(200, 150, 80, 180), 160, id="upside down and enlarged"),
    ],
)
def test_every_pixel_comes_from_the_place_the_frame_names(matrix: Matrix, size: int) -> None:
    got = warp(gradient(), matrix, size)
    assert got.shape == (size, size, 3)
    assert got.dtype == np.uint8
    assert np.abs(got - expected(matrix, size)).max() <= 1.4


@settings(deadline=None)
@given(st.floats(90, 120), st.floats(80, 110), st.floats(8, 50), st.floats(-180, 180), st.integers(4, 64))
def test_any_frame_within_the_picture_samples_the_place_it_names(
    x: float, y: float, side: float, degrees: float, size: int
) -> None:
    matrix = frame(x, y, side, degrees)
    rounded_twice_when_shrunk_much = side / size >= 5
    error = np.abs(warp(gradient(), matrix, size) - expected(matrix, size)).max()
    assert error <= (2.6 if rounded_twice_when_shrunk_much else 1.6)


@pytest.mark.parametrize("side", [128, 150, 200])
def test_shrinking_averages_a_checkerboard_to_grey(side: int) -> None:
    checks = np.repeat(((np.indices((200, 200)).sum(axis=0) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)
    got = warp(checks, frame(0, 0, side), 24).astype(int)
    assert np.abs(got - 127).max() <= 10


def test_shrinking_keeps_the_mean_of_noise() -> None:
    picture = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    got = warp(picture, frame(0, 0, 256), 16)
    blocks = picture.reshape(16, 16, 16, 16, 3).mean(axis=(1, 3))
    assert np.abs(got.astype(int).mean(axis=(0, 1)) - picture.mean(axis=(0, 1))).max() < 1.5
    assert np.abs(got - blocks).mean() < 5


def test_outside_the_picture_its_edge_is_repeated() -> None:
    picture = gradient(64, 48)
    got = warp(picture, frame(-32, -32, 64), 64)
    assert np.array_equal(got[32:, 32:], picture[:32, :32])
    assert np.array_equal(got[:31, 33:], np.broadcast_to(picture[0, 1:32], (31, 31, 3)))
    assert np.array_equal(got[33:, :31], np.broadcast_to(picture[1:32, :1], (31, 31, 3)))
    assert (got[:31, :31] == picture[0, 0]).all()


@pytest.mark.parametrize(
    ("x", "y", "corner"),
    [(-500, -500, (0, 0)), (500, -500, (0, -1)), (-500, 500, (-1, 0)), (500, 500, (-1, -1))],
)
def test_a_frame_wholly_outside_is_the_nearest_corner(
    noise: Picture8, x: float, y: float, corner: tuple[int, int]
) -> None:
    assert (warp(noise, frame(x, y, 100), 20) == noise[corner]).all()


@pytest.mark.parametrize("matrix", [frame(-500, -100, 1200), frame(-90, -300, 700, 20), frame(150, 120, 900)])
def test_a_frame_that_shrinks_far_more_than_the_picture_sees_its_edge_repeated(noise: Picture8, matrix: Matrix) -> None:
    picture = resize(noise, 320, 240)
    around = np.pad(picture, ((2000, 2000), (2000, 2000), (0, 0)), mode="edge")
    moved = matrix + np.array([[0, 0, 2000], [0, 0, 2000]])
    assert np.abs(warp(picture, matrix, 32).astype(int) - warp(around, moved, 32)).max() <= 2


def test_what_lies_outside_the_picture_is_not_made_of_pixels(noise: Picture8) -> None:
    """A square of 64 million pixels about a picture of 3,000."""
    tracemalloc.start()
    try:
        warp(noise, frame(-4000, -4000, 8000), 64)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_a_picture_of_one_pixel_fills_any_frame() -> None:
    pixel = np.array([[[9, 99, 199]]], np.uint8)
    assert (warp(pixel, frame(0, 0, 1), 8) == pixel).all()


def test_the_picture_itself_is_left_as_it_was(noise: Picture8) -> None:
    before = noise.copy()
    warp(noise, frame(-5, 3, 90, 20), 16)
    assert np.array_equal(noise, before)
