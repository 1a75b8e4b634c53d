"""The forms that plays and audiences are written in. Each takes rows as they come, and keeps none."""

import csv
import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any
from zoneinfo import ZoneInfo

from onlooker import __version__
from onlooker.audience.audit import Entry
from onlooker.audience.records import Play, moment
from onlooker.audience.summary import EVERY, Publication, Row
from onlooker.cli.guard import standard_of
from onlooker.core.errors import InputError, StorageError, StorageFull

Record = dict[str, Any]
Columns = dict[str, type]

PLAY_COLUMNS: Columns = {
    "play_id": str,
    "screen_id": str,
    "campaign_id": str,
    "creative_id": str,
    "started_at": str,
    "ended_at": str,
    "planned_ms": int,
    "actual_ms": int,
    "complete": bool,
    "reason": str,
    "faces_present": int,
    "watchers": int,
    "dwell_s": float,
    "attention_s": float,
    "propensity": float,
}
AUDIENCE_COLUMNS: Columns = {
    "screen": str,
    "period": str,
    "gender": str,
    "age_band": str,
    "count": int,
    "suppressed": bool,
}
LOG_COLUMNS: Columns = {"seq": int, "at": str, "kind": str, "detail": str, "previous": str, "hash": str}
_XIBO = "Stat Date,Type,FromDT,ToDT,Layout,Campaign,Display,Media,Tag,Duration,Count,Engagements"
XIBO_COLUMNS: Columns = dict.fromkeys(_XIBO.split(","), str)

_GROUP = 10_000
"""Rows of a Parquet file's groups: what is in memory while one is written."""


@dataclass(frozen=True, slots=True)
class Place:
    """What OpenRTB says of a screen and of who measures it.

    size       width and height of the picture in pixels
    venue      the kind of place by OpenOOH's numbers (203 grocery, 205 mall, 207 pharmacy, 504 hospital), if any
    publisher  who owns the screen, if that is to be said
    vendor     the domain of who measured, if that is to be said
    """

    size: tuple[int, int] = (1920, 1080)
    venue: str | None = None
    publisher: str | None = None
    vendor: str | None = None


def play_records(plays: Iterable[Play], public: Publication) -> Iterator[Record]:
    """Plays by ``PLAY_COLUMNS``, their audience as far as it may be shown."""
    for play in plays:
        faces, watchers, dwell, attention = public.audience_of(play)
        yield {
            "play_id": play.play_id,
            "screen_id": play.screen_id,
            "campaign_id": play.campaign_id,
            "creative_id": play.creative_id,
            "started_at": play.started_at.isoformat(timespec="milliseconds"),
            "ended_at": play.ended_at.isoformat(timespec="milliseconds"),
            "planned_ms": play.planned_ms,
            "actual_ms": play.actual_ms,
            "complete": play.complete,
            "reason": play.reason,
            "faces_present": faces,
            "watchers": watchers,
            "dwell_s": dwell,
            "attention_s": attention,
            "propensity": play.propensity,
        }


