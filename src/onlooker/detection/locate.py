"""Showing a detector a picture at the size it needs, and giving its answer on the original picture.

A detector looks up to three times. The first look sets the cost: the picture is shrunk until the smallest face asked
for is just high enough. A second, at a quarter of that, catches the face that fills a large picture, of which the first
sees no more than parts. Then every candidate is looked at closely, cut out at one fixed size: what is not found again
goes (hands and foliage mostly), the rest gets the mean of both boxes and landmarks, which on FDDB is worth more than a
point of average precision with either detector (``benchmarks/detection.py`` prints both). One that is found weakly
there is looked at turned as well (``detection/turned.py``).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from onlooker.core.faces import Detections, Floats, Picture8
from onlooker.core.geometry import box_area, box_iou, box_shared, non_maximum_suppression
from onlooker.core.protocols import Detector
from onlooker.detection.turned import WEAK, turned_landmarks
from onlooker.media.images import Picture, resize
from onlooker.media.warp import warp

MIN_FACE = 24.0
"""Height in pixels of the smallest face looked for, on the original picture."""

MIN_FACE_SHARE = 0.02
"""... and at least this share of the picture's longer side, so that a large photograph costs no more than it must."""

CANDIDATE_SCORE = 0.3
"""Least score on the first or second look."""

MIN_SCORE = 0.5
"""Least score, over all looks, of a face that is reported."""

SECOND_LOOK = 0.25
"""Size, relative to the first, of a second look: a face that fills a large picture is missed at full size."""

FIRST_LOOK_FACE = 384.0
"""Only a face that is lower than this on the first look's picture is taken from the first, where there is a second: in
one that is higher a detector finds two to four of its parts, each the size of the largest face it knows."""

SECOND_LOOK_FACE = 96.0
"""Only a face that is higher than this on the first look's picture is taken from the second."""

CLOSE_LOOK_SIDE = 128
"""Side in pixels of the square that a candidate is cut out to."""

CLOSE_LOOK_SPAN = 1.625
"""Side of that square relative to the longer side of the candidate's box."""

SAME_FACE = 0.3
"""IoU of a close look's box with its candidate above which they are one face."""

PART, PART_AREA = 0.8, 0.15
"""Of two boxes that share more than ``PART`` of the smaller one, it is a part of the same face where it has at least
``PART_AREA`` of the other's area. One that is smaller yet is another face, somebody behind: on FDDB, those who lie so
far within another have less than a tenth of the area."""


@dataclass(frozen=True, slots=True)
class Located:
    """Faces on the original picture, and the pixels they were found on: ``x`` and ``y`` times the original's size.
    ``decoding`` is the time in seconds that the pixels took to decode."""

    faces: Detections
    pixels: Picture8
    x: float
    y: float
    decoding: float


def detection_scale(width: int, height: int, target_face: float, min_face: float) -> float:
    """How much a picture is shrunk for detection, 0 to 1: the smallest face asked for becomes ``target_face`` high."""
    smallest = max(min_face, MIN_FACE_SHARE * max(width, height))
    return min(1.0, target_face / smallest)


def locate(picture: Picture, detector: Detector, min_face: float = MIN_FACE, min_score: float = MIN_SCORE) -> Located:
    """Find the faces of at least about ``min_face`` pixels in a picture, surest first.

    The picture is decoded no larger than detection needs; who cuts the faces may have to decode it again.
    """
    scale = detection_scale(picture.width, picture.height, detector.target_face, min_face)
    started = time.perf_counter()
    pixels = picture.decode(scale)
    decoding = time.perf_counter() - started
    found = search(pixels, detector, scale * picture.width / pixels.shape[1])
    x, y = pixels.shape[1] / picture.width, pixels.shape[0] / picture.height
    return Located(found[found.scores >= min_score].scaled(1 / x, 1 / y), pixels, x, y, decoding)


