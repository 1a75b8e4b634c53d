"""What is wrong with a folder of UTKFace's kind: names, pictures, duplicates, labels that contradict each other."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onlooker.core.errors import DatasetError
from onlooker.core.protocols import Progress, silent
from onlooker.datasets import duplicates, utkface
from onlooker.datasets.utkface import Record
from onlooker.media.images import SUFFIXES

TRAIN, VALIDATION = 15_000, 7_000
"""The report's parts of the list of files sorted by name: the first, the next; the rest is its test part."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files that show one photograph. ``likeness`` is their correlation, 1 where they are the same bytes;
    ``conflict`` says that their ages or their genders differ."""

    first: str
    second: str
    likeness: float
    conflict: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the report's split, and its faces by the report's classes: to 18, 19 to 59, from 60."""

    name: str
    faces: int
    child: int
    adult: int
    old: int


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look through a folder found. ``looked`` says whether the pictures were read, or their names alone;
    ``conflicts`` are groups of files that show one photograph under different ages or genders."""

    folder: str
    records: list[Record]
    malformed: list[str]
    odd_times: list[str]
    left_alone: list[str]
    parts: list[Part]
    looked: bool = False
    unreadable: tuple[str, ...] = ()
    exact: tuple[Pair, ...] = ()
    near: tuple[Pair, ...] = ()
    conflicts: tuple[tuple[str, ...], ...] = ()

    @property
    def sound(self) -> bool:
        """Whether every picture has labels, can be read, and contradicts no other."""
        return not (self.malformed or self.unreadable or self.conflicts)

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        ages = [record.age for record in self.records]
        female = sum(record.gender for record in self.records)
        found = {key: value for key, value in asdict(self).items() if key != "records"}
        counts = {"faces": len(ages), "male": len(ages) - female, "female": female}
        return {"sound": self.sound, **counts, "ages": [min(ages), max(ages)], **found}


def check(
    folder: Path, *, pictures: bool = True, near: float = duplicates.NEAR, progress: Progress = silent
) -> Findings:
    """Look through a folder; with ``pictures`` each is read and compared to every other. ``near`` is the correlation
    (see ``duplicates``) above which two are one photograph. Calls ``progress`` with the count read.

    Raises ``DatasetError`` where there is no such folder or no face in it.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder of labelled faces; check the path")
    records, malformed = utkface.read(folder)
    if not records:
        raise DatasetError(f"{folder}: no picture is named age_gender_race_time.jpg; name UTKFace's own folder")
    others = sorted(p.name for p in folder.iterdir() if p.suffix.lower() not in SUFFIXES)
    odd = [r.file for r in records if len(r.file.split("_")[3].split(".")[0].strip()) != 17]
    found = Findings(str(folder), records, malformed, odd, others, report_parts(records))
    return _look(folder, found, near, progress) if pictures else found


def report_parts(records: Sequence[Record]) -> list[Part]:
    """The report's split by position, counted. Sorted by name, which begins with the age: "100" comes before "26"."""
    named = sorted(records, key=lambda record: record.file)
    cuts = {
        "train": named[:TRAIN],
        "validation": named[TRAIN : TRAIN + VALIDATION],
        "test": named[TRAIN + VALIDATION :],
    }
    parts = []
    for name, members in cuts.items():
        child, old = sum(r.age <= 18 for r in members), sum(r.age >= 60 for r in members)
        parts.append(Part(name, len(members), child, len(members) - child - old, old))
    return parts