def xibo_records(plays: Iterable[Play], zone: ZoneInfo) -> Iterator[Record]:
    """Plays by ``XIBO_COLUMNS``, as Xibo's own export writes media: local times, whole seconds."""
    for play in plays:
        begun, ended = (f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" for at in (play.started_at, play.ended_at))
        names = (play.creative_id, play.campaign_id, play.screen_id, play.creative_id, "")
        seconds = round(play.actual_ms / 1000)
        yield dict(zip(XIBO_COLUMNS, (begun, "media", begun, ended, *names, seconds, 1, "[]"), strict=True))


def audience_records(rows: Iterable[Row]) -> Iterator[Record]:
    """Counts by ``AUDIENCE_COLUMNS``."""
    return ({name: getattr(row, name) for name in AUDIENCE_COLUMNS} for row in rows)


def log_records(entries: Iterable[Entry]) -> Iterator[Record]:
    """Entries of the audit log by ``LOG_COLUMNS``: all that their hashes are of."""
    for entry in entries:
        record = {name: getattr(entry, name) for name in LOG_COLUMNS if name != "at"}
        at = moment(entry.at_ms).isoformat(timespec="milliseconds")
        yield {name: at if name == "at" else record[name] for name in LOG_COLUMNS}


def openrtb_records(rows: Iterable[Row], public: Publication, place: Place) -> Iterator[Record]:
    """A bid request of OpenRTB 2.6 for each period of a screen with a published count and with plays: what one play in
    it was worth. The multiplier is the people counted by the plays of the same days; each is counted once, however many
    plays they saw. A period that says "at least" is left out: its plays are more than those of the days it sums.
    """
    for row in rows:
        if row.gender != EVERY or not row.count or row.suppressed:
            continue
        plays = public.ledger.count_plays(row.screen, row.begins, row.ends)
        if plays:
            yield _request(row, row.count / plays, place)


def _request(row: Row, multiplier: float, place: Place) -> Record:
    at = round(row.begins.timestamp() * 1000)
    # 2: the quantity was measured by the publisher. A vendor is required only of 1, and says who where it is known.
    qty: Record = {"multiplier": round(multiplier, 3), "sourcetype": 2}
    dooh: Record = {"id": row.screen, "name": row.screen}
    if place.vendor is not None:
        qty["vendor"] = place.vendor
    if place.venue is not None:
        dooh |= {"venuetype": [place.venue], "venuetypetax": 1}
    if place.publisher is not None:
        dooh["publisher"] = {"name": place.publisher}
    return {
        "id": f"{row.screen}:{at}",
        "imp": [
            {
                "id": "1",
                "banner": {"w": place.size[0], "h": place.size[1]},
                "displaymanager": "onlooker",
                "displaymanagerver": __version__,
                "qty": qty,
                "dt": at,
            }
        ],
        "dooh": dooh,
        "device": {"devicetype": 8},
    }


def write_csv(records: Iterable[Record], columns: Columns, out: IO[bytes]) -> int:
    """Write records as CSV; how many. What is not known is empty, true and false are written so."""
    text = _Text(out)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    n = 0
    for n, record in enumerate(records, start=1):  # noqa: B007
        writer.writerow([str(value).lower() if isinstance(value, bool) else value for value in record.values()])
    return n


def write_lines(records: Iterable[Record], columns: Columns, out: IO[bytes]) -> int:  # noqa: ARG001
    """Write records as lines of JSON; how many."""
    n = 0
    for n, record in enumerate(records, start=1):  # noqa: B007
        out.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return n


def write_parquet(records: Iterable[Record], columns: Columns, out: IO[bytes]) -> int:
    """Write records as Parquet; how many. Raises ``InputError`` where pyarrow is not installed."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise InputError("Parquet needs pyarrow; install it with: pip install 'onlooker[parquet]'") from None
    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    n, rest = 0, iter(records)
    with parquet.ParquetWriter(out, schema) as writer:
        while group := list(islice(rest, _GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            n += len(group)
    return n


WRITERS = {
    "csv": write_csv,
    "jsonl": write_lines,
    "openrtb": write_lines,
    "parquet": write_parquet,
    "xibo": write_csv,
}


@contextmanager
def target(path: Path | None) -> Iterator[IO[bytes]]:
    """Where an export is written: standard output, or a file that is there whole or, as it was before, not at all.

    Raises ``StorageError`` where that cannot be."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    standard = standard_of(path)
    if standard is not None or (path.exists() and not path.is_file()):  # what is written stays what it is
        with path.open("wb") if standard is None else os.fdopen(os.dup(standard), "wb") as device:
            yield device
        return
    part: Path | None = None
    try:
        place = Path(os.path.realpath(path))  # a link stays one; and one that leads nowhere raises nothing here
        with NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as file:
            part = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.chmod(0o644)
        part.replace(place)
    except OSError as error:
        kind = StorageFull if error.errno == errno.ENOSPC else StorageError
        raise kind(f"{path}: cannot be written ({error.strerror}); name another file with --output") from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def started(records: Iterator[Record]) -> Iterator[Record]:
    """The same records, the first of which is made already: what is wrong with an export is known before it begins."""
    return chain(list(islice(records, 1)), records)


class _Text:
    """What ``csv`` writes to: bytes, whatever the platform thinks of line ends."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, text: str) -> int:
        return self._out.write(text.encode())
