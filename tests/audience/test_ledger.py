"""What the ledger promises, held against SQLite and a real PostgreSQL."""

import itertools
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlooker.audience import audit, tables
from onlooker.audience import ledger as module
from onlooker.audience.bands import BANDS, UNDETERMINED, UNKNOWN, shares
from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Counted, Learned, Play
from onlooker.audience.visits import Visit
from onlooker.core.errors import ConfigError, StorageError, StorageFull
from tests.audience.databases import Cluster
from tests.audience.people import MAN, NOON, WOMAN, play, visit, visits

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def everything(ledger: Ledger, screen: str = "till") -> dict[Any, float]:
    return {**ledger.cells(screen, NOON - 400 * DAY, NOON + 400 * DAY)}


# Plays ----------------------------------------------------------------------------------------------------------------


def test_a_play_comes_out_as_it_went_in(ledger: Ledger) -> None:
    plays = [play(1, faces=3), Play("x", "s", "c", "a", NOON, NOON, 1, 0, False, "the camera said: 'stop?' 100 %")]
    assert ledger.add_plays(plays) == 2
    assert list(ledger.plays()) == sorted(plays, key=lambda each: each.started_at)


def test_a_play_sent_twice_is_kept_once_and_as_it_was(ledger: Ledger) -> None:
    assert ledger.add_plays([play(1), play(2), play(1)]) == 2
    assert ledger.add_plays([play(2, faces=50), play(3)]) == 1
    assert [each.faces_present for each in ledger.plays()] == [None, None, None]


def test_no_plays_are_no_error(ledger: Ledger) -> None:
    assert ledger.add_plays([]) == 0
    assert list(ledger.plays()) == []


def test_plays_of_a_window_and_a_screen(ledger: Ledger) -> None:
    ledger.add_plays([play(n, screen="till" if n % 2 else "door") for n in range(8)])
    begun = [play(n).started_at for n in range(8)]
    assert [each.started_at for each in ledger.plays(since=begun[2], until=begun[5])] == begun[2:5]
    assert [each.started_at for each in ledger.plays(screen="till", since=begun[2])] == [begun[3], begun[5], begun[7]]
    assert ledger.count_plays("till", begun[1], begun[5]) == 2
    assert sum(ledger.plays_by_advert("till", begun[2]).values()) == 3
    assert ledger.plays_by_advert("nowhere", begun[0]) == {}


def test_pages_lose_nothing_where_plays_begin_at_one_moment(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    plays = [Play(f"{n:02}", "s", "c", "a", NOON, NOON, 1, 1, True) for n in range(10)]
    ledger.add_plays(reversed(plays))
    assert list(ledger.plays()) == plays


def test_reading_many_plays_takes_no_more_memory_than_a_page(file: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 100)

    def peak(number: int) -> int:
        file.add_plays(play(n) for n in range(number))
        tracemalloc.start()
        assert sum(1 for _ in file.plays()) == number
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    few, many = peak(500), peak(10_000)
    assert many < 1.5 * few


def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="time zone"):
        ledger.add_plays([play(1), Play("x", "s", "c", "a", NOON.replace(tzinfo=None), NOON, 1, 1, True)])
    assert list(ledger.plays()) == []


# Visits ---------------------------------------------------------------------------------------------------------------


def test_visits_are_summed_by_five_minutes_and_cell(ledger: Ledger) -> None:
    ledger.add_visits("till", [visit(NOON), visit(NOON + timedelta(minutes=4, seconds=59)), visit(cell=MAN)])
    ledger.add_visits("till", [visit(NOON + timedelta(minutes=5), watched=False)])
    ledger.add_visits("door", [visit()])
    assert list(ledger.buckets("till", NOON, NOON + HOUR).values()) == [3.0, 1.0]
    assert ledger.cells("till", NOON, NOON + HOUR) == {WOMAN: 3.0, MAN: 1.0}
    assert ledger.totals("till", NOON, NOON + HOUR) == (4.0, 3.0)
    assert ledger.screens() == ["door", "till"]
    assert ledger.counted("till") == (NOON, NOON + timedelta(minutes=5))
    assert ledger.counted("nowhere") is None


def test_a_doubtful_visit_is_shared_among_cells(ledger: Ledger) -> None:
    ledger.add_visits("till", [Counted(NOON, {WOMAN: 3.0, MAN: 1.0}, 8.0, 4.0, True)] * 4)
    assert everything(ledger) == {WOMAN: 3.0, MAN: 1.0}


def test_shares_of_a_person_sum_to_one_and_follow_the_distribution() -> None:
    ages = np.zeros(101, np.float32)
    ages[[17, 18, 64, 65, 100]] = 0.2
    by_band = {band: sum(p for (_, b), p in shares(0.75, ages).items() if b == band) for band in BANDS}
    assert by_band == pytest.approx({**dict.fromkeys(BANDS, 0.0), "0-17": 0.2, "18-24": 0.2, "55-64": 0.2, "65+": 0.4})
    assert sum(p for (g, _), p in shares(0.75, ages).items() if g == "female") == pytest.approx(0.75)
    assert shares(None, None) == {UNKNOWN: 1.0}
    assert shares(0.999, None) == {("female", UNDETERMINED): 1.0}


