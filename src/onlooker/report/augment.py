"""The report's augmentation: random shifts, flips, turns, zooms, shears and brightness, a batch at a time.

Ranges, order and sampling are those of Keras' ``ImageDataGenerator``, which the report used and which Keras 3 keeps
only as legacy code (``keras/src/legacy/preprocessing/image.py``). It needs numpy alone.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Fill = Literal["constant", "nearest", "reflect", "wrap"]
"""What lies beyond a picture's edge: black, the edge's own pixel, the picture mirrored, the picture once more."""

FILLS: tuple[Fill, ...] = ("constant", "nearest", "reflect", "wrap")

Range = tuple[float, float]

Pictures = NDArray[Any]
"""``(N, height, width, 3)``: uint8 (0 to 255) or float32 (0 to 1)."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """From where to where each change is drawn, evenly and for each picture anew; the defaults change nothing.

    ``rotation`` (clockwise) and ``shear`` are in degrees, the shifts in shares of the picture's width and height.
    ``zoom`` is the share of the picture that is seen, drawn for each direction by itself: below 1 it is enlarged.
    ``brightness`` is a factor. A flip happens to every other picture.
    """

    rotation: Range = (0.0, 0.0)
    shift_x: Range = (0.0, 0.0)
    shift_y: Range = (0.0, 0.0)
    shear: Range = (0.0, 0.0)
    zoom: Range = (1.0, 1.0)
    brightness: Range = (1.0, 1.0)
    flip_x: bool = False
    flip_y: bool = False
    fill: Fill = "nearest"


COMBINED = Augmentation(
    rotation=(-30, 30), shift_x=(-0.2, 0.2), shift_y=(-0.2, 0.2), shear=(-0.2, 0.2), zoom=(0.8, 1.2), flip_x=True
)
"""The report's generator: rotation 30, shifts 0.2, shear 0.2, zoom 0.2, horizontal flip. Keras takes shear in degrees,
so its shear of 0.2 moves nothing that can be seen."""


def augment(pictures: Pictures, how: Augmentation, random: np.random.Generator) -> Pictures:
    """Each picture changed at random, in a batch of the same shape and kind. The same generator state gives the same
    batch; the pictures themselves stay as they are."""
    count, height, width = pictures.shape[:3]
    maps = np.stack([_matrix(how, height, width, random) for _ in range(count)])
    factors = random.uniform(*how.brightness, (count, 1, 1, 1)).astype(np.float32)
    mirrored = random.random((count, 2)) < np.array([how.flip_x, how.flip_y]) / 2
    moved = pictures.astype(np.float32)
    if (maps != np.eye(2, 3)).any():
        moved = sample(moved, maps, how.fill)
    for axis, chosen in ((2, mirrored[:, 0]), (1, mirrored[:, 1])):
        moved[chosen] = np.flip(moved[chosen], axis=axis)
    moved *= factors
    if pictures.dtype == np.uint8:
        return np.asarray(np.clip(moved, 0, 255) + 0.5, dtype=np.uint8)
    return np.clip(moved, 0, 1).astype(pictures.dtype)


def _matrix(how: Augmentation, height: int, width: int, random: np.random.Generator) -> NDArray[np.float64]:
    """``(2, 3)``: where, as (row, column), a pixel of the result lies in the picture; Keras' order: turn, shift, shear,
    zoom, about the middle."""
    turn, shear = np.deg2rad(random.uniform(*how.rotation)), np.deg2rad(random.uniform(*how.shear))
    down, along = random.uniform(*how.shift_y) * height, random.uniform(*how.shift_x) * width
    zooms = random.uniform(*how.zoom, 2)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = turned @ np.array([[1, -np.sin(shear)], [0, np.cos(shear)]]) @ np.diag(zooms)
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    offset = middle + turned @ np.array([down, along]) - linear @ middle
    return np.hstack([linear, offset[:, None]])


def sample(pictures: Pictures, maps: NDArray[np.float64], fill: Fill) -> NDArray[np.float32]:
    """Pictures under their maps ``(N, 2, 3)``, each pixel of the result from the four nearest (bilinear)."""
    count, height, width = pictures.shape[:3]
    rows, columns = np.mgrid[:height, :width].reshape(2, -1)
    places = maps[:, :, :2] @ np.stack([rows, columns]) + maps[:, :, 2:]
    corner = np.floor(places)
    part = (places - corner).astype(np.float32)
    result = np.zeros((count, height * width, pictures.shape[3]), dtype=np.float32)
    which = np.arange(count)[:, None]
    for down in (0, 1):
        for along in (0, 1):
            weight = np.abs(1 - down - part[:, 0]) * np.abs(1 - along - part[:, 1])
            row, row_in = _within(corner[:, 0].astype(np.intp) + down, height, fill)
            column, column_in = _within(corner[:, 1].astype(np.intp) + along, width, fill)
            result += pictures[which, row, column] * (weight * (row_in & column_in))[..., None]
    return result.reshape(pictures.shape)


def _within(index: NDArray[np.intp], length: int, fill: Fill) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Indices of the pixels to take in place of ones that may lie outside, and which of them are to be taken."""
    taken = np.ones(index.shape, dtype=np.bool_)
    if fill == "wrap":
        return index % length, taken
    if fill == "reflect":
        folded = index % (2 * length)
        return np.minimum(folded, 2 * length - 1 - folded), taken
    if fill == "constant":
        taken = (index >= 0) & (index < length)
    return np.clip(index, 0, length - 1), taken
