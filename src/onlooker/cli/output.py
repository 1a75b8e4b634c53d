"""The three forms an answer is printed in, each written as it goes, whole lines only."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import NamedTuple, Protocol, TextIO

from onlooker.analyzer import Analysis
from onlooker.cli.sources import BUCKET, STANDARD_INPUT, split_address
from onlooker.core.errors import InputError, ObjectMissing, StorageError
from onlooker.core.faces import Face
from onlooker.jobs.objects import ObjectStore

CSV_COLUMNS = ["source", "width", "height", "face", "x1", "y1", "x2", "y2", "score"]
CSV_COLUMNS += ["age", "age_low", "age_high", "p_female", "gender", "age_class"]
CSV_COLUMNS += ["yaw", "pitch", "roll", "face_height", "brightness", "sharpness", "doubts", "error"]

_CONTENT_TYPES = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "table": "text/plain; charset=utf-8",
}


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
        if self._again and as_written(analysis.source) == self._again[0]:
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
            self._console.print(f"{name:<{self._name}}  {analysis.error}", style="red", markup=False)
        elif not len(analysis.faces):
            self._console.print(f"{name:<{self._name}}  no face found", style="dim", markup=False)
        for number, face in enumerate(analysis.faces, start=1):
            interval = f"{face.age_low:.0f} to {face.age_high:.0f}"
            line = f"{name:<{self._name}}  {number:>4}  {face.age:>3.0f}  {interval:<9}  {_gender(face)}"
            self._console.print(line, markup=False)
            name = ""


def as_written(name: str) -> str:
    """A picture's name as a file holds it: a path that is no UTF-8 has its odd bytes written as escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def shorten(name: str, width: int) -> str:
    """The end of a long name, with an ellipsis before it."""
    return name if len(name) <= width else "\N{HORIZONTAL ELLIPSIS}" + name[-width + 1 :]


def _gender(face: Face) -> str:
    if face.gender is None:
        return f"undetermined ({', '.join(face.doubts)})" if face.doubts else "undetermined"
    p = face.p_female if face.gender == "female" else 1 - face.p_female
    return f"{face.gender} {min(p, 0.99):.0%}"


def _whole(stream: TextIO, text: str) -> None:
    """One write and one flush, so that an interruption falls between lines."""
    stream.write(text)
    stream.flush()


class Held(NamedTuple):
    """The pictures that an output which is continued holds already, and those of them that could not be read."""

    done: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()


Opened = tuple[Writer, Held]
"""A writer, and what it continues holds already."""


@contextmanager
def open_output(kind: str, target: str | Path | None) -> Iterator[Opened]:
    """A writer of the form ``kind`` to a file, to ``s3://bucket/key`` or to standard output, and the pictures an
    existing file holds already.

    An existing ``jsonl`` or ``csv`` file is continued after its last whole picture. An object is written when all is
    done or the work is interrupted. Raises ``InputError`` where it is something else, or cannot be written.
    """
    if target is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        yield _writer(kind, sys.stdout, fresh=True), Held()
        return
    remote = str(target).startswith(BUCKET)
    with _in_bucket(kind, str(target)) if remote else _in_file(kind, Path(target), str(target)) as opened:
        yield opened


@contextmanager
def _in_file(kind: str, path: Path, shown: str) -> Iterator[Opened]:
    try:
        held, keep, again = _already(kind, path, shown)
        stream = path.open("r+" if keep else "w", encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise InputError(f"{shown}: cannot be written ({error.strerror}); name another --output file") from None
    with stream:
        if keep:
            stream.seek(keep)
            stream.truncate()
        yield _writer(kind, stream, fresh=not keep, again=again), held


@contextmanager
def _in_bucket(kind: str, address: str) -> Iterator[Opened]:
    """A file that is fetched before and stored after."""
    store, key = split_address(address)
    if not key or key.endswith("/"):
        raise InputError(f"{address}: names no object; write s3://bucket/key")
    with TemporaryDirectory(prefix="onlooker-") as folder:
        path = Path(folder) / "output"
        with suppress(ObjectMissing):
            path.write_bytes(store.get(key).data)
        with _in_file(kind, path, address) as opened:
            # That it can be stored is better known before the work than after.
            store.put(key, path.read_bytes(), content_type=_CONTENT_TYPES[kind])
            try:
                yield opened
            finally:
                _deliver(kind, path, store, key)


def _deliver(kind: str, path: Path, store: ObjectStore, key: str) -> None:
    try:
        store.put(key, path.read_bytes(), content_type=_CONTENT_TYPES[kind])
    except StorageError as error:
        rescued = Path(mkdtemp(prefix="onlooker-")) / f"output.{kind}"
        path.replace(rescued)
        raise StorageError(f"{error}; what was done lies in {rescued}") from None


def _writer(kind: str, stream: TextIO, *, fresh: bool, again: tuple[str, int] | None = None) -> Writer:
    if kind == "jsonl":
        return JsonLines(stream)
    return Csv(stream, header=fresh, again=again) if kind == "csv" else Table(stream)


def _already(kind: str, path: Path, shown: str) -> tuple[Held, int, tuple[str, int] | None]:
    """What a file surely holds whole, the bytes of it to keep, and ``again`` as ``Csv`` takes it."""
    if kind == "table" or not path.exists() or path.stat().st_size == 0:
        return Held(), 0, None
    bare = path.read_bytes()
    whole = bare[: bare.rfind(b"\n") + 1]
    begin = b'{"source": ' if kind == "jsonl" else ",".join(CSV_COLUMNS).encode() + b"\n"
    other = InputError(f"{shown}: exists and is no {kind} output of `onlooker analyze`; name another --output file")
    if bare[: len(begin)] != begin[: len(bare)]:
        raise other
    try:
        text = whole.decode("utf-8")
        if kind == "jsonl":
            lines = [json.loads(line) for line in text.split("\n")[:-1]]
            done = [(as_written(line["source"]), line.get("error")) for line in lines]
            return _held(done), len(whole), None
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error):
        raise other from None
    if len(rows) < 2:
        return Held(), 0, None
    if any(len(row) != len(CSV_COLUMNS) for row in rows) or _as_csv(rows) != whole:
        raise other
    # A picture is written in one go, but a stop may still cut its rows short: the last one is done again.
    last, first = rows[-1][0], len(rows) - 1
    if last == STANDARD_INPUT:  # it cannot be read again
        return _held((row[0], row[-1]) for row in rows[1:]), len(whole), None
    while first > 1 and rows[first - 1][0] == last:
        first -= 1
    return _held((row[0], row[-1]) for row in rows[1:first]), len(whole), (last, len(_as_csv(rows[:first])))


def _held(rows: Iterable[tuple[str, str | None]]) -> Held:
    """By the source and the error of each row. What came from standard input has no name to be known by."""
    known = [(source, error) for source, error in rows if source != STANDARD_INPUT]
    return Held(frozenset(source for source, _ in known), frozenset(source for source, error in known if error))


def _as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
