"""What goes into the ledger and comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from onlooker.audience.bands import Cell
from onlooker.audience.tables import BUCKET_S
from onlooker.audience.visits import Visit


@dataclass(frozen=True, slots=True)
class Play:
    """A play: what was shown, when (aware times), and what the camera saw meanwhile, ``None`` where nobody knows it."""

    play_id: str
    screen_id: str
    campaign_id: str
    creative_id: str
    started_at: datetime
    ended_at: datetime
    planned_ms: int
    actual_ms: int
    complete: bool
    reason: str = ""
    faces_present: int | None = None
    watchers: int | None = None
    dwell_s: float | None = None
    attention_s: float | None = None
    propensity: float | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A visit that is over, as it is counted.

    departed              aware
    shares                weights of gender and band, as ``bands.shares`` gives them
    dwell_s, attention_s  seconds in sight, and of these facing the screen
    watched               whether there was a look at all
    """

    departed: datetime
    shares: Mapping[Cell, float]
    dwell_s: float
    attention_s: float
    watched: bool

    @classmethod
    def of(cls, visit: Visit) -> "Counted":
        """What is counted of a visit: neither its id nor its age as a number is among it."""
        return cls(visit.departed, visit.shares, visit.dwell_s, visit.attention_s, visit.looks > 0)


@dataclass(frozen=True, slots=True)
class Learned:
    """What plays of an advert before a coarse segment of the audience taught: how much of them was attention, and how
    much was not, in plays."""

    advert: str
    segment: str
    attention: float
    missed: float


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a purge took away: rows by table. ``seq`` and ``hash`` are those of its entry in the audit log."""

    at: datetime
    what: str
    removed: Mapping[str, int]
    seq: int
    hash: str


def milliseconds(at: datetime) -> int:
    """An aware moment as the tables hold it. Raises ``ValueError`` for one without a time zone."""
    if at.utcoffset() is None:
        raise ValueError(f"a moment must have a time zone, got {at.isoformat()}")
    return round(at.timestamp() * 1000)


def moment(at_ms: int) -> datetime:
    """What the tables hold as a moment in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


def bucket_of(at: datetime) -> int:
    """The five minutes of a moment, in milliseconds."""
    size = BUCKET_S * 1000
    return milliseconds(at) // size * size
