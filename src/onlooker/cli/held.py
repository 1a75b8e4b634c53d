"""What an output that is to be continued holds already, and whether this run answers as the one before did."""

import csv
import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click

from onlooker.analyzer import Analysis, Analyzer
from onlooker.cli.forms import CSV_COLUMNS, TABLE_HEAD
from onlooker.cli.names import BUCKET, STANDARD_INPUT, as_written, identity, printable
from onlooker.cli.sources import Remote, split_address
from onlooker.core.errors import InputError

RECENT = 10
"""Pictures at the end of an output, of which the smallest are asked again."""

ASKED, PIXELS = 3, 4_000_000
"""How many are, and after how many pixels it is enough: more settings are seen on three than on one, in a moment."""

AGE, BOX, PROBABILITY = 0.3, 1.0, 0.02
"""How far answers to one picture may lie apart, in years, pixels and p_female: another processor rounds otherwise."""


_FACE = CSV_COLUMNS.index("face")


class Seen(NamedTuple):
    """A face as an output holds it."""

    box: tuple[float, ...]
    ages: tuple[float, ...]
    p_female: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A picture's answer as an output holds it: ``size`` in pixels, and its faces; None where they cannot be read."""

    source: str
    error: str | None
    size: tuple[int, int] = (0, 0)
    faces: tuple[Seen, ...] | None = None


class Raw(NamedTuple):
    """A picture's answer as it was read: whether there are faces in it, and its line or rows."""

    source: str
    error: str | None
    faces: bool
    lines: Any


class Held(NamedTuple):
    """What an output that is continued holds already. Pictures go by their ``identity``.

    done     the pictures it holds whole
    failed   those of them that could not be read
    again    the one whose rows may be cut short, which is done again
    sample   answers to pictures that are older than it, with which this run is to agree
    touched  how many pictures changed, or their dates did, since it was written
    newer    answers to some of those
    """

    done: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    again: str | None = None
    sample: tuple[Answer, ...] = ()
    touched: int = 0
    newer: tuple[Answer, ...] = ()


def read_held(kind: str, path: Path, shown: str) -> tuple[Held, int, int]:
    """What the file at ``path``, called ``shown``, surely holds whole, the bytes of it to keep, and of these the bytes
    before the rows of ``Held.again``. Raises ``InputError`` where it is something else."""
    bare = path.read_bytes()
    if not bare:
        return Held(), 0, 0
    other = InputError(f"{shown}: exists and is no {kind} output of `onlooker analyze`; name another --output file")
    if kind == "table":
        if not TABLE_HEAD.match(bare):
            raise other
        return Held(), 0, 0
    whole = bare[: bare.rfind(b"\n") + 1]
    begin = b'{"source": ' if kind == "jsonl" else ",".join(CSV_COLUMNS).encode() + b"\n"
    if bare[: len(begin)] != begin[: len(bare)]:
        raise other
    written = path.stat().st_mtime_ns
    try:
        text = whole.decode("utf-8")
        if kind == "jsonl":
            lines = map(_of_line, text.split("\n")[:-1])
            return _held(lines, _answer_of_line, written), len(whole), len(whole)
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error):
        raise other from None
    if len(rows) < 2:
        return Held(), 0, 0
    if any(len(row) != len(CSV_COLUMNS) for row in rows) or _as_csv(rows) != whole:
        raise other
    # A picture is written in one go, but a stop may still cut its rows short: the last one is done again.
    last, first = rows[-1][0], len(rows) - 1
    if last == STANDARD_INPUT:  # it cannot be read again
        return _held(_of_rows(rows[1:]), _answer_of_rows, written), len(whole), len(whole)
    while first > 1 and rows[first - 1][0] == last:
        first -= 1
    held = _held(_of_rows(rows[1:first]), _answer_of_rows, written)
    return held._replace(again=identity(last)), len(whole), len(whole) - len(_as_csv(rows[first:]))


def agree(analyzer: Analyzer, held: Held, shown: str) -> None:
    """Ask again a few pictures that an output called ``shown`` holds. Raises ``InputError`` where a picture that is as
    it was has another answer: one file is of one model, one detector and the same settings. Those that changed since,
    and have another answer now, are told, and keep their old one."""
    alike = 0
    for answer, same in _asked(analyzer, held.sample):
        if not same:
            raise InputError(
                f"{shown}: holds other answers for {answer.source} (made with other settings, or the picture has "
                "changed since); name another --output file, or the settings of before, or, where the picture has "
                "changed, take its lines out"
            )
        alike += 1
    newer = list(_asked(analyzer, held.newer))
    if changed := [answer.source for answer, same in newer if not same]:
        click.echo(f"onlooker: {printable(_told(shown, changed, held.touched - len(newer), alike))}", err=True)


