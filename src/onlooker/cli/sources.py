"""From the paths on a command line to the pictures to read."""

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import click

from onlooker.cli.names import BUCKET, STANDARD_INPUT, identity, printable
from onlooker.core.errors import InputError, ObjectMissing
from onlooker.jobs.objects import ObjectStore, open_store
from onlooker.media.images import SUFFIXES

AHEAD = 4
"""Pictures that are fetched from a bucket before their turn."""

MARKED = ".annotated.jpg"
"""How the name of a picture ends that ``--annotate`` wrote."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A picture in a bucket, not fetched yet."""

    store: ObjectStore
    key: str

    def fetch(self) -> bytes:
        """Its bytes. Raises ``ObjectMissing`` where it is gone, ``StorageError`` where it cannot be had."""
        return self.store.get(self.key).data


Item = tuple[str, str | bytes | Remote]
"""What a picture is reported as, and its path, its bytes or where they are."""


@dataclass(slots=True)
class Passed:
    """What folders hold and is not read: files that are no pictures, and pictures that ``--annotate`` wrote, by their
    names or because they lie below its folder, ``marks``."""

    marks: Path | None = None
    others: int = 0
    marked: int = 0

    def wanted(self, name: str) -> bool:
        """Whether a file found in a folder is read, by its name; counted where it is not."""
        picture = PurePosixPath(name).suffix.lower() in SUFFIXES
        self.others += not picture
        self.marked += name.endswith(MARKED)
        return picture and not name.endswith(MARKED)

    def skip(self, folder: str) -> bool:
        """Whether a folder found in a folder is the one of ``--annotate``; what lies below it is counted."""
        try:
            own = self.marks is not None and self.marks.samefile(folder)
        except OSError:
            return False
        if own:
            within = Passed()
            self.marked += sum(1 for _ in pictures_below(folder, passed=within)) + within.marked
        return own


def expand(paths: Sequence[str], passed: Passed | None = None) -> Iterator[Item]:
    """Every picture the paths name, in the order given: a file, a folder (all pictures below it, sorted), ``-``,
    ``s3://bucket/key`` of a picture, or ``s3://bucket/prefix`` (all pictures below it).

    A path that does not exist is passed on, so that it is reported in its place. A folder without a picture stands for
    itself, for the same reason. ``passed`` says what folders leave out, and is told how much. Raises ``StorageError``
    where a bucket cannot be looked at.
    """
    for path in paths:
        if path == STANDARD_INPUT:
            yield STANDARD_INPUT, sys.stdin.buffer.read()
        elif path.startswith(BUCKET):
            yield from in_bucket(path, passed)
        elif Path(path).is_dir():
            empty, linked = True, list[str]()
            for found in pictures_below(path, linked, passed):
                empty = False
                yield found, found
            if empty:
                yield path, path
            _tell(linked)
        else:
            yield path, path


def pictures_below(folder: str, linked: list[str] | None = None, passed: Passed | None = None) -> Iterator[str]:
    """Paths of the pictures in a folder and those within, by name; hidden files and folders are left out. A folder that
    is a link is not followed, as it could lead round in a ring: it goes into ``linked``."""
    passed = passed or Passed()
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        within = [os.path.join(here, name) for name in folders]  # noqa: PTH118 (as below)
        if linked is not None:
            linked += [path for path in within if Path(path).is_symlink()]
        folders[:] = [name for name, path in zip(folders, within, strict=True) if not passed.skip(path)]
        for name in sorted(files):
            if not name.startswith(".") and passed.wanted(name):
                yield os.path.join(here, name)  # noqa: PTH118 (keeps the path as the user wrote it)


def once(items: Iterable[Item]) -> list[Item]:
    """Each picture once, however often and however written its path was named. What comes on standard input is another
    picture each time."""
    known: dict[str | int, Item] = {}
    for item in items:
        known.setdefault(len(known) if item[0] == STANDARD_INPUT else identity(item[0]), item)
    return list(known.values())


