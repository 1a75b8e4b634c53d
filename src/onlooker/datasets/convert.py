"""Folders of pictures of any format into real JPEG files, many at once, resumable, each one accounted for."""

import csv
import json
import os
import stat
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Literal

from onlooker.core.errors import InputError, PictureError, StorageError
from onlooker.core.protocols import Progress, silent
from onlooker.datasets.jpeg import QUALITY, jpeg_name, looks_like_picture, to_jpeg
from onlooker.datasets.target import Target
from onlooker.media.images import MAX_BYTES, SUFFIXES

LINKED = "a linked folder is not followed; name it by itself"
"""It could lead out of the source, or round in a ring."""

State = Literal["converted", "already fine", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one source. Paths are relative, ``/`` between folders; ``note`` says what was done, or why it
    failed; ``size`` (bytes) and ``modified`` (ns) are the source's, by which a change is noticed; ``root`` the folder
    it lay in, empty in journals of before."""

    source: str
    target: str
    state: State
    format: str = ""
    lies: bool = False
    note: str = ""
    size: int = 0
    modified: int = 0
    quality: int = QUALITY
    earlier: bool = False
    root: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of every picture, and which files were left alone because they are none."""

    entries: list[Entry]
    left_alone: list[str]

    @property
    def counts(self) -> Counter[str]:
        """Pictures by state."""
        return Counter(entry.state for entry in self.entries)

    def to_json(self) -> str:
        """All of it, as JSON."""
        found = {"counts": {state: self.counts[state] for state in ("converted", "already fine", "failed")}}
        pictures = [asdict(entry) for entry in self._told()]
        for picture in pictures:
            del picture["root"]
        return json.dumps({**found, "pictures": pictures, "left_alone": self.left_alone}, indent=1) + "\n"

    def to_csv(self) -> str:
        """A row a picture."""
        out = StringIO()
        writer = csv.writer(out, lineterminator="\n")
        columns = ("source", "target", "state", "format", "lies", "note", "earlier")
        writer.writerow(columns)
        writer.writerows([getattr(entry, column) for column in columns] for entry in self._told())
        return out.getvalue()

    def _told(self) -> list[Entry]:
        """The entries, without the names of files that did not come to be."""
        return [replace(entry, target="") if entry.state == "failed" else entry for entry in self.entries]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which files of a folder are pictures, what each one's JPEG is called, and what is no picture."""

    root: Path
    names: dict[str, str]
    left_alone: list[str]
    unreadable: list[Entry]


def plan(source: Path, known: dict[str, str] | None = None) -> Plan:
    """Look through ``source``, a folder or a picture. ``known`` are targets of earlier runs, which are kept.

    Where several sources would have one name, ``a.jpg`` keeps its own and ``a.png`` becomes ``a.png.jpg``. Hidden files
    are left out. Raises ``InputError`` where there is no picture.
    """
    if not source.exists():
        raise InputError(f"{source}: no such file or folder; check the path")
    root, unreadable = (source if source.is_dir() else source.parent), list[Entry]()
    pictures, others = list[str](), list[str]()
    for path in _files(source, unreadable):
        within = path.relative_to(root).as_posix()
        (pictures if path.suffix.lower() in SUFFIXES or _sniff(path) else others).append(within)
    if not pictures and not unreadable:
        raise InputError(f"{source}: holds no picture in a known format; name another folder")
    return Plan(root, _name(pictures, known or {}), others, unreadable)


def convert(
    planned: Plan,
    target: Target,
    *,
    quality: int = QUALITY,
    workers: int | None = None,
    progress: Progress = silent,
) -> Report:
    """Convert what was planned into ``target``; what an earlier run did, and has not changed since, is passed over.

    One picture that fails is an entry of the report. Raises ``StorageError`` where the target itself fails; what was
    done until then, or until an interruption, is remembered.
    """
    before = recall(target)
    done: dict[str, Entry] = {}
    journal = _Journal(target, before)
    pool = ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="convert")
    pending: deque[Future[Entry]] = deque()

    def finish() -> None:
        entry = pending.popleft().result()
        done[entry.source] = entry
        journal.add(entry)
        progress(len(done))

    try:
        for name, to in planned.names.items():
            pending.append(pool.submit(_convert_one, planned.root, name, to, target, before.get(name), quality))
            if len(pending) > 4 * (workers or os.cpu_count() or 1):
                finish()
        while pending:
            finish()
    finally:
        pool.shutdown(cancel_futures=True)
        journal.save()
    return Report(planned.unreadable + list(done.values()), planned.left_alone)


def recall(target: Target) -> dict[str, Entry]:
    """What earlier runs did, by source; a journal that cannot be read counts for none."""
    try:
        return {row["source"]: Entry(**row) for row in json.loads(target.recall() or b"[]")}
    except (ValueError, TypeError, KeyError):
        return {}


