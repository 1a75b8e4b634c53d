"""Labelled faces of any origin: a picture, an age or a class of ages, and where they are known a gender and groups."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import N_AGES
from onlooker.core.errors import DatasetError
from onlooker.datasets import utkface

MAX_AGE = 125.0
"""Years; no label lies above, and an open class such as ``70+`` ends here."""

_AGE_COLUMNS = ("age", "real_age")
_CLASS = re.compile(r"\(?(\d+) ?(?:-|\N{EN DASH}|to|,) ?(\d+)\)?")
_OPEN_CLASS = re.compile(r"(\d+) ?\+|(?:more than|over) (\d+)")
_GENDERS = {"female": 1, "f": 1, "woman": 1, "1": 1, "male": 0, "m": 0, "man": 0, "0": 0, "": None}


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One picture and what is known of the face in it.

    age_low, age_high  years, both ends included: equal where the age is known, a class's first and last year otherwise
    female             1, 0, or ``None`` (unknown)
    groups             further labels by name (UTKFace's ``race``, a CSV's own columns), for stratifying and auditing
    file               what its labels call it: a CSV's text, which may name a subfolder; empty for the path's last part
    """

    path: Path
    age_low: float
    age_high: float
    female: int | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    file: str = field(default="", compare=False)

    @classmethod
    def of(
        cls, path: Path, age: float, female: int | None = None, groups: Mapping[str, str] | None = None
    ) -> "LabelledFace":
        """A face whose age is known, in years."""
        return cls(path, float(age), float(age), female, groups or {})

    @property
    def name(self) -> str:
        """What a split and other systems' answers know it by."""
        return self.file or self.path.name

    @property
    def age(self) -> float | None:
        """Years, or ``None`` where only a class is known."""
        return self.age_low if self.age_low == self.age_high else None

    @property
    def middle(self) -> float:
        """Years: the age, or the middle of the class; for sorting faces into strata, never to learn or measure by."""
        return (self.age_low + min(self.age_high, max(self.age_low, N_AGES - 1.0))) / 2


@dataclass(frozen=True, slots=True)
class Examples:
    """What training and calibrating read: face crops with their labels.

    crops              ``(N, S, S, 3)`` uint8
    age_low, age_high  ``(N,)`` years, as in ``LabelledFace``: a class is an interval, not its middle
    females            ``(N,)`` 1 female, 0 male, -1 unknown
    """

    crops: NDArray[np.uint8]
    age_low: NDArray[np.float32]
    age_high: NDArray[np.float32]
    females: NDArray[np.float32]

    @classmethod
    def of(cls, crops: NDArray[np.uint8], faces: Sequence[LabelledFace]) -> "Examples":
        """The crops ``(N, S, S, 3)`` of ``N`` labelled faces."""
        low, high = (np.array([getattr(f, end) for f in faces], np.float32) for end in ("age_low", "age_high"))
        return cls(crops, low, high, np.array([-1 if f.female is None else f.female for f in faces], np.float32))

    def __len__(self) -> int:
        return len(self.age_low)


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """The faces of a data set, and a sentence for each file or row that could not be used."""

    faces: list[LabelledFace]
    problems: list[str]


def read(data: Path) -> LabelledFaces:
    """Labels of ``data``: a folder of UTKFace names, a folder that holds ``labels.csv``, or a CSV file.

    A CSV has the columns ``file`` and ``age`` (or ``real_age``): years, or a class of them (``25-34``, ``70+``).
    It may have ``gender`` (female, male, or UTKFace's 1 and 0); any further column is a group. Its files lie beside it,
    or in the folder that has its name (``val.csv`` beside ``val/``).
    Raises ``DatasetError`` where there is nothing to read.
    """
    if data.is_file():
        return _from_csv(data)
    if not data.is_dir():
        raise DatasetError(f"{data}: no such folder or CSV file of labelled faces; check the path")
    if (data / "labels.csv").is_file():
        return _from_csv(data / "labels.csv")
    return _from_names(data)


def _from_names(folder: Path) -> LabelledFaces:
    records, problems = utkface.read(folder)
    if not records:
        raise DatasetError(
            f"{folder}: no file is named age_gender_race_time.jpg; put a labels.csv (file, age, gender) there"
        )
    faces = [LabelledFace.of(folder / r.file, r.age, r.gender, {"race": utkface.RACES[r.race]}) for r in records]
    return LabelledFaces(faces, problems)


