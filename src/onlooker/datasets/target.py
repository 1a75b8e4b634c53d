"""Where converted pictures go: what any target does, and a folder as one."""

import errno
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

from filelock import FileLock, Timeout

from onlooker.core.errors import InputError, StorageError, StorageFull

STATE = ".onlooker-convert"
"""The folder, in a target, of the journal; hidden, so that nobody takes it for pictures."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_THIS_NAME = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EINVAL, errno.EILSEQ)


class Target(Protocol):
    """Where the JPEG files go: a folder or a bucket. A file appears whole or not at all."""

    def holds(self, name: str) -> bool:
        """Whether a file of that name, ``/`` between folders, is there."""
        ...

    def holds_other(self, name: str, data: bytes) -> bool:
        """Whether a file of that name is there and has other bytes. Raises ``StorageError`` where it cannot be read."""
        ...

    def write(self, name: str, data: bytes) -> None:
        """Store a file. Raises ``InputError`` where this one cannot be, ``StorageError`` where none can."""
        ...

    def recall(self) -> bytes:
        """The journal of earlier runs, empty where there is none."""
        ...

    def remember(self, journal: bytes) -> None:
        """Store the journal, whole or not at all."""
        ...


class FolderTarget:
    """A folder, used by ``with``: made where it is missing, and nobody else's while it is used. A file is written aside
    and moved into its place; what a killed run left aside is removed at the next.

    Raises ``InputError`` where the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._state = folder, folder / STATE
        self._lock = FileLock(self._state / "lock", timeout=0)

    def __enter__(self) -> "FolderTarget":
        try:
            self._state.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            for left in self._state.glob("aside-*"):
                left.unlink()
        except Timeout:
            raise InputError(f"{self._folder}: another run is converting into it; wait for its end") from None
        except OSError as error:
            raise InputError(f"{self._folder}: cannot be written to ({error.strerror}); name another folder") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def holds(self, name: str) -> bool:
        """See ``Target``."""
        return (self._folder / name).is_file()

    def holds_other(self, name: str, data: bytes) -> bool:
        """See ``Target``."""
        path = self._folder / name
        try:
            return path.is_file() and path.read_bytes() != data
        except OSError as error:
            raise StorageError(f"{path}: cannot be read ({error.strerror}); check the folder's rights") from None

    def write(self, name: str, data: bytes) -> None:
        """See ``Target``."""
        aside = self._state / f"aside-{secrets.token_hex(8)}"
        path = self._folder / name
        try:
            aside.write_bytes(data)
            path.parent.mkdir(parents=True, exist_ok=True)
            aside.replace(path)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StorageFull(f"{self._folder}: the disk is full; make room and run again") from None
            if error.errno in _THIS_NAME or isinstance(error, FileExistsError):
                raise InputError(f"its JPEG cannot be written as {name} ({error.strerror}); rename it") from None
            raise StorageError(f"{path}: cannot be written ({error.strerror}); check the folder's rights") from None
        finally:
            with suppress(OSError):
                aside.unlink(missing_ok=True)

    def recall(self) -> bytes:
        """See ``Target``."""
        try:
            return (self._state / "journal.json").read_bytes()
        except OSError:
            return b""

    def remember(self, journal: bytes) -> None:
        """See ``Target``."""
        self.write(f"{STATE}/journal.json", journal)
