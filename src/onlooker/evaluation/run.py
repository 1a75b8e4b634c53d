"""Running an analyzer over labelled faces."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onlooker.analyzer import Analysis, Analyzer
from onlooker.core.errors import DatasetError
from onlooker.core.protocols import Progress, silent
from onlooker.datasets.labelled import LabelledFace
from onlooker.evaluation.metrics import Answers, Metrics, measure


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The metrics, and the (picture, sentence) pairs of those that gave none."""

    metrics: Metrics
    missed: list[tuple[str, str]]


def evaluate(analyzer: Analyzer, faces: Sequence[LabelledFace], progress: Progress = silent) -> Evaluation:
    """Analyze every labelled picture and compare: the face in question is the one that fills its picture most.

    Raises ``DatasetError`` where no picture gave a face. Calls ``progress`` with the count done.
    """
    rows: list[tuple[float, ...]] = []
    missed: list[tuple[str, str]] = []
    stream = analyzer.stream((face.path.name, face.path) for face in faces)
    for done, (face, analysis) in enumerate(zip(faces, stream, strict=True), start=1):
        progress(done)
        if analysis.error or not len(analysis.faces):
            missed.append((analysis.source, analysis.error or "no face found"))
            continue
        read = analysis.faces
        i = main_face(analysis)
        label = -1 if face.female is None else face.female
        rows.append((face.age, label, read.age[i], read.age_low[i], read.age_high[i], read.p_female[i]))
    if not faces:
        raise DatasetError("there is no labelled picture to evaluate on")
    if not rows:
        raise DatasetError(f"none of the {len(faces)} labelled pictures gave a face; the first: {missed[0][1]}")
    table = np.array(rows, dtype=np.float64).T
    answers = Answers(table[0], table[1].astype(np.int8), table[2], table[3], table[4], table[5])
    return Evaluation(measure(answers, no_face=len(missed)), missed)


def main_face(analysis: Analysis) -> int:
    """Index of the face a labelled crop is about: large, central and sure."""
    faces = analysis.faces
    size = np.array([analysis.width or 1, analysis.height or 1], dtype=np.float64)
    low, high = np.asarray(faces.box[:, :2], np.float64), np.asarray(faces.box[:, 2:], np.float64)
    off_centre = np.linalg.norm(((low + high) / 2 - size / 2) / size, axis=1)
    area = np.prod(np.clip(high - low, 0, None), axis=1) / np.prod(size)
    return int(np.argmax(np.sqrt(area) * faces.score - off_centre))
