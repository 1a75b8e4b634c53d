"""Sampling a square of a picture under an affine map, filtered so that nothing aliases."""

import numpy as np
from PIL import Image

from onlooker.core.faces import Picture8
from onlooker.core.geometry import Matrix, affine_scale, transform_points

_UNIT_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)


def warp(picture: Picture8, frame: Matrix, size: int) -> Picture8:
    """The pixels ``(size, size, 3)`` of a picture under ``frame`` ``(2, 3)``, which maps the unit square to pixels.

    Where the square shrinks, the picture is filtered first, so that no pixel is skipped; what lies outside the picture
    repeats its edge.
    """
    corners = transform_points(frame, _UNIT_CORNERS)
    step = affine_scale(frame) / size
    border = 2 * max(step, 1.0)
    low = np.floor(corners.min(axis=0) - border).astype(int)
    high = np.ceil(corners.max(axis=0) + border).astype(int)
    patch = Image.fromarray(_region(picture, (int(low[0]), int(high[0])), (int(low[1]), int(high[1]))))
    ratio = np.ones(2)
    if step > 1:
        shrunk = (max(1, round(patch.width / step)), max(1, round(patch.height / step)))
        ratio = np.array([shrunk[0] / patch.width, shrunk[1] / patch.height])
        patch = patch.resize(shrunk, Image.Resampling.BILINEAR, reducing_gap=3.0)
    # Pillow maps the centre of an output pixel, in output pixels, to a point of the patch.
    affine = np.hstack([frame[:, :2] / size, (frame[:, 2] - low)[:, None]]) * ratio[:, None]
    return np.asarray(
        patch.transform((size, size), Image.Transform.AFFINE, affine.ravel().tolist(), Image.Resampling.BICUBIC)
    )


def _region(picture: Picture8, x: tuple[int, int], y: tuple[int, int]) -> Picture8:
    """Pixels from ``x[0]`` to ``x[1]`` and ``y[0]`` to ``y[1]``, its edge repeated outside it."""
    height, width = picture.shape[:2]
    if x[0] >= 0 and y[0] >= 0 and x[1] <= width and y[1] <= height:
        return np.ascontiguousarray(picture[y[0] : y[1], x[0] : x[1]])
    columns = np.clip(np.arange(*x), 0, width - 1)
    rows = np.clip(np.arange(*y), 0, height - 1)
    return np.ascontiguousarray(picture[rows[:, None], columns[None, :]])
