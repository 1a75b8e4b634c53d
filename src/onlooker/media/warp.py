"""Sampling a square of a picture under an affine map, filtered so that nothing aliases."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onlooker.core.faces import Picture8
from onlooker.core.geometry import Matrix, affine_scale, transform_points

_UNIT_CORNERS = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)

_GAP = 3.0
"""A picture is averaged in whole blocks until it is this many times as large as it is to be, then filtered (Pillow's
``reducing_gap``)."""

_Ints = NDArray[np.int64]


def warp(picture: Picture8, frame: Matrix, size: int) -> Picture8:
    """The pixels ``(size, size, 3)`` of a picture under ``frame`` ``(2, 3)``, which maps the unit square to pixels.

    Where the square shrinks, the picture is filtered first, so that no pixel is skipped; what lies outside the picture
    repeats its edge.
    """
    corners = transform_points(frame, _UNIT_CORNERS)
    step = affine_scale(frame) / size
    border = 2 * max(step, 1.0)
    low = np.floor(corners.min(axis=0) - border).astype(np.int64)
    high = np.ceil(corners.max(axis=0) + border).astype(np.int64)
    extent = high - low
    shrunk = np.maximum(1, np.round(extent / max(step, 1.0))).astype(np.int64)
    block = np.maximum(1, (extent / shrunk / _GAP).astype(np.int64))
    patch = Image.fromarray(_region(picture, low, high, block))
    if step > 1:
        patch = patch.resize(
            (int(shrunk[0]), int(shrunk[1])), Image.Resampling.BILINEAR, (0, 0, *(extent / block).tolist())
        )
    # Pillow maps the centre of an output pixel, in output pixels, to a point of the patch.
    affine = np.hstack([frame[:, :2] / size, (frame[:, 2] - low)[:, None]]) * (shrunk / extent)[:, None]
    return np.asarray(
        patch.transform((size, size), Image.Transform.AFFINE, affine.ravel().tolist(), Image.Resampling.BICUBIC)
    )


def _region(picture: Picture8, low: _Ints, high: _Ints, block: _Ints) -> Picture8:
    """Pixels from ``low`` to ``high`` (x, y), the picture's edge repeated outside it, averaged in blocks of ``block``
    pixels (x, y). A block wholly outside is its neighbour again, so none but the first of them is made of pixels."""
    size = np.array([picture.shape[1], picture.shape[0]])
    blocks = -(-(high - low) // block)
    first = np.clip(-low // block - 1, 0, blocks - 1)
    last = np.clip(-(-(size - low) // block) + 1, first + 1, blocks)
    near = _edged(picture, low + first * block, np.minimum(low + last * block, high))
    if block.max() > 1:
        near = np.asarray(Image.fromarray(near).reduce((int(block[0]), int(block[1]))))
    return _repeated(near, first, blocks - last)


def _edged(picture: Picture8, low: _Ints, high: _Ints) -> Picture8:
    """Pixels from ``low`` to ``high`` (x, y), the picture's edge repeated outside it."""
    size = np.array([picture.shape[1], picture.shape[0]])
    start = np.clip(low, 0, size - 1)
    end = np.clip(high, start + 1, size)
    before = np.minimum(np.maximum(-low, 0), high - low - 1)
    return _repeated(picture[start[1] : end[1], start[0] : end[0]], before, high - low - (end - start) - before)


def _repeated(pixels: Picture8, before: _Ints, after: _Ints) -> Picture8:
    """The same with its edge repeated so often on each side (x, y)."""
    around = ((int(before[1]), int(after[1])), (int(before[0]), int(after[0])), (0, 0))
    return np.ascontiguousarray(np.pad(pixels, around, mode="edge"))