def _tell(linked: list[str]) -> None:
    """Say which folders were not followed, in one line."""
    if linked:
        first, more = printable(linked[0]), f" (and {len(linked) - 1:,} more)" if len(linked) > 1 else ""
        click.echo(f"onlooker: {first}{more}: a linked folder is not followed; name it by itself", err=True)


def in_bucket(address: str, passed: Passed | None = None) -> Iterator[Item]:
    """The picture at ``s3://bucket/key``, or those below it as if it were a folder; else the address itself."""
    store, key = split_address(address)
    if key and not key.endswith("/") and store.head(key) is not None:
        yield address, Remote(store, key)
        return
    prefix = key.rstrip("/") + "/" if key else ""
    empty, passed = True, passed or Passed()
    for info in store.list(prefix):
        within = PurePosixPath(info.key.removeprefix(prefix))
        hidden = info.key.endswith("/") or any(part.startswith(".") for part in within.parts)
        if not hidden and passed.wanted(within.name):
            empty = False
            yield f"{store.url}/{info.key}", Remote(store, info.key)
    if empty:
        yield address, address


def split_address(address: str) -> tuple[ObjectStore, str]:
    """The store of ``s3://bucket/key``, and the key. Raises ``ConfigError`` where it cannot be used."""
    bucket, _, key = address.removeprefix(BUCKET).partition("/")
    if not bucket:
        raise InputError(f"{address}: names no bucket; write s3://bucket/prefix")
    return open_store(BUCKET + bucket), key


def fetched(items: Iterable[Item]) -> Iterator[tuple[str, str | bytes]]:
    """The items in order, those in buckets as bytes, fetched ``AHEAD`` of their turn. One that was deleted meanwhile is
    passed on by its address, as a path that does not exist is. Raises ``StorageError`` where a bucket fails: better
    to stop, and go on later, than to report every picture after it as unreadable."""
    pending: deque[tuple[str, str | bytes | Future[bytes]]] = deque()
    pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="fetch")
    try:
        for name, source in items:
            pending.append((name, pool.submit(source.fetch) if isinstance(source, Remote) else source))
            if len(pending) > AHEAD:
                yield _arrived(*pending.popleft())
        while pending:
            yield _arrived(*pending.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _arrived(name: str, source: str | bytes | Future[bytes]) -> tuple[str, str | bytes]:
    if not isinstance(source, Future):
        return name, source
    try:
        return name, source.result()
    except ObjectMissing:
        return name, name


def annotated_path(source: str, roots: Sequence[str], folder: Path) -> Path:
    """Where the annotated picture of a source goes: below ``folder``, in its place below the root it came from."""
    if source.startswith(BUCKET):
        return _annotated_key(source, roots, folder)
    name = Path("stdin" if source == STANDARD_INPUT else source)
    for root in roots:
        if root != STANDARD_INPUT and Path(root).is_dir() and name.is_relative_to(root):
            name = name.relative_to(root)
            break
    else:
        name = Path(name.name)
    return folder / name.parent / f"{name.name}{MARKED}"


def _annotated_key(source: str, roots: Sequence[str], folder: Path) -> Path:
    """The same for a picture in a bucket, whose key may hold what would lead out of the folder."""
    within = source.rpartition("/")[2]
    for root in roots:
        below = root.rstrip("/") + "/"
        if root.startswith(BUCKET) and source.startswith(below):
            within = source.removeprefix(below)
            break
    parts = [part for part in within.split("/") if part not in ("", ".", "..")] or ["picture"]
    return folder.joinpath(*parts[:-1], f"{parts[-1]}{MARKED}")


def free_path(path: Path, source: str, taken: dict[Path, str]) -> Path:
    """``path``, or one with a number where another source of this run has it; ``taken`` remembers whose is which."""
    stem = path.name.removesuffix(MARKED)
    candidate, number = path, 2
    while taken.setdefault(candidate, source) != source:
        candidate = path.with_name(f"{stem}.{number}{MARKED}")
        number += 1
    return candidate
