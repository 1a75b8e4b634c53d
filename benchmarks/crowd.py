"""Who is in front in the benchmarks: three people composed of the sample portraits, and a crowd without pictures."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from onlooker.core.demographics import N_AGES
from onlooker.core.faces import Attributes, Detections, Picture8
from onlooker.media.scene import Actor, Scene, Step
from onlooker.testing import face_detection
from onlooker.watcher import MIN_FACE

SAMPLES = Path(__file__).parent.parent / "samples"


def stage() -> Scene:
    """Three people: each comes from afar, stands for some seconds and leaves to the side."""
    collins = stage_portrait()
    hopper = Image.open(SAMPLES / "grace_hopper.jpg").convert("RGB").crop((90, 40, 450, 480))
    ways = [
        (collins, [Step(0, 300, 420, 120), Step(3, 260, 420, 330), Step(9, 262, 420, 332), Step(12, -200, 420, 330)]),
        (hopper, [Step(0, 640, 400, 130), Step(3, 640, 400, 360), Step(9, 642, 402, 362), Step(12, 640, 420, 130)]),
        (
            collins.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            [Step(0, 960, 420, 120), Step(3, 1020, 420, 330), Step(9, 1018, 420, 330), Step(12, 1500, 420, 330)],
        ),
    ]
    return Scene(1280, 720, [Actor(portrait, steps) for portrait, steps in ways])


def stage_portrait() -> Image.Image:
    """One portrait whose face is about half as high as the picture."""
    return Image.open(SAMPLES / "eileen_collins.png").convert("RGB").crop((60, 0, 400, 400))


class Crowd:
    """A detector that sees people come, stand and leave, for ever: eight ways, each walked anew all the time."""

    name = "crowd"
    refine = False
    target_face = MIN_FACE
    at = 0.0

    def detect(self, picture: Picture8) -> Detections:
        """Those who are there now."""
        del picture
        here = []
        for way in range(8):
            round_ = (self.at + 7 * way) % (23 + 3 * way)
            if round_ < 12 + way:
                here.append(face_detection(20 + 75 * way + 2 * round_, 60 + 3 * round_, 40 + round_))
        if not here:
            return Detections.empty()
        parts = ([d.boxes for d in here], [d.scores for d in here], [d.landmarks for d in here])
        boxes, scores, landmarks = (np.concatenate(part) for part in parts)
        return Detections(boxes, scores, landmarks)


class Guess:
    """An estimator that guesses another age every time, so that the fusion has work."""

    crop_size = 32

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def estimate(self, crops: Sequence[Picture8]) -> Attributes:
        """A guess a crop."""
        ages = self._rng.normal(35, 8, len(crops))
        pmf = np.exp(-0.5 * ((np.arange(N_AGES)[None] - ages[:, None]) / 6) ** 2)
        years = ages.astype(np.float32)
        pmf = (pmf / pmf.sum(axis=1, keepdims=True)).astype(np.float32)
        return Attributes(pmf, np.full(len(crops), 0.9, np.float32), years, years - 10, years + 10)


def resident() -> float:
    """Memory in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