def search(pixels: Picture8, detector: Detector, scale: float) -> Detections:
    """Every face of ``pixels``, in their coordinates, detected at ``scale`` times their size, again far smaller, and
    then closely one by one. The score is the geometric mean of the two looks that found it."""
    found = _look(pixels, detector, scale)
    if not detector.refine:
        return found
    if max(pixels.shape[:2]) * scale * SECOND_LOOK >= detector.target_face * 2:
        found = found[_height(found) * scale < FIRST_LOOK_FACE]
        small = _look(pixels, detector, scale * SECOND_LOOK)
        large = _height(small) * scale >= SECOND_LOOK_FACE
        found = _distinct(_concatenate([found, small[large]]), max_iou=0.4)
    closer = [_look_closely(pixels, detector, found[i : i + 1]) for i in range(len(found))]
    return _without_parts(_distinct(_concatenate(closer), max_iou=0.5))


def _look(pixels: Picture8, detector: Detector, scale: float) -> Detections:
    height, width = pixels.shape[:2]
    shown = resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))
    found = detector.detect(shown).scaled(width / shown.shape[1], height / shown.shape[0])
    return found[found.scores >= CANDIDATE_SCORE]


def _look_closely(pixels: Picture8, detector: Detector, candidate: Detections) -> Detections:
    """One candidate after a close look: itself and what was found there in the mean, or none where nothing was."""
    box = candidate.boxes[0]
    centre, side = (box[:2] + box[2:]) / 2, float(max(box[2:] - box[:2]))
    if not np.isfinite(side) or side <= 0:
        return Detections.empty()
    span = side * CLOSE_LOOK_SPAN
    corner = np.asarray(centre, dtype=np.float64) - span / 2
    patch = warp(pixels, np.array([[span, 0, corner[0]], [0, span, corner[1]]]), CLOSE_LOOK_SIDE)
    found = detector.detect(patch).scaled(span / CLOSE_LOOK_SIDE, span / CLOSE_LOOK_SIDE).moved(*corner)
    if not len(found):
        return found
    overlap = box_iou(candidate.boxes, found.boxes)[0]
    best = int(np.argmax(overlap))
    if overlap[best] < SAME_FACE:
        return Detections.empty()
    score = np.sqrt(candidate.scores * found.scores[best])
    landmarks = (candidate.landmarks + found.landmarks[best]) / 2
    if score[0] >= MIN_SCORE and found.scores[best] < WEAK:
        turned = turned_landmarks(patch, detector, CLOSE_LOOK_SIDE / CLOSE_LOOK_SPAN, float(found.scores[best]))
        if turned is not None:
            landmarks = (turned * (span / CLOSE_LOOK_SIDE) + corner)[None]
    return Detections((candidate.boxes + found.boxes[best]) / 2, score, landmarks)


def _concatenate(parts: Sequence[Detections]) -> Detections:
    if not parts:
        return Detections.empty()
    return Detections(
        np.concatenate([p.boxes for p in parts]),
        np.concatenate([p.scores for p in parts]),
        np.concatenate([p.landmarks for p in parts]),
    )


def _height(found: Detections) -> Floats:
    return np.asarray(found.boxes[:, 3] - found.boxes[:, 1], dtype=np.float32)


def _distinct(found: Detections, *, max_iou: float) -> Detections:
    """Each face once, surest first."""
    return found[non_maximum_suppression(found.boxes, found.scores, max_iou)]


def _without_parts(found: Detections) -> Detections:
    """Faces without those that lie within a surer one, or around it, and are the same (``PART``); surest first."""
    area = box_area(found.boxes)
    smaller, larger = np.minimum(area[:, None], area), np.maximum(area[:, None], area)
    same = (box_shared(found.boxes, found.boxes) > PART * smaller) & (smaller >= PART_AREA * larger)
    keep: list[int] = []
    for i in range(len(found)):
        if not same[i, keep].any():
            keep.append(i)
    return found[np.array(keep, dtype=np.intp)]
