"""From the paths on a command line to the pictures to read."""

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from onlooker.core.errors import InputError, ObjectMissing
from onlooker.jobs.objects import ObjectStore, open_store
from onlooker.media.images import SUFFIXES

BUCKET = "s3://"
"""What an address begins with that is no path: ``s3://bucket/key``."""

STANDARD_INPUT = "-"
"""The path, and the name, of a picture that comes on standard input."""

AHEAD = 4
"""Pictures that are fetched from a bucket before their turn."""


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


def expand(paths: Sequence[str]) -> Iterator[Item]:
    """Every picture the paths name, in the order given: a file, a folder (all pictures below it, sorted), ``-``,
    ``s3://bucket/key`` of a picture, or ``s3://bucket/prefix`` (all pictures below it).

    A path that does not exist is passed on, so that it is reported in its place. A folder without a picture stands for
    itself, for the same reason. Raises ``StorageError`` where a bucket cannot be looked at.
    """
    for path in paths:
        if path == STANDARD_INPUT:
            yield STANDARD_INPUT, sys.stdin.buffer.read()
        elif path.startswith(BUCKET):
            yield from in_bucket(path)
        elif Path(path).is_dir():
            empty = True
            for found in pictures_below(path):
                empty = False
                yield found, found
            if empty:
                yield path, path
        else:
            yield path, path


def pictures_below(folder: str) -> Iterator[str]:
    """Paths of the pictures in a folder and those within, by name; hidden files and folders are left out."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield os.path.join(here, name)  # noqa: PTH118 (keeps the path as the user wrote it)


def in_bucket(address: str) -> Iterator[Item]:
    """The picture at ``s3://bucket/key``, or those below it as if it were a folder; else the address itself."""
    store, key = split_address(address)
    if key and not key.endswith("/") and store.head(key) is not None:
        yield address, Remote(store, key)
        return
    prefix = key.rstrip("/") + "/" if key else ""
    empty = True
    for info in store.list(prefix):
        within = PurePosixPath(info.key.removeprefix(prefix))
        if within.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in within.parts):
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
    return folder / name.parent / f"{name.name}.annotated.jpg"


def _annotated_key(source: str, roots: Sequence[str], folder: Path) -> Path:
    """The same for a picture in a bucket, whose key may hold what would lead out of the folder."""
    within = source.rpartition("/")[2]
    for root in roots:
        below = root.rstrip("/") + "/"
        if root.startswith(BUCKET) and source.startswith(below):
            within = source.removeprefix(below)
            break
    parts = [part for part in within.split("/") if part not in ("", ".", "..")] or ["picture"]
    return folder.joinpath(*parts[:-1], f"{parts[-1]}.annotated.jpg")


def free_path(path: Path, source: str, taken: dict[Path, str]) -> Path:
    """``path``, or one with a number where another source of this run has it; ``taken`` remembers whose is which."""
    stem = path.name.removesuffix(".annotated.jpg")
    candidate, number = path, 2
    while taken.setdefault(candidate, source) != source:
        candidate = path.with_name(f"{stem}.{number}.annotated.jpg")
        number += 1
    return candidate