def test_no_band_tells_an_age_over_89() -> None:
    for age in (65, 89, 90, 100):
        assert shares(1.0, np.eye(101)[age]) == {("female", "65+"): 1.0}


def test_a_visit_is_counted_by_its_shares() -> None:
    seen = Visit("id", NOON, NOON + HOUR, 3.0, 2.0, 1, age=30.2, p_female=0.9, shares={WOMAN: 0.7, MAN: 0.3})
    assert Counted.of(seen).shares == {WOMAN: 0.7, MAN: 0.3}
    assert Counted.of(Visit("id", NOON, NOON, 1.0, 0.0, 0)).shares == {UNKNOWN: 1.0}


def test_a_batch_sent_twice_is_counted_once(ledger: Ledger) -> None:
    assert ledger.add_visits("till", visits(3), batch="a")
    assert not ledger.add_visits("till", visits(3), batch="a")
    assert ledger.add_visits("till", visits(3), batch="b")
    assert everything(ledger) == {WOMAN: 6.0}


def test_a_batch_that_fails_is_not_counted_and_may_come_again(ledger: Ledger) -> None:
    wrong = Counted(NOON, {("other", "young"): 1.0}, 1.0, 1.0, True)
    with pytest.raises(ValueError, match="gender and band"):
        ledger.add_visits("till", [visit(), wrong], batch="a")
    assert everything(ledger) == {}
    assert ledger.add_visits("till", [visit()], batch="a")


def test_what_was_published_does_not_change_when_a_visit_comes_late(ledger: Ledger) -> None:
    ledger.add_visits("till", visits(20))
    ledger.publish({"k": 10}, NOON + 2 * DAY, NOON + DAY)
    ledger.add_visits("till", visits(5))
    assert ledger.buckets("till", NOON, NOON + DAY) == {round(NOON.timestamp() * 1000): 20.0}
    assert list(ledger.buckets("till", NOON + DAY, NOON + 2 * DAY).values()) == [5.0]


# Single visits --------------------------------------------------------------------------------------------------------


def rows_of(ledger: Ledger, table: str) -> list[tuple[Any, ...]]:
    with ledger._database.transaction() as session:
        return list(session.rows(f"SELECT * FROM {table}"))


def test_single_visits_are_kept_only_where_they_are_switched_on_and_then_coarsely(url: str) -> None:
    plain, with_events = Ledger(url), Ledger(url, event_life=HOUR)
    seen = Counted(NOON + timedelta(minutes=3, seconds=21), {WOMAN: 0.4, MAN: 0.6}, 11.0, 7.9, True)
    plain.add_visits("till", [seen])
    assert rows_of(plain, "events") == []
    with_events.add_visits("till", [seen, seen])
    rows = rows_of(plain, "events")
    noon = round(NOON.timestamp() * 1000)
    assert [row[1:7] for row in rows] == [("till", noon, *MAN, 10, 10)] * 2
    assert len({row[0] for row in rows}) == 2
    plain.close()
    with_events.close()


def test_single_visits_go_at_their_hour(url: str) -> None:
    ledger = Ledger(url, event_life=HOUR)
    ledger.add_visits("till", [visit(NOON), visit(NOON + HOUR)], batch="a")
    assert ledger.expire(NOON + HOUR - timedelta(milliseconds=1)) == 0
    assert ledger.expire(NOON + HOUR) == 1
    assert [row[2] for row in rows_of(ledger, "events")] == [round((NOON + HOUR).timestamp() * 1000)]
    assert everything(ledger) == {WOMAN: 2.0}
    ledger.expire(datetime.now(UTC) + module.BATCH_LIFE + HOUR)
    assert rows_of(ledger, "batches") == []
    ledger.close()


def test_no_table_has_a_place_for_a_face() -> None:
    made = " ".join(statement for statements in tables.MIGRATIONS for statement in statements)
    assert not [
        word for word in ("BLOB", "BYTEA", "embedding", "vector", "track", "image", "name TEXT,") if word in made
    ]


# What was learned -----------------------------------------------------------------------------------------------------


def test_what_plays_teach_is_summed_by_screen_advert_and_segment(ledger: Ledger) -> None:
    ledger.learn("till", [Learned("a", "women", 0.25, 0.75), Learned("b", "women", 1.0, 0.0)], NOON)
    ledger.learn("till", [Learned("a", "women", 0.5, 0.5)], NOON + HOUR)
    ledger.learn("door", [Learned("a", "women", 1.0, 0.0)], NOON)
    assert ledger.learned("till") == [Learned("a", "women", 0.75, 1.25), Learned("b", "women", 1.0, 0.0)]
    assert ledger.learned("nowhere") == []


