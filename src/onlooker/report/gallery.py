"""What the report does to a picture, to be looked at: a sheet of nine pictures a technique, and its transform."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from onlooker.core.errors import InputError
from onlooker.core.faces import Picture8
from onlooker.datasets.pages import document, section, table
from onlooker.media.images import resize
from onlooker.report.augment import COMBINED, FILLS, Augmentation, Fill, augment
from onlooker.report.transform import SIDE, swap, transform

CELL, GAP, COUNT = 220, 8, 9
"""Pixels of a picture's longer side and between two, and pictures on a sheet."""

_GREY = (122, 134, 127, 255)
"""Of words on a sheet: it can be read on white and on black."""


@dataclass(frozen=True, slots=True)
class Technique:
    """A sheet: its file's name, its title, a sentence, and what is drawn."""

    name: str
    title: str
    says: str
    how: Augmentation


TECHNIQUES = (
    Technique("shift-x", "Horizontal shift", "By up to 30 % of the width.", Augmentation(shift_x=(-0.3, 0.3))),
    Technique("shift-y", "Vertical shift", "By up to 30 % of the height.", Augmentation(shift_y=(-0.3, 0.3))),
    Technique("flip-x", "Horizontal flip", "Every other picture, by chance.", Augmentation(flip_x=True)),
    Technique("flip-y", "Vertical flip", "Every other picture, by chance.", Augmentation(flip_y=True)),
    Technique("rotation", "Rotation", "By 0 to 90 degrees.", Augmentation(rotation=(0, 90))),
    Technique("brightness", "Brightness", "Times 0.2 to 1.0.", Augmentation(brightness=(0.2, 1.0))),
    Technique(
        "zoom", "Zoom", "To 0.5 to 1.0 of the picture, drawn for each direction by itself.", Augmentation(zoom=(0.5, 1))
    ),
    Technique("shear", "Shear", "By up to 30 degrees.", Augmentation(shear=(-30, 30))),
)

_MOVED = Augmentation(rotation=(-45, 45), shift_x=(-0.3, 0.3), shift_y=(-0.3, 0.3))

MODES: dict[Fill, str] = {
    "constant": "Beyond the edge all is black.",
    "nearest": "The edge's own pixel goes on; Keras does this unless told otherwise.",
    "reflect": "The picture goes on mirrored.",
    "wrap": "The picture begins again.",
}


def techniques(fill: Fill = "nearest") -> Iterator[Technique]:
    """Every sheet: one a technique, one a fill mode (each with the same turns and shifts), the report's generator."""
    for one in (*TECHNIQUES, _combined()):
        yield replace(one, how=replace(one.how, fill=fill))
    for mode in FILLS:
        yield Technique(f"fill-{mode}", f"Fill mode {mode}", MODES[mode], replace(_MOVED, fill=mode))


def _combined() -> Technique:
    says = "The report's generator: rotation 30, shifts 0.2, shear 0.2, zoom 0.2, horizontal flip, at once."
    return Technique("combined", "All together", says, COMBINED)


def write_gallery(pixels: Picture8, folder: Path, *, name: str, seed: int = 1, fill: Fill = "nearest") -> list[Path]:
    """Write a sheet (PNG) a technique, ``transform.png`` and ``index.html``, and give their paths; ``pixels`` are RGB
    ``(height, width, 3)``. Raises ``InputError`` where the folder cannot be written to."""
    shown = _fit(pixels)
    images = {one.name: sheet(shown, one.how, seed) for one in techniques(fill)}
    images["transform"] = transform_figure(pixels)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, image in images.items():
            image.save(folder / f"{file}.png")
        text = page(pixels, {file: image.size for file, image in images.items()}, name=name, seed=seed, fill=fill)
        (folder / "index.html").write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror}); name another --output folder") from None
    return [folder / "index.html", *(folder / f"{file}.png" for file in images)]


