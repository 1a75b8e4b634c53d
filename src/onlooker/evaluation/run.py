"""Running an analyzer over labelled faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onlooker.analyzer import Analysis, Analyzer
from onlooker.core.errors import DatasetError
from onlooker.core.faces import Faces
from onlooker.core.geometry import main_box
from onlooker.core.protocols import Progress, silent
from onlooker.datasets.labelled import LabelledFace
from onlooker.evaluation.answers import UNKNOWN, Answers
from onlooker.evaluation.calibrate import Held
from onlooker.evaluation.metrics import Metrics, measure


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answers, their metrics, and the (picture, sentence) pairs of those that gave none."""

    answers: Answers
    metrics: Metrics
    missed: list[tuple[str, str]]


def evaluate(analyzer: Analyzer, faces: Sequence[LabelledFace], progress: Progress = silent) -> Evaluation:
    """Analyze every labelled picture and compare: the face in question is the one that fills its picture most.

    Raises ``DatasetError`` where no picture gave a face. Calls ``progress`` with the count done.
    """
    labels: list[LabelledFace] = []
    read: list[Faces] = []
    missed: list[tuple[str, str]] = []
    stream = analyzer.stream((face.name, face.path) for face in faces)
    for done, (face, analysis) in enumerate(zip(faces, stream, strict=True), start=1):
        progress(done)
        if analysis.error or not len(analysis.faces):
            missed.append((analysis.source, analysis.error or "no face found"))
            continue
        labels.append(face)
        read.append(analysis.faces[np.array([main_face(analysis)])])
    if not faces:
        raise DatasetError("there is no labelled picture to evaluate on")
    if not labels:
        first = f"{faces[0].path}: {missed[0][1]}"
        raise DatasetError(f"none of the {len(faces)} labelled pictures gave a face; the first, {first}")
    answers = answers_of(labels, read)
    return Evaluation(answers, measure(answers, no_face=len(missed)), missed)


def answers_of(labels: Sequence[LabelledFace], read: Sequence[Faces]) -> Answers:
    """Labels beside what was read of each face, doubts heard: one ``Faces`` of one face a label."""

    def column(name: str) -> np.ndarray:
        return np.array([getattr(face, name)[0] for face in read], dtype=np.float64)

    genders = {"female": 1, "male": 0, None: UNKNOWN}
    names = sorted({name for label in labels for name in label.groups})
    return Answers(
        label_low=np.array([label.age_low for label in labels], dtype=np.float64),
        label_high=np.array([label.age_high for label in labels], dtype=np.float64),
        female=np.array([UNKNOWN if label.female is None else label.female for label in labels], dtype=np.int8),
        age=column("age"),
        age_low=column("age_low"),
        age_high=column("age_high"),
        p_female=column("p_female"),
        named=np.array([genders[face.gender[0]] for face in read], dtype=np.int8),
        distribution=np.concatenate([face.age_distribution for face in read]),
        files=np.array([label.name for label in labels]),
        groups={name: np.array([label.groups.get(name, "") for label in labels]) for name in names},
    )


def held_of(answers: Answers, temperature: float) -> Held:
    """What a calibration is fitted on: the answers with the gender's probability taken back to the network's logit,
    which was divided by ``temperature``."""
    assert answers.distribution is not None
    # A probability that was rounded to 0 or 1 has no logit; that of 1 less 1e-7 is as far as float32 goes.
    p = np.clip(answers.p_female, 1e-7, 1 - 1e-7)
    logits, labels = np.log(p / (1 - p)) * temperature, (answers.label_low, answers.label_high, answers.female)
    return Held(answers.distribution, logits.astype(np.float32), *(label.astype(np.float32) for label in labels))


def main_face(analysis: Analysis) -> int:
    """Index of the face a labelled crop is about: large, central and sure."""
    return main_box(analysis.faces.box, analysis.faces.score, analysis.width or 1, analysis.height or 1)
