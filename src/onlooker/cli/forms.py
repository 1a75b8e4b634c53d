"""The three forms an answer is printed in, each written as it goes, whole lines only."""

import csv
import io
import json
import re
from typing import Protocol, TextIO

from onlooker.analyzer import Analysis
from onlooker.cli.names import identity, printable, shorten
from onlooker.core.demographics import whole_years
from onlooker.core.faces import Face

CSV_COLUMNS = ["source", "width", "height", "face", "x1", "y1", "x2", "y2", "score"]
CSV_COLUMNS += ["age", "age_low", "age_high", "p_female", "gender", "age_class"]
CSV_COLUMNS += ["yaw", "pitch", "roll", "face_height", "brightness", "sharpness", "doubts", "error"]

TABLE_HEAD = re.compile(rb"(\x1b\[[\d;]*m)?picture {9,}face {2}age {2}interval {3}gender")
"""What a table begins with, on however wide a terminal."""


class Writer(Protocol):
    """Writes one picture's answer at a time."""

    def write(self, analysis: Analysis) -> None:
        """Write the answer, whole, and flush it."""
        ...


class JsonLines:
    """One JSON object a picture."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, analysis: Analysis) -> None:
        """See ``Writer``."""
        _whole(self._stream, json.dumps(analysis.to_dict(), ensure_ascii=False) + "\n")


class Csv:
    """One row a face; a picture without a face, or that could not be read, has one row with those columns empty.

    ``again`` is the last picture of a file that is continued, and where its rows begin: if it comes first, they go.
    """

    def __init__(self, stream: TextIO, *, header: bool = True, again: tuple[str, int] | None = None) -> None:
        self._stream = stream
        self._again = again
        if header:
            _whole(stream, ",".join(CSV_COLUMNS) + "\n")

    def write(self, analysis: Analysis) -> None:
        """See ``Writer``."""
        if self._again and identity(analysis.source) == self._again[0]:
            self._stream.seek(self._again[1])
            self._stream.truncate()
        self._again = None
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        picture = [analysis.source, analysis.width, analysis.height]
        for number, face in enumerate(analysis.faces, start=1):
            f = face.to_dict()
            figures = [f[key] for key in ("score", "age", "age_low", "age_high", "p_female", "gender", "age_class")]
            figures += [*f["pose"].values(), *f["quality"].values(), " ".join(f["doubts"])]
            rows.writerow([*picture, number, *f["box"], *figures, None])
        if not len(analysis.faces):
            rows.writerow([*picture, *[None] * (len(CSV_COLUMNS) - 4), analysis.error])
        _whole(self._stream, text.getvalue())


class Table:
    """For people: a line a face, columns of fixed width, colours only on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._name = max(16, min(44, self._console.width - 50))
        head = f"{'picture':<{self._name}}  {'face':>4}  {'age':>3}  {'interval':<9}  gender"
        self._console.print(head, style="bold", markup=False)

    def write(self, analysis: Analysis) -> None:
        """See ``Writer``."""
        name = shorten(analysis.source, self._name)
        if analysis.error:
            self._console.print(f"{name:<{self._name}}  {printable(analysis.error)}", style="red", markup=False)
        elif not len(analysis.faces):
            self._console.print(f"{name:<{self._name}}  no face found", style="dim", markup=False)
        for number, face in enumerate(analysis.faces, start=1):
            age, low, high = (whole_years(years) for years in (face.age, face.age_low, face.age_high))
            interval = f"{low} to {high}"
            line = f"{name:<{self._name}}  {number:>4}  {age:>3}  {interval:<9}  {_gender(face)}"
            self._console.print(line, markup=False)
            name = ""


def _gender(face: Face) -> str:
    if face.gender is None:
        return f"undetermined ({', '.join(face.doubts)})" if face.doubts else "undetermined"
    p = face.p_female if face.gender == "female" else 1 - face.p_female
    return f"{face.gender} {min(p, 0.99):.0%}"


def _whole(stream: TextIO, text: str) -> None:
    """One write and one flush, so that an interruption falls between lines."""
    stream.write(text)
    stream.flush()
