import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onlooker.core.errors import DatasetError
from onlooker.datasets.fddb import Floats, ellipse_box, read, score

RADII = st.floats(0.5, 500)


def array(*rows: tuple[float, ...]) -> Floats:
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def sure(*scores: float) -> Floats:
    return np.array(scores, dtype=np.float32)


A, B = (10.0, 10.0, 50.0, 60.0), (100.0, 20.0, 140.0, 70.0)
NOWHERE = (300.0, 300.0, 340.0, 350.0)


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0.0, (60.0, 80.0, 140.0, 120.0)),
        (math.pi / 2, (80.0, 60.0, 120.0, 140.0)),
        (math.pi, (60.0, 80.0, 140.0, 120.0)),
    ],
)
def test_an_upright_or_lying_ellipse_is_boxed_by_its_radii(angle: float, expected: tuple[float, ...]) -> None:
    assert ellipse_box(40, 20, angle, 100, 100) == pytest.approx(expected)


def test_a_circle_has_the_same_box_at_any_angle() -> None:
    assert ellipse_box(10, 10, 0.7, 5, 6) == pytest.approx((-5, -4, 15, 16))


@given(RADII, RADII, st.floats(-math.pi, math.pi))
def test_the_box_touches_the_rotated_ellipse_on_all_sides(major: float, minor: float, angle: float) -> None:
    t = np.linspace(0, 2 * np.pi, 20_000)
    x = 3 + major * np.cos(t) * math.cos(angle) - minor * np.sin(t) * math.sin(angle)
    y = 4 + major * np.cos(t) * math.sin(angle) + minor * np.sin(t) * math.cos(angle)
    box = ellipse_box(major, minor, angle, 3, 4)
    assert box == pytest.approx((x.min(), y.min(), x.max(), y.max()), abs=1e-3, rel=1e-4)


def test_folds_are_read_in_order_with_their_faces(tmp_path: Path) -> None:
    folds = tmp_path / "folds"
    folds.mkdir()
    (folds / "FDDB-fold-02-ellipseList.txt").write_text("2003/c\n0\n", encoding="ascii")
    (folds / "FDDB-fold-01-ellipseList.txt").write_text(
        "2002/a/img_1\n2\n40 20 0 100 100  1\n10.0 10.0 1.2 5 6  1\n2002/b\n1\n40 20 1.5707963 100 100  1\n",
        encoding="ascii",
    )
    (folds / "FDDB-fold-01.txt").write_text("2002/a/img_1\n", encoding="ascii")
    scenes = read(tmp_path)
    assert [s.path.relative_to(tmp_path).as_posix() for s in scenes] == [
        "images/2002/a/img_1.jpg",
        "images/2002/b.jpg",
        "images/2003/c.jpg",
    ]
    assert scenes[0].boxes == pytest.approx(array((60, 80, 140, 120), (-5, -4, 15, 16)))
    assert scenes[1].boxes == pytest.approx(array((80, 60, 120, 140)), abs=1e-3)
    assert scenes[2].boxes.shape == (0, 4)


def test_a_folder_without_folds_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="name the folder that holds FDDB's folds and images"):
        read(tmp_path)


def test_a_perfect_detector_has_an_average_precision_of_one() -> None:
    found = score(
        [array(A, B), array(), array(A)], [array(B, A), array(), array(A)], [sure(0.7, 0.9), sure(), sure(0.8)]
    )
    assert (found.pictures, found.faces, found.average_precision, found.recall) == (3, 3, 1.0, 1.0)


def test_a_detector_that_finds_nothing_has_none() -> None:
    found = score([array(A)], [array()], [sure()])
    assert (found.average_precision, found.recall) == (0.0, 0.0)


def test_a_false_box_above_all_others_lowers_the_precision_everywhere() -> None:
    # In order of score: false, right, right. Precision at the two hits is 1/2 and 2/3, its envelope 2/3 throughout.
    found = score([array(A), array(B)], [array(NOWHERE, A), array(B)], [sure(0.95, 0.9), sure(0.8)])
    assert found.average_precision == pytest.approx(2 / 3)


def test_a_false_box_below_all_others_costs_nothing() -> None:
    found = score([array(A), array(B)], [array(NOWHERE, A), array(B)], [sure(0.1, 0.9), sure(0.8)])
    assert found.average_precision == 1.0


def test_a_missed_face_bounds_the_recall_and_the_precision() -> None:
    found = score([array(A, B)], [array(A)], [sure(0.9)])
    assert (found.average_precision, found.recall) == (0.5, 0.5)


def test_a_face_found_twice_counts_once_and_the_second_box_is_false() -> None:
    # Right, false (the same face again), right: half of the recall at precision 1, half at 2/3.
    found = score([array(A, B)], [array(A, A, B)], [sure(0.9, 0.8, 0.7)], false_a_picture=1)
    assert found.average_precision == pytest.approx(5 / 6)
    assert found.recall == 1.0


@pytest.mark.parametrize(("shift", "recall"), [(13.0, 1.0), (14.0, 0.0)])
def test_a_face_is_found_from_an_overlap_of_one_half(shift: float, recall: float) -> None:
    # Two boxes 40 wide, moved by 13 and by 14, share 27/53 and 26/54 of their union.
    assert score([array(A)], [array((A[0] + shift, A[1], A[2] + shift, A[3]))], [sure(0.9)]).recall == recall


def test_recall_is_taken_where_a_tenth_of_the_pictures_has_a_false_box() -> None:
    truth = [array(A) for _ in range(10)]
    boxes = [array(A, NOWHERE) if i in (2, 5) else array(A) for i in range(10)]
    scores = [sure(0.99 - i / 100, 0.975 - i / 100) if i in (2, 5) else sure(0.99 - i / 100) for i in range(10)]
    # Right: 0.99, 0.98 ... 0.90. False: 0.955 and 0.925. In ten pictures one false box is allowed, the second ends it.
    assert score(truth, boxes, scores).recall == pytest.approx(0.7)
    assert score(truth, boxes, scores, false_a_picture=0.2).recall == 1.0
    assert score(truth, boxes, scores, false_a_picture=0.0).recall == pytest.approx(0.4)


def test_recall_is_given_for_each_range_of_heights_that_has_faces() -> None:
    tall, small, tiny = (0.0, 0.0, 150.0, 200.0), (200.0, 0.0, 230.0, 40.0), (300.0, 0.0, 310.0, 24.0)
    found = score([array(tall, small, tiny, (400.0, 0.0, 410.0, 31.0))], [array(tall, tiny)], [sure(0.9, 0.8)])
    assert found.recall == 0.5
    assert found.recall_by_height == [(24.0, 32.0, 2, 0.5), (32.0, 48.0, 1, 0.0), (160.0, math.inf, 1, 1.0)]


@pytest.mark.data
def test_the_real_folds_name_pictures_that_are_there_with_a_face_in_each(data: Path) -> None:
    scenes = read(data / "fddb")
    assert len(scenes) == len({s.path for s in scenes}) >= 200
    assert all(s.path.is_file() and len(s.boxes) for s in scenes)
    assert all((s.boxes[:, 2:] > s.boxes[:, :2]).all() for s in scenes)


@pytest.mark.parametrize("text", ["a\nmany\n", "a\n2\n1 1 0 5 5 1\n", "a\n1\n1 1\n"])
def test_a_malformed_fold_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "folds").mkdir()
    (tmp_path / "folds" / "FDDB-fold-01-ellipseList.txt").write_text(text)
    with pytest.raises(DatasetError, match="no list of ellipses"):
        read(tmp_path)