def sheet(pixels: Picture8, how: Augmentation, seed: int) -> Image.Image:
    """Nine pictures, three by three, each changed at random; the same seed draws the same for each fill mode."""
    made = augment(np.repeat(pixels[None], COUNT, axis=0), how, np.random.default_rng(seed))
    height, width = pixels.shape[:2]
    whole = Image.new("RGBA", (3 * width + 2 * GAP, 3 * height + 2 * GAP))
    for i, picture in enumerate(made):
        whole.paste(Image.fromarray(picture), (i % 3 * (width + GAP), i // 3 * (height + GAP)))
    return whole


def transform_figure(pixels: Picture8) -> Image.Image:
    """A picture before and after the report's transform, step by step, side by side, with words below."""
    small = np.asarray(transform(pixels) * 255 + 0.5, dtype=np.uint8)
    filtered = np.asarray(transform(pixels, filtered=True) * 255 + 0.5, dtype=np.uint8)
    steps = {
        "as OpenCV reads it (BGR)": _fit(swap(pixels)),
        "BGR to RGB": _fit(pixels),
        f"{SIDE} x {SIDE}, 0 to 1": _enlarge(small),
        "the same, from all pixels": _enlarge(filtered),
    }
    high = max(step.shape[0] for step in steps.values())
    whole = Image.new("RGBA", (len(steps) * (CELL + GAP) - GAP, high + 28))
    draw = ImageDraw.Draw(whole)
    for i, (label, step) in enumerate(steps.items()):
        left = i * (CELL + GAP)
        whole.paste(Image.fromarray(step), (left + (CELL - step.shape[1]) // 2, high - step.shape[0]))
        draw.text((left + CELL / 2, high + 8), label, fill=_GREY, font=_font(), anchor="ma")
    return whole


def page(pixels: Picture8, sizes: dict[str, tuple[int, int]], *, name: str, seed: int, fill: Fill) -> str:
    """The HTML that shows the sheets, which lie beside it, of these sizes."""
    shapes = {one.name: one for one in techniques(fill)}
    after, before = transform(pixels), pixels
    rows = [
        [label, " x ".join(map(str, a.shape)), str(a.dtype), f"{a.min():.3g}", f"{a.mean():.3g}", f"{a.max():.3g}"]
        for label, a in (("before", before), ("after", after))
    ]
    seen = section(
        "Transform",
        "What the report does to every face before a network sees it. OpenCV reads blue first; shown as if that were "
        f"red, skin turns blue. Then {SIDE} x {SIDE} pixels, each from four of the picture's, and 0 to 255 becomes "
        "0 to 1. The last picture uses all pixels instead of four, for comparison: fine lines survive as grey.",
        _figure("transform", "The picture in four steps of the report's transform", sizes["transform"]),
        table(("", "shape", "type", "least", "mean", "most"), rows),
    )
    groups = (
        ("Techniques", "Nine draws each.", [t.name for t in TECHNIQUES]),
        (
            "The report's generator",
            "Its shear of 0.2 is a fifth of one degree, as Keras takes degrees: it moves nothing that can be seen.",
            ["combined"],
        ),
        ("Fill modes", "The same turns and shifts with each; the sheets above are filled by "
         f"<em>{escape(fill)}</em>.", [f"fill-{mode}" for mode in FILLS]),
    )  # fmt: skip
    parts = [seen]
    for title, text, names in groups:
        cards = "".join(_card(shapes[one], sizes[one]) for one in names)
        parts.append(section(title, text, f'<div class="sheets">{cards}</div>'))
    about = f"What the report's training does to one picture, {escape(name)}, with seed {seed}."
    return document("Augmentation", about, parts)


def _card(one: Technique, size: tuple[int, int]) -> str:
    alt = f"Nine pictures, three by three: {one.title.lower()}. {one.says}"
    return f"<div><h3>{escape(one.title)}</h3>{_figure(one.name, alt, size, one.says)}</div>"


def _figure(name: str, alt: str, size: tuple[int, int], caption: str = "") -> str:
    image = (
        f'<img src="{name}.png" alt="{escape(alt)}" width="{size[0]}" height="{size[1]}" '
        'style="max-width: 100%; height: auto">'
    )
    return f"<figure>{image}" + (f"<figcaption>{escape(caption)}</figcaption>" if caption else "") + "</figure>"


def _fit(pixels: Picture8) -> Picture8:
    """At ``CELL`` pixels on the longer side."""
    height, width = pixels.shape[:2]
    scale = CELL / max(height, width)
    return resize(pixels, max(1, round(width * scale)), max(1, round(height * scale)))


def _enlarge(small: Picture8) -> Picture8:
    """Each pixel as a square, ``CELL`` pixels a side."""
    return np.asarray(Image.fromarray(small).resize((CELL, CELL), Image.Resampling.NEAREST))


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(14)
