"""Which faces train, choose and test: as the report cut them, shuffled first, or by this project's published split."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from onlooker.core.errors import DatasetError
from onlooker.datasets.split import read_split
from onlooker.report.faces import Faces

SplitName = Literal["shuffled", "report", "v1"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)

TRAIN, TRAIN_AGE, VALIDATION = 15_000, 15_008, 7_000
"""The report's parts: 15,000 faces train (15,008 for age), the next 7,000 validate, what remains is the test."""

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Parts:
    """Indices into ``Faces`` of each part."""

    train: Indices
    validation: Indices
    test: Indices

    def items(self) -> list[tuple[str, Indices]]:
        """Names and indices, in order."""
        return [("train", self.train), ("validation", self.validation), ("test", self.test)]


def cut(faces: Faces, split: SplitName, *, task: str, seed: int, v1: Path) -> Parts:
    """The parts of a split. ``report`` cuts the list as sorted by name, ``shuffled`` the same list in random order.

    ``task`` is ``age`` or another (the report trained age on eight faces more). A data set of another size is cut in
    the report's proportions. Raises ``DatasetError`` where a part stays empty.
    """
    parts = _published(faces, v1) if split == "v1" else _positions(len(faces), split == "shuffled", task, seed)
    if empty := [name for name, part in parts.items() if not len(part)]:
        raise DatasetError(f"{faces.folder}: the {empty[0]} part of the {split} split is empty; name all of UTKFace")
    return parts


def _positions(count: int, shuffled: bool, task: str, seed: int) -> Parts:
    order = np.random.default_rng(seed).permutation(count) if shuffled else np.arange(count)
    train = TRAIN_AGE if task == "age" else TRAIN
    scale = 1.0 if count > train + VALIDATION else count / 23_705
    first, second = round(train * scale), round((train + VALIDATION) * scale)
    return Parts(order[:first], order[first:second], order[second:])


def _published(faces: Faces, v1: Path) -> Parts:
    part_of = {row.file: row.part for row in read_split(v1)}
    said = np.array([part_of.get(name, "") for name in faces.names])
    return Parts(*(np.flatnonzero(said == part) for part in ("train", "validation", "test")))


def shares(faces: Faces, parts: Parts) -> dict[str, dict[str, float]]:
    """Of each part: how many ``faces``, the share of each age class, and of women."""
    return {
        name: {
            "faces": len(part),
            **{c: float((faces.labels["age"][part] == i).mean()) for i, c in enumerate(("child", "adult", "old"))},
            "female": float(faces.labels["gender"][part].mean()),
        }
        for name, part in parts.items()
    }
