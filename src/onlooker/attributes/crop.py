"""THE face crop: every network of this project, in training and in serving, sees faces through this module.

The canonical frame is the frame of UTKFace's own aligned crops: the unit square, in which the five landmarks lie on
average at ``CANONICAL``. A face is brought into it by the similarity transform that fits its landmarks best, with the
error measured in the frame: measured on the picture instead, a turned face, whose points lie closer together, would be
cut too tight.

``benchmarks/canonical_frame.py`` prints the constants below, to within a hundredth. They are measured with surroundings
put around UTKFace's crops, as faces have them in photographs: on the bare crops, cut close to the chin, both detectors
place the points 5 % further apart, and frames made to fit that would be 5 % too tight on every photograph.
"""

import numpy as np

from onlooker.core.faces import Detections, Floats, Picture8
from onlooker.core.geometry import Matrix, fit_similarity, invert_affine, transform_points
from onlooker.media.warp import warp

CANONICAL = np.array([[0.293, 0.283], [0.683, 0.280], [0.488, 0.505], [0.325, 0.680], [0.660, 0.677]], dtype=np.float64)
"""Eye, eye, nose, mouth corner, mouth corner in the unit square, left to right."""

BOX_IN_FRAME = np.array([0.065, -0.155, 0.920, 0.960], dtype=np.float64)
"""The detectors' box ``xyxy`` of an average face, in the unit square."""

MAX_RESIDUAL = 0.12
"""Root mean square distance of the five points from ``CANONICAL``, in sides of the frame, above which they fail."""


def frame_from_landmarks(landmarks: Floats) -> Matrix | None:
    """The map ``(2, 3)`` from the unit square to the picture for landmarks ``(5, 2)`` in pixels.

    ``None`` where they fail: not finite, all in one place, or not arranged like a face.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if not np.isfinite(points).all():
        return None
    try:
        to_frame = fit_similarity(points, CANONICAL)
        frame = invert_affine(to_frame)
    except ValueError:
        return None
    residual = np.sqrt(((transform_points(to_frame, points) - CANONICAL) ** 2).sum(axis=1).mean())
    return frame if residual <= MAX_RESIDUAL else None


def frame_from_box(box: Floats) -> Matrix:
    """The map ``(2, 3)`` from the unit square to the picture for a box ``xyxy`` alone, by its centre and size."""
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)
    left, top, right, bottom = BOX_IN_FRAME
    side = max(1.0, float(np.sqrt(max(x2 - x1, 0) * max(y2 - y1, 0) / ((right - left) * (bottom - top)))))
    origin = np.array([(x1 + x2) / 2 - side * (left + right) / 2, (y1 + y2) / 2 - side * (top + bottom) / 2])
    return np.array([[side, 0, origin[0]], [0, side, origin[1]]])


def frames(found: Detections) -> list[Matrix]:
    """A frame for each face: from its landmarks, or from its box where they fail."""
    answer = []
    for box, landmarks in zip(found.boxes, found.landmarks, strict=True):
        frame = frame_from_landmarks(landmarks)
        answer.append(frame_from_box(box) if frame is None else frame)
    return answer


def whole_picture(width: int, height: int) -> Matrix:
    """The frame of a picture that is a crop already (UTKFace's form): its centred square."""
    side = min(width, height)
    return np.array([[side, 0, (width - side) / 2], [0, side, (height - side) / 2]], dtype=np.float64)


def cut(picture: Picture8, frame: Matrix, size: int, *, margin: float = 0.0) -> Picture8:
    """The crop ``(size, size, 3)`` of a picture under a frame (unit square to pixels).

    ``margin`` widens the frame on each side by that share of it (training keeps one, to jitter within).
    """
    origin = frame @ np.array([-margin, -margin, 1.0])
    return warp(picture, np.hstack([frame[:, :2] * (1 + 2 * margin), origin[:, None]]), size)