def test_what_was_learned_since_before_a_moment_goes_whole(ledger: Ledger) -> None:
    ledger.learn("till", [Learned("a", "women", 0.5, 0.5)], NOON)
    ledger.learn("till", [Learned("a", "women", 0.5, 0.5), Learned("b", "men", 0.5, 0.5)], NOON + DAY)
    ledger.purge(NOON + DAY, before=NOON + HOUR)
    assert ledger.learned("till") == [Learned("b", "men", 0.5, 0.5)]


# The audit log --------------------------------------------------------------------------------------------------------


def test_the_log_is_whole_until_it_is_touched(ledger: Ledger) -> None:
    for n in range(5):
        ledger.note("export", {"what": "plays", "n": n}, NOON + n * HOUR)
    log = ledger.audit()
    assert [entry.seq for entry in log] == [1, 2, 3, 4, 5]
    assert audit.first_broken(log) is None


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE audit SET detail = '{}' WHERE seq = 3", 3),
        ("UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 1", 1),
        ("UPDATE audit SET kind = 'purge' WHERE seq = 5", 5),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("INSERT INTO audit SELECT 6, at_ms, kind, detail, previous, hash FROM audit WHERE seq = 5", 6),
    ],
)
def test_whoever_changes_the_log_is_found_out(file: Ledger, change: str, broken: int) -> None:
    for n in range(5):
        file.note("export", {"n": n}, NOON)
    with file._database.transaction(exclusive=True) as session:
        session.run(change)
    assert audit.first_broken(file.audit()) == broken


def test_an_entry_made_to_fit_again_breaks_the_next(file: Ledger) -> None:
    for n in range(3):
        file.note("export", {"n": n}, NOON)
    second = file.audit()[1]
    forged = audit.Entry(second.seq, second.at_ms, second.kind, "{}", second.previous, "").expected()
    with file._database.transaction(exclusive=True) as session:
        session.run("UPDATE audit SET detail = '{}', hash = ? WHERE seq = 2", [(forged,)])
    assert audit.first_broken(file.audit()) == 3


# Purge ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def full(url: str) -> Iterator[Ledger]:
    """Two screens on two days, with single visits."""
    ledger = Ledger(url, event_life=1000 * DAY)
    for screen, day in itertools.product(("till", "door"), (0, 1)):
        ledger.add_plays([play(day * 5760 + (screen == "door"), screen=screen)])
        ledger.add_visits(screen, visits(2, NOON + day * DAY), batch=f"{screen}{day}")
        ledger.learn(screen, [Learned("a", f"segment {day}", 0.5, 0.5)], NOON + day * DAY)
    yield ledger
    ledger.close()


def left(ledger: Ledger) -> dict[str, int]:
    return {table: len(rows_of(ledger, table)) for table in tables.PERSONAL}


def test_a_purge_of_everything_leaves_nothing_but_its_receipt(full: Ledger) -> None:
    receipt = full.purge(NOON, everything=True)
    assert receipt.removed == {"plays": 4, "counts": 4, "events": 8, "learned": 4, "batches": 4}
    assert set(left(full).values()) == {0}
    last = full.audit()[-1]
    assert (last.seq, last.hash, last.kind) == (receipt.seq, receipt.hash, "purge")
    assert audit.first_broken(full.audit()) is None


def test_a_purge_of_what_is_before_a_moment(full: Ledger) -> None:
    receipt = full.purge(NOON, before=NOON + HOUR)
    assert receipt.removed == {"plays": 2, "counts": 2, "events": 4, "learned": 2, "batches": 0}
    assert all(each.started_at >= NOON + HOUR for each in full.plays())


def test_a_purge_of_a_screen(full: Ledger) -> None:
    assert full.purge(NOON, screen="door").removed == {"plays": 2, "counts": 2, "events": 4, "learned": 2}
    assert full.screens() == ["till"]
    assert {each.screen_id for each in full.plays()} == {"till"}


def test_a_purge_says_what_it_is_of(full: Ledger) -> None:
    with pytest.raises(ValueError, match="everything, of what is before a moment, or of a screen"):
        full.purge(NOON)
    with pytest.raises(ValueError, match="everything"):
        full.purge(NOON, everything=True, screen="till")


def test_every_table_is_purged_or_said_why_not() -> None:
    made = [s.split()[2] for statements in tables.MIGRATIONS for s in statements if s.startswith("CREATE TABLE")]
    assert sorted(made) == sorted([*tables.PERSONAL, "audit", "facts"])


def test_no_byte_of_what_was_purged_is_left_in_the_file(file: Ledger, tmp_path: Path) -> None:
    file.add_plays(play(n, screen="secret-screen") for n in range(300))
    file.add_visits("secret-screen", visits(3))

    def traces() -> int:
        return sum(path.read_bytes().count(b"secret-screen") for path in tmp_path.iterdir())

    assert traces() > 300
    file.purge(NOON, everything=True)
    assert traces() == 0


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