def _look(folder: Path, found: Findings, near: float, progress: Progress) -> Findings:
    """The findings with what the pictures say."""
    rows, readable, unreadable = [], list[Record](), list[str]()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for i, (record, seen) in enumerate(zip(found.records, _prints(pool, folder, found.records), strict=True)):
            if isinstance(seen, DatasetError):
                unreadable.append(f"{record.file}: {str(seen).partition(': ')[2]}")
            else:
                rows.append(seen)
                readable.append(record)
            progress(i + 1)
    prints = np.concatenate(rows) if rows else np.zeros((0, 1024), dtype=np.float32)
    same = duplicates.exact_pairs([folder / record.file for record in readable])
    alike = duplicates.near_pairs(prints, near)
    known = {tuple(pair) for pair in same.tolist()}
    alike = np.asarray([pair for pair in alike.tolist() if tuple(pair) not in known], dtype=np.intp).reshape(-1, 2)
    likeness = duplicates.correlations(prints, alike)
    exact = tuple(_pair(readable, i, j, 1.0) for i, j in same.tolist())
    close = tuple(_pair(readable, i, j, round(float(c), 4)) for (i, j), c in zip(alike.tolist(), likeness, strict=True))
    groups = duplicates.groups(len(readable), ((i, j) for i, j in np.concatenate([same, alike]).tolist()))
    return replace(
        found,
        looked=True,
        unreadable=tuple(unreadable),
        exact=exact,
        near=close,
        conflicts=tuple(_conflicts(readable, groups)),
    )


def _prints(
    pool: ThreadPoolExecutor, folder: Path, records: Sequence[Record]
) -> Iterator[NDArray[np.float32] | DatasetError]:
    def one(record: Record) -> NDArray[np.float32] | DatasetError:
        try:
            return duplicates.fingerprints([folder / record.file])
        except DatasetError as error:
            return error

    return pool.map(one, records)


def _pair(records: Sequence[Record], i: int, j: int, likeness: float) -> Pair:
    a, b = records[i], records[j]
    return Pair(a.file, b.file, likeness, (a.age, a.gender) != (b.age, b.gender))


def _conflicts(records: Sequence[Record], groups: NDArray[np.intp]) -> Iterator[tuple[str, ...]]:
    members: dict[int, list[Record]] = {}
    for record, group in zip(records, groups.tolist(), strict=True):
        members.setdefault(group, []).append(record)
    for together in members.values():
        if len({(record.age, record.gender) for record in together}) > 1:
            yield tuple(record.file for record in together)


def summary(found: Findings, shown: int) -> str:
    """The findings as text: all counts, the first ``shown`` findings of each kind, and the report's split."""
    told = found.to_dict()
    lines = [
        f"{told['faces']:,} faces with labels: {told['male']:,} male ({told['male'] / told['faces']:.1%}), "
        f"{told['female']:,} female ({told['female'] / told['faces']:.1%}), aged {told['ages'][0]} to {told['ages'][1]}"
    ]
    kinds: list[tuple[str, Sequence[str]]] = [
        ("names without labels", found.malformed),
        ("times that have not 17 digits (their labels are used)", found.odd_times),
        ("other files, left alone", found.left_alone),
    ]
    if found.looked:
        kinds += [
            ("pictures that cannot be read", found.unreadable),
            (f"exact repeats{_contradicting(found.exact)}", [_say(pair) for pair in found.exact]),
            (f"near repeats{_contradicting(found.near)}", [_say(pair) for pair in found.near]),
            ("photographs under different ages or genders", [", ".join(group) for group in found.conflicts]),
        ]
    for title, items in kinds:
        lines.append(f"{title}: {len(items):,}")
        lines += [f"  {item}" for item in items[:shown]]
        if len(items) > shown:
            lines.append(f"  and {len(items) - shown:,} more; --format json lists them all")
    lines.append("the report's split, by position in the list sorted by name:")
    for part in found.parts:
        shares = ", ".join(
            f"{count:,} {label} ({count / max(part.faces, 1):.1%})"
            for label, count in (("to 18", part.child), ("19 to 59", part.adult), ("from 60", part.old))
        )
        lines.append(f"  {part.name:<10} {part.faces:>6,}: {shares}")
    if found.parts[2].faces and not found.parts[2].adult:
        lines.append("  no one between 19 and 59 is in its test part")
    return "\n".join(lines)


def _contradicting(pairs: Sequence[Pair]) -> str:
    count = sum(pair.conflict for pair in pairs)
    return f" ({count:,} of them of different age or gender)" if count else ""


def _say(pair: Pair) -> str:
    return f"{pair.first} = {pair.second}" + (f" ({pair.likeness:.3f})" if pair.likeness < 1 else "")
