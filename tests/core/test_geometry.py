"""Boxes, similarities and their inverses."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onlooker.core.geometry import (
    Floats,
    Matrix,
    affine_scale,
    box_area,
    box_iou,
    fit_similarity,
    invert_affine,
    non_maximum_suppression,
    quarters_turned,
    transform_points,
    turned_back,
)

FACE: Matrix = np.array([[30, 40], [70, 42], [50, 60], [35, 80], [66, 81]], dtype=np.float64)

coordinates = st.floats(-200, 200, width=32)
sides = st.floats(0.125, 200, width=32)


def boxes(*rows: tuple[float, float, float, float]) -> Floats:
    return np.array(rows, np.float32).reshape(len(rows), 4)


@st.composite
def box_sets(draw: st.DrawFn, least: int = 0) -> Floats:
    rows = draw(st.lists(st.tuples(coordinates, coordinates, sides, sides), min_size=least, max_size=8))
    return boxes(*[(x, y, x + w, y + h) for x, y, w, h in rows])


@st.composite
def similarities(draw: st.DrawFn) -> Matrix:
    angle, scale = draw(st.floats(-math.pi, math.pi)), draw(st.floats(0.01, 100))
    x, y = draw(st.floats(-1000, 1000)), draw(st.floats(-1000, 1000))
    c, s = scale * math.cos(angle), scale * math.sin(angle)
    return np.array([[c, -s, x], [s, c, y]], dtype=np.float64)


def test_area_is_width_times_height_and_nothing_for_a_box_turned_inside_out() -> None:
    assert box_area(boxes((1, 2, 4, 8), (0, 0, 0, 5), (4, 8, 1, 2), (4, 0, 1, 2))).tolist() == [18, 0, 0, 0]


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        pytest.param((0, 0, 10, 10), (0, 0, 10, 10), 1.0, id="the same"),
        pytest.param((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3, id="half shifted"),
        pytest.param((0, 0, 10, 10), (2, 2, 7, 6), 0.2, id="one within the other"),
        pytest.param((0, 0, 10, 10), (10, 0, 20, 10), 0.0, id="touching"),
        pytest.param((0, 0, 10, 10), (20, 30, 25, 35), 0.0, id="apart in both"),
        pytest.param((5, 5, 5, 5), (5, 5, 5, 5), 0.0, id="of no area"),
    ],
)
def test_iou_is_the_shared_over_the_joint_area(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float], iou: float
) -> None:
    assert box_iou(boxes(a), boxes(b))[0, 0] == pytest.approx(iou)


def test_iou_has_a_row_for_each_of_the_first_and_a_column_for_each_of_the_second() -> None:
    a, b = boxes((0, 0, 2, 2), (10, 10, 12, 12)), boxes((10, 10, 12, 12), (5, 5, 6, 6), (0, 0, 2, 2))
    assert box_iou(a, b).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert box_iou(a, boxes()).shape == (2, 0)


@settings(deadline=None)
@given(box_sets(), box_sets())
def test_iou_is_symmetric_and_a_share(a: Floats, b: Floats) -> None:
    iou = box_iou(a, b)
    assert np.array_equal(iou, box_iou(b, a).T)
    assert ((iou >= 0) & (iou <= 1 + 1e-6)).all()


@settings(deadline=None)
@given(box_sets(least=1))
def test_every_box_covers_itself_wholly(a: Floats) -> None:
    assert np.diagonal(box_iou(a, a)) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("quarters", [-1, 0, 1, 2, 3, 4, 7])
def test_points_of_a_turned_square_go_back_to_where_they_were(quarters: int) -> None:
    square = np.zeros((40, 40), np.uint8)
    square[7, 25] = 1
    turned = np.argwhere(np.rot90(square, quarters))[0][::-1] + 0.5
    assert turned_back(np.asarray(turned, np.float32), quarters, 40).tolist() == [25.5, 7.5]


@pytest.mark.parametrize("degrees", [0, 30, -40, 80, 90, 100, 180, -170, 260, 270, 350])
def test_a_face_is_turned_by_the_nearest_quarter(degrees: float) -> None:
    tilt = np.radians(degrees)
    clockwise = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    landmarks = np.array([[-20, -20], [20, -20], [0, 0], [-15, 20], [15, 20]]) @ clockwise.T + 300
    assert quarters_turned(np.asarray(landmarks, np.float32)) == round(degrees / 90) % 4


@pytest.mark.parametrize("landmarks", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.where(np.eye(5, 2), np.inf, 3)])
def test_landmarks_that_are_no_face_are_turned_by_nothing(landmarks: Matrix) -> None:
    assert quarters_turned(np.asarray(landmarks, np.float32)) == 0


def test_suppression_keeps_the_best_of_each_cluster_best_first() -> None:
    found = boxes((0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60), (0, 1, 10, 11))
    scores = np.array([0.7, 0.9, 0.95, 0.8], np.float32)
    assert non_maximum_suppression(found, scores, 0.3).tolist() == [2, 1]


def test_a_box_that_overlaps_only_a_suppressed_one_stays() -> None:
    chain = boxes((0, 0, 10, 10), (6, 0, 16, 10), (12, 0, 22, 10))
    assert non_maximum_suppression(chain, np.array([0.9, 0.8, 0.7], np.float32), 0.2).tolist() == [0, 2]


def test_an_overlap_of_exactly_the_limit_stays() -> None:
    pair = boxes((0, 0, 8, 8), (0, 0, 4, 8))
    scores = np.array([0.9, 0.8], np.float32)
    assert non_maximum_suppression(pair, scores, 0.5).tolist() == [0, 1]
    assert non_maximum_suppression(pair, scores, 0.49).tolist() == [0]


def test_equal_scores_keep_the_order_given() -> None:
    same = boxes(*[(0, 0, 10, 10)] * 5, *[(50, 0, 60, 10)] * 5)
    assert non_maximum_suppression(same, np.full(10, 0.5, np.float32), 0.5).tolist() == [0, 5]


def test_nothing_to_suppress_is_nothing() -> None:
    kept = non_maximum_suppression(boxes(), np.zeros(0, np.float32), 0.5)
    assert kept.shape == (0,)
    assert kept.dtype == np.intp


@settings(deadline=None)
@given(box_sets(), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.3, 0.7]))
def test_suppression_depends_on_the_boxes_not_on_their_order(found: Floats, random: object, limit: float) -> None:
    scores = np.linspace(0.9, 0.1, len(found), dtype=np.float32)
    order = np.arange(len(found))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = order[non_maximum_suppression(found[order], scores[order], limit)]
    assert shuffled.tolist() == non_maximum_suppression(found, scores, limit).tolist()


@settings(deadline=None)
@given(box_sets(least=1))
def test_what_is_kept_does_not_overlap_and_what_goes_overlaps_a_better_one(found: Floats) -> None:
    scores = np.linspace(0.9, 0.1, len(found), dtype=np.float32)
    kept = non_maximum_suppression(found, scores, 0.3)
    iou = box_iou(found, found)
    assert (iou[np.ix_(kept, kept)][~np.eye(len(kept), dtype=bool)] <= 0.3).all()
    for gone in set(range(len(found))) - set(kept.tolist()):
        assert (iou[gone, kept[kept < gone]] > 0.3).any()


@settings(deadline=None)
@given(similarities())
def test_a_similarity_is_found_again_from_where_it_takes_points(matrix: Matrix) -> None:
    assert fit_similarity(FACE, transform_points(matrix, FACE)) == pytest.approx(matrix, rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(similarities())
def test_a_similarity_and_its_inverse_cancel(matrix: Matrix) -> None:
    there = transform_points(matrix, FACE)
    assert transform_points(invert_affine(matrix), there) == pytest.approx(FACE, abs=1e-6)


@settings(deadline=None)
@given(similarities(), similarities())
def test_scales_multiply(a: Matrix, b: Matrix) -> None:
    both = np.hstack([a[:, :2] @ b[:, :2], transform_points(a, b[:, 2])[:, None]])
    assert affine_scale(both) == pytest.approx(affine_scale(a) * affine_scale(b))
    assert transform_points(both, FACE) == pytest.approx(transform_points(a, transform_points(b, FACE)), abs=1e-5)


def test_two_points_fix_a_similarity_exactly() -> None:
    source, target = np.array([[0.0, 0], [1, 0]]), np.array([[10.0, 20], [10, 23]])
    assert fit_similarity(source, target) == pytest.approx(np.array([[0, -3, 10], [3, 0, 20]]), abs=1e-12)


def test_a_fit_never_mirrors() -> None:
    matrix = fit_similarity(FACE, FACE * [-1, 1])
    assert np.linalg.det(matrix[:, :2]) >= 0


def test_a_fit_to_moved_points_is_the_best_there_is() -> None:
    random = np.random.default_rng(3)
    target = transform_points(np.array([[1.5, -0.4, 7], [0.4, 1.5, -3]]), FACE) + random.normal(0, 3, FACE.shape)
    best = fit_similarity(FACE, target)
    a, b, x, y = best[0, 0], best[1, 0], best[0, 2], best[1, 2]

    def error(a: float, b: float, x: float, y: float) -> float:
        moved = transform_points(np.array([[a, -b, x], [b, a, y]]), FACE)
        return float(((moved - target) ** 2).sum())

    least = error(a, b, x, y)
    for step in (-0.01, 0.01):
        others = [
            error(a + step, b, x, y),
            error(a, b + step, x, y),
            error(a, b, x + step, y),
            error(a, b, x, y + step),
        ]
        assert min(others) > least


@pytest.mark.parametrize(
    "source", [np.full((5, 2), 3.0), np.zeros((1, 2)), np.full((5, 2), np.nan), np.array([[0, 0], [np.inf, 1]])]
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_points_that_fix_no_scale_are_refused(source: Matrix) -> None:
    with pytest.raises(ValueError, match="coincide or are not finite"):
        fit_similarity(source, np.ones_like(source))


def test_an_affine_map_that_shears_has_an_inverse_too() -> None:
    matrix = np.array([[2, 1, 5], [0, 4, -6]], dtype=np.float64)
    assert invert_affine(matrix) == pytest.approx(np.array([[0.5, -0.125, -3.25], [0, 0.25, 1.5]]))


@pytest.mark.parametrize("linear", [[[0, 0], [0, 0]], [[1, 2], [2, 4]]])
def test_a_map_that_flattens_the_plane_has_no_inverse(linear: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="no inverse"):
        invert_affine(np.hstack([np.array(linear, dtype=np.float64), np.ones((2, 1))]))


def test_points_keep_their_shape_when_transformed() -> None:
    points = np.arange(24, dtype=np.float64).reshape(3, 4, 2)
    moved = transform_points(np.array([[0, -1, 10], [1, 0, 20]], dtype=np.float64), points)
    assert moved.shape == (3, 4, 2)
    assert moved[2, 3].tolist() == [10 - 23, 20 + 22]


def test_a_mirror_enlarges_nothing() -> None:
    assert affine_scale(np.array([[-1, 0, 9], [0, 1, 9]], dtype=np.float64)) == pytest.approx(1)
