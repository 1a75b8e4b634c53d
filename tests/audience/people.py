"""Plays and visits for tests, and what a ledger holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

from onlooker.audience.bands import Cell
from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Counted, Play

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
WOMAN: Cell = ("female", "25-34")
MAN: Cell = ("male", "45-54")


def play(number: int, *, screen: str = "till", at: datetime = NOON, faces: int | None = None) -> Play:
    """Play ``number``, of 15 seconds, that many slots after ``at``."""
    begun = at + timedelta(seconds=15 * number)
    return Play(
        play_id=f"play-{number:06}",
        screen_id=screen,
        campaign_id="winter",
        creative_id=f"advert-{number % 3}",
        started_at=begun,
        ended_at=begun + timedelta(seconds=15),
        planned_ms=15_000,
        actual_ms=15_000,
        complete=True,
        faces_present=faces,
        watchers=faces,
        dwell_s=None if faces is None else 4.0 * faces,
        attention_s=None if faces is None else 1.5 * faces,
        propensity=1.0,
    )


def visit(at: datetime = NOON, cell: Cell = WOMAN, *, watched: bool = True) -> Counted:
    """A visit of one certain cell."""
    return Counted(at, {cell: 1.0}, 8.0, 3.0, watched)


def visits(number: int, at: datetime = NOON, cell: Cell = WOMAN) -> list[Counted]:
    """So many of them."""
    return [visit(at, cell)] * number


def everything(ledger: Ledger, screen: str = "till") -> dict[Any, float]:
    """All visits of a screen, by cell."""
    year = timedelta(days=400)
    return {**ledger.cells(screen, NOON - year, NOON + year)}


def rows_of(ledger: Ledger, table: str) -> list[tuple[Any, ...]]:
    """A table as it is."""
    with ledger._database.transaction() as session:
        return list(session.rows(f"SELECT * FROM {table}"))
