"""Labelled faces of any origin: a picture, an age, and a gender where it is known."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from onlooker.core.errors import DatasetError
from onlooker.datasets import utkface

_AGE_COLUMNS = ("age", "real_age")
_GENDERS = {"female": 1, "f": 1, "woman": 1, "1": 1, "male": 0, "m": 0, "man": 0, "0": 0, "": None}


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One picture and what is known of the face in it. ``female`` is 1, 0 or ``None`` (unknown); age in years."""

    path: Path
    age: float
    female: int | None
    race: int | None = None


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """The faces of a data set, and a sentence for each file or row that could not be used."""

    faces: list[LabelledFace]
    problems: list[str]


def read(data: Path) -> LabelledFaces:
    """Labels of ``data``: a folder of UTKFace names, a folder that holds ``labels.csv``, or a CSV file.

    A CSV has a column ``file`` and a column ``age`` (or ``real_age``), and may have ``gender`` (female, male, or
    UTKFace's 1 and 0). Its files lie beside it, or in the folder that has its name (``val.csv`` beside ``val/``).
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
    faces = [LabelledFace(folder / r.file, float(r.age), r.gender, r.race) for r in records]
    return LabelledFaces(faces, problems)


def _from_csv(path: Path) -> LabelledFaces:
    try:
        return _from_rows(path)
    except (UnicodeDecodeError, csv.Error):
        raise DatasetError(f"{path}: not a CSV file in UTF-8; name a CSV with the columns file and age") from None


def _from_rows(path: Path) -> LabelledFaces:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        columns = reader.fieldnames or []
        age_column = next((c for c in _AGE_COLUMNS if c in columns), None)
        if "file" not in columns or age_column is None:
            raise DatasetError(f"{path}: needs columns file and age (or real_age), has {', '.join(columns) or 'none'}")
        locate = _locator(path)
        faces: list[LabelledFace] = []
        problems: list[str] = []
        for row in reader:
            try:
                faces.append(_from_row(row, age_column, locate))
            except ValueError as error:
                problems.append(f"{path.name} line {reader.line_num}: {error}")
    if not faces:
        raise DatasetError(f"{path}: no row could be used" + (f"; the first: {problems[0]}" if problems else ""))
    return LabelledFaces(faces, problems)


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
    try:
        age = float(row.get(age_column) or "")
    except ValueError:
        raise ValueError(f"age must be a number of years, got {row.get(age_column)!r}") from None
    if not 0 <= age <= 125:
        raise ValueError(f"age must lie between 0 and 125, got {age:g}")
    gender = (row.get("gender") or "").strip().lower()
    if gender not in _GENDERS:
        raise ValueError(f"gender must be female, male or empty, got {gender!r}")
    return LabelledFace(locate(name), age, _GENDERS[gender])


def select(faces: list[LabelledFace], wanted: frozenset[str]) -> Iterator[LabelledFace]:
    """The faces whose file name is among ``wanted``."""
    return (face for face in faces if face.path.name in wanted)
