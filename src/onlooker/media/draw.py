"""A picture with its faces marked, as one would show it to a customer."""

import errno
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from onlooker.core.demographics import whole_years
from onlooker.core.errors import InputError, StorageError, StorageFull
from onlooker.core.faces import Face, Faces, Picture8

_FEMALE, _MALE, _UNDETERMINED = (196, 77, 142), (38, 119, 187), (104, 112, 122)
"""Colours that hold apart for the colour-blind too; the label says it in words besides."""

_JPEG_SIDE = 65_500
"""Pixels of a JPEG's side at most, as libjpeg writes it."""

_THIS_PICTURE = (errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def label(face: Face) -> str:
    """What is written at a face: its age, its interval, and its gender with the probability, or that it is open."""
    years = f"{whole_years(face.age)} ({whole_years(face.age_low)} to {whole_years(face.age_high)})"
    if face.gender is None:
        return f"{years} undetermined"
    p = face.p_female if face.gender == "female" else 1 - face.p_female
    return f"{years} {face.gender} {min(p, 0.99):.0%}"


def annotate(pixels: Picture8, faces: Faces) -> Image.Image:
    """A copy of RGB pixels with a rounded box and a label at each face, sized so that both can be read."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    side = max(image.size)
    for face in sorted(faces, key=lambda face: face.box[3] - face.box[1], reverse=True):
        x1, y1, x2, y2 = face.box
        colour = {"female": _FEMALE, "male": _MALE, None: _UNDETERMINED}[face.gender]
        width = max(2, round(min(side / 250, (y2 - y1) / 20)))
        radius = (x2 - x1) * 0.08
        if x2 - x1 >= 2 and y2 - y1 >= 2:
            draw.rounded_rectangle(
                (x1 - width, y1 - width, x2 + width, y2 + width), radius, outline=colour, width=width
            )
        _label(draw, image.size, face, colour, size_px=max(11, side / 70, min(side / 30, (x2 - x1) / 9)))
    return image


def save_annotated(pixels: Picture8, faces: Faces, path: Path) -> None:
    """Write the annotated picture as JPEG, shrunk to what one may hold; its folder is made. Raises ``InputError`` where
    it cannot be written, and of that ``StorageError`` where another in its place would fare no better."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image = annotate(pixels, faces)
        image.thumbnail((_JPEG_SIDE, _JPEG_SIDE))
        image.save(path, "JPEG", quality=92)
    except OSError as error:
        said = f"{path}: the annotated picture cannot be written ({error.strerror or error})"
        if error.errno is None or error.errno in _THIS_PICTURE:
            raise InputError(said) from None
        if error.errno in _NO_ROOM:
            raise StorageFull(f"{said}; make room, or name another folder") from None
        raise StorageError(f"{said}; see to that folder and its rights, or name another") from None


def _label(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], face: Face, colour: tuple[int, int, int], *, size_px: float
) -> None:
    """A filled label above the box, or within it where there is no room, never past the picture's edge."""
    text, font = label(face), _font(round(size_px))
    pad = size_px * 0.3
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    wide, high = right - left + 2 * pad, bottom - top + 2 * pad
    x = float(np.clip(face.box[0], 0, max(0, size[0] - wide)))
    y = face.box[1] - high - 2
    if y < 0:
        y = face.box[3] + 2
    y = float(np.clip(y, 0, max(0, size[1] - high)))
    draw.rounded_rectangle((x, y, x + wide, y + high), pad, fill=colour)
    draw.text((x + pad - left, y + pad - top), text, font=font, fill="white")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
