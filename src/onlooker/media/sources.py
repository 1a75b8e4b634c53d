"""What a picture may be given as in Python: opened, named where nobody named it, and told from several pictures."""

import os
from io import TextIOBase
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from onlooker.core.errors import InputError, PictureError
from onlooker.core.faces import Faces
from onlooker.media.images import MAX_PIXELS, Picture, to_pixels


class Readable(Protocol):
    """A file opened in binary mode, or what reads like one."""

    def read(self) -> bytes:
        """All the bytes from here on."""
        ...


Source = str | os.PathLike[str] | bytes | bytearray | memoryview | Readable | NDArray[Any] | Image.Image
"""A path, the bytes of a file, an open binary file, an RGB uint8 array ``(h, w, 3)`` (grey: ``(h, w)``), or a Pillow
image."""


def open_source(source: Source, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """The picture, read as far as its size. Raises ``PictureError`` where it is none, or is nothing known."""
    given: Any = source
    if isinstance(given, str | os.PathLike):
        return Picture.open(Path(os.fsdecode(given)), max_pixels=max_pixels)
    if isinstance(given, bytes | bytearray | memoryview):
        return Picture.open(bytes(given), max_pixels=max_pixels)
    if isinstance(given, Image.Image) or hasattr(given, "__array__"):
        return Picture.of(given)
    if callable(getattr(given, "read", None)):
        return Picture.open(_read(given), max_pixels=max_pixels)
    mend = "; batch and stream take several" if isinstance(given, list | tuple) else ""
    raise PictureError(
        "a picture is a path, the bytes of a file, an open binary file, an RGB uint8 array or a Pillow image, "
        f"got {type(given).__name__}{mend}"
    )


def name_of(source: object) -> str:
    """What a picture is reported as where nobody named it: its path, or else in a word what it was given as."""
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return "bytes"
    if isinstance(source, Image.Image):
        return _text(getattr(source, "filename", "")) or "image"
    if hasattr(source, "__array__"):
        return "array"
    if hasattr(source, "read"):
        return _text(getattr(source, "name", "")) or "bytes"
    return type(source).__name__


def several(sources: object, method: str) -> None:
    """Raise ``InputError`` where a method that takes several pictures is given a single one, or nothing of the kind."""
    single = isinstance(sources, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(sources, "read")
    if hasattr(sources, "__array__"):  # one of paths, or of whole pictures, is several
        single = np.ndim(sources) in (2, 3)
    try:
        if not single:
            iter(sources)  # type: ignore[call-overload]
            return
    except TypeError:
        pass
    raise InputError(
        f"{method} takes several pictures, such as a list of paths, got {type(sources).__name__}; for one picture call "
        "the analyzer itself, or put it into a list"
    )


def annotate(picture: Source, faces: Faces, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A copy of the picture, upright and in sRGB, with a box and a label at each of its faces. Raises
    ``PictureError``.

    >>> onlooker.annotate("people.jpg", analyzer("people.jpg")).save("marked.jpg")   # doctest: +SKIP
    """
    from onlooker.media import draw  # and with it Pillow's fonts, which analyzing does without

    if isinstance(picture, Image.Image):
        return draw.annotate(to_pixels(picture, srgb=True), faces)
    return draw.annotate(open_source(picture, max_pixels=max_pixels).decode(srgb=True), faces)


def _read(file: Any) -> bytes:
    """All bytes of an open file, from its start where it can be wound back, as Pillow does."""
    if isinstance(file, TextIOBase):
        raise PictureError("the file was opened as text; open it in binary mode: open(path, 'rb')")
    try:
        if getattr(file, "seekable", bool)():
            file.seek(0)
        return bytes(file.read())
    except (OSError, ValueError) as error:  # a closed file is a ValueError
        raise PictureError(f"the file cannot be read ({error})") from None


def _text(name: object) -> str:
    """A name that is one: a file opened by its number has that for a name."""
    return name if isinstance(name, str) else ""
