"""Faces that are made up: each class has a colour of its own, so that a network can learn something at once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onlooker.core.demographics import age_class
from onlooker.report.faces import Faces

NOISE = np.random.default_rng(3)


def made_up(count: int) -> Faces:
    """Faces of every class: red tells the gender, green the age class."""
    ages = NOISE.integers(1, 99, count)
    labels = {
        "gender": NOISE.integers(0, 2, count),
        "age": age_class(ages.astype(np.float64)),
        "race": NOISE.integers(0, 5, count),
    }
    pixels = NOISE.integers(0, 60, (count, 32, 32, 3), dtype=np.uint8)
    pixels[..., 0] += (150 * labels["gender"]).astype(np.uint8)[:, None, None]
    pixels[..., 1] += (80 * labels["age"]).astype(np.uint8)[:, None, None]
    keys = zip(ages, labels["gender"], labels["race"], strict=True)
    names = [
        f"{age}_{gender}_{race}_{20170101000000000 + i}.jpg.chip.jpg" for i, (age, gender, race) in enumerate(keys)
    ]
    order = np.argsort(names)
    return Faces(
        Path("utkface"),
        [names[i] for i in order],
        pixels[order],
        ages[order],
        {name: label[order] for name, label in labels.items()},
    )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 120 such faces as files, and beside it ``v1.csv``, a split of them."""
    place = tmp_path_factory.mktemp("made_up") / "utkface"
    place.mkdir()
    faces = made_up(120)
    for name, pixels in zip(faces.names, faces.pixels, strict=True):
        Image.fromarray(pixels).resize((50, 50)).save(place / name, quality=95)
    parts = [("train", "validation", "test", "calibration")[i % 4] for i in range(120)]
    rows = "".join(f"{name},{part},{i}\n" for i, (name, part) in enumerate(zip(faces.names, parts, strict=True)))
    (place.parent / "v1.csv").write_text(f"file,part,group\n{rows}", encoding="utf-8")
    return place
