import numpy as np
import pytest

from onlooker.core.faces import Detections, Picture8
from onlooker.detection.locate import _without_parts, detection_scale, locate, search
from onlooker.media.images import Picture
from onlooker.testing import ScriptedDetector, face_detection


class OneFace:
    """Finds the one bright square on black, at whatever size it is shown, with a score of its own for each look."""

    name = "one"
    refine = True
    target_face = 20.0

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)
        self.shown: list[tuple[int, ...]] = []

    def detect(self, picture: Picture8) -> Detections:
        self.shown.append(picture.shape[:2])
        score = self.scores[min(len(self.shown), len(self.scores)) - 1]
        rows, columns = np.nonzero(picture[..., 0] > 127)
        if not len(rows) or score == 0:
            return Detections.empty()
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
        centre = (box[:2] + box[2:]) / 2
        return Detections(box[None], np.array([score], np.float32), np.tile(centre, (1, 5, 1)))


def bright_square(side: int, x: int, y: int, size: int) -> Picture8:
    picture = np.zeros((side, side, 3), np.uint8)
    picture[y : y + size, x : x + size] = 255
    return picture


@pytest.mark.parametrize(
    ("width", "height", "min_face", "expected"),
    [
        (400, 300, 24.0, 20 / 24),
        (400, 300, 10.0, 1.0),
        (4000, 3000, 24.0, 20 / 80),
        (3000, 4000, 24.0, 20 / 80),
        (4000, 3000, 200.0, 20 / 200),
    ],
)
def test_the_smallest_face_asked_for_sets_the_size_to_detect_at(
    width: int, height: int, min_face: float, expected: float
) -> None:
    assert detection_scale(width, height, 20.0, min_face) == pytest.approx(expected)


def test_boxes_and_landmarks_come_on_the_original_picture() -> None:
    detector = OneFace(0.9)
    found = locate(Picture.of(bright_square(600, 200, 320, 60)), detector, min_face=40).faces
    assert detector.shown[0] == (300, 300)
    assert found.boxes[0] == pytest.approx([200, 320, 260, 380], abs=3)
    assert found.landmarks[0, 0] == pytest.approx([230, 350], abs=3)


def test_a_candidate_that_a_close_look_does_not_confirm_goes() -> None:
    picture = bright_square(200, 60, 60, 40)
    assert len(search(picture, OneFace(0.9, 0.0), 1.0)) == 0
    assert len(search(picture, OneFace(0.9, 0.9), 1.0)) == 1


def test_the_score_is_the_geometric_mean_of_both_looks() -> None:
    found = search(bright_square(150, 60, 60, 40), OneFace(0.9, 0.4), 1.0)
    assert found.scores[0] == pytest.approx((0.9 * 0.4) ** 0.5, abs=1e-6)


def test_weak_faces_are_not_reported_unless_asked_for() -> None:
    picture = Picture.of(bright_square(150, 60, 60, 40))
    assert len(locate(picture, OneFace(0.5), min_score=0.6).faces) == 0
    assert len(locate(picture, OneFace(0.5), min_score=0.4).faces) == 1


def test_a_face_that_fills_a_large_picture_is_found_on_the_second_look() -> None:
    picture = bright_square(800, 50, 50, 700)
    found = search(picture, OneFace(0.0, 0.9), 1.0)
    assert found.boxes[0] == pytest.approx([50, 50, 750, 750], abs=12)


def test_what_the_first_look_finds_in_a_face_that_fills_a_large_picture_is_left_to_the_second() -> None:
    """It is asked twice in all: nothing of the first look, which is beyond the largest face it knows, is looked at."""
    detector = OneFace(0.9, 0.0)
    assert len(search(bright_square(800, 100, 100, 500), detector, 1.0)) == 0
    assert detector.shown == [(800, 800), (200, 200)]


@pytest.mark.parametrize(
    ("other", "score", "kept"),
    [
        pytest.param((110, 120, 180, 190), 0.7, [0], id="a part of a surer face"),
        pytest.param((90, 90, 260, 260), 0.7, [0], id="a box around a surer face"),
        pytest.param((110, 120, 180, 190), 0.95, [1], id="the surer one is kept, whichever is larger"),
        pytest.param((60, 120, 130, 190), 0.7, [0, 1], id="half in it"),
        pytest.param((105, 105, 135, 135), 0.7, [0, 1], id="far smaller: somebody behind"),
    ],
)
def test_parts_of_a_face_are_no_faces_and_whoever_stands_behind_is_one(
    other: tuple[float, ...], score: float, kept: list[int]
) -> None:
    boxes = np.array([(100, 100, 200, 200), other], np.float32)
    scores = np.array([0.9, score], np.float32)
    order = np.argsort(-scores)
    left = _without_parts(Detections(boxes, scores, np.zeros((2, 5, 2), np.float32))[order])
    assert left.boxes.tolist() == boxes[kept].tolist()


def test_a_face_seen_by_both_looks_is_given_once() -> None:
    assert len(search(bright_square(800, 200, 200, 300), OneFace(0.9), 1.0)) == 1


def test_a_detector_whose_answer_is_final_is_asked_once() -> None:
    detector = ScriptedDetector(face_detection(10, 10, 50))
    found = locate(Picture.of(np.zeros((400, 400, 3), np.uint8)), detector)
    assert detector.pictures == [(400, 400)]
    assert len(found.faces) == 1


def test_no_face_is_an_answer() -> None:
    assert len(search(np.zeros((64, 64, 3), np.uint8), OneFace(0.9), 1.0)) == 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4000, 3), (4000, 1, 3)])
def test_pictures_of_odd_shape_are_no_trouble(shape: tuple[int, int, int]) -> None:
    assert len(locate(Picture.of(np.zeros(shape, np.uint8)), OneFace(0.9)).faces) == 0
