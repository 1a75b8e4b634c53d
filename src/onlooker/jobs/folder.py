"""An object store in a folder, for one machine: nothing to install, and S3's semantics.

An object is one file: a line of JSON (content type, metadata), then the bytes. It is written aside and linked into
place, which either happens whole or not at all, also when the process is killed, and of many who create one key at
once only one succeeds. Signed addresses carry an HMAC of a secret that lies in the folder; the website answers them.
"""

import base64
import binascii
import contextlib
import errno
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from onlooker.core.errors import ConfigError, ObjectMissing, StorageError, StorageFull
from onlooker.jobs.objects import MAX_KEY, Form, ObjectInfo, StoredObject

ROUTE = "/v1/store"
"""Where the website answers the addresses that this store signs."""

_OBJECTS, _ASIDE, _SECRET = "objects", "aside", "secret"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FolderStore:
    """See ``ObjectStore``. The folder is made where it is missing, for its owner's eyes only. Raises ``ConfigError``
    where it cannot be used."""

    poll = 0.02

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.url = self.folder.absolute().as_uri()
        try:
            for part in (_OBJECTS, _ASIDE):
                make_private(self.folder / part)
        except OSError as error:
            raise ConfigError(f"{self.folder}: cannot be used as a store ({error.strerror}); name another") from None
        self._secret = self._shared_secret()

    def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
    ) -> bool:
        """See ``ObjectStore``."""
        path = self._path(key)
        head = json.dumps({"content_type": content_type, "metadata": dict(metadata or {})}).encode() + b"\n"
        aside = self.folder / _ASIDE / secrets.token_hex(16)
        try:
            with _sentences(f"{key} cannot be stored"):
                with aside.open("xb") as file:
                    file.write(head)
                    file.write(data)
                while True:
                    # A folder that is emptied is removed, perhaps just now: then it is made once more.
                    with contextlib.suppress(FileNotFoundError):
                        with contextlib.suppress(FileExistsError):  # it was there, and gone at a second look
                            make_private(path.parent)
                        if not if_absent:
                            aside.replace(path)
                            return True
                        try:
                            path.hardlink_to(aside)
                        except FileExistsError:
                            return False
                        return True
        finally:
            aside.unlink(missing_ok=True)

    def get(self, key: str) -> StoredObject:
        """See ``ObjectStore``."""
        with _sentences(f"{key} cannot be read"):
            try:
                with self._path(key).open("rb") as file:
                    stat = os.fstat(file.fileno())
                    head, data = file.readline(), file.read()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise _missing(key) from None
        return StoredObject(data, _info(key, head, stat))

    def head(self, key: str) -> ObjectInfo | None:
        """See ``ObjectStore``."""
        with _sentences(f"{key} cannot be read"):
            try:
                with self._path(key).open("rb") as file:
                    return _info(key, file.readline(), os.fstat(file.fileno()))
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None

    def delete(self, *keys: str) -> None:
        """See ``ObjectStore``."""
        for key in keys:
            path = self._path(key)
            with _sentences(f"{key} cannot be deleted"):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    path.unlink()
                self._tidy(path.parent)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """See ``ObjectStore``."""
        root = self.folder / _OBJECTS
        # Only the folder that the prefix leads to is walked.
        within = root.joinpath(*(quote(part, safe=_SAFE) + "_" for part in prefix.split("/")[:-1]))
        with _sentences(f"the objects {prefix}* cannot be listed"):
            keys = sorted(_key(path.relative_to(root)) for path in _objects(within))
        for key in keys:
            if key.startswith(prefix) and (info := self.head(key)) is not None:
                yield ObjectInfo(info.key, info.size, info.modified)

    def expire(self, prefix: str, before: datetime) -> int:
        """See ``ObjectStore``. What a killed process left aside goes too, after an hour."""
        old = [info.key for info in self.list(prefix) if info.modified < before]
        self.delete(*old)
        with _sentences("what was left aside cannot be listed"):
            aside = list((self.folder / _ASIDE).iterdir())
        for left in aside:
            with contextlib.suppress(OSError):
                if left.stat().st_mtime < time.time() - 3600:
                    left.unlink()
        return len(old)

    def presign(self, key: str, *, seconds: int) -> str:
        """See ``ObjectStore``; the website answers it at ``ROUTE``."""
        self._path(key)
        until = str(int(time.time()) + seconds)
        return f"{ROUTE}/{quote(key)}?{urlencode({'until': until, 'signature': self._sign('GET', key, until)})}"

    def presign_form(
        self, key: str, *, seconds: int, max_bytes: int, metadata: Mapping[str, str] | None = None
    ) -> Form:
        """See ``ObjectStore``; the website answers it at ``ROUTE``."""
        self._path(key)
        policy = {"key": key, "until": int(time.time()) + seconds, "max_bytes": max_bytes}
        fields = {f"x-amz-meta-{name}": value for name, value in (metadata or {}).items()}
        encoded = base64.b64encode(json.dumps({**policy, "fields": fields}).encode()).decode()
        return Form(ROUTE, {"key": key, **fields, "policy": encoded, "signature": self._sign("POST", encoded)})

    def verify_get(self, address: str) -> str | None:
        """The key that a signed address (path and query) opens, or None where it is forged or has expired."""
        parts = urlsplit(address)
        query = parse_qs(parts.query)
        key, until = unquote(parts.path.removeprefix(ROUTE + "/")), query.get("until", [""])[0]
        signature = query.get("signature", [""])[0]
        right = self._sign("GET", key, until)
        if not hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace")):
            return None
        return key if int(until) >= time.time() else None

    def verify_form(self, fields: Mapping[str, str], size: int) -> tuple[str, dict[str, str]]:
        """The key and the metadata that a form stores ``size`` bytes under. Raises ``StorageError`` for a form that was
        changed, has expired, or whose file is empty or too large."""
        encoded = fields.get("policy", "")
        right = self._sign("POST", encoded)
        if not hmac.compare_digest(right.encode(), fields.get("signature", "").encode("utf-8", "replace")):
            raise StorageError("the form's signature does not fit it; ask for a new form and send it unchanged")
        policy = json.loads(base64.b64decode(encoded))
        if policy["until"] < time.time():
            raise StorageError("the form has expired; ask for a new one")
        given = {name: value for name, value in fields.items() if name.startswith("x-amz-meta-")}
        if fields.get("key") != policy["key"] or given != policy["fields"]:
            raise StorageError("the form's fields are not the ones that were signed; send them unchanged")
        if not 1 <= size <= policy["max_bytes"]:
            raise StorageError(f"the file has {size} bytes; the form takes 1 to {policy['max_bytes']}")
        return policy["key"], {name.removeprefix("x-amz-meta-"): value for name, value in given.items()}

    def derived_secret(self, purpose: str) -> bytes:
        """32 bytes made from the folder's secret: the same at every start, others for each purpose, and no help in
        forging a signed address."""
        return bytes.fromhex(self._sign("derived", purpose))

    def _sign(self, *parts: str) -> str:
        return hmac.new(self._secret, "\n".join(parts).encode("utf-8", "replace"), hashlib.sha256).hexdigest()

    def _shared_secret(self) -> bytes:
        """The secret in the folder, made by whoever comes first."""
        path = self.folder / _SECRET
        aside = self.folder / _ASIDE / secrets.token_hex(16)
        with _sentences("the store's secret cannot be read"):
            if not path.exists():
                with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(secrets.token_hex(32).encode())
                with contextlib.suppress(FileExistsError):
                    path.hardlink_to(aside)
                aside.unlink()
            return path.read_bytes()

    def _path(self, key: str) -> Path:
        """The file of a key. Each part is escaped and marked (``_`` a folder, ``.`` an object), so that no key reaches
        outside, and ``a`` and ``a/b`` may both be objects, as on S3."""
        try:
            size = len(key.encode())
        except UnicodeEncodeError:
            raise StorageError("a key is Unicode text; this one holds half a character") from None
        if not 1 <= size <= MAX_KEY:
            raise StorageError(f"a key has 1 to {MAX_KEY} bytes, this one {size}")
        *folders, name = (quote(part, safe=_SAFE) for part in key.split("/"))
        if max(map(len, [*folders, name])) > 250:
            raise StorageError(f"{key[:40]}...: a part of the key is too long for a file's name; shorten it")
        return self.folder.joinpath(_OBJECTS, *(part + "_" for part in folders), name + ".")

    def _tidy(self, folder: Path) -> None:
        """Remove folders that have become empty, except the topmost: ``in`` and ``out`` would come and go with every
        job, under the hands of whoever writes there or lists them."""
        top = self.folder / _OBJECTS
        with contextlib.suppress(OSError):
            while top not in (folder, folder.parent):
                folder.rmdir()
                folder = folder.parent


