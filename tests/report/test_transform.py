import numpy as np
import pytest

from onlooker.core.faces import Picture8
from onlooker.report.transform import shrink, swap, transform


def test_a_face_becomes_32_x_32_between_0_and_1(noise: Picture8) -> None:
    seen = transform(noise)
    assert seen.shape == (32, 32, 3)
    assert seen.dtype == np.float32
    assert 0 <= seen.min() < 0.1
    assert 0.9 < seen.max() <= 1
    assert transform(np.full((200, 200, 3), 255, dtype=np.uint8)).min() == 1


def test_pixels_that_opencv_read_give_the_same(noise: Picture8) -> None:
    assert np.array_equal(transform(swap(noise), bgr=True), transform(noise))
    assert not np.array_equal(transform(swap(noise)), transform(noise))
    assert swap(np.array([[[1, 2, 3]]], dtype=np.uint8)).tolist() == [[[3, 2, 1]]]


def test_shrinking_reads_the_four_pixels_about_each_centre() -> None:
    # Of eight pixels two are made, whose centres lie at 1.5 and 5.5.
    row = np.repeat(np.array([[0, 10, 20, 30, 40, 50, 90, 70]], dtype=np.uint8)[..., None], 3, axis=2)
    assert shrink(row.repeat(8, axis=0), 2)[0, :, 0].tolist() == [15, 70]


def test_a_picture_smaller_than_32_is_stretched_over_its_edge() -> None:
    ramp = np.zeros((2, 2, 3), dtype=np.uint8)
    ramp[:, 1] = 200
    seen = shrink(ramp, 4)[0, :, 0]
    assert seen.tolist() == [0, 50, 150, 200]


@pytest.mark.parametrize("filtered", [True, False])
def test_filtering_decides_whether_a_fine_pattern_is_seen(filtered: bool) -> None:
    stripes = np.zeros((96, 96, 3), dtype=np.uint8)
    stripes[:, ::3] = 255  # each third column, which one pixel in three alone would miss
    spread = float(transform(stripes, filtered=filtered)[..., 0].mean())
    assert spread == pytest.approx(1 / 3 if filtered else 0, abs=0.02)
