"""Composes ``group.jpg`` from the two portraits beside it: prints on a wall, of several sizes and angles.

Run it as ``python samples/compose.py``; the picture is the same each time.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageOps

HERE = Path(__file__).parent
DETAIL = 2
"""Everything is drawn this much larger and shrunk in the end, so that slanted edges are smooth."""

SIZE = (1280 * DETAIL, 800 * DETAIL)

PRINTS = [
    ("eileen_collins.png", 430, 3.0, (300, 330), False),
    ("grace_hopper.jpg", 360, -4.0, (720, 300), False),
    ("grace_hopper.jpg", 210, 6.0, (1050, 210), True),
    ("eileen_collins.png", 200, -8.0, (1020, 540), True),
    ("grace_hopper.jpg", 120, 2.0, (620, 640), False),
]
"""File, width in pixels, angle in degrees, centre, mirrored."""


def wall() -> Image.Image:
    """A plain wall, lit from the upper left."""
    x, y = np.meshgrid(np.linspace(0, 1, SIZE[0]), np.linspace(0, 1, SIZE[1]))
    light = 1 - 0.35 * np.hypot(x - 0.2, y - 0.1)
    colour = light[..., None] * np.array([222.0, 214.0, 201.0])
    return Image.fromarray(colour.astype(np.uint8))


def paste_print(
    canvas: Image.Image, name: str, width: int, angle: float, centre: tuple[int, int], mirror: bool
) -> None:
    """One print with a white border and a soft shadow."""
    picture = Image.open(HERE / name).convert("RGB")
    width, centre = width * DETAIL, (centre[0] * DETAIL, centre[1] * DETAIL)
    if mirror:
        picture = ImageOps.mirror(picture)
    picture = picture.resize((width, round(width * picture.height / picture.width)), Image.Resampling.LANCZOS)
    border = max(4, width // 28)
    card = (
        ImageOps.expand(picture, border, (250, 249, 246))
        .convert("RGBA")
        .rotate(angle, Image.Resampling.BICUBIC, expand=True)
    )
    corner = (centre[0] - card.width // 2, centre[1] - card.height // 2)
    shadow = Image.new("L", SIZE, 0)
    shadow.paste(card.getchannel("A").point(lambda a: a // 3), (corner[0] + border // 2, corner[1] + border))
    canvas.paste((40, 36, 30), mask=shadow.filter(ImageFilter.GaussianBlur(border)))
    canvas.paste(card, corner, card)


def main() -> None:
    """Compose and write the picture."""
    canvas = wall()
    for entry in PRINTS:
        paste_print(canvas, *entry)
    canvas = canvas.resize((SIZE[0] // DETAIL, SIZE[1] // DETAIL), Image.Resampling.LANCZOS)
    canvas.save(HERE / "group.jpg", quality=88)


if __name__ == "__main__":
    main()