def make_private(folder: Path) -> None:
    """Make a folder and whatever is missing above it, each for its owner's eyes only; a folder that is there keeps its
    rights. Raises ``OSError``."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        make_private(folder.parent)  # mkdir(parents=True) would give its mode to the last one alone
        folder.mkdir(mode=0o700, exist_ok=True)


_SAFE = " !#$&'()+,-=@[]^{}~"
"""Left as they are in a file's name; everything else but letters, digits, ``_``, ``.``, ``-`` and ``~`` is escaped."""


def _objects(folder: Path) -> Iterator[Path]:
    """The files of all objects below a folder. Raises ``OSError``, but not where a folder goes meanwhile: that is
    empty."""

    def unless_gone(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error

    for within, _, names in os.walk(folder, onerror=unless_gone):
        yield from (Path(within, name) for name in names if name.endswith("."))


def _key(path: Path) -> str:
    return "/".join(unquote(part[:-1]) for part in path.parts)


def _info(key: str, head: bytes, stat: os.stat_result) -> ObjectInfo:
    try:
        known = json.loads(head)
        content_type, metadata = known["content_type"], known["metadata"]
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise StorageError(f"{key} was not written by this store; remove the file") from None
    modified = datetime.fromtimestamp(stat.st_mtime, UTC)
    return ObjectInfo(key, stat.st_size - len(head), modified, content_type, metadata)


def _missing(key: str) -> ObjectMissing:
    return ObjectMissing(f"{key}: no such object; it was never written, or is deleted or expired")


@contextlib.contextmanager
def _sentences(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull(f"{what}: the disk is full; make room") from None
        raise StorageError(f"{what} ({error.strerror or error}); check the folder's rights") from None
