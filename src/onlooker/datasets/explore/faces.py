"""A sheet of sample faces with their labels: a row for each of the report's bins of age."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from onlooker.core.errors import PictureError
from onlooker.core.faces import Picture8
from onlooker.datasets.explore.numbers import BINS, bin_of
from onlooker.media.images import Picture, resize

if TYPE_CHECKING:
    import pandas as pd

ROW, CELL, GAP, WORDS = 8, 104, 10, 34
"""Faces in a row, pixels of a face's side, between two, and of the words below."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A face, ``(CELL, CELL, 3)``, and what the data set says of it."""

    pixels: Picture8
    age: int
    gender: str
    race: str


def sample_faces(frame: "pd.DataFrame", folder: Path, *, seed: int) -> list[Sample]:
    """Up to ``ROW`` faces a bin, drawn at random and shown by age; a picture that cannot be read gives way to the next.
    The same seed draws the same."""
    random = np.random.default_rng(seed)
    bins = np.array([bin_of(age) for age in frame["age"]])
    found: list[Sample] = []
    for name in BINS:
        drawn: list[Sample] = []
        for i in random.permutation(np.flatnonzero(bins == name)):
            if len(drawn) == ROW:
                break
            row = frame.iloc[int(i)]
            try:
                pixels = Picture.open(folder / row["file"]).decode()
            except PictureError:
                continue
            drawn.append(Sample(resize(pixels, CELL, CELL), int(row["age"]), row["gender"], row["race"]))
        found += sorted(drawn, key=lambda sample: sample.age)
    return found


def by_bin(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """The samples of each bin of age that has any, in their order."""
    return {name: list(group) for name, group in groupby(samples, lambda sample: bin_of(sample.age))}


def sheet(samples: Sequence[Sample]) -> Image.Image:
    """All samples on white, a row for each bin, the labels below each face."""
    rows = list(by_bin(samples).values())
    whole = Image.new("RGB", (ROW * (CELL + GAP) + GAP, len(rows) * (CELL + WORDS + GAP) + GAP), "white")
    draw = ImageDraw.Draw(whole)
    for i, row in enumerate(rows):
        for j, one in enumerate(row):
            left, top = GAP + j * (CELL + GAP), GAP + i * (CELL + WORDS + GAP)
            whole.paste(Image.fromarray(one.pixels), (left, top))
            for line, text in enumerate((f"{one.age} {one.gender}", one.race)):
                draw.text((left, top + CELL + 3 + 15 * line), text, fill=(20, 32, 26), font=_font())
    return whole


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(13)
