"""Where answers are written: standard output, a file or an object, which goes on where it ended."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, mkdtemp
from typing import TextIO

from onlooker.cli.forms import Csv, JsonLines, Table, Writer
from onlooker.cli.guard import hold
from onlooker.cli.held import Held, read_held
from onlooker.cli.names import BUCKET
from onlooker.cli.sources import split_address
from onlooker.core.errors import InputError, ObjectMissing, StorageError
from onlooker.jobs.objects import ObjectStore

_CONTENT_TYPES = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "table": "text/plain; charset=utf-8",
}

Opened = tuple[Writer, Held]
"""A writer, and what it continues holds already."""

Check = Callable[[Held], None]
"""Raises ``InputError`` where an output is not to be continued."""


def form_of(target: str | None) -> str:
    """The form that a file's name asks for by its ending: ``csv``, ``jsonl``, or else ``table``."""
    ending = PurePosixPath(target or "").suffix.lower().removeprefix(".")
    return ending if ending in ("csv", "jsonl") else "table"


@contextmanager
def open_output(kind: str, target: str | Path | None, check: Check = lambda held: None) -> Iterator[Opened]:  # noqa: ARG005
    """A writer of the form ``kind`` to a file, to ``s3://bucket/key`` or to standard output, and the pictures an
    existing file holds already.

    An existing ``jsonl`` or ``csv`` file is continued after its last whole picture, once ``check`` has seen what it
    holds; a table is written anew. The file is nobody else's meanwhile. An object is written when all is done or the
    work is interrupted. Raises ``InputError`` where it is something else, or cannot be written; it is then as it was.
    """
    if target is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        yield _writer(kind, sys.stdout, fresh=True), Held()
        return
    remote = str(target).startswith(BUCKET)
    with _in_bucket(kind, str(target), check) if remote else _in_file(kind, Path(target), str(target), check) as opened:
        yield opened


@contextmanager
def _in_file(kind: str, path: Path, shown: str, check: Check) -> Iterator[Opened]:
    try:
        stream = _opened(path)
    except OSError as error:
        raise InputError(f"{shown}: cannot be written ({error.strerror}); name another --output file") from None
    with stream:
        held, keep, begin = Held(), 0, 0
        if path.is_file():
            hold(stream, shown)
            held, keep, begin = read_held(kind, path, shown)
            check(held)
            stream.seek(keep)
            if keep < path.stat().st_size:  # else its date stays, by which it is known what changed since
                stream.truncate()
        again = None if held.again is None else (held.again, begin)
        yield _writer(kind, stream, fresh=not keep, again=again), held


def _opened(path: Path) -> TextIO:
    """A file made, or opened as it is: what is in it stays until it is known whose it is. A pipe is only written."""
    mode = "w" if path.exists() and not path.is_file() else "a+"
    return path.open(mode, encoding="utf-8", errors="backslashreplace", newline="")  # type: ignore[return-value]


@contextmanager
def _in_bucket(kind: str, address: str, check: Check) -> Iterator[Opened]:
    """A file that is fetched before and stored after."""
    store, key = split_address(address)
    if not key or key.endswith("/"):
        raise InputError(f"{address}: names no object; write s3://bucket/key")
    with TemporaryDirectory(prefix="onlooker-") as folder:
        path = Path(folder) / "output"
        with suppress(ObjectMissing):
            path.write_bytes(store.get(key).data)
        with _in_file(kind, path, address, check) as opened:
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
