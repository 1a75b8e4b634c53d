"""How well a face can be seen: its pose, from the five landmarks alone, and its crop's brightness and sharpness."""

from collections.abc import Sequence

import numpy as np

from onlooker.core.doubts import placed
from onlooker.core.faces import Detections, Floats, Picture8, Quality

MEAN_FACE = np.array(
    [[0.293, 0.283, 0.0], [0.683, 0.280, 0.0], [0.488, 0.505, -0.18], [0.325, 0.680, 0.0], [0.660, 0.677, 0.0]],
    dtype=np.float64,
)
"""Eye, eye, nose, mouth corner, mouth corner of a mean face that looks at the camera, left to right: x to the right, y
down, z away from the camera, in sides of the crop's frame. x and y are where the crop expects them
(``attributes/crop.py``), so that a face in the frame's own pose has pose zero; the nose's z is measured."""

_MODEL = MEAN_FACE - MEAN_FACE.mean(axis=0)
_TO_AFFINE = np.linalg.pinv(_MODEL)

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""Of red, green and blue in brightness (ITU-R BT.601)."""

_LEFT, _TOP, _RIGHT, _BOTTOM = 0.2, 0.15, 0.8, 0.85
"""The part of a crop, in its sides, that is face and little else: brow to mouth, cheek to cheek."""

_NO_DETAIL, _ALL_DETAIL = 0.2, 1.0
"""Ratio of second to first differences at which sharpness is 0 and 100: a face of 9 pixels enlarged to a crop of 112,
and a crop of 112 pixels from a good photograph."""


_ROUNDING = float((_LUMA**2).sum()) / 12
"""Variance of luma from rounding each colour to whole levels. It is no detail, and in a dark crop it would pass for it:
it adds itself 4 times to the squares of first differences, 20 times to those of second ones."""


def measure(found: Detections, crops: Sequence[Picture8]) -> Quality:
    """The quality of faces, given the very crops ``(N, size, size, 3)`` that the estimator reads, in the same order.

    Sharpness compares how fast the pixels' differences change with the differences themselves: contrast and light
    cancel out, and a face of few pixels, enlarged, is as unsharp as a blurred one.
    """
    lumas = [_luma(crop) for crop in crops]
    brightness = np.array([luma.mean() / 2.55 for luma in lumas], dtype=np.float32)
    sharpness = np.array([_sharpness(luma) for luma in lumas], dtype=np.float32)
    return Quality(pose(found.landmarks), brightness, sharpness)


def _luma(crop: Picture8) -> Floats:
    """Luma, 0 to 255, of the part of a crop that is face."""
    height, width = crop.shape[:2]
    rows = slice(int(_TOP * height), max(1, round(_BOTTOM * height)))
    columns = slice(int(_LEFT * width), max(1, round(_RIGHT * width)))
    return np.asarray(crop[rows, columns] @ _LUMA, dtype=np.float32)


def _sharpness(luma: Floats) -> float:
    """0 to 100; a surface with no more than rounding on it has no detail."""
    if min(luma.shape) < 3:
        return 0.0
    inner = luma[1:-1, 1:-1]
    second = 4 * inner - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:]
    across, down = np.diff(luma, axis=1), np.diff(luma, axis=0)
    first = float(np.mean(across * across) + np.mean(down * down)) - 4 * _ROUNDING
    if first <= 4 * _ROUNDING:
        return 0.0
    ratio = np.sqrt(max(0.0, float(np.mean(second * second)) - 20 * _ROUNDING) / first)
    return float(np.clip(100 * (ratio - _NO_DETAIL) / (_ALL_DETAIL - _NO_DETAIL), 0, 100))


def pose(landmarks: Floats) -> Floats:
    """Yaw, pitch and roll ``(N, 3)`` in degrees of landmarks ``(N, 5, 2)``: positive to the picture's right, up, and
    clockwise as seen. Landmarks that fail (``core.doubts.placed``) give zeros.

    A weak-perspective camera sees the mean face by two rows of a rotation times a scale. The affine camera that fits
    best is a regression; the nearest camera with that form follows from its singular value decomposition. The rotation
    is then roll after yaw after pitch, so that tilting the picture changes the roll alone.
    """
    usable = placed(landmarks)
    points = np.where(usable[:, None, None], np.asarray(landmarks, dtype=np.float64), MEAN_FACE[:, :2])
    affine = np.einsum("jk,nkc->ncj", _TO_AFFINE, points - points.mean(axis=1, keepdims=True))
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    camera = left @ right
    third = np.cross(camera[:, 0], camera[:, 1])
    yaw = np.arcsin(np.clip(third[:, 0], -1, 1))
    pitch = np.arctan2(-third[:, 1], third[:, 2])
    roll = np.arctan2(camera[:, 1, 0], camera[:, 0, 0])
    angles = np.degrees(np.stack([yaw, pitch, roll], axis=1))
    return np.asarray(np.where(usable[:, None], angles, 0.0), dtype=np.float32)
