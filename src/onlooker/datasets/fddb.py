"""FDDB (Jain and Learned-Miller, 2010): faces as ellipses, and the measures a detector is judged by on it."""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.core.errors import DatasetError
from onlooker.core.geometry import box_iou

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Scene:
    """One photograph and the boxes ``(N, 4)`` around its faces' ellipses."""

    path: Path
    boxes: Floats


def read(root: Path) -> list[Scene]:
    """Every photograph of the folds under ``root/folds``, its file under ``root/images``.

    Raises ``DatasetError`` where there is no fold.
    """
    lists = sorted((root / "folds").glob("*ellipseList.txt"))
    if not lists:
        raise DatasetError(f"{root}: no folds/*ellipseList.txt; name the folder that holds FDDB's folds and images")
    scenes = []
    for path in lists:
        lines = iter(path.read_text(encoding="ascii").split("\n"))
        try:
            for name in filter(None, map(str.strip, lines)):
                boxes = [ellipse_box(*map(float, next(lines).split()[:5])) for _ in range(int(next(lines)))]
                scenes.append(Scene(root / "images" / f"{name}.jpg", np.array(boxes, dtype=np.float32).reshape(-1, 4)))
        except (ValueError, TypeError, StopIteration):
            raise DatasetError(
                f"{path}: is no list of ellipses (a name, a count, and as many lines of 5 numbers)"
            ) from None
    return scenes


def ellipse_box(major: float, minor: float, angle: float, x: float, y: float) -> tuple[float, float, float, float]:
    """The upright box ``xyxy`` around an ellipse: radii in pixels, ``angle`` of the major axis in radians, centre."""
    half_x = math.hypot(major * math.cos(angle), minor * math.sin(angle))
    half_y = math.hypot(major * math.sin(angle), minor * math.cos(angle))
    return x - half_x, y - half_y, x + half_x, y + half_y


@dataclass(frozen=True, slots=True)
class DetectionScores:
    """What a detector reached. ``average_precision`` and ``recall`` (at ``0.1`` false boxes a picture) are shares;
    ``recall_by_height`` gives (lowest height, highest height, faces, recall) for each range of pixels."""

    pictures: int
    faces: int
    average_precision: float
    recall: float
    recall_by_height: list[tuple[float, float, int, float]]


HEIGHTS = (0, 24, 32, 48, 96, 160, math.inf)


def score(
    truth: list[Floats], boxes: list[Floats], scores: list[Floats], *, false_a_picture: float = 0.1
) -> DetectionScores:
    """Average precision (area under the interpolated curve, as VOC 2010 on) at IoU 0.5, and recalls.

    ``truth`` and ``boxes`` are lists of ``(N, 4)``, one a picture; a face is found by the best box that overlaps it.
    """
    heights = np.concatenate([b[:, 3] - b[:, 1] for b in truth])
    offsets = np.cumsum([0, *(len(b) for b in truth)])
    confidence: list[Floats] = []
    hits: list[int] = []
    for picture, (faces, found, sure) in enumerate(zip(truth, boxes, scores, strict=True)):
        hits.extend(-1 if i < 0 else int(offsets[picture]) + i for i in _matches(faces, found, sure))
        confidence.append(np.sort(sure)[::-1])
    order = np.argsort(-np.concatenate(confidence), kind="stable")
    hit = np.array(hits, dtype=np.intp)[order]
    right = np.cumsum(hit >= 0)
    wrong = np.cumsum(hit < 0)
    recall, precision = right / len(heights), right / np.maximum(right + wrong, 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(recall, prepend=0.0)
    allowed = wrong <= false_a_picture * len(truth)
    seen = np.zeros(len(heights), dtype=bool)
    seen[hit[allowed & (hit >= 0)]] = True
    by_height = []
    for low, high in pairwise(HEIGHTS):
        inside = (heights >= low) & (heights < high)
        if inside.any():
            by_height.append((float(low), float(high), int(inside.sum()), float(seen[inside].mean())))
    return DetectionScores(len(truth), len(heights), float((steps * envelope).sum()), float(seen.mean()), by_height)


def _matches(faces: Floats, found: Floats, sure: Floats) -> list[int]:
    """For each box, surest first, the face it finds or -1: a face is found once, by IoU of at least 0.5."""
    taken: set[int] = set()
    answer = []
    overlaps = box_iou(found, faces) if len(faces) else np.zeros((len(found), 0), np.float32)
    for k in np.argsort(-sure, kind="stable"):
        free = [i for i in range(len(faces)) if i not in taken and overlaps[k, i] >= 0.5]
        best = max(free, key=lambda i, k=k: overlaps[k, i], default=-1)  # type: ignore[misc]
        if best >= 0:
            taken.add(best)
        answer.append(best)
    return answer
