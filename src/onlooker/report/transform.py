"""The report's transform of a face before its networks see it: BGR to RGB, 32 x 32, 0 to 1.

The report read its pictures with OpenCV, which gives blue first; ``media.images`` gives RGB, so ``transform`` has
nothing to swap unless it is told that its pixels are ``bgr``.
"""

import numpy as np
from numpy.typing import NDArray

from onlooker.core.faces import Picture8
from onlooker.media.images import resize

SIDE = 32
"""Side in pixels of what the report's networks read."""


def transform(pixels: Picture8, *, bgr: bool = False, filtered: bool = False) -> NDArray[np.float32]:
    """A face as the report's networks read it: float32 ``(32, 32, 3)``, RGB, 0 to 1.

    ``pixels`` are uint8 ``(height, width, 3)``, RGB unless ``bgr``. By default they are shrunk as OpenCV's ``resize``
    does when told nothing else, which skips most pixels of a 200 x 200 crop; ``filtered`` uses them all.
    """
    rgb = swap(pixels) if bgr else pixels
    small = resize(rgb, SIDE, SIDE) if filtered else shrink(rgb)
    return small.astype(np.float32) / np.float32(255)


def swap(pixels: Picture8) -> Picture8:
    """BGR pixels as RGB, or the reverse: ``(..., 3)``."""
    return np.ascontiguousarray(pixels[..., ::-1])


def shrink(pixels: Picture8, side: int = SIDE) -> Picture8:
    """Pixels ``(height, width, 3)`` at ``(side, side, 3)``, each from the four about its centre (OpenCV's INTER_LINEAR,
    ``modules/imgproc/src/resize.cpp``; within one grey level of it, as OpenCV's weights are rounded to 1/2048)."""
    top, bottom, down = _taps(pixels.shape[0], side)
    left, right, across = _taps(pixels.shape[1], side)
    along = across[None, :, None]
    upper, lower = (pixels[rows][:, left] * (1 - along) + pixels[rows][:, right] * along for rows in (top, bottom))
    mixed = upper * (1 - down[:, None, None]) + lower * down[:, None, None]
    return np.asarray(mixed + 0.5, dtype=np.uint8)


def _taps(length: int, side: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """The two places each of ``side`` pixels is read at along an axis, and the weight of the second."""
    place = np.clip((np.arange(side) + 0.5) * length / side - 0.5, 0, length - 1)
    first = np.floor(place).astype(np.intp)
    return first, np.minimum(first + 1, length - 1), place - first
