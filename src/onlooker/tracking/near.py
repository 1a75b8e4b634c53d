"""Looking for faces only where they must be: a few thousand pixels a face instead of the whole frame."""

from collections.abc import Sequence

import numpy as np

from onlooker.core.faces import Detections, Floats, Picture8
from onlooker.core.geometry import box_iou, non_maximum_suppression, turned_back
from onlooker.core.protocols import Detector
from onlooker.media.warp import warp

SIDE = 96
"""Pixels of the square that is cut out around a face and shown to the detector."""

SPAN = 2.0
"""Side of that square relative to the longer side of the box: room for a face that moves, which is then 48 high."""


def look_near(pixels: Picture8, detector: Detector, boxes: Floats, turned: Sequence[int] = ()) -> Detections:
    """The face nearest to each of some boxes ``(N, 4)``, where there is one, each face once, surest first. ``turned``
    says by how many quarters clockwise each was turned when it was last seen, where any is: it is looked at upright,
    as a face upside down is hardly found and its landmarks are not."""
    found = [_one(pixels, detector, box, q) for box, q in zip(boxes, turned or [0] * len(boxes), strict=True)]
    if not found:
        return Detections.empty()
    joined = Detections(
        np.concatenate([f.boxes for f in found]),
        np.concatenate([f.scores for f in found]),
        np.concatenate([f.landmarks for f in found]),
    )
    return joined[non_maximum_suppression(joined.boxes, joined.scores, 0.5)]


def _one(pixels: Picture8, detector: Detector, box: Floats, quarters: int) -> Detections:
    height, width = pixels.shape[:2]
    side = float(max(box[2:] - box[:2]))
    x, y = ((box[:2] + box[2:]) / 2).tolist()
    if not (side >= 1 and 0 <= x < width and 0 <= y < height):
        return Detections.empty()
    span = side * SPAN
    patch = warp(pixels, np.array([[span, 0, x - span / 2], [0, span, y - span / 2]]), SIDE)
    seen = _turned_back(detector.detect(np.ascontiguousarray(np.rot90(patch, quarters))), quarters)
    found = seen.scaled(span / SIDE, span / SIDE).moved(x - span / 2, y - span / 2)
    if not len(found):
        return found
    nearness = box_iou(box[None], found.boxes)[0] * found.scores
    best = int(np.argmax(nearness))
    return found[best : best + 1] if nearness[best] > 0 else Detections.empty()


def _turned_back(found: Detections, quarters: int) -> Detections:
    """Faces of the square turned counter-clockwise by quarters, on the square as it was."""
    if not quarters:
        return found
    corners = turned_back(found.boxes.reshape(-1, 2, 2), quarters, SIDE)
    boxes = np.hstack([corners.min(axis=1), corners.max(axis=1)])
    return Detections(boxes, found.scores, turned_back(found.landmarks, quarters, SIDE))