def _told(shown: str, changed: list[str], unasked: int, alike: int) -> str:
    """That pictures changed since an output was written. Where none that did not could be asked, nothing says that the
    settings are those of before."""
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    more += f", and perhaps others of {unasked:,} newer pictures," if unasked else ""
    why = "" if alike else " (or the settings have)"
    its, answers = ("its", "answer stays") if not more else ("their", "answers stay")
    return (
        f"{shown}: {changed[0]}{more} changed since{why}, and {its} old {answers}; to read "
        f"{'it' if not more else 'them'} again, take {its} lines out"
    )


def _asked(analyzer: Analyzer, answers: Iterable[Answer]) -> Iterator[tuple[Answer, bool]]:
    """Some of the pictures, asked again: what was answered, and whether that is the answer now."""
    asked = pixels = 0
    for answer in answers:
        try:
            analysis = analyzer.analyze(_fetched(answer.source), answer.source)
        except InputError:  # gone, or out of reach
            continue
        if analysis.error is not None:
            continue
        yield answer, _same(answer, analysis)
        asked += 1
        pixels += answer.size[0] * answer.size[1]
        if asked == ASKED or pixels > PIXELS:
            return


def _fetched(source: str) -> str | bytes:
    return Remote(*split_address(source)).fetch() if source.startswith(BUCKET) else source


def _same(answer: Answer, analysis: Analysis) -> bool:
    left = [_seen(face.to_dict()) for face in analysis.faces]
    if answer.size != (analysis.width, analysis.height) or len(answer.faces or ()) != len(left):
        return False
    for face in answer.faces or ():
        here = next((other for other in left if _near(face.box, other.box, BOX)), None)
        if here is None or not _near(face.ages, here.ages, AGE) or abs(face.p_female - here.p_female) > PROBABILITY:
            return False
        left.remove(here)
    return True


def _near(one: tuple[float, ...], other: tuple[float, ...], most: float) -> bool:
    return all(abs(a - b) <= most + 1e-6 for a, b in zip(one, other, strict=True))


def _held(found: Iterable[Raw], answer: Callable[[Raw], Answer], written: int) -> Held:
    """``written`` is when the output was, in nanoseconds: a picture that is newer may have changed since. What came
    from standard input has no name to be known by. Of many answers few are asked again, so only those are looked into.
    """
    done, failed = set[str](), set[str]()
    newer, recent, touched = deque[Raw](maxlen=RECENT), deque[Raw](maxlen=RECENT), 0
    for raw in found:
        if raw.source == STANDARD_INPUT:
            continue
        known = identity(raw.source)
        done.add(known)
        if raw.error:
            failed.add(known)
        elif _changed(raw.source) > written:
            newer.append(raw)
            touched += 1
        elif raw.faces:
            recent.append(raw)
    sample, changed = (_smallest_first(map(answer, few)) for few in (recent, newer))
    return Held(frozenset(done), frozenset(failed), None, sample, touched, changed)


def _smallest_first(answers: Iterable[Answer]) -> tuple[Answer, ...]:
    """Those that can be compared."""
    return tuple(sorted((one for one in answers if one.faces is not None), key=lambda one: one.size[0] * one.size[1]))


def _changed(source: str) -> int:
    """When a picture, or which file goes by its name, last changed, in nanoseconds; 0 where that cannot be known."""
    try:
        seen = os.stat(source)  # noqa: PTH116 (once for each of many pictures)
    except (OSError, ValueError):
        return 0
    return max(seen.st_mtime_ns, seen.st_ctime_ns)


def _of_line(line: str) -> Raw:
    """Of a line of JSON. Raises what says that it is none of ours."""
    found = json.loads(line)
    return Raw(as_written(found["source"]), found.get("error"), bool(found.get("faces")), found)


def _answer_of_line(raw: Raw) -> Answer:
    found = raw.lines
    try:
        return Answer(raw.source, raw.error, (found["width"], found["height"]), tuple(map(_seen, found["faces"])))
    except (ValueError, KeyError, TypeError):
        return Answer(raw.source, raw.error)


def _of_rows(rows: list[list[str]]) -> Iterator[Raw]:
    """Of the rows of a CSV, those of one picture together."""
    first = 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or rows[end][0] != rows[first][0] or rows[end][_FACE] in ("", "1"):
            yield Raw(rows[first][0], rows[first][-1], bool(rows[first][_FACE]), rows[first:end])
            first = end


def _answer_of_rows(raw: Raw) -> Answer:
    rows = [dict(zip(CSV_COLUMNS, row, strict=True)) for row in raw.lines]
    try:
        size = (int(rows[0]["width"]), int(rows[0]["height"]))
        return Answer(raw.source, raw.error, size, tuple(_seen(row) for row in rows if row["face"]))
    except ValueError:
        return Answer(raw.source, raw.error)


def _seen(face: dict[str, Any]) -> Seen:
    """A face of an answer's JSON, or of a row."""
    box = face["box"] if "box" in face else [face[key] for key in ("x1", "y1", "x2", "y2")]
    ages = [face[key] for key in ("age", "age_low", "age_high")]
    return Seen(tuple(map(float, box)), tuple(map(float, ages)), float(face["p_female"]))


def _as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8")
