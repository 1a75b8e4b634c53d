import numpy as np
import pytest

from onlooker.core.faces import Detections, Picture8
from onlooker.core.geometry import box_iou
from onlooker.testing import face_detection
from onlooker.tracking.near import SIDE, look_near


class Painted:
    """Finds the one bright square of a picture, exactly."""

    name = "painted"
    refine = False
    target_face = 24.0

    def __init__(self) -> None:
        self.sides: list[tuple[int, ...]] = []

    def detect(self, picture: Picture8) -> Detections:
        self.sides.append(picture.shape[:2])
        rows, columns = np.nonzero(picture[..., 0] > 128)
        if not len(rows):
            return Detections.empty()
        box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
        return Detections(box, np.array([0.9], np.float32), np.zeros((1, 5, 2), np.float32))


@pytest.fixture
def wall() -> Picture8:
    pixels = np.zeros((400, 600, 3), dtype=np.uint8)
    pixels[100:180, 200:260] = 255
    return pixels


def test_a_face_that_moved_a_little_is_found_where_it_is(wall: Picture8) -> None:
    found = look_near(wall, Painted(), np.array([[190, 110, 250, 190]], np.float32))
    np.testing.assert_allclose(found.boxes, [[200, 100, 260, 180]], atol=1.5)


def test_only_small_squares_are_shown_to_the_detector(wall: Picture8) -> None:
    eye = Painted()
    look_near(wall, eye, np.array([[190, 110, 250, 190], [10, 10, 90, 90]], np.float32))
    assert eye.sides == [(SIDE, SIDE)] * 2


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_face_that_was_turned_is_looked_at_upright_and_given_as_it_lies(quarters: int) -> None:
    class Upright(Painted):
        """Finds a face by its brow, the brightest part of it, if that is up, and gives it as every landmark."""

        def detect(self, picture: Picture8) -> Detections:
            found = super().detect(picture)
            brow = np.argwhere(picture[..., 0] > 240).mean(axis=0)[::-1] + 0.5
            standing = len(found) and brow[1] < found.boxes[0, 1] + 8
            return Detections(found.boxes, found.scores, np.tile(brow, (1, 5, 1))) if standing else Detections.empty()

    upright = np.zeros((400, 400, 3), np.uint8)
    upright[100:180, 180:240] = 180
    upright[100:110, 180:240] = 255
    turned = np.ascontiguousarray(np.rot90(upright, -quarters))  # clockwise
    where = Painted().detect(turned).boxes
    brow = np.argwhere(turned[..., 0] > 240).mean(axis=0)[::-1] + 0.5
    found = look_near(turned, Upright(), where + 5, [quarters])
    np.testing.assert_allclose(found.boxes, where, atol=2)
    np.testing.assert_allclose(found.landmarks[0, 0], brow, atol=2)
    assert len(look_near(turned, Upright(), where + 5)) == (quarters == 0)


def test_a_face_that_is_gone_is_not_found(wall: Picture8) -> None:
    assert len(look_near(wall, Painted(), np.array([[400, 300, 440, 350]], np.float32))) == 0
    assert len(look_near(wall, Painted(), np.zeros((0, 4), np.float32))) == 0


def test_two_tracks_at_one_face_find_it_once(wall: Picture8) -> None:
    found = look_near(wall, Painted(), np.array([[195, 100, 255, 180], [205, 100, 265, 180]], np.float32))
    assert len(found) == 1


@pytest.mark.parametrize("box", [[-500, 0, -400, 90], [0, 0, 0, 0], [np.nan, 0, 10, 10]])
def test_a_place_outside_the_picture_is_not_looked_at(wall: Picture8, box: list[float]) -> None:
    eye = Painted()
    assert len(look_near(wall, eye, np.array([box], np.float32))) == 0
    assert eye.sides == []


def test_of_several_the_nearest_is_taken() -> None:
    class Two(Painted):
        def detect(self, picture: Picture8) -> Detections:
            del picture
            far, near = face_detection(0, 0, 30, 0.95), face_detection(30, 30, 40, 0.8)
            return Detections(
                np.concatenate([far.boxes, near.boxes]),
                np.concatenate([far.scores, near.scores]),
                np.concatenate([far.landmarks, near.landmarks]),
            )

    box = face_detection(100, 100, 80).boxes
    found = look_near(np.zeros((300, 300, 3), np.uint8), Two(), box)
    assert len(found) == 1
    assert float(box_iou(box, found.boxes)[0, 0]) > 0.5
