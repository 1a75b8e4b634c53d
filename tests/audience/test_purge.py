"""The audit log, which shows when it was changed, and forgetting, held against SQLite and a real PostgreSQL."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from onlooker.audience import audit, tables
from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Learned
from tests.audience.people import NOON, play, rows_of, visits

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


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
    receipt = full.purge(NOON + HOUR, before=NOON + HOUR)
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
    with pytest.raises(ValueError, match=r"from before now \(2026-11-02T12:00:00\+00:00\), got 2062"):
        full.purge(NOON, before=NOON.replace(year=2062))
    assert set(left(full).values()) == {4, 8}


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
