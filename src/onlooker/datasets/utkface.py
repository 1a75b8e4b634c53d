"""UTKFace (Zhang, Song and Qi, 2017): labels are the file names, ``age_gender_race_time.jpg.chip.jpg``."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from onlooker.core.errors import DatasetError
from onlooker.datasets.extra import data_extra
from onlooker.media.images import SUFFIXES

if TYPE_CHECKING:
    import pandas as pd

RACES = ("White", "Black", "Asian", "Indian", "Others")
"""The data set's own race label, kept for stratifying and auditing; nothing that serves users predicts it."""

_NAME = re.compile(r"(?P<age>\d{1,3})_(?P<gender>[01])_(?P<race>[0-4])_(?P<time>\d{8,})")


@dataclass(frozen=True, slots=True)
class Record:
    """The labels of one file. ``gender`` is 0 male, 1 female; ``race`` an index into ``RACES``; ``age`` in years."""

    file: str
    age: int
    gender: int
    race: int


def parse_name(name: str) -> Record:
    """Labels of a file name. Raises ``ValueError`` with one clause that says which part is wrong."""
    if match := _NAME.match(name):
        age = int(match["age"])
        if age > 116:
            raise ValueError(f"age {age} lies outside UTKFace's 0 to 116")
        return Record(name, age, int(match["gender"]), int(match["race"]))
    fields = name.split(".")[0].split("_")
    if len(fields) != 4:
        raise ValueError(f"{len(fields)} fields where age_gender_race_time has 4")
    age_text, gender, race, time = fields
    if not re.fullmatch(r"\d{1,3}", age_text):
        raise ValueError(f"age {age_text!r} is no number of years")
    if gender not in ("0", "1"):
        raise ValueError(f"gender {gender!r} is neither 0 (male) nor 1 (female)")
    if race not in ("0", "1", "2", "3", "4"):
        raise ValueError(f"race {race!r} is none of 0 to 4")
    raise ValueError(f"time {time!r} is no number of 8 digits or more")


def parse_names(names: Iterable[str]) -> tuple[list[Record], list[str]]:
    """Records of the names that parse, and a sentence for each that does not, both in the order given."""
    records: list[Record] = []
    problems: list[str] = []
    for name in names:
        try:
            records.append(parse_name(name))
        except ValueError as error:
            problems.append(f"{name}: {error}")
    return records, problems


GENDERS = ("male", "female")
"""What 0 and 1 stand for."""


def parse_dataset(path: str | Path) -> "pd.DataFrame":
    """A row a file, by name: ``age`` (years), ``gender`` (male, female), ``race`` (of ``RACES``), ``file`` (its name).

    Names that do not parse are no rows; ``frame.attrs["problems"]`` has a sentence for each. Raises ``DatasetError``
    where there is no such folder, no row, or no pandas (``pip install 'onlooker[data]'``).
    """
    with data_extra():
        import pandas as pd
    folder = Path(path)
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder of labelled faces; check the path")
    records, problems = read(folder)
    if not records:
        raise DatasetError(f"{folder}: no picture is named age_gender_race_time.jpg; name UTKFace's own folder")
    rows = [(r.age, GENDERS[r.gender], RACES[r.race], r.file) for r in records]
    frame = pd.DataFrame(rows, columns=["age", "gender", "race", "file"])
    frame.attrs["problems"] = problems
    return frame


def read(folder: Path) -> tuple[list[Record], list[str]]:
    """``parse_names`` of the picture files in a folder, sorted by name."""
    return parse_names(sorted(p.name for p in folder.iterdir() if p.suffix.lower() in SUFFIXES))
