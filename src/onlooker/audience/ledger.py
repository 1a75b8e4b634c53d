"""The ledger: what was played and how many people were there, in SQLite or PostgreSQL.

It holds sums and no people. A visit is added to its five minutes and gone, unless single visits are switched on
(``event_life``), which keep a band, a coarse time, and a date on which they go.
"""

import json
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from onlooker.audience import audit
from onlooker.audience.bands import Cell, normalised
from onlooker.audience.database import Session, Value, open_database
from onlooker.audience.records import Counted, Learned, Play, Receipt, bucket_of, milliseconds, moment
from onlooker.audience.tables import MIGRATIONS, PERSONAL
from onlooker.core.errors import ConfigError

PAGE = 2000
"""Rows that are read, and written, at a time: what a year of plays takes of memory."""

BATCH_LIFE = timedelta(days=2)
"""How long a batch's name is remembered, and so how late it may be sent again without being counted twice."""

_COARSE_S = 5
"""Seconds that a single visit's durations are rounded to."""

_PLAY_COLUMNS = (
    "play_id, screen_id, campaign_id, creative_id, started_ms, ended_ms, planned_ms, actual_ms, complete, reason, "
    "faces_present, watchers, dwell_s, attention_s, propensity"
)

# Nothing but names of our own is put into the text of a statement.
_ADD_PLAY = (
    f"INSERT INTO plays ({_PLAY_COLUMNS}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_PLAY_COLUMNS.split(',')))}) ON CONFLICT (play_id) DO NOTHING"
)

_ADD_COUNT = (
    "INSERT INTO counts (screen_id, bucket_ms, gender, age_band, visits, watchers, dwell_s, attention_s) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (screen_id, bucket_ms, gender, age_band) DO UPDATE SET "
    "visits = counts.visits + excluded.visits, watchers = counts.watchers + excluded.watchers, "
    "dwell_s = counts.dwell_s + excluded.dwell_s, attention_s = counts.attention_s + excluded.attention_s"
)


_ADD_LEARNED = (
    "INSERT INTO learned (screen_id, creative_id, segment, since_ms, attention, missed) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (screen_id, creative_id, segment) DO UPDATE SET "
    "attention = learned.attention + excluded.attention, missed = learned.missed + excluded.missed"
)


