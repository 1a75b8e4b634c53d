"""A queue in one SQLite table, for one machine: leases, retries and dead letters as in SQS.

Every hand-out is one short transaction that takes the write lock first, so no two receivers get one message; a reader
looks without a lock before. The journal is a write-ahead log, which survives a killed process whole. Whoever knows a
job's id may read its answer, so the files are their owner's alone, and what is deleted is overwritten.
"""

import contextlib
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from onlooker.core.errors import ConfigError, StorageError, StorageFull
from onlooker.jobs.folder import make_private
from onlooker.jobs.queues import Message

POLL = 0.02
"""Seconds between two looks for a message while waiting."""

DEAD = "dead"
"""Name of the queue of dead letters."""

_TABLE = """
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY, queue TEXT NOT NULL, body TEXT NOT NULL, visible REAL NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0, receipt TEXT
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS due ON messages (queue, visible);
"""


class SqliteQueue:
    """See ``Queue``. The file is made where it is missing, for its owner's eyes only. Raises ``ConfigError`` where it
    cannot be used.

    clock  the seconds since the epoch; tests pass their own
    """

    def __init__(
        self,
        path: str | Path,
        *,
        max_receives: int = 4,
        name: str = "tasks",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = Path(path).absolute()
        self.url = "sqlite://" + self.path.as_uri().removeprefix("file://")
        self.max_receives = max_receives
        self._name, self._clock = name, clock
        self._threads = threading.local()
        try:
            make_private(self.path.parent)
            _private_file(self.path)
            with self._database() as database:
                database.executescript(_TABLE)
        except (OSError, StorageError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{self.path}: cannot be used as a queue ({reason}); name another file") from None
        self._dead = None if name == DEAD else SqliteQueue(path, max_receives=2**31, name=DEAD, clock=clock)

    @property
    def dead_letters(self) -> "SqliteQueue | None":
        """See ``Queue``."""
        return self._dead

    def send(self, body: str, *, delay: float = 0.0) -> str:
        """See ``Queue``."""
        message = token_hex(16)
        with self._database() as database:
            database.execute(
                "INSERT INTO messages (id, queue, body, visible) VALUES (?, ?, ?, ?)",
                (message, self._name, body, self._clock() + delay),
            )
        return message

    def receive(self, limit: int = 1, *, wait: float = 0.0, lease: float = 60.0) -> list[Message]:
        """See ``Queue``."""
        until = time.monotonic() + wait
        while True:
            if found := self._take(limit, lease):
                return found
            left = until - time.monotonic()
            if left <= 0:
                return []
            time.sleep(min(POLL, left))

    def extend(self, message: Message, lease: float) -> bool:
        """See ``Queue``."""
        return self._held(
            "UPDATE messages SET visible = ? WHERE id = ? AND receipt = ?", message, self._clock() + lease
        )

    def acknowledge(self, message: Message) -> bool:
        """See ``Queue``."""
        return self._held("DELETE FROM messages WHERE id = ? AND receipt = ?", message)

    def depth(self) -> tuple[int, int]:
        """See ``Queue``."""
        now = self._clock()
        query = "SELECT count(*), coalesce(sum(visible > ? AND receives > 0), 0) FROM messages WHERE queue = ?"
        with self._database() as database:
            held, out = database.execute(query, (now, self._name)).fetchone()
        return held - out, out

    def _held(self, statement: str, message: Message, *values: float) -> bool:
        with self._database() as database:
            return database.execute(statement, (*values, message.id, message.receipt)).rowcount > 0

    def _take(self, limit: int, lease: float) -> list[Message]:
        due = "SELECT id, body, receives FROM messages WHERE queue = ? AND visible <= ? ORDER BY visible LIMIT ?"
        with self._database() as database:
            now = self._clock()
            if database.execute(due, (self._name, now, 1)).fetchone() is None:
                return []
            database.execute("BEGIN IMMEDIATE")
            taken: list[Message] = []
            while rows := database.execute(due, (self._name, now, limit - len(taken))).fetchall():
                for message, body, receives in rows:
                    if receives >= self.max_receives:
                        self._bury(database, message)
                        continue
                    receipt = token_hex(8)
                    database.execute(
                        "UPDATE messages SET visible = ?, receives = receives + 1, receipt = ? WHERE id = ?",
                        (now + max(lease, 1e-3), receipt, message),  # never due again within this very call
                    )
                    taken.append(Message(message, body, receipt, receives + 1))
                if len(taken) >= limit:
                    break
            database.execute("COMMIT")
            return taken

    def _bury(self, database: sqlite3.Connection, message: str) -> None:
        database.execute(
            "UPDATE messages SET queue = ?, receives = 0, receipt = NULL, visible = ? WHERE id = ?",
            (DEAD, self._clock(), message),
        )

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection; a transaction left open by an error is undone."""
        database: sqlite3.Connection | None = None
        try:
            database = getattr(self._threads, "database", None)
            if database is None:
                database = sqlite3.connect(self.path, timeout=30, isolation_level=None)
                database.execute("PRAGMA journal_mode = WAL")
                database.execute("PRAGMA synchronous = NORMAL")
                database.execute("PRAGMA secure_delete = ON")
                self._threads.database = database
            yield database
        except sqlite3.Error as error:
            full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            kind = StorageFull if full else StorageError
            raise kind(f"{self.path}: the queue cannot be used ({error}); check its disk and its rights") from None
        finally:
            if database is not None and database.in_transaction:
                database.rollback()


_making = threading.Lock()


def _private_file(path: Path) -> None:
    """Make the file of a database where it is missing, and take one that is there from everyone but its owner, with the
    log and the index beside it; SQLite gives those the rights of the file. Raises ``OSError``."""
    # Never opened where it is there: to close it again would give up the locks that this process's connections hold.
    with _making, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with contextlib.suppress(OSError):  # not there, or a file system without rights
            found = each.stat()
            ours = os.name == "posix" and found.st_uid == os.geteuid()
            if ours and stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
                each.chmod(0o600)
