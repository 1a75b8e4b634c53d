"""Faces upside down and on their side, as both real detectors find them on the samples."""

from pathlib import Path

import numpy as np
import pytest

from onlooker.core.faces import Detections, Picture8
from onlooker.core.protocols import Detector
from onlooker.detection.locate import locate, search
from onlooker.detection.quality import pose
from onlooker.media.images import Picture
from tests.detection.test_detectors import COLLINS


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_face_has_its_landmarks_where_they_are(detector: Detector, samples: Path, quarters: int) -> None:
    pixels = np.rot90(Picture.open(samples / "eileen_collins.png").decode(), quarters)
    (landmarks,) = locate(Picture.of(pixels), detector).faces.landmarks
    eyes = np.array(COLLINS["eyes"], dtype=np.float64)
    for _ in range(quarters):  # counter-clockwise, as the picture, which is a square of 512
        eyes = np.stack([eyes[:, 1], 512 - eyes[:, 0]], axis=1)
    assert np.abs(landmarks[:2] - eyes).max() < 10
    roll = float(pose(landmarks[None])[0, 2])
    assert np.cos(np.radians(roll + 90 * quarters)) > 0.97


class Weak:
    """Finds a face in the middle of whatever it is shown, by a score of its own for each look."""

    name = "weak"
    refine = True
    target_face = 20.0

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)
        self.shown: list[Picture8] = []

    def detect(self, picture: Picture8) -> Detections:
        self.shown.append(picture)
        height, width = picture.shape[:2]
        box = np.array([[width * 0.2, height * 0.2, width * 0.8, height * 0.8]], np.float32)
        eyes_to_mouth = np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.4, 0.6], [0.6, 0.6]], np.float32)
        score = np.array([self.scores[len(self.shown) - 1]], np.float32)
        return Detections(box, score, (eyes_to_mouth * [width, height])[None])


def test_a_face_that_is_found_surely_is_not_looked_at_turned() -> None:
    eye = Weak(0.9, 0.9)
    assert len(search(np.zeros((100, 100, 3), np.uint8), eye, 1.0)) == 1
    assert [picture.shape for picture in eye.shown] == [(100, 100, 3), (128, 128, 3)]


def test_a_weak_face_that_is_no_surer_turned_stays_as_it_is() -> None:
    """One more look, at all four ways at once; the middle of which is no face's place, so that none is surer."""
    eye = Weak(0.7, 0.7, 0.99)
    (landmarks,) = search(np.zeros((100, 100, 3), np.uint8), eye, 1.0).landmarks
    assert len(eye.shown) == 3
    assert landmarks[0, 1] < landmarks[3, 1]