class Ledger:
    """See above. ``url`` is that of ``open_database``; ``create`` makes what is missing.

    ``event_life`` keeps single visits that long; by default none is kept. Raises ``ConfigError`` for an address that is
    none, a ledger that is missing, or one that a newer version wrote; every method may raise ``StorageError``.
    """

    def __init__(self, url: str, *, create: bool = True, event_life: timedelta | None = None) -> None:
        self._database = open_database(url, create=create)
        self._event_life = event_life
        try:
            self._migrate()
        except Exception:
            self.close()
            raise

    @property
    def name(self) -> str:
        """What the ledger is called in messages."""
        return self._database.name

    def close(self) -> None:
        """Let go of this thread's connection."""
        self._database.close()

    # Writing ----------------------------------------------------------------------------------------------------------

    def add_plays(self, plays: Iterable[Play]) -> int:
        """Keep plays; one that is there already, by its id, is left as it is. How many were new. All are kept, or an
        error is raised and none."""
        rows = [
            (
                play.play_id,
                play.screen_id,
                play.campaign_id,
                play.creative_id,
                milliseconds(play.started_at),
                milliseconds(play.ended_at),
                play.planned_ms,
                play.actual_ms,
                int(play.complete),
                play.reason,
                play.faces_present,
                play.watchers,
                play.dwell_s,
                play.attention_s,
                play.propensity,
            )
            for play in plays
        ]
        with self._database.transaction(exclusive=True) as session:
            return _int(session.run(_ADD_PLAY, rows))

    def add_visits(self, screen: str, visits: Iterable[Counted], *, batch: str | None = None) -> bool:
        """Count visits that are over, each in the five minutes in which it ended.

        ``batch`` names what is sent, with no relation to people: of two of one name the second is not counted, and the
        answer is False. A visit that comes after its time was published is counted in the first five minutes that were
        not, so that nothing that was published changes by it.
        """
        visits = list(visits)
        with self._database.transaction(exclusive=True) as session:
            now = datetime.now(UTC)
            if batch is not None and not session.run(
                "INSERT INTO batches (batch_id, at_ms) VALUES (?, ?) ON CONFLICT (batch_id) DO NOTHING",
                [(batch, milliseconds(now))],
            ):
                return False
            earliest = _int(_fact(session, "published_until") or 0)
            sums: dict[tuple[str, int, str, str], list[float]] = defaultdict(lambda: [0.0] * 4)
            for visit in visits:
                bucket = max(bucket_of(visit.departed), earliest)
                for cell, share in normalised(visit.shares).items():
                    row = sums[(screen, bucket, *cell)]
                    for i, value in enumerate((1.0, float(visit.watched), visit.dwell_s, visit.attention_s)):
                        row[i] += share * value
            session.run(
                _ADD_COUNT,
                [(*key, *values) for key, values in sorted(sums.items())],
            )
            if self._event_life is not None:
                session.run(
                    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [_event(screen, visit, self._event_life) for visit in visits],
                )
        return True

    def learn(self, screen: str, plays: Iterable[Learned], now: datetime) -> None:
        """Add what plays taught the choice on a screen."""
        rows = [(screen, play.advert, play.segment, milliseconds(now), play.attention, play.missed) for play in plays]
        with self._database.transaction(exclusive=True) as session:
            session.run(_ADD_LEARNED, rows)

    def expire(self, now: datetime) -> int:
        """Take away single visits whose time is over, and names of old batches; how many visits they were."""
        with self._database.transaction(exclusive=True) as session:
            session.run("DELETE FROM batches WHERE at_ms < ?", [(milliseconds(now - BATCH_LIFE),)])
            gone = _int(session.run("DELETE FROM events WHERE expires_ms <= ?", [(milliseconds(now),)]))
        if gone:
            self._database.forget()
        return gone

    def purge(
        self, now: datetime, *, before: datetime | None = None, screen: str | None = None, everything: bool = False
    ) -> Receipt:
        """Take away everything, or what is from before a moment, or what is of a screen, from every table.

        What began before ``before`` is never published again in part, so that what is left cannot be taken from what
        was published. Raises ``ValueError`` unless exactly one is asked for.
        """
        if (before is not None) + (screen is not None) + everything != 1:
            raise ValueError("a purge is of everything, of what is before a moment, or of a screen")
        removed = {}
        with self._database.transaction(exclusive=True) as session:
            for table, dated in PERSONAL.items():
                where, values = "", list[Value]()
                if before is not None:
                    where, values = f" WHERE {dated} < ?", [milliseconds(before)]
                elif screen is not None:
                    if table == "batches":  # they name no screen, and go by themselves
                        continue
                    where, values = " WHERE screen_id = ?", [screen]
                removed[table] = _int(session.run(f"DELETE FROM {table}{where}", [values]))  # noqa: S608
            if before is not None:
                cut = max(milliseconds(before), _int(_fact(session, "purged_before") or 0))
                _set_fact(session, "purged_before", str(cut))
            # A receipt must not say again what was to be forgotten: a screen is named by it, no person ever was.
            what = "everything" if everything else f"screen {screen}" if screen else f"before {_iso(before)}"
            entry = audit.note(session, "purge", {"what": what, "removed": removed}, now)
        self._database.forget()
        return Receipt(now, what, removed, entry.seq, entry.hash)

    # Reading ----------------------------------------------------------------------------------------------------------

    def plays(
        self, *, since: datetime | None = None, until: datetime | None = None, screen: str | None = None
    ) -> Iterator[Play]:
        """Plays that began in [since, until), in order; a page of them is in memory at a time."""
        clauses, fixed = ["(started_ms, play_id) > (?, ?)"], list[Value]()
        if until is not None:
            clauses.append("started_ms < ?")
            fixed.append(milliseconds(until))
        if screen is not None:
            clauses.append("screen_id = ?")
            fixed.append(screen)
        where = " AND ".join(clauses)
        query = f"SELECT {_PLAY_COLUMNS} FROM plays WHERE {where} ORDER BY started_ms, play_id LIMIT {PAGE}"  # noqa: S608
        last: tuple[int, str] = (-(2**62) if since is None else milliseconds(since), "")
        while True:
            with self._database.transaction() as session:
                rows = session.rows(query, (*last, *fixed))
            yield from map(_play, rows)
            if len(rows) < PAGE:
                return
            last = (rows[-1][4], rows[-1][0])

    def count_plays(self, screen: str, since: datetime, until: datetime) -> int:
        """How many plays of a screen began in [since, until)."""
        query = "SELECT count(*) FROM plays WHERE screen_id = ? AND started_ms >= ? AND started_ms < ?"
        with self._database.transaction() as session:
            return _int(session.rows(query, (screen, milliseconds(since), milliseconds(until)))[0][0])

    def plays_by_advert(self, screen: str, since: datetime) -> dict[str, int]:
        """How often each advert began on a screen from ``since`` on, the most frequent first."""
        query = (
            "SELECT creative_id, count(*) FROM plays WHERE screen_id = ? AND started_ms >= ? "
            "GROUP BY creative_id ORDER BY 2 DESC, 1"
        )
        with self._database.transaction() as session:
            return {row[0]: _int(row[1]) for row in session.rows(query, (screen, milliseconds(since)))}

    def learned(self, screen: str) -> list[Learned]:
        """What the choice on a screen has learned, summed by advert and segment."""
        query = "SELECT creative_id, segment, attention, missed FROM learned WHERE screen_id = ? ORDER BY 1, 2"
        with self._database.transaction() as session:
            return [Learned(*row) for row in session.rows(query, (screen,))]

    def screens(self) -> list[str]:
        """The screens that have counts."""
        with self._database.transaction() as session:
            return [row[0] for row in session.rows("SELECT DISTINCT screen_id FROM counts ORDER BY screen_id")]

    def counted(self, screen: str) -> tuple[datetime, datetime] | None:
        """The first and the last five minutes with counts of a screen; None where there are none."""
        with self._database.transaction() as session:
            low, high = session.rows(
                "SELECT min(bucket_ms), max(bucket_ms) FROM counts WHERE screen_id = ?", (screen,)
            )[0]
        return None if low is None else (moment(low), moment(high))

    def buckets(self, screen: str, since: datetime, until: datetime) -> dict[int, float]:
        """Visits by five minutes (milliseconds) in [since, until)."""
        return {row[0]: row[1] for row in self._sums("bucket_ms", screen, since, until)}

    def cells(self, screen: str, since: datetime, until: datetime) -> dict[Cell, float]:
        """Visits by gender and band in [since, until)."""
        return {(row[0], row[1]): row[2] for row in self._sums("gender, age_band", screen, since, until)}

    def totals(self, screen: str, since: datetime, until: datetime) -> tuple[float, float]:
        """Visits and watchers in [since, until)."""
        query = (
            "SELECT coalesce(sum(visits), 0), coalesce(sum(watchers), 0) FROM counts "
            "WHERE screen_id = ? AND bucket_ms >= ? AND bucket_ms < ?"
        )
        with self._database.transaction() as session:
            visits, watchers = session.rows(query, (screen, milliseconds(since), milliseconds(until)))[0]
        return visits, watchers

    def _sums(self, by: str, screen: str, since: datetime, until: datetime) -> list[Any]:
        query = (
            f"SELECT {by}, sum(visits) FROM counts WHERE screen_id = ? AND bucket_ms >= ? AND bucket_ms < ? "  # noqa: S608
            f"GROUP BY {by} ORDER BY {by}"
        )
        with self._database.transaction() as session:
            return list(session.rows(query, (screen, milliseconds(since), milliseconds(until))))

    # What is published, and the log -----------------------------------------------------------------------------------

    def publish(self, rule: dict[str, Any], now: datetime, until: datetime | None) -> datetime | None:
        """Say that what lies before ``until`` is about to be published by ``rule``; from when on a purge left it whole.

        The first rule is the ledger's: publishing the same people by another k, or by days of another time zone, gives
        differences. Raises ``ConfigError`` for another.
        """
        with self._database.transaction(exclusive=True) as session:
            text = json.dumps(rule, sort_keys=True)
            kept = _fact(session, "rule")
            if kept is None:
                _set_fact(session, "rule", text)
                audit.note(session, "configuration", {"publish": rule}, now)
            elif kept != text:
                asked = {key: value for key, value in rule.items() if json.loads(kept).get(key) != value}
                differ = ", ".join(f"{key} {json.loads(kept).get(key)}, not {value}" for key, value in asked.items())
                raise ConfigError(
                    f"{self.name}: was published by {differ}; two rules for the same people would give them away by "
                    "differences, so leave the option out, or begin a new ledger"
                )
            if until is not None:
                published = max(milliseconds(until), _int(_fact(session, "published_until") or 0))
                _set_fact(session, "published_until", str(published))
            cut = _fact(session, "purged_before")
        return None if cut is None else moment(int(cut))

    def rule(self) -> dict[str, Any] | None:
        """How the ledger is published; None before it ever was."""
        with self._database.transaction() as session:
            kept = _fact(session, "rule")
        return None if kept is None else dict(json.loads(kept))

    def note(self, kind: audit.Kind, detail: dict[str, Any], now: datetime) -> audit.Entry:
        """Add an entry to the audit log."""
        with self._database.transaction(exclusive=True) as session:
            return audit.note(session, kind, detail, now)

    def audit(self) -> list[audit.Entry]:
        """The audit log, the oldest entry first; ``audit.first_broken`` tells whether it is whole."""
        with self._database.transaction() as session:
            return audit.entries(session)

    def _migrate(self) -> None:
        with self._database.transaction(exclusive=True) as session:
            session.run("CREATE TABLE IF NOT EXISTS ledger (version BIGINT NOT NULL)")
            found = session.rows("SELECT version FROM ledger")
            version = found[0][0] if found else 0
            if version > len(MIGRATIONS):
                raise ConfigError(
                    f"{self.name}: is a ledger of version {version}, this program knows {len(MIGRATIONS)}; "
                    "update it: pip install --upgrade onlooker"
                )
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    session.run(statement)
            if version < len(MIGRATIONS):
                session.run("DELETE FROM ledger")
                session.run("INSERT INTO ledger VALUES (?)", [(len(MIGRATIONS),)])


def _play(row: Sequence[Any]) -> Play:
    values: list[Any] = [*row]
    values[4:6], values[8] = map(moment, row[4:6]), bool(row[8])
    return Play(*values)


def _event(screen: str, visit: Counted, life: timedelta) -> tuple[Value, ...]:
    gender, band = max(sorted(visit.shares), key=lambda cell: visit.shares[cell])
    coarse = (round(seconds / _COARSE_S) * _COARSE_S for seconds in (visit.dwell_s, visit.attention_s))
    expires = milliseconds(visit.departed + life)
    return (secrets.token_hex(8), screen, bucket_of(visit.departed), gender, band, *coarse, expires)


def _fact(session: Session, name: str) -> str | None:
    found = session.rows("SELECT value FROM facts WHERE name = ?", (name,))
    return found[0][0] if found else None


def _set_fact(session: Session, name: str, value: str) -> None:
    session.run(
        "INSERT INTO facts (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [(name, value)],
    )


def _int(value: object) -> int:
    return int(str(value))


def _iso(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(UTC).isoformat(timespec="seconds")
