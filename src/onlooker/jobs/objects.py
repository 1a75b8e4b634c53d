"""What every object store does, with the semantics of S3, and the store that an address names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from onlooker.core.errors import ConfigError

MAX_KEY = 1024
"""Bytes of a key, as S3 counts them."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What is known of an object without its bytes. ``size`` is in bytes; ``modified`` is aware. A listing leaves
    ``content_type`` and ``metadata`` empty."""

    key: str
    size: int
    modified: datetime
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's bytes and what is known of it."""

    data: bytes = field(repr=False)
    info: ObjectInfo


@dataclass(frozen=True, slots=True)
class Form:
    """A form that whoever holds it may send: a POST of ``fields``, in order, then a file field named ``file``, as
    ``multipart/form-data``, to ``url``. A ``url`` that begins with ``/`` is on the website's own host."""

    url: str
    fields: Mapping[str, str]


class ObjectStore(Protocol):
    """Named bytes. Everything may be called by several threads and processes at once; a reader sees an object whole or
    not at all. Each method may raise ``StorageError`` with one sentence, and nothing else."""

    url: str
    """The address that ``open_store`` was given."""

    poll: float
    """Seconds that a reader waits between two looks for a key that is to come."""

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
    ) -> bool:
        """Store an object, replacing one of that key. With ``if_absent`` an object that is there stays, and the answer
        is False; of many who try at once, one is told True. ``metadata`` is ASCII, names lower case, under 2 KB."""
        ...

    def get(self, key: str) -> StoredObject:
        """The object. Raises ``ObjectMissing`` where there is none."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """What is known of the object, or None where there is none."""
        ...

    def delete(self, *keys: str) -> None:
        """Delete objects; a key that is not there is no error."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """The objects whose keys begin with ``prefix``, by key."""
        ...

    def expire(self, prefix: str, before: datetime) -> int:
        """Delete the objects below ``prefix`` that were last written before a moment (aware); how many they were."""
        ...

    def presign(self, key: str, *, seconds: int) -> str:
        """An address that anyone may GET the object from for that long; one that begins with ``/`` is on the
        website's own host."""
        ...

    def presign_form(
        self, key: str, *, seconds: int, max_bytes: int, metadata: Mapping[str, str] | None = None
    ) -> Form:
        """A form that stores one object under exactly this key, of 1 to ``max_bytes`` bytes, with this metadata."""
        ...


def open_store(url: str) -> ObjectStore:
    """The store of ``file:///folder`` or ``s3://bucket[/prefix]``. Raises ``ConfigError`` for another address.

    A folder is made where it is missing; a bucket is not looked at before it is used.
    """
    parts = store_parts(url)
    if parts.scheme == "file":
        from onlooker.jobs.folder import FolderStore

        return FolderStore(unquote(parts.path))
    from onlooker.jobs.s3 import S3Store

    return S3Store(parts.netloc, parts.path.strip("/"))


def store_parts(url: str) -> SplitResult:
    """The parts of a store's address; nothing is opened or made. Raises ``ConfigError`` for another address."""
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        return parts
    if parts.scheme == "s3" and parts.netloc:
        return parts
    raise ConfigError(f"{url}: a store is file:///folder (three slashes) or s3://bucket/prefix")
