"""A published split: which face trains, which chooses, which calibrates, and which is only ever reported on."""

import csv
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np

from onlooker.core.errors import DatasetError
from onlooker.core.protocols import Progress, silent
from onlooker.datasets import duplicates
from onlooker.datasets.labelled import LabelledFace
from onlooker.datasets.utkface import RACES

PARTS = {"train": 0.75, "validation": 0.075, "calibration": 0.075, "test": 0.10}
"""Share of the faces in each part: to learn from, to choose by, to fit intervals and temperatures on, to report."""

AGE_BANDS = (3, 10, 20, 30, 40, 50, 60, 70, 80)
"""Lower ends of the age bands that a split is stratified by (below 3 is the first)."""


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One face's place: its name, its part, and the group of duplicates it belongs to."""

    file: str
    part: str
    group: int


def assign_parts(strata: Sequence[Hashable], groups: Sequence[int], *, seed: int = 1) -> list[str]:
    """A part for each face such that a group is never torn and every stratum has each part in its share.

    ``strata`` and ``groups`` give each face's stratum and duplicate group; a group counts for its first face's stratum.
    Groups are visited stratum by stratum, in random order within; each goes to the part that lags furthest behind its
    share, the lag of a stratum carrying on into the next, so that strata of a few faces are spread fairly too.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        members[group].append(i)
    by_stratum: dict[Hashable, list[int]] = defaultdict(list)
    for group, faces in members.items():
        by_stratum[strata[faces[0]]].append(group)
    random = np.random.default_rng(seed)
    names, shares = list(PARTS), np.array(list(PARTS.values()))
    lag = np.zeros(len(names))
    parts = [""] * len(strata)
    for stratum in sorted(by_stratum, key=repr):
        for k in random.permutation(len(by_stratum[stratum])):
            faces = members[by_stratum[stratum][k]]
            lag += shares * len(faces)
            chosen = int(np.argmax(lag / np.sqrt(shares) + random.uniform(0, 1e-6, len(names))))
            lag[chosen] -= len(faces)
            for i in faces:
                parts[i] = names[chosen]
    return parts


def build_split(
    faces: Sequence[LabelledFace],
    *,
    seed: int = 1,
    progress: Progress = silent,
    left_out: Callable[[str], object] = str,
) -> list[SplitRow]:
    """The split of labelled faces, stratified by age band, gender and the data set's race label where they are known;
    exact and near duplicates share a group and a part. Calls ``progress`` with the count of pictures read, and
    ``left_out`` with a sentence for each that cannot be read: it has no row."""
    unreadable: dict[int, str] = {}
    rows = duplicates.fingerprints([face.path for face in faces], progress, unreadable)
    for i, why in unreadable.items():
        left_out(f"{faces[i].name}: {why}")
    faces = [face for i, face in enumerate(faces) if i not in unreadable]
    paths = [face.path for face in faces]
    near = duplicates.near_pairs(np.delete(rows, list(unreadable), axis=0))
    pairs = np.concatenate([duplicates.exact_pairs(paths), near])
    groups = [int(g) for g in duplicates.groups(len(paths), pairs.tolist())]
    strata = [(age_band(face.middle), face.female, _race(face)) for face in faces]
    parts = assign_parts(strata, groups, seed=seed)
    return [SplitRow(face.name, part, group) for face, part, group in zip(faces, parts, groups, strict=True)]


def _race(face: LabelledFace) -> int | str | None:
    """The data set's race label; UTKFace's by its number there, which is the order the published split was made in."""
    label = face.groups.get("race")
    return RACES.index(label) if label in RACES else label


def age_band(age: float) -> int:
    """Index of the age band, 0 to ``len(AGE_BANDS)``."""
    return int(np.searchsorted(AGE_BANDS, age, side="right"))


def write_split(path: Path, rows: Sequence[SplitRow]) -> None:
    """Write ``file,part,group``, sorted by file, whole or not at all. A name that is no UTF-8 keeps its bytes."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "part", "group"])
    writer.writerows((r.file, r.part, r.group) for r in sorted(rows, key=lambda r: r.file))
    data = text.getvalue().encode("utf-8", "surrogateescape")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # standard output, or a pipe: nothing can be moved onto it
        path.write_bytes(data)
        return
    target = path.resolve()  # a link stays one
    aside = target.with_name(f"{target.name}.part")
    try:
        aside.write_bytes(data)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def read_split(path: Path) -> list[SplitRow]:
    """Read what ``write_split`` wrote. Raises ``DatasetError`` where it is missing or malformed."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            rows = list(csv.DictReader(stream))
        if not rows:
            raise ValueError("no row")
        return [SplitRow(r["file"], r["part"], int(r["group"])) for r in rows]
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such split file; `onlooker data split` writes one") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        raise DatasetError(f"{path}: not a split; it must be a CSV with the columns file, part, group") from None


def part_files(path: Path, part: str) -> frozenset[str]:
    """The file names of one part. Raises ``DatasetError`` where the split has no such part."""
    rows = read_split(path)
    wanted = frozenset(r.file for r in rows if r.part == part)
    if not wanted:
        raise DatasetError(f"{path}: has no part {part!r}, only {', '.join(sorted({r.part for r in rows}))}")
    return wanted
