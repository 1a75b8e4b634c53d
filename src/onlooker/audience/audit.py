"""A log that shows when it was changed: every entry holds the hash of the one before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from onlooker.audience.database import Session

Kind = Literal["configuration", "export", "purge"]

_FIRST = "0" * 64
_COLUMNS = "seq, at_ms, kind, detail, previous, hash"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``detail`` is JSON; ``hash`` covers everything else, ``previous`` included."""

    seq: int
    at_ms: int
    kind: str
    detail: str
    previous: str
    hash: str

    def expected(self) -> str:
        """The hash that the rest of the entry has."""
        text = json.dumps([self.seq, self.at_ms, self.kind, self.detail, self.previous])
        return hashlib.sha256(text.encode()).hexdigest()


def note(session: Session, kind: Kind, detail: Mapping[str, Any], now: datetime) -> Entry:
    """Add an entry. The transaction must be an exclusive one, or two entries would follow the same."""
    last = session.rows("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    seq, previous = (last[0][0] + 1, last[0][1]) if last else (1, _FIRST)
    text = json.dumps(detail, sort_keys=True, separators=(",", ":"))
    bare = Entry(seq, round(now.timestamp() * 1000), kind, text, previous, "")
    entry = Entry(bare.seq, bare.at_ms, bare.kind, bare.detail, bare.previous, bare.expected())
    session.run(
        f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 (names of our own)
        [(entry.seq, entry.at_ms, entry.kind, entry.detail, entry.previous, entry.hash)],
    )
    return entry


def entries(session: Session) -> list[Entry]:
    """The log, the oldest first."""
    query = f"SELECT {_COLUMNS} FROM audit ORDER BY seq"  # noqa: S608
    return [Entry(*row) for row in session.rows(query)]


def first_broken(log: list[Entry]) -> int | None:
    """The place (from 1) of the first entry that was changed, or from which one was taken away or put in; None where
    the chain holds. That the newest were cut off shows only beside a receipt that names a later hash."""
    previous = _FIRST
    for place, entry in enumerate(log, start=1):
        if entry.seq != place or entry.previous != previous or entry.hash != entry.expected():
            return place
        previous = entry.hash
    return None
