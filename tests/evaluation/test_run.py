from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.analyzer import Analysis, Analyzer
from onlooker.core.errors import DatasetError
from onlooker.core.faces import Attributes, Detections, Faces, Picture8
from onlooker.datasets.labelled import LabelledFace
from onlooker.evaluation.metrics import Estimate
from onlooker.evaluation.run import evaluate, main_face
from onlooker.testing import FixedEstimator, ScriptedDetector, clear_view, face_detection


@pytest.fixture
def pictures(tmp_path: Path, noise: Picture8) -> list[Path]:
    """Four generated pictures; the third is no picture at all."""
    paths = [tmp_path / f"{name}.png" for name in ("first", "second", "broken", "faceless")]
    for path in paths:
        Image.fromarray(noise).save(path)
    paths[2].write_bytes(b"not a picture")
    return paths


def number(estimate: Estimate | None) -> float:
    assert estimate is not None
    return estimate.value


def scripted(*answers: Detections, age: float = 30.0, p_female: float = 0.9) -> Analyzer:
    return Analyzer(ScriptedDetector(*answers), FixedEstimator(age, p_female, spread=5), workers=1)


def test_answers_are_compared_and_what_gave_none_is_listed(pictures: list[Path]) -> None:
    face = face_detection(10, 10, 30)
    # The broken picture never reaches the detector, so the third answer is the faceless one's.
    analyzer = scripted(face, face, Detections.empty())
    labels = [(33.0, 1), (20.0, 0), (50.0, 1), (60.0, None)]
    faces = [LabelledFace.of(p, age, female) for p, (age, female) in zip(pictures, labels, strict=True)]
    counts: list[int] = []
    found = evaluate(analyzer, faces, counts.append)
    assert (found.metrics.n, found.metrics.no_face) == (2, 2)
    assert number(found.metrics.mae) == pytest.approx((3 + 10) / 2)
    assert number(found.metrics.cs5) == 0.5
    assert found.metrics.gender_accuracy is not None
    assert found.metrics.gender_accuracy.value == 0.5
    # FixedEstimator's interval is 30 +- 8.2.
    assert number(found.metrics.interval_coverage) == 0.5
    assert [name for name, _ in found.missed] == ["broken.png", "faceless.png"]
    assert found.missed[0][1].startswith("not a picture in a known format")
    assert found.missed[1][1] == "no face found"
    assert counts == [1, 2, 3, 4]


def test_an_unknown_gender_is_not_judged(pictures: list[Path]) -> None:
    found = evaluate(scripted(face_detection(10, 10, 30)), [LabelledFace.of(pictures[0], 30, None)])
    assert found.metrics.gender_accuracy is None
    assert number(found.metrics.mae) == 0


def test_the_answers_do_not_depend_on_the_workers(pictures: list[Path]) -> None:
    faces = [LabelledFace.of(path, 20.0 + i, 1) for i, path in enumerate(pictures)]
    one, four = (
        evaluate(Analyzer(ScriptedDetector(face_detection(9, 9, 30)), FixedEstimator(), workers=n), faces)
        for n in (1, 4)
    )
    assert one.metrics == four.metrics
    assert one.missed == four.missed


def test_no_face_in_any_picture_is_an_error_that_gives_the_first_reason(pictures: list[Path]) -> None:
    faces = [LabelledFace.of(path, 30, 1) for path in pictures]
    with pytest.raises(
        DatasetError, match=r"none of the 4 labelled pictures gave a face; the first, .*: no face found"
    ):
        evaluate(scripted(Detections.empty()), faces)


def test_nothing_to_evaluate_is_an_error() -> None:
    with pytest.raises(DatasetError, match="there is no labelled picture"):
        evaluate(scripted(), [])


def analysis(*boxes: tuple[float, float, float, float], scores: list[float] | None = None) -> Analysis:
    n = len(boxes)
    found = Detections(
        np.array(boxes, np.float32), np.array(scores or [0.9] * n, np.float32), np.zeros((n, 5, 2), np.float32)
    )
    read: Attributes = FixedEstimator().estimate([np.zeros((1, 1, 3), np.uint8)] * n)
    return Analysis("x", 100, 100, Faces.join(found, read, clear_view(n)))


SMALL_CENTRAL = (45.0, 45.0, 55.0, 55.0)
LARGE_CENTRAL = (20.0, 20.0, 80.0, 80.0)
LARGE_CORNER = (50.0, 50.0, 110.0, 110.0)


def test_the_main_face_is_the_large_one_of_two_central_ones() -> None:
    assert main_face(analysis(SMALL_CENTRAL, LARGE_CENTRAL)) == 1


def test_the_main_face_is_the_central_one_of_two_large_ones() -> None:
    assert main_face(analysis(LARGE_CORNER, LARGE_CENTRAL)) == 1


def test_the_main_face_is_the_surer_one_of_two_in_one_place() -> None:
    assert main_face(analysis(LARGE_CENTRAL, LARGE_CENTRAL, scores=[0.6, 0.9])) == 1


def test_the_main_face_is_the_only_one() -> None:
    assert main_face(analysis(SMALL_CENTRAL)) == 0


def test_the_main_face_decides_what_is_compared(pictures: list[Path]) -> None:
    side, centre = face_detection(0, 0, 12, score=0.99), face_detection(15, 10, 30, score=0.9)
    both = Detections(
        np.concatenate([side.boxes, centre.boxes]),
        np.concatenate([side.scores, centre.scores]),
        np.concatenate([side.landmarks, centre.landmarks]),
    )

    class SmallIsOld(FixedEstimator):
        def estimate(self, crops: object) -> Attributes:
            del crops
            old, young = (FixedEstimator(age).estimate([np.zeros((1, 1, 3), np.uint8)]) for age in (80.0, 25.0))
            return Attributes(*(np.concatenate([getattr(old, k), getattr(young, k)]) for k in Attributes.__slots__))

    analyzer = Analyzer(ScriptedDetector(both), SmallIsOld(), workers=1)
    assert number(evaluate(analyzer, [LabelledFace.of(pictures[0], 25, 1)]).metrics.mae) == 0
