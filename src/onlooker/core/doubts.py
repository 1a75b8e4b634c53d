"""Reasons why the age and gender of a face are less certain than the model's own figures say.

The thresholds lie where ``benchmarks/quality.py`` finds the error of age or gender half as large again as the set's
own, or where the set ends; ``docs/decisions/0006-quality.md`` shows the figures.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubt = Literal["small", "blurred", "dark", "turned", "young"]

DOUBTS: tuple[Doubt, ...] = get_args(Doubt)
"""The reasons, in the order in which they are given."""

SMALL = 21.0
"""Height in pixels, on the original picture, under which a face is small: gender is wrong half as often again there."""

BLURRED = 25.0
"""Sharpness, 0 to 100, under which a face is blurred: where few pixels enlarged tell; a blur tells later."""

DARK = 8.0
"""Brightness, 0 to 100, under which a face is dark: no skin is, in the light of a common photograph."""

TURNED_YAW, TURNED_PITCH = 45.0, 20.0
"""Degrees to either side, and up or down, over which a face is turned: no error grows up to there, but the training
data shows hardly a face beyond."""

YOUNG_AGE, YOUNG = 7, 0.5
"""A face is young where the probability of an age under the first, in years, is at least the second: nearly a fifth of
the genders are wrong then, of the faces next to it fewer than a tenth."""

SPOIL_GENDER: frozenset[Doubt] = frozenset(DOUBTS)
"""Doubts under which no gender is named, however sure the model is of it."""

_LEAST_SPREAD = 0.02
"""Five points that spread over less than this share of the face's longest extent, either way, are not a face's."""


def placed(landmarks: Floats) -> NDArray[np.bool_]:
    """Whether landmarks ``(N, 5, 2)`` are finite and lie in a plane figure, rather than on one point or one line."""
    points = np.asarray(landmarks, dtype=np.float64)
    finite = np.asarray(np.isfinite(points).all(axis=(1, 2)))
    points = np.where(finite[:, None, None], points, 0.0)
    extents = np.linalg.svd(points - points.mean(axis=1, keepdims=True), compute_uv=False)
    return np.asarray((extents[:, 0] > 1e-3) & (extents[:, 1] > _LEAST_SPREAD * extents[:, 0]), dtype=np.bool_)


def young(age_distribution: Floats) -> NDArray[np.bool_]:
    """Whether each face is, more likely than not, a child too young for its gender to show; ``(N, 101)`` in."""
    return np.asarray(age_distribution[:, :YOUNG_AGE].sum(axis=1) >= YOUNG, dtype=np.bool_)


def doubts(
    *,
    height: Floats,
    sharpness: Floats,
    brightness: Floats,
    pose: Floats,
    landmarks: Floats,
    age_distribution: Floats,
) -> list[tuple[Doubt, ...]]:
    """The reasons for doubt of each face, in the order of ``DOUBTS``; the arrays are those of ``Faces``.

    A face whose landmarks fail has no pose that could be known, and counts as turned.
    """
    turned = (np.abs(pose[:, 0]) > TURNED_YAW) | (np.abs(pose[:, 1]) > TURNED_PITCH) | ~placed(landmarks)
    few, soft, black = height < SMALL, sharpness < BLURRED, brightness < DARK
    given = np.stack([few, soft, black, turned, young(age_distribution)], axis=1)
    return [tuple(doubt for doubt, holds in zip(DOUBTS, row, strict=True) if holds) for row in given.tolist()]
