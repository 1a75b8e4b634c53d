"""Taking out of the ledger what its time is over for, and what somebody wants forgotten."""

from datetime import UTC, datetime, timedelta

from onlooker.audience import audit, facts, proof
from onlooker.audience.database import Session, Value
from onlooker.audience.records import Receipt, milliseconds
from onlooker.audience.tables import PERSONAL

BATCH_LIFE = timedelta(days=2)
"""How long a batch's name is remembered, and so how late it may be sent again without being counted twice."""


def expire(session: Session, now: datetime, plays: timedelta | None) -> tuple[int, int]:
    """Names of old batches, single visits whose time is over, and plays that are older than ``plays`` go, and what a
    program of before, which runs on, has written of plays and must not be kept; how many visits and plays they were."""
    session.run("DELETE FROM batches WHERE at_ms < ?", [(milliseconds(now - BATCH_LIFE),)])
    visits = session.run("DELETE FROM events WHERE expires_ms <= ?", [(milliseconds(now),)])
    old = 0
    if plays is not None:
        old = session.run("DELETE FROM plays WHERE started_ms < ?", [(milliseconds(now - plays),)])
    return visits, old + proof.blank(session, facts.kept_k(session))


def purge(session: Session, now: datetime, *, before: datetime | None, screen: str | None, everything: bool) -> Receipt:
    """``Ledger.purge``."""
    if (before is not None) + (screen is not None) + everything != 1:
        raise ValueError("a purge is of everything, of what is before a moment, or of a screen")
    if before is not None and before > now:
        raise ValueError(f"a purge is of what is from before now ({_iso(now)}), got {_iso(before)}")
    removed = {}
    for table, dated in PERSONAL.items():
        where, values = "", list[Value]()
        if before is not None:
            where, values = f" WHERE {dated} < ?", [milliseconds(before)]
        elif screen is not None:
            if table == "batches":  # they name no screen, and go by themselves
                continue
            where, values = " WHERE screen_id = ?", [screen]
        removed[table] = session.run(f"DELETE FROM {table}{where}", [values])  # noqa: S608
    if before is not None:
        facts.cut_before(session, before)
    elif screen is not None:
        facts.cut_screen(session, screen, now)
    else:
        facts.cut_all(session, now)
    # A receipt must not say again what was to be forgotten: a screen is named by it, no person ever was.
    what = "everything" if everything else f"screen {screen}" if screen is not None else f"before {_iso(before)}"
    entry = audit.note(session, "purge", {"what": what, "removed": removed}, now)
    return Receipt(now, what, removed, entry.seq, entry.hash)


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds")
