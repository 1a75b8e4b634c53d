"""Each change does what it says, within its range, and the same seed gives the same batch."""

from dataclasses import replace

import numpy as np
import pytest

from onlooker.core.faces import Picture8
from onlooker.report.augment import COMBINED, FILLS, Augmentation, Fill, Pictures, augment, sample

PLAIN = Augmentation()


def seeded(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture
def batch() -> Picture8:
    """Six pictures, 24 high and 32 wide."""
    return np.random.default_rng(0).integers(0, 256, (6, 24, 32, 3), dtype=np.uint8)


def test_nothing_asked_for_changes_nothing(batch: Picture8) -> None:
    assert np.array_equal(augment(batch, PLAIN, seeded()), batch)
    scaled = (batch / 255).astype(np.float32)
    assert np.allclose(augment(scaled, PLAIN, seeded()), scaled)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_batch_keeps_its_shape_kind_and_range_and_is_not_touched(batch: Picture8, kind: type) -> None:
    pictures: Pictures = batch if kind is np.uint8 else (batch / 255).astype(np.float32)
    before = pictures.copy()
    how = replace(COMBINED, brightness=(0.5, 1.8))
    made = augment(pictures, how, seeded())
    assert made.shape == pictures.shape
    assert made.dtype == kind
    assert 0 <= made.min() < made.max() <= (255 if kind is np.uint8 else 1)
    assert np.array_equal(pictures, before)
    assert not np.array_equal(made[0], made[1])


def test_the_seed_decides(batch: Picture8) -> None:
    same = [augment(batch, COMBINED, seeded(7)) for _ in range(2)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], augment(batch, COMBINED, seeded(8)))


def test_a_flip_happens_to_every_other_picture(batch: Picture8) -> None:
    many = np.repeat(batch[:1], 400, axis=0)
    for how, flipped in (
        (Augmentation(flip_x=True), batch[0][:, ::-1]),
        (Augmentation(flip_y=True), batch[0][::-1]),
    ):
        made = augment(many, how, seeded())
        turned = (made == flipped).all(axis=(1, 2, 3))
        assert ((made == batch[0]).all(axis=(1, 2, 3)) | turned).all()
        assert 0.4 < turned.mean() < 0.6


def test_brightness_is_a_factor(batch: Picture8) -> None:
    made = augment(batch, Augmentation(brightness=(0.5, 0.5)), seeded())
    assert np.abs(made.astype(int) - batch * 0.5).max() <= 0.5
    factors = augment(np.full((500, 1, 1, 3), 100, np.uint8), Augmentation(brightness=(0.2, 1.0)), seeded())[:, 0, 0, 0]
    assert 20 <= factors.min() < 23
    assert 97 < factors.max() <= 100


def test_a_quarter_turn_is_a_quarter_turn(noise: Picture8) -> None:
    square = noise[None, :48, :48]
    made = augment(square, Augmentation(rotation=(90, 90)), seeded())
    assert np.array_equal(made[0], np.rot90(square[0], -1))


@pytest.mark.parametrize("fill", FILLS)
def test_beyond_the_edge_lies_what_the_fill_says(fill: Fill) -> None:
    """A row of four pixels, shifted by six: what scipy.ndimage draws as (a b c d) with what is beyond it."""
    row = np.repeat(np.array([10, 20, 30, 40], dtype=np.float32)[None, None, :, None], 3, axis=3)
    wanted = {"constant": [0, 0, 0, 0], "nearest": [40] * 4, "reflect": [20, 10, 10, 20], "wrap": [30, 40, 10, 20]}
    shift = np.array([[[1.0, 0, 0], [0, 1, 6]]])
    assert sample(row, shift, fill)[0, 0, :, 0].tolist() == wanted[fill]
    back = np.array([[[1.0, 0, 0], [0, 1, -2.5]]])
    half = {"constant": [0, 0, 5, 15], "nearest": [10, 10, 10, 15], "reflect": [25, 15, 10, 15]}
    assert sample(row, back, fill)[0, 0, :, 0].tolist() == (half | {"wrap": [25, 35, 25, 15]})[fill]


def test_a_shift_moves_by_a_share_of_the_side(batch: Picture8) -> None:
    along = augment(batch, Augmentation(shift_x=(0.25, 0.25)), seeded())
    assert np.array_equal(along[:, :, :24], batch[:, :, 8:])
    down = augment(batch, Augmentation(shift_y=(-0.25, -0.25)), seeded())
    assert np.array_equal(down[:, 6:], batch[:, :18])


def test_a_zoom_below_one_enlarges_the_middle() -> None:
    ramp = np.repeat(np.arange(33, dtype=np.float32)[None, None, :, None], 3, axis=3).repeat(33, axis=1) / 33
    made = augment(ramp, Augmentation(zoom=(0.5, 0.5)), seeded())[0, 16, :, 0] * 33
    assert made[16] == pytest.approx(16)
    assert (made[0], made[32]) == (pytest.approx(8), pytest.approx(24))


def test_a_shear_leaves_the_middle_and_moves_the_rest_with_the_distance() -> None:
    line = np.zeros((1, 33, 33, 3), dtype=np.float32)
    line[:, 16] = 1
    made = augment(line, Augmentation(shear=(30, 30)), seeded())[0, :, :, 0]
    assert made[16, 16] == 1
    rows = made.argmax(axis=0)
    assert rows[26] - rows[16] == rows[16] - rows[6] == 5  # ten columns by the sine of 30 degrees


def test_the_reports_shear_moves_less_than_a_pixel_of_its_pictures() -> None:
    spread = np.deg2rad(COMBINED.shear[1]) * 16
    assert spread < 0.06


def test_a_draw_stays_within_its_range() -> None:
    spot = np.zeros((300, 1, 101, 3), dtype=np.float32)
    spot[:, :, 50] = 1
    made = augment(spot, Augmentation(shift_x=(-0.2, 0.2), fill="constant"), seeded())[:, 0, :, 0]
    places = made.argmax(axis=1)
    assert 30 <= places.min() < 33
    assert 67 < places.max() <= 70
