"""What lies in the queue's files, and who may read it: a job's id is all that is needed to read its answer."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from onlooker.jobs.sqlite import SqliteQueue

JOB = "deadbeef" * 4


@pytest.fixture(autouse=True)
def open_hand() -> Iterator[None]:
    """The rights that most machines give to what says nothing of its own."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def files(folder: Path) -> dict[str, int]:
    """The database's files and their rights."""
    return {path.name: mode(path) for path in folder.glob("tasks.sqlite*")}


PRIVATE = dict.fromkeys(("tasks.sqlite", "tasks.sqlite-wal", "tasks.sqlite-shm"), 0o600)


def test_the_files_and_the_folders_that_are_made_are_their_owners_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = tmp_path / "share" / "onlooker"
    queue = SqliteQueue(folder / "tasks.sqlite")
    queue.send(JOB)
    assert files(folder) == PRIVATE
    assert [mode(each) for each in (folder, folder.parent, tmp_path)] == [0o700, 0o700, 0o755]


def test_files_that_are_there_are_taken_from_everyone_else(tmp_path: Path) -> None:
    queue = SqliteQueue(tmp_path / "tasks.sqlite")
    queue.send(JOB)
    for name in PRIVATE:
        (tmp_path / name).chmod(0o644)
    again = SqliteQueue(tmp_path / "tasks.sqlite")
    assert files(tmp_path) == PRIVATE
    assert [message.body for message in again.receive()] == [JOB]


def test_files_of_somebody_else_and_a_system_without_rights_are_used_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: int) -> None:
        raise PermissionError(1, f"Operation not permitted: {mode:o}", str(path))

    path = tmp_path / "tasks.sqlite"
    path.touch(0o644)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "chmod", refuse)
        SqliteQueue(path).send(JOB)
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: os.getuid() + 1)
        SqliteQueue(path).send(JOB)
    assert mode(path) == 0o644


def test_an_acknowledged_message_leaves_nothing_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def as_most_are_built(*given: Any, **options: Any) -> sqlite3.Connection:
        """Debian's SQLite overwrites what is deleted, unless it is told otherwise."""
        database: sqlite3.Connection = connect(*given, **options)
        database.execute("PRAGMA secure_delete = OFF")
        return database

    monkeypatch.setattr(sqlite3, "connect", as_most_are_built)
    queue = SqliteQueue(tmp_path / "tasks.sqlite")
    for body in (JOB, "another"):
        queue.send(body)
    for message in queue.receive(10):
        assert queue.acknowledge(message)
    queue.send("one more")
    database = sqlite3.connect(tmp_path / "tasks.sqlite")
    assert database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    database.close()
    held = (tmp_path / "tasks.sqlite").read_bytes()
    assert b"one more" in held
    assert JOB.encode() not in held


LOCK = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)
"""
"""Asks for the bytes that each reader of a SQLite file holds a share of (``SHARED_FIRST`` in its os.h)."""


@pytest.mark.skipif(sys.platform != "linux", reason="locks of POSIX")
def test_another_queue_on_the_file_does_not_give_up_the_locks_of_the_first(tmp_path: Path) -> None:
    """A process that closes a file loses all locks it has on it. Without them, whoever closes the database next takes
    himself for the last and deletes its log."""
    path = tmp_path / "tasks.sqlite"
    first = SqliteQueue(path)
    first.send(JOB)
    SqliteQueue(path)
    done = subprocess.run([sys.executable, "-c", LOCK, str(path)], capture_output=True, text=True, check=False)
    assert "BlockingIOError" in done.stderr
