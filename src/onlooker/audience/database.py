"""One way to speak to SQLite and PostgreSQL: transactions, one kind of placeholder, one kind of error."""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from onlooker.core.addresses import shown
from onlooker.core.errors import ConfigError, StorageError, StorageFull

Value = str | int | float | None
Row = tuple[Any, ...]

PATIENCE_S = 30
"""Seconds that a writer waits for another."""

_DEAD_AFTER: dict[str, Any] = {"tcp_user_timeout": 10_000, "keepalives_idle": 10, "keepalives_interval": 5}
"""libpq's options, in milliseconds, seconds and seconds, that give up a PostgreSQL whose machine or network is gone
within some 15 seconds, where Linux takes a quarter of an hour to send and two hours to wait for an answer."""

_LOCK = 0x6F6E6C6F6F6B6572 & 0x7FFFFFFFFFFFFFFF
"""The advisory lock that PostgreSQL's exclusive transactions take."""


class Session(Protocol):
    """What may be done in a transaction. Parameters stand as ``?``."""

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """The rows of a query."""
        ...

    def run(self, statement: str, rows: Sequence[Sequence[Value]] = ((),)) -> int:
        """Run a statement for each row of values; how many rows of the table it changed in all."""
        ...


class Database(Protocol):
    """A database. May be used by several threads and processes at once."""

    name: str
    """What it is called in messages, without a password."""

    def transaction(self, *, exclusive: bool = False) -> Any:
        """A context that gives a ``Session``: all of it is kept, or nothing. Of exclusive ones only one runs at a time.
        Raises ``StorageError`` for whatever the database refuses, ``StorageFull`` where its disk is full."""
        ...

    def forget(self) -> None:
        """Leave no trace of deleted rows where the database itself would."""
        ...

    def close(self) -> None:
        """Let go of this thread's connection."""
        ...


def open_database(url: str, *, create: bool = True) -> Database:
    """The database of ``sqlite:///file`` or ``postgresql://user@host/name``; a path alone is SQLite's. With ``create``
    a file that is missing is made. Raises ``ConfigError`` for another address."""
    file = file_of(url)
    return _Postgres(url) if file is None else _Sqlite(file, create=create)


def file_of(url: str) -> Path | None:
    """The file of an address of SQLite, or None for one of PostgreSQL; nothing is opened or made. Raises
    ``ConfigError`` for another."""
    parts = urlsplit(url)
    if parts.scheme in ("postgresql", "postgres"):
        return None
    if parts.scheme == "sqlite" and not parts.netloc and parts.path.startswith("/") and parts.path != "/":
        return Path(unquote(parts.path))
    if url and "://" not in url and not url.startswith("sqlite:"):
        return Path(url)
    raise ConfigError(f"{shown(url)}: a ledger is sqlite:///file (three slashes) or postgresql://user@host/database")


class _SqliteSession:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        return self._connection.execute(statement, values).fetchall()

    def run(self, statement: str, rows: Sequence[Sequence[Value]] = ((),)) -> int:
        return self._connection.executemany(statement, rows).rowcount if rows else 0


class _Sqlite:
    """The journal is a write-ahead log, which survives a killed process whole."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path, self.name = path.absolute(), str(path)
        self._threads = threading.local()
        try:
            if create:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with suppress(FileExistsError):
                    os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            elif not self.path.is_file():
                raise ConfigError(f"{path}: no such ledger; name the file or database that the display writes to")
        except OSError as error:
            raise ConfigError(f"{path}: cannot be used as a ledger ({error.strerror}); name another file") from None

    @contextmanager
    def transaction(self, *, exclusive: bool = False) -> Iterator[Session]:
        connection: sqlite3.Connection | None = None
        try:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE" if exclusive else "BEGIN")
            yield _SqliteSession(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._told(error) from None
        finally:
            if connection is not None and connection.in_transaction:
                connection.rollback()

    def forget(self) -> None:
        try:
            # Deleted rows were overwritten (secure_delete); they are in the log's older pages until it is folded in.
            self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise self._told(error) from None

    def close(self) -> None:
        if (connection := getattr(self._threads, "connection", None)) is not None:
            connection.close()
            self._threads.connection = None

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._threads, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=PATIENCE_S, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA secure_delete = ON")
                _make_private(self.path)
            except sqlite3.Error:
                connection.close()
                raise
            self._threads.connection = connection
        return connection

    def _told(self, error: sqlite3.Error) -> StorageError:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_FULL:
            return StorageFull(f"{self.name}: the disk of the ledger is full; make room, nothing else is lost")
        if code == sqlite3.SQLITE_NOTADB:
            return StorageError(f"{self.name}: is no ledger but some other file; name another")
        return StorageError(f"{self.name}: the ledger cannot be used ({error}); check its disk and its rights")


def _make_private(path: Path) -> None:
    """Take a database's file from everyone but its owner, with the log and the index beside it; SQLite gives new ones
    the rights of the file."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        with suppress(OSError):  # not there, or a file system without rights
            found = each.stat()
            ours = os.name == "posix" and found.st_uid == os.geteuid()
            if ours and stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
                each.chmod(0o600)


class _PostgresSession:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def rows(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        found: list[Row] = self._cursor.execute(statement.replace("?", "%s"), values).fetchall()
        return found

    def run(self, statement: str, rows: Sequence[Sequence[Value]] = ((),)) -> int:
        if not rows:
            return 0
        if len(rows) == 1:
            self._cursor.execute(statement.replace("?", "%s"), rows[0])
        else:
            self._cursor.executemany(statement.replace("?", "%s"), rows)
        return int(self._cursor.rowcount)


class _Postgres:
    """A connection that broke is opened again by the next transaction."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError:
            raise ConfigError(
                f"{shown(url)}: PostgreSQL needs psycopg; install it with: pip install 'onlooker[postgres]'"
            ) from None
        self._psycopg, self._url, self.name = psycopg, url, shown(url)
        self._threads = threading.local()

    @contextmanager
    def transaction(self, *, exclusive: bool = False) -> Iterator[Session]:
        try:
            connection = self._connection()
            with connection.transaction(), connection.cursor() as cursor:
                if exclusive:
                    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                yield _PostgresSession(cursor)
        except self._psycopg.Error as error:
            raise self._told(error) from None

    def forget(self) -> None:
        """PostgreSQL overwrites deleted rows when it vacuums, by its own settings."""

    def close(self) -> None:
        if (connection := getattr(self._threads, "connection", None)) is not None:
            connection.close()
            self._threads.connection = None

    def _connection(self) -> Any:
        connection = getattr(self._threads, "connection", None)
        if connection is None or connection.closed:
            connection = self._psycopg.connect(self._url, autocommit=True, connect_timeout=5, **_DEAD_AFTER)
            self._threads.connection = connection
        return connection

    def _told(self, error: Exception) -> StorageError:
        why = " ".join(str(error).split()) or type(error).__name__
        if getattr(error, "sqlstate", None) in ("53100", "53200"):
            return StorageFull(f"{self.name}: the database has no room left ({why}); make some")
        return StorageError(f"{self.name}: the ledger cannot be used ({why}); check that the database runs")
