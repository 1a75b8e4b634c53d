"""Older and newer ledgers, other files, killed writers, full disks: held against SQLite and a real PostgreSQL."""

import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from onlooker.audience import audit, proof, tables
from onlooker.audience import ledger as module
from onlooker.audience.ledger import Ledger
from onlooker.core.errors import ConfigError, StorageError, StorageFull
from tests.audience.databases import Cluster
from tests.audience.people import NOON, WOMAN, everything, play, rows_of

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# Versions and addresses -----------------------------------------------------------------------------------------------


def test_an_older_ledger_becomes_a_newer_one_and_keeps_its_plays(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Ledger(url)
    old.add_plays([play(1)])
    old.close()
    monkeypatch.setattr(
        module,
        "MIGRATIONS",
        [*tables.MIGRATIONS, ("CREATE TABLE extra (x BIGINT)", "INSERT INTO extra SELECT count(*) FROM plays")],
    )
    for _ in range(2):  # once, and not again
        new = Ledger(url)
        assert rows_of(new, "extra") == [(1,)]
        assert list(new.plays()) == [play(1)]
        new.close()


def test_an_older_ledger_forgets_what_is_about_a_few_and_says_so_of_no_play(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "MIGRATIONS", tables.MIGRATIONS[: tables.COARSE - 1])
        old = Ledger(url)
        raw = [
            replace(play(1, faces=1), reason="is for adults only, and somebody in front is not surely one"),
            replace(play(2, faces=30), watchers=3),
            play(3, faces=30),
            play(4),
        ]
        with old._database.transaction(exclusive=True) as session:
            session.run(proof.ADD, [proof.row_of(each) for each in raw])
        assert list(old.plays()) == raw
        old.close()
    new = Ledger(url, create=False)
    assert list(new.plays()) == [proof.kept(each, 10) for each in raw]
    assert proof.kept(raw[0], 10) == replace(play(1), reason="stopped")
    assert [each.faces_present for each in new.plays()] == [None, 30, 30, None]
    new.close()


def test_what_a_program_of_before_goes_on_writing_is_made_as_coarse_by_the_day(file: Ledger, tmp_path: Path) -> None:
    raw = [replace(play(1, faces=1), reason="is for adults only, and somebody is not surely one"), play(2, faces=30)]
    with file._database.transaction(exclusive=True) as session:
        session.run(proof.ADD, [proof.row_of(each) for each in raw])
    assert file.expire(NOON) == 0
    assert list(file.plays()) == [proof.kept(each, 10) for each in raw] == [replace(play(1), reason="stopped"), raw[1]]
    assert [path.name for path in tmp_path.iterdir() if b"adults" in path.read_bytes()] == []


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_file_is_its_owners_alone_also_where_it_was_not(tmp_path: Path) -> None:
    path = tmp_path / "shop" / "ledger.sqlite"
    ledger = Ledger(str(path))
    ledger.add_plays([play(1)])
    names = {"ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"}
    assert {each.name: mode(each) for each in path.parent.iterdir()} == dict.fromkeys(names, 0o600)
    assert mode(path.parent) == 0o700
    for each in path.parent.iterdir():
        each.chmod(0o644)
    again = Ledger(str(path), create=False)
    assert {each.name: mode(each) for each in path.parent.iterdir()} == dict.fromkeys(names, 0o600)
    assert list(again.plays()) == [play(1)]
    again.close()
    ledger.close()


def test_what_is_no_ledger_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no ledger " * 200, encoding="utf-8")
    path.chmod(0o644)
    with pytest.raises(StorageError):
        Ledger(str(path))
    assert mode(path) == 0o644


def test_a_newer_ledger_is_refused_and_left_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = len(tables.MIGRATIONS)
    monkeypatch.setattr(module, "MIGRATIONS", [*tables.MIGRATIONS, ("CREATE TABLE extra (x BIGINT)",)])
    Ledger(url).close()
    monkeypatch.undo()
    with pytest.raises(ConfigError, match=rf"version {known + 1}, this program knows {known}; update it"):
        Ledger(url)


def test_a_migration_that_fails_changes_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Ledger(url).close()
    monkeypatch.setattr(module, "MIGRATIONS", [*tables.MIGRATIONS, ("CREATE TABLE extra (x BIGINT)", "NONSENSE")])
    with pytest.raises(StorageError):
        Ledger(url)
    monkeypatch.undo()
    again = Ledger(url)
    with pytest.raises(StorageError, match="extra"):
        rows_of(again, "extra")
    again.close()


@pytest.mark.parametrize("url", ["", "mysql://host/db", "sqlite://", "sqlite:///", "sqlite:file", "https://x/y"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="a ledger is sqlite:///file"):
        Ledger(url)


def test_a_ledger_that_is_not_there_is_not_made_by_who_only_reads(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such ledger"):
        Ledger(str(tmp_path / "none.sqlite"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no ledger " * 200, encoding="utf-8")
    with pytest.raises(StorageError, match="is no ledger but some other file"):
        Ledger(str(path))


def test_without_psycopg_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"pip install 'onlooker\[postgres\]'") as told:
        Ledger("postgresql://user:secret@host/db")
    assert "secret" not in str(told.value)


# When things go wrong -------------------------------------------------------------------------------------------------

WRITER = """
import sys
from onlooker.audience.ledger import Ledger
from tests.audience.people import play, visits
url, first, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ledger = Ledger(url)
for step in range(steps):
    ledger.add_plays(play(first + 10 * step + n) for n in range(10))
    ledger.add_visits("till", visits(10))
    ledger.note("export", {"step": step}, play(0).started_at)
    print(step, flush=True)
"""


def writer(url: str, first: int, steps: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(first), str(steps)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_several_processes_write_at_once_and_nothing_is_lost_or_doubled(url: str) -> None:
    # They open an empty database at once, and the second sends half of what the first sends.
    running = [writer(url, first, 20) for first in (0, 100, 1000)]
    for process in running:
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, "")
    ledger = Ledger(url, create=False)
    assert sum(1 for _ in ledger.plays()) == 300 + 200
    assert everything(ledger) == {WOMAN: 600.0}
    assert len(ledger.audit()) == 60
    assert audit.first_broken(ledger.audit()) is None
    ledger.close()


def test_a_killed_writer_loses_nothing_that_it_was_told_is_kept(url: str) -> None:
    process = writer(url, 0, 100_000)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= 5:
            break
    process.send_signal(signal.SIGKILL)
    kept = 1 + int(([line.rstrip("\n"), *process.stdout.read().split("\n")][:-1] or [line])[-1])
    process.communicate()
    ledger = Ledger(url, create=False)
    found = sum(1 for _ in ledger.plays())
    assert found in (10 * kept, 10 * (kept + 1))
    assert everything(ledger)[WOMAN] in (10.0 * kept, 10.0 * (kept + 1))
    assert audit.first_broken(ledger.audit()) is None
    ledger.close()


def test_a_full_disk_is_named_and_once_there_is_room_it_goes_on(file: Ledger) -> None:
    database: Any = file._database
    connection: sqlite3.Connection = database._connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StorageFull, match="the disk of the ledger is full"):
        file.add_plays(play(n) for n in range(2000))
    assert list(file.plays()) == []
    connection.execute("PRAGMA max_page_count = 100000")
    assert file.add_plays(play(n) for n in range(2000)) == 2000


def test_a_database_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StorageError, match="check that the database runs") as told:
        Ledger(f"postgresql://someone:secret@/none?host={tmp_path}")
    assert "secret" not in str(told.value)


def test_a_connection_that_broke_is_an_error_once_and_then_opened_again(cluster: Cluster) -> None:
    url = cluster.empty()
    ledger = Ledger(url)
    ledger.add_plays([play(1)])
    cluster.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename <> ''"
    )
    with pytest.raises(StorageError, match="check that the database runs"):
        ledger.add_plays([play(2)])
    assert ledger.add_plays([play(1), play(2)]) == 1
    ledger.close()
