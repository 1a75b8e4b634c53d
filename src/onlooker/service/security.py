"""Who may call, and how often: API keys, the page's own pass, and a rate for each client."""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock

from onlooker.core.errors import ConfigError

PREFIX = "olk_"
"""What every key begins with, so that a leaked one is recognised."""

PASS_SECONDS = 36 * 3600
"""How long the page may call the API after it was opened, or last called it. Longer than any answer lies, so that what
a page has sent can be deleted from it for as long as it is there."""

RENEW_SECONDS = 3600
"""Age from which a pass that is shown is exchanged for a new one."""

LOCK_SECONDS = 10
"""How long one command that changes the keys waits for another."""


class Key(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A key as it is kept: its digest, never itself.

    name     whose it is; several keys may have one name, while one takes over from another
    id       tells keys of a name apart; for a Rekognition client the access key id
    digest   SHA-256 of the key, which is random and long enough to need no salt
    secret   only of a key made for Rekognition clients: what they sign with, which a server must know to check it
    expires  when it ends, if it does
    """

    name: str
    id: str
    digest: str
    created: datetime
    secret: str | None = None
    expires: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Whether the key has not ended."""
        return self.expires is None or now < self.expires


class KeyFile:
    """Keys in a file that only its owner may read; a server sees a change at its next call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._keys: list[Key] = []

    def keys(self) -> list[Key]:
        """Every key. Raises ``ConfigError`` where the file is damaged."""
        try:
            stat = self.path.stat()
            if self._seen != (stat.st_mtime_ns, stat.st_ino):
                self._keys = msgspec.json.decode(self.path.read_bytes(), type=list[Key])
                self._seen = (stat.st_mtime_ns, stat.st_ino)
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError(f"{self.path}: the keys cannot be read ({error}); restore the file") from None
        return self._keys

    def add(self, name: str, *, expires: datetime | None = None, rekognition: bool = False) -> tuple[Key, str]:
        """Make a key; the key itself is in the answer and nowhere else."""
        plain = PREFIX + secrets.token_urlsafe(32)
        identity = "AKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
        key = Key(
            name=name,
            id=identity,
            digest=_digest(plain),
            created=datetime.now(UTC).replace(microsecond=0),
            secret=plain if rekognition else None,
            expires=expires,
        )
        with self._alone():
            self._write([*self.keys(), key])
        return key, plain

    def revoke(self, identity: str) -> list[Key]:
        """Take away the keys of a name, or the one of an id; which they were."""
        with self._alone():
            gone = [key for key in self.keys() if identity in (key.name, key.id)]
            self._write([key for key in self.keys() if key not in gone])
        return gone

    def find(self, plain: str, now: datetime) -> Key | None:
        """The valid key that is ``plain``."""
        digest = _digest(plain)
        found = [key for key in self.keys() if hmac.compare_digest(key.digest, digest) and key.valid(now)]
        return found[0] if found else None

    def by_id(self, identity: str, now: datetime) -> Key | None:
        """The valid key of an id."""
        return next((key for key in self.keys() if key.id == identity and key.valid(now)), None)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else changes the file meanwhile: a change is made to what was read, and would undo another's."""
        lock = FileLock(f"{self.path}.lock", timeout=LOCK_SECONDS)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(_create(Path(lock.lock_file)))
            lock.acquire()
        except OSError as error:  # filelock's own Timeout is one, without a reason
            reason = error.strerror or "another command is at it"
            raise ConfigError(f"{self.path}: the keys cannot be written ({reason})") from None
        try:
            yield
        finally:
            lock.release()

    def _write(self, keys: list[Key]) -> None:
        aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(_create(aside), "wb") as file:
                file.write(json.dumps(msgspec.to_builtins(keys), indent=1).encode())
            aside.replace(self.path)
        except OSError as error:
            raise ConfigError(f"{self.path}: the keys cannot be written ({error.strerror})") from None


class Pass:
    """What the page's own calls carry instead of a key: a signed moment, in a cookie that scripts cannot read."""

    name = "onlooker"

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._secret, self._clock = secret, clock

    def make(self) -> str:
        """A pass from now on."""
        until = str(int(self._clock()) + PASS_SECONDS)
        return f"{until}.{self._sign(until)}"

    def holds(self, value: str) -> bool:
        """Whether a pass is ours and has not ended."""
        until, _, signature = value.partition(".")
        right = hmac.compare_digest(self._sign(until).encode(), signature.encode("utf-8", "replace"))
        return right and int(until) > self._clock()

    def aged(self, value: str) -> bool:
        """Whether a pass that holds is so old that another should take its place."""
        return int(value.partition(".")[0]) < self._clock() + PASS_SECONDS - RENEW_SECONDS

    def _sign(self, until: str) -> str:
        message = b"page pass " + until.encode("utf-8", "replace")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


class Limiter:
    """A bucket of tokens for each client: ``burst`` at once, ``rate`` a second for long; a rate of 0 is no limit."""

    _CLIENTS = 10_000

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, tokens: int = 1) -> float:
        """Take tokens; 0 where they were there, else the seconds after which they will be."""
        if not self._rate:
            return 0.0
        now = self._clock()
        left, since = self._clients.pop(client, (float(self._burst), now))
        left = min(float(self._burst), left + (now - since) * self._rate)
        enough = left >= min(tokens, self._burst)
        self._clients[client] = (left - tokens if enough else left, now)
        while len(self._clients) > self._CLIENTS:
            self._clients.popitem(last=False)
        return 0.0 if enough else (min(tokens, self._burst) - left) / self._rate


def _create(path: Path) -> int:
    """A new file that only its owner may read, who is its folder's where this is root: a service that runs as another
    user is to read what root writes for it."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(handle, folder.st_uid, folder.st_gid)
    return handle


def _digest(plain: str) -> str:
    return hashlib.sha256(plain.encode("utf-8", "replace")).hexdigest()
