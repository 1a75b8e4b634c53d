"""Public test doubles: a scripted world for whoever builds on the protocols."""

from collections.abc import Sequence

import numpy as np

from onlooker.attributes.crop import BOX_IN_FRAME, CANONICAL
from onlooker.core.demographics import N_AGES
from onlooker.core.faces import Attributes, Detections, Picture8, Quality


class ScriptedDetector:
    """Answers with the detections it was given, one set a call, the last one again for ever."""

    name = "scripted"
    refine = False
    target_face = 24.0

    def __init__(self, *answers: Detections) -> None:
        self._answers = list(answers) or [Detections.empty()]
        self.pictures: list[tuple[int, int]] = []

    def detect(self, picture: Picture8) -> Detections:
        """The next answer; the picture's (height, width) is kept in ``pictures``."""
        self.pictures.append((picture.shape[0], picture.shape[1]))
        return self._answers[min(len(self.pictures), len(self._answers)) - 1]


class FixedEstimator:
    """Answers every crop with one age and one probability of female."""

    def __init__(self, age: float = 30.0, p_female: float = 0.9, *, spread: float = 5.0, crop_size: int = 112) -> None:
        self.crop_size = crop_size
        self.crops: list[Picture8] = []
        self._age, self._p_female, self._spread = age, p_female, spread

    def estimate(self, crops: Sequence[Picture8]) -> Attributes:
        """The fixed answer, as often as there are crops; the crops are kept in ``crops``."""
        self.crops.extend(crops)
        years = np.arange(N_AGES)
        weights = np.exp(-0.5 * ((years - self._age) / self._spread) ** 2)
        n = len(crops)
        return Attributes(
            age_distribution=np.tile((weights / weights.sum()).astype(np.float32), (n, 1)),
            p_female=np.full(n, self._p_female, np.float32),
            age=np.full(n, self._age, np.float32),
            age_low=np.full(n, max(0.0, self._age - 1.64 * self._spread), np.float32),
            age_high=np.full(n, self._age + 1.64 * self._spread, np.float32),
        )


def face_detection(x: float, y: float, size: float, score: float = 0.99) -> Detections:
    """One upright face with its frame's corner at (x, y), ``size`` pixels wide, as a detector would report it."""
    corner = np.array([x, y], dtype=np.float32)
    box = (BOX_IN_FRAME * size).astype(np.float32) + np.tile(corner, 2)
    return Detections(box[None], np.array([score], np.float32), (CANONICAL * size).astype(np.float32)[None] + corner)


def clear_view(n: int) -> Quality:
    """The quality of ``n`` faces that look straight at the camera, well lit and sharp."""
    return Quality(np.zeros((n, 3), np.float32), np.full(n, 50.0, np.float32), np.full(n, 90.0, np.float32))