def _from_csv(path: Path) -> LabelledFaces:
    try:
        return _from_rows(path)
    except (UnicodeDecodeError, csv.Error):
        raise DatasetError(f"{path}: not a CSV file in UTF-8; name a CSV with the columns file and age") from None


def _from_rows(path: Path) -> LabelledFaces:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        reader.fieldnames = columns = _heads(reader.fieldnames or [])
        age_column = next((c for c in _AGE_COLUMNS if c in columns), None)
        if "file" not in columns or age_column is None:
            raise DatasetError(f"{path}: needs columns file and age (or real_age), has {', '.join(columns) or 'none'}")
        locate = _locator(path)
        faces: list[LabelledFace] = []
        problems: list[str] = []
        for row in reader:
            try:
                faces.append(_from_row(row, age_column, locate))
            except (ValueError, OSError) as error:
                problems.append(f"{path.name} line {reader.line_num}: {error}")
    if not faces:
        raise DatasetError(f"{path}: no row could be used" + (f"; the first: {problems[0]}" if problems else ""))
    return LabelledFaces(faces, problems)


def _heads(names: Sequence[str]) -> list[str]:
    """The names of a CSV's columns; those that mean something here do in any case (``Gender``), once."""
    heads = [name.strip() for name in names]
    known = ("file", "gender", *_AGE_COLUMNS)
    return [head.lower() if head.lower() in known and head.lower() not in heads else head for head in heads]


def _locator(path: Path) -> Callable[[str], Path]:
    beside = path.parent / path.stem

    def locate(name: str) -> Path:
        direct = path.parent / name
        return direct if direct.exists() or not (beside / name).exists() else beside / name

    return locate


def _from_row(row: dict[str, str], age_column: str, locate: Callable[[str], Path]) -> LabelledFace:
    name = (row.get("file") or "").strip()
    if not name:
        raise ValueError("no file is named")
    low, high = parse_age((row.get(age_column) or "").strip())
    gender = (row.get("gender") or "").strip().lower()
    if gender not in _GENDERS:
        raise ValueError(f"gender must be female, male or empty, got {gender!r}")
    known = ("file", "gender", *_AGE_COLUMNS)
    groups = {name: text.strip() for name, text in row.items() if name and name not in known and text and text.strip()}
    return LabelledFace(locate(name), low, high, _GENDERS[gender], groups, name)


def parse_age(text: str) -> tuple[float, float]:
    """First and last year of an age (``31.5``) or a class (``25-34``, ``70+``, ``more than 70``).

    Raises ``ValueError`` with a clause that says what is wrong.
    """
    if match := _CLASS.fullmatch(text.lower()):
        low, high = float(match[1]), float(match[2])
    elif match := _OPEN_CLASS.fullmatch(text.lower()):
        low, high = float(match[1] or match[2]), MAX_AGE
    else:
        try:
            low = high = float(text)
        except ValueError:
            raise ValueError(f"age must be a number of years or a class (25-34, 70+), got {text!r}") from None
    if not (0 <= low <= MAX_AGE and high <= MAX_AGE):
        raise ValueError(f"age must lie between 0 and {MAX_AGE:g}, got {text}")
    if high < low:
        raise ValueError(f"a class of ages begins with the younger, got {text}")
    return low, high


def select(faces: list[LabelledFace], wanted: frozenset[str]) -> Iterator[LabelledFace]:
    """The faces whose name is among ``wanted``, see ``names_in``."""
    return (face for face, name in zip(faces, names_in(faces, wanted), strict=True) if name in wanted)


def names_in(faces: Sequence[LabelledFace], known: Container[str]) -> list[str]:
    """What a list that has the names ``known`` calls each face, see ``told_as``."""
    return told_as([face.name for face in faces], known)


def told_as(names: Sequence[str], known: Container[str]) -> list[str]:
    """What a list that has the names ``known`` calls each of some faces: its name or, where the list has not that, its
    path's last part, if that is no other face's: so lists of before have it."""
    parts = [PurePath(name).name for name in names]
    last = Counter(parts)
    return [part if name not in known and last[part] == 1 else name for name, part in zip(names, parts, strict=True)]
