"""The ledger: what was played and how many people were there, in SQLite or PostgreSQL.

It holds sums and no people. A visit is added to its five minutes and gone, unless single visits are switched on
(``event_life``), which keep a band, a coarse time, and a date on which they go. A play keeps of its audience what is
about many (``proof``).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from onlooker.audience import audit, counting, facts, forgetting, proof
from onlooker.audience.bands import Cell
from onlooker.audience.database import Value, open_database
from onlooker.audience.records import Counted, Learned, Play, Receipt, milliseconds, moment
from onlooker.audience.tables import COARSE, EARLIEST, MIGRATIONS
from onlooker.core.errors import ConfigError

PAGE = 2000
"""Rows that are read, and written, at a time: what a year of plays takes of memory."""

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
        """Keep plays, of each what may be kept (``proof.kept``); one that is there already, by its id, is left as it
        is. How many were new. All are kept, or an error is raised and none."""
        with self._database.transaction(exclusive=True) as session:
            k = facts.kept_k(session)
            return _int(session.run(proof.ADD, [proof.row_of(proof.kept(play, k)) for play in plays]))

    def add_visits(self, screen: str, visits: Iterable[Counted], *, batch: str | None = None) -> bool:
        """Count visits that are over, each in the five minutes in which it ended.

        ``batch`` names what is sent, with no relation to people: of two of one name the second is not counted, and the
        answer is False. A visit that comes after its time was published is counted in the first five minutes that were
        not, so that nothing that was published changes by it. One from before ``EARLIEST`` is not counted: its clock
        was wrong, and when it was nobody knows.
        """
        visits = [visit for visit in visits if milliseconds(visit.departed) >= milliseconds(EARLIEST)]
        with self._database.transaction(exclusive=True) as session:
            now = datetime.now(UTC)
            if batch is not None and not session.run(
                "INSERT INTO batches (batch_id, at_ms) VALUES (?, ?) ON CONFLICT (batch_id) DO NOTHING",
                [(batch, milliseconds(now))],
            ):
                return False
            session.run(counting.ADD, counting.sums_of(screen, visits, facts.published_until(session)))
            if (life := self._event_life) is not None:
                session.run(counting.ADD_EVENT, [counting.event_of(screen, visit, life) for visit in visits])
        return True

    def learn(self, screen: str, plays: Iterable[Learned], now: datetime) -> None:
        """Add what plays taught the choice on a screen."""
        rows = [(screen, play.advert, play.segment, milliseconds(now), play.attention, play.missed) for play in plays]
        with self._database.transaction(exclusive=True) as session:
            session.run(_ADD_LEARNED, rows)

    def expire(self, now: datetime, plays: timedelta | None = None) -> int:
        """Take away single visits whose time is over, names of old batches, plays that are older than ``plays``, if
        given, and of the others what may not be kept, whoever wrote it; how many visits they were."""
        with self._database.transaction(exclusive=True) as session:
            visits, changed = forgetting.expire(session, now, plays)
        if visits or changed:
            self._database.forget()
        return visits

    def purge(
        self, now: datetime, *, before: datetime | None = None, screen: str | None = None, everything: bool = False
    ) -> Receipt:
        """Take away everything, or what is from before a moment, or what is of a screen, from every table.

        A day that a purge cuts is never published in part, so that what is left cannot be taken from what was
        published. Raises ``ValueError`` unless exactly one is asked for, and for a moment after ``now``.
        """
        with self._database.transaction(exclusive=True) as session:
            receipt = forgetting.purge(session, now, before=before, screen=screen, everything=everything)
        self._database.forget()
        return receipt

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
        query = f"SELECT {proof.COLUMNS} FROM plays WHERE {where} ORDER BY started_ms, play_id LIMIT {PAGE}"  # noqa: S608
        last: tuple[int, str] = (-(2**62) if since is None else milliseconds(since), "")
        while True:
            with self._database.transaction() as session:
                rows = session.rows(query, (*last, *fixed))
            yield from map(proof.play_of, rows)
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

    def known_screens(self) -> list[str]:
        """The screens of which there is anything at all."""
        tables = ("plays", "counts", "events", "learned")
        query = " UNION ".join(f"SELECT screen_id FROM {table}" for table in tables)  # noqa: S608
        with self._database.transaction() as session:
            return sorted({row[0] for row in session.rows(query)} | facts.noted_screens(session))

    def following(self, screen: str, since: datetime) -> datetime | None:
        """The first moment from ``since`` on for which a screen has counts or plays; None where there is none."""
        query = (
            "SELECT min(at_ms) FROM (SELECT min(bucket_ms) AS at_ms FROM counts WHERE screen_id = ? AND bucket_ms >= ? "
            "UNION ALL SELECT min(started_ms) FROM plays WHERE screen_id = ? AND started_ms >= ?) AS times"
        )
        with self._database.transaction() as session:
            found = session.rows(query, (screen, milliseconds(since)) * 2)[0][0]
        return None if found is None else moment(found)

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

    def publish(
        self, rule: dict[str, Any], now: datetime, until: datetime, screen: str | None = None
    ) -> datetime | None:
        """Say that what lies before ``until``, of all screens or of one, is about to be published by ``rule``; before
        what moment it may be, which is where nothing may change any more. None where there is nothing.

        That is never later than the end of the last day that anything was counted or played on: where a clock runs
        years ahead, days that have not begun are not over. The first rule is the ledger's: publishing the same people
        by another k, or by days of another time zone, gives differences. Raises ``ConfigError`` for another, and where
        one of these screens runs with a larger k: a rule that shows less than a screen promised is within its promise.
        """
        with self._database.transaction(exclusive=True) as session:
            return facts.publish(session, self.name, rule, now, until, screen)

    def rule(self) -> dict[str, Any] | None:
        """How the ledger is published; None before it ever was."""
        with self._database.transaction() as session:
            return facts.rule(session)

    def screens_k(self) -> dict[str, int]:
        """The k that each screen said it runs with."""
        with self._database.transaction() as session:
            return facts.screens_k(session)

    def cut(self, screen: str) -> datetime | None:
        """From when on purges left the counts of a screen whole; None where there was none."""
        with self._database.transaction() as session:
            return facts.cut(session, screen)

    def note_settings(self, settings: Mapping[str, Any], now: datetime | None = None) -> bool:
        """Note how a screen runs: plain values, among them ``screen`` and ``k``. Where they are not those noted last it
        is an entry of the audit log; whether that was so. Plays are kept by the largest k that a screen named."""
        with self._database.transaction(exclusive=True) as session:
            before = facts.kept_k(session)
            changed = facts.note_settings(session, settings, now or datetime.now(UTC))
            if rose := facts.kept_k(session) > before:
                proof.blank(session, facts.kept_k(session))
        if rose:
            self._database.forget()
        return changed

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
            if old := 0 < version < COARSE:
                proof.blank(session, facts.kept_k(session))
        if old:
            self._database.forget()


def _int(value: object) -> int:
    return int(str(value))
