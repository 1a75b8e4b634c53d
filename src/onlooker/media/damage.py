"""How much of a truncated picture is there."""

import numpy as np
from PIL import Image

from onlooker.core.errors import PictureError

_BOTTOM_UP = ("BMP", "DIB", "TGA")
"""Formats that mostly store the lowest row first, so that a truncated file lacks its top."""

_LIBJPEG_GREY = 127
"""Of rows that libjpeg did not come to, in each channel: 128, or 127 where CMYK is inverted."""


def check_rows(image: Image.Image) -> None:
    """Raise ``PictureError`` where over half of a truncated picture's rows were never filled.

    They are of the one colour that its decoder leaves there; a picture of which nothing but its last bytes is missing
    may well end in a white wall.
    """
    rows = np.asarray(image).reshape(image.height, image.width, -1)
    if image.format in ("JPEG", "MPO"):
        unfilled = (rows - np.uint8(_LIBJPEG_GREY)) <= 1
    else:
        unfilled = np.equal(rows, rows[-1, -1] if image.format == "GIF" else 0)  # GIF leaves its background
    empty = np.all(unfilled, axis=(1, 2))
    ends = [empty[::-1], empty] if image.format in _BOTTOM_UP else [empty[::-1]]
    missing = max(int(np.logical_and.accumulate(end).sum()) for end in ends)
    if missing > image.height / 2:
        present = 100 * (1 - missing / image.height)
        raise PictureError(f"truncated beyond use: only {present:.0f} % of its rows are there; copy the file again")
