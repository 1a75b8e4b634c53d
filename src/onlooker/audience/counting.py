"""What the ledger keeps of visits: sums by five minutes and cell, and single ones, where switched on."""

import secrets
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from onlooker.audience.bands import normalised
from onlooker.audience.database import Value
from onlooker.audience.records import Counted, bucket_of, milliseconds

ADD = (
    "INSERT INTO counts (screen_id, bucket_ms, gender, age_band, visits, watchers, dwell_s, attention_s) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (screen_id, bucket_ms, gender, age_band) DO UPDATE SET "
    "visits = counts.visits + excluded.visits, watchers = counts.watchers + excluded.watchers, "
    "dwell_s = counts.dwell_s + excluded.dwell_s, attention_s = counts.attention_s + excluded.attention_s"
)

ADD_EVENT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

_COARSE_S = 5
"""Seconds that a single visit's durations are rounded to."""


def sums_of(screen: str, visits: Iterable[Counted], earliest: int) -> list[tuple[Value, ...]]:
    """Visits as rows of ``ADD``, each shared among its cells; one that ended before ``earliest`` (milliseconds) is
    counted in the five minutes that begin there."""
    sums: dict[tuple[str, int, str, str], list[float]] = defaultdict(lambda: [0.0] * 4)
    for visit in visits:
        bucket = max(bucket_of(visit.departed), earliest)
        for cell, share in normalised(visit.shares).items():
            row = sums[(screen, bucket, *cell)]
            for i, value in enumerate((1.0, float(visit.watched), visit.dwell_s, visit.attention_s)):
                row[i] += share * value
    return [(*key, *values) for key, values in sorted(sums.items())]


def event_of(screen: str, visit: Counted, life: timedelta) -> tuple[Value, ...]:
    """A single visit as a row of ``ADD_EVENT``: its likeliest cell, and when it goes."""
    gender, band = max(sorted(visit.shares), key=lambda cell: visit.shares[cell])
    coarse = (round(seconds / _COARSE_S) * _COARSE_S for seconds in (visit.dwell_s, visit.attention_s))
    expires = milliseconds(visit.departed + life)
    return (secrets.token_hex(8), screen, bucket_of(visit.departed), gender, band, *coarse, expires)
