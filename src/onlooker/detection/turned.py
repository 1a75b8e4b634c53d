"""Faces upside down or on their side. Detectors find most of them, but less surely, and place the landmarks as if they
stood upright, so that nothing of the answer shows it; turned the right way they are found as surely as any face.

Of UTKFace's faces put into a scene upside down, nine in ten of those found are read right by this, of those on their
side 19 in 20; of FDDB's, where none is turned so far, none is changed (``docs/decisions/0003-detection.md``).
"""

import numpy as np
from numpy.typing import NDArray

from onlooker.core.faces import Detections, Floats, Picture8
from onlooker.core.geometry import box_iou, turned_back
from onlooker.core.protocols import Detector
from onlooker.media.images import resize

WEAK = 0.88
"""Score of a close look below which a face may be turned: 3 to 8 % of upright faces, 96 % and more of turned ones."""

CERTAIN, SURER = 0.885, 0.05
"""Least score of a face that is found turned, and how much surer that look must be than the one without."""

_SEEN = 0.3
"""Least IoU of what is found with where the face must be."""


def turned_landmarks(patch: Picture8, detector: Detector, face: float, score: float) -> Floats | None:
    """Landmarks ``(5, 2)`` on a square patch that holds a face of ``face`` pixels in its middle, where it is surely
    turned by a quarter or a half, or None; ``score`` is that of the face as found in the patch as it is.

    One look at the patch at half its size, four times in a square, each a quarter further, says which way is likeliest;
    only where it is another is the patch looked at that way.
    """
    side = patch.shape[0] // 2
    small = resize(patch, side, side)
    views = [np.rot90(small, quarters) for quarters in range(4)]
    found = detector.detect(np.vstack([np.hstack(views[:2]), np.hstack(views[2:])]))
    middles = [(x + side / 2, y + side / 2) for y in (0, side) for x in (0, side)]
    seen = [found.scores[_there(found, middle, face / 2)].max(initial=0) for middle in middles]
    quarters = int(np.argmax(seen))
    if not quarters:
        return None
    found = detector.detect(np.ascontiguousarray(np.rot90(patch, quarters)))
    there = np.flatnonzero(_there(found, (side, side), face))
    if not len(there):
        return None
    best = there[np.argmax(found.scores[there])]
    if found.scores[best] < max(CERTAIN, score + SURER):
        return None
    return turned_back(found.landmarks[best], quarters, patch.shape[0])


def _there(found: Detections, middle: tuple[float, float], face: float) -> NDArray[np.bool_]:
    """Which of some faces lie where one of ``face`` pixels is expected, about ``middle`` (x, y)."""
    x, y = middle
    square = np.array([[x - face / 2, y - face / 2, x + face / 2, y + face / 2]], dtype=np.float32)
    return np.asarray(box_iou(square, found.boxes)[0] > _SEEN, dtype=np.bool_)
