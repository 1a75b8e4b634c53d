"""The ledger's tables, in the SQL that SQLite and PostgreSQL share, and how older files become newer ones.

Times are whole milliseconds since 1970 in UTC; a bucket is a whole multiple of five minutes.
"""

from datetime import UTC, datetime

BUCKET_S = 300
"""Seconds of the finest period that people are counted in."""

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Nothing was counted before: this program is not older. A machine without a clock of its own starts in 1970."""

MIGRATIONS: list[tuple[str, ...]] = [
    (
        """CREATE TABLE plays (
            play_id TEXT PRIMARY KEY, screen_id TEXT NOT NULL, campaign_id TEXT NOT NULL, creative_id TEXT NOT NULL,
            started_ms BIGINT NOT NULL, ended_ms BIGINT NOT NULL, planned_ms BIGINT NOT NULL, actual_ms BIGINT NOT NULL,
            complete BIGINT NOT NULL, reason TEXT NOT NULL, faces_present BIGINT, watchers BIGINT,
            dwell_s DOUBLE PRECISION, attention_s DOUBLE PRECISION, propensity DOUBLE PRECISION)""",
        "CREATE INDEX plays_in_order ON plays (started_ms, play_id)",
        "CREATE INDEX plays_of_screen ON plays (screen_id, started_ms, play_id)",
        # Sums of the people whose visit ended in a bucket, each shared among the cells.
        """CREATE TABLE counts (
            screen_id TEXT NOT NULL, bucket_ms BIGINT NOT NULL, gender TEXT NOT NULL, age_band TEXT NOT NULL,
            visits DOUBLE PRECISION NOT NULL, watchers DOUBLE PRECISION NOT NULL,
            dwell_s DOUBLE PRECISION NOT NULL, attention_s DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (screen_id, bucket_ms, gender, age_band))""",
        # Single visits, only where that is switched on.
        """CREATE TABLE events (
            event_id TEXT PRIMARY KEY, screen_id TEXT NOT NULL, bucket_ms BIGINT NOT NULL, gender TEXT NOT NULL,
            age_band TEXT NOT NULL, dwell_s BIGINT NOT NULL, attention_s BIGINT NOT NULL,
            expires_ms BIGINT NOT NULL)""",
        "CREATE INDEX events_to_expire ON events (expires_ms)",
        # Names of what was sent, so that what is sent twice counts once.
        "CREATE TABLE batches (batch_id TEXT PRIMARY KEY, at_ms BIGINT NOT NULL)",
        """CREATE TABLE audit (
            seq BIGINT PRIMARY KEY, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL,
            previous TEXT NOT NULL, hash TEXT NOT NULL)""",
        "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    ),
    (
        # What choosing has learned: plays of an advert before a coarse segment, as attention and the lack of it.
        """CREATE TABLE learned (
            screen_id TEXT NOT NULL, creative_id TEXT NOT NULL, segment TEXT NOT NULL, since_ms BIGINT NOT NULL,
            attention DOUBLE PRECISION NOT NULL, missed DOUBLE PRECISION NOT NULL,
            PRIMARY KEY (screen_id, creative_id, segment))""",
    ),
    # Statements cannot say it, for they do not know k: the plays of before are made as coarse as those to come.
    (),
]
"""Statements that bring a ledger from version n (its place in the list) to n + 1; what was released is never edited."""

COARSE = 3
"""The version from which on plays keep nothing about a few people; see ``proof``."""

PERSONAL = {
    "plays": "started_ms",
    "counts": "bucket_ms",
    "events": "bucket_ms",
    "learned": "since_ms",
    "batches": "at_ms",
}
"""The tables that a purge empties, with the column that dates their rows; what was learned goes whole, for its parts
cannot be told apart. ``audit`` is the proof of it and has nobody in it; ``facts`` is how the ledger is set."""
