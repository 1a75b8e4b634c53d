"""Boxes and a line of text on a frame that moves: quicker to draw than ``draw`` and quieter to look at."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

from onlooker.core.faces import Picture8

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Mark:
    """A box ``xyxy`` in pixels, what stands above it, and its colour. A quiet one is drawn thinly."""

    box: tuple[float, float, float, float]
    text: str
    colour: Colour
    quiet: bool = False


def overlay(pixels: Picture8, marks: Iterable[Mark]) -> Image.Image:
    """A copy of RGB pixels with the marks on it."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    size = max(11, round(max(image.size) / 64))
    for mark in marks:
        x1, y1, x2, y2 = mark.box
        if x2 - x1 < 2 or y2 - y1 < 2:
            continue
        draw.rectangle(mark.box, outline=mark.colour, width=1 if mark.quiet else max(2, size // 6))
        if mark.text:
            top = y1 - size * 1.4 if y1 >= size * 1.4 else y2 + 2
            left, _, right, _ = draw.textbbox((0, 0), mark.text, font=_font(size))
            draw.rectangle((x1, top, x1 + right - left + size * 0.6, top + size * 1.35), fill=mark.colour)
            draw.text((x1 + size * 0.3, top), mark.text, font=_font(size), fill="white")
    return image


def to_jpeg(image: Image.Image, *, quality: int = 80) -> bytes:
    """The bytes of a JPEG, in memory."""
    data = BytesIO()
    image.save(data, "JPEG", quality=quality)
    return data.getvalue()


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
