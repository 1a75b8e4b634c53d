"""Grey of more than eight bits, as measuring instruments and film scanners write it, brought to eight."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT

_MAX_SAMPLE_VALUE = 281
_UNSIGNED, _SIGNED = 1, 2
"""Of a TIFF's sample format."""

_BEYOND_WHITE = 4.0
"""Floats are of the least of the ranges 0 to 1, 255 and 65,535 beyond whose white they go by no more than this: a
filter that sharpens leaves some beyond it."""

Values = NDArray[Any]


def to_8bit_image(image: Image.Image) -> Image.Image:
    """Grey of more than 8 bits as grey of 8; anything else as it is."""
    if not (image.mode.startswith("I") or image.mode == "F"):
        return image
    tags: Any = getattr(image, "tag_v2", {})  # a TIFF's
    grey = _to_8bit(np.asarray(image), tags)
    if tags.get(PHOTOMETRIC_INTERPRETATION) == 0:  # 0 is white; Pillow heeds it up to 8 bits
        grey = 255 - grey
    narrow = Image.fromarray(grey)
    narrow.info["icc_profile"] = image.info.get("icc_profile")
    return narrow


def _to_8bit(values: Values, tags: Any) -> NDArray[np.uint8]:
    """By the range of their kind, or as the file states it; integers that stay within 8 bits as they are."""
    bits, sample = _first(tags, BITSPERSAMPLE, 0), _first(tags, SAMPLEFORMAT, _UNSIGNED)
    if bits == 32 and sample == _UNSIGNED and values.dtype.kind == "i":
        values = values.view(np.uint32)  # which Pillow knows as signed
    top = float(values.max(initial=0, where=np.isfinite(values)))
    values = np.nan_to_num(values)
    if values.dtype.kind == "f":
        white = next((w for w in (1.0, 255.0) if top <= _BEYOND_WHITE * w), 65535.0)
    elif top <= 255 and not (values.dtype.kind == "u" and values.dtype.itemsize == 2):
        white = 255.0
    else:
        white = _first(tags, _MAX_SAMPLE_VALUE, 0) or _white(values, top, bits, sample)
    scaled = values * (255.0 / white)
    return np.asarray(np.clip(scaled, 0, 255) + 0.5, dtype=np.uint8)


def _white(values: Values, top: float, bits: float, sample: float) -> float:
    """The largest value of integers of more than 8 bits; 16 of them where nothing says otherwise."""
    if 8 < bits <= 16:
        return float(2 ** (bits - (sample == _SIGNED)) - 1)
    return 65535.0 if top <= 65535 else float(np.iinfo(values.dtype).max)


def _first(tags: Any, tag: int, default: float) -> float:
    value = tags.get(tag, default)
    return float(value[0] if isinstance(value, tuple) else value)
