"""Where ``onlooker data convert`` puts its pictures: a folder, or a bucket by the jobs' object store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onlooker.cli.names import BUCKET
from onlooker.cli.sources import split_address
from onlooker.core.errors import InputError, ObjectMissing
from onlooker.datasets.target import STATE, FolderTarget, Target
from onlooker.jobs.objects import MAX_KEY, ObjectStore


@contextmanager
def open_target(address: str, source: Path) -> Iterator[Target]:
    """The target at a folder or ``s3://bucket/prefix``. Raises ``InputError`` where a folder overlaps with the source,
    ``StorageError`` where a bucket cannot be looked at."""
    if address.startswith(BUCKET):
        yield BucketTarget(*split_address(address))
        return
    folder, pictures = Path(address).resolve(), source.resolve()
    if pictures.is_dir() and (folder.is_relative_to(pictures) or pictures.is_relative_to(folder)):
        raise InputError(f"{address}: one of the two folders lies in the other; name a folder beside {source}")
    with FolderTarget(Path(address)) as target:
        yield target


class BucketTarget:
    """See ``Target``. Keys lie below ``prefix``; what is there is listed once, when it is opened."""

    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store, self._prefix = store, prefix.rstrip("/") + "/" if prefix.strip("/") else ""
        self._held = {info.key for info in store.list(self._prefix)}

    def holds(self, name: str) -> bool:
        """See ``Target``."""
        return self._prefix + name in self._held

    def holds_other(self, name: str, data: bytes) -> bool:
        """See ``Target``."""
        return self.holds(name) and self._store.get(self._prefix + name).data != data

    def write(self, name: str, data: bytes) -> None:
        """See ``Target``."""
        key = self._prefix + name
        size = len(key.encode("utf-8", "replace"))
        if size > MAX_KEY or key.encode("utf-8", "replace") != key.encode("utf-8", "surrogateescape"):
            raise InputError(f"its key would be no Unicode text of up to {MAX_KEY} bytes; rename it")
        self._store.put(key, data, content_type="image/jpeg")

    def recall(self) -> bytes:
        """See ``Target``."""
        try:
            return self._store.get(self._prefix + f"{STATE}/journal.json").data
        except ObjectMissing:
            return b""

    def remember(self, journal: bytes) -> None:
        """See ``Target``."""
        self._store.put(self._prefix + f"{STATE}/journal.json", journal, content_type="application/json")