def _convert_one(root: Path, name: str, to: str, target: Target, before: Entry | None, quality: int) -> Entry:
    failed = Entry(name, to, "failed", quality=quality, root=str(root.resolve()))
    try:
        seen = (root / name).stat()
        ours = before is not None and _ours(before, root, to)
        if before is not None and ours and _unchanged(before, seen, quality) and target.holds(to):
            return replace(before, earlier=True)
        if not stat.S_ISREG(seen.st_mode):
            raise PictureError("not a regular file; leave it out, or put a picture there")
        if seen.st_size > MAX_BYTES:
            raise PictureError(f"the file is over {MAX_BYTES // 2**20} MB; make the picture smaller first")
        jpeg = to_jpeg((root / name).read_bytes(), name, quality=quality)
        if not ours and target.holds_other(to, jpeg.data):
            raise InputError(f"another picture lies at {to} already; take it away, or name another target")
        target.write(to, jpeg.data)
    except StorageError:
        raise
    except InputError as error:
        return replace(failed, note=str(error))
    except OSError as error:
        return replace(failed, note=f"the file cannot be read ({error.strerror or error})")
    except Exception as error:  # one picture that trips a decoder must not end the others
        return replace(failed, note=f"the picture cannot be converted ({type(error).__name__}: {error})")
    state: State = "already fine" if jpeg.kept else "converted"
    note = "; ".join([*([f"its content is {jpeg.format}"] if jpeg.lies else []), *jpeg.notes])
    done = replace(failed, state=state, format=jpeg.format, lies=jpeg.lies, note=note)
    return replace(done, size=seen.st_size, modified=seen.st_mtime_ns)


def _ours(before: Entry, root: Path, to: str) -> bool:
    """Whether an earlier run made ``to`` of this very source, and not of one that is called alike in another folder."""
    return before.state != "failed" and before.target == to and before.root in ("", str(root.resolve()))


def _unchanged(before: Entry, seen: os.stat_result, quality: int) -> bool:
    same = (before.size, before.modified) == (seen.st_size, seen.st_mtime_ns)
    return same and (before.state == "already fine" or before.quality == quality)


class _Journal:
    """Remembers entries in the target, as often as costs little; a killed run's last second or two are done again."""

    def __init__(self, target: Target, entries: dict[str, Entry]) -> None:
        self._target, self._entries = target, dict(entries)
        self._due, self._dirty = time.monotonic() + 0.5, False

    def add(self, entry: Entry) -> None:
        before = self._entries.get(entry.source)
        made = before is not None and before.state != "failed"
        if entry.earlier or (entry.state == "failed" and made):
            return  # what was made stays known: whose it is must outlast a failure
        self._entries[entry.source] = entry
        self._dirty = True
        if time.monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        if not self._dirty:
            return
        begun = time.monotonic()
        rows = [asdict(entry) for entry in self._entries.values()]
        self._target.remember(json.dumps(rows, separators=(",", ":")).encode())
        self._dirty = False
        self._due = time.monotonic() + max(0.5, 5 * (time.monotonic() - begun))


def _files(source: Path, unreadable: list[Entry]) -> Iterator[Path]:
    """Files in a folder and those within, by name; hidden ones are left out, folders that cannot be read, or are links,
    are said."""
    if not source.is_dir():
        yield source
        return

    def refuse(error: OSError) -> None:
        name = Path(error.filename).relative_to(source).as_posix()
        unreadable.append(Entry(name, "", "failed", note=f"the folder cannot be read ({error.strerror})"))

    for here, folders, files in os.walk(source, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        linked = [(Path(here) / name).relative_to(source) for name in folders if (Path(here) / name).is_symlink()]
        unreadable += [Entry(name.as_posix(), "", "failed", note=LINKED) for name in linked]
        yield from (Path(here) / name for name in sorted(files) if not name.startswith("."))


def _sniff(path: Path) -> bool:
    """Whether a file with no picture's ending holds one; what cannot be looked at does not."""
    try:
        if not path.is_file():  # a pipe would keep us waiting
            return False
        with path.open("rb") as file:
            return looks_like_picture(file.read(32))
    except OSError:
        return False


def _name(sources: Sequence[str], known: dict[str, str]) -> dict[str, str]:
    """A target for each source, no two alike even where case does not count."""
    names = {source: known[source] for source in sources if source in known}
    taken = {name.casefold() for name in names.values()}
    # Who is called so already comes first: the name of a true JPEG does not hang on what lies beside it.
    for source in sorted(sources, key=lambda source: (not source.endswith(".jpg"), source)):
        path, number = PurePosixPath(source), 2
        name = path.with_name(jpeg_name(path.name))
        while source not in names and name.as_posix().casefold() in taken:
            crowded = name.name == jpeg_name(path.name)
            name = path.with_name(f"{path.name}.jpg" if crowded else f"{path.name}.{number}.jpg")
            number += not crowded
        taken.add(names.setdefault(source, name.as_posix()).casefold())
    return {source: names[source] for source in sources}
