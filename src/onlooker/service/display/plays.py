"""What was played, as the page reports it, and what the camera saw meanwhile."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Annotated

import msgspec
from msgspec import Meta

from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Play
from onlooker.audience.summary import GRACE
from onlooker.audience.visits import LEAST_LOOK, LONGEST_STEP

HOUR = timedelta(hours=1)

COMPLETE_WITHIN = 500
"""Milliseconds that a play may fall short of its length and still be complete."""

Name = Annotated[str, Meta(min_length=1, max_length=200)]
PlayId = Annotated[str, Meta(min_length=8, max_length=64, pattern="^[0-9a-zA-Z-]+$")]
Milliseconds = Annotated[int, Meta(ge=0, le=86_400_000)]


class Reported(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A play that is over, as the page reports it until it is acknowledged.

    shown_ms  how long it was on the screen, by a clock that only runs forward; a reload in its midst is left out
    reason    why it ended before its time; empty where it did not
    decided   whether the server chose it; else the page did, on its own
    """

    id: PlayId
    advert: Name
    campaign: str
    started_at: datetime
    ended_at: datetime
    planned_ms: Milliseconds
    shown_ms: Milliseconds
    reason: Annotated[str, Meta(max_length=300)] = ""
    decided: bool = True
    propensity: Annotated[float, Meta(ge=0, le=1)] = 1.0

    @property
    def complete(self) -> bool:
        """Whether it was shown for the whole of its length."""
        return self.shown_ms >= self.planned_ms - COMPLETE_WITHIN


class Going(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The play that is on the screen, as the page tells it: a server that was started again does not know it."""

    id: PlayId
    advert: Name
    started_at: datetime
    planned_ms: Milliseconds


@dataclass(slots=True)
class Exposure:
    """Who was in front during a play: random ids while it lasts, in memory only, and numbers of it afterwards."""

    facing_s: dict[str, float] = field(default_factory=dict)
    dwell_s: float = 0.0
    attention_s: float = 0.0

    def step(self, faces: dict[str, bool], elapsed: float) -> None:
        """``faces`` (by id, whether they look this way) have been there for ``elapsed`` seconds."""
        elapsed = elapsed if elapsed <= LONGEST_STEP else 0.0
        for face, facing in faces.items():
            self.dwell_s += elapsed
            self.attention_s += elapsed if facing else 0.0
            self.facing_s[face] = self.facing_s.get(face, 0.0) + (elapsed if facing else 0.0)

    @property
    def present(self) -> int:
        """Faces that were there."""
        return len(self.facing_s)

    @property
    def watchers(self) -> int:
        """Those of them that looked."""
        return sum(seconds >= LEAST_LOOK for seconds in self.facing_s.values())


@dataclass(frozen=True, slots=True)
class Today:
    """What may be shown of a day so far. Numbers of people are whole multiples of ``k``, rounded down, of whole hours:
    one that moved as people come would say when the tenth of them came.

    plays    of each advert
    visits, watchers   people
    cells    (gender, age band, people), the largest first
    up_to    the time of day up to which people are counted
    """

    plays: dict[str, int]
    visits: int
    watchers: int
    cells: list[tuple[str, str, int]]
    k: int
    up_to: str


def today(ledger: Ledger, screen: str, since: datetime, now: datetime, k: int) -> Today:
    """The day from ``since`` (its midnight, aware) to ``now`` as the operator's page shows it: plays until now, people
    of hours that are over for a quarter of an hour, as days are when they are published."""
    begin = since.astimezone(UTC)
    until = max(begin, begin + (now.astimezone(UTC) - GRACE - begin) // HOUR * HOUR)

    def rounded(people: float) -> int:
        return floor(people / k + 1e-9) * k

    plays = ledger.plays_by_advert(screen, begin)
    visits, watchers = ledger.totals(screen, begin, until)
    cells = [(*cell, rounded(people)) for cell, people in ledger.cells(screen, begin, until).items()]
    shown = sorted((cell for cell in cells if cell[2]), key=lambda cell: -cell[2])
    up_to = f"{until.astimezone(since.tzinfo):%H:%M}"
    return Today(plays, rounded(visits), rounded(watchers), shown, k, up_to)


def record(play: Reported, screen: str, exposure: Exposure | None) -> Play:
    """A reported play with its audience, for the ledger, which keeps less of both (``audience.proof``)."""
    return Play(
        play_id=play.id,
        screen_id=screen,
        campaign_id=play.campaign,
        creative_id=play.advert,
        started_at=play.started_at,
        ended_at=play.ended_at,
        planned_ms=play.planned_ms,
        actual_ms=play.shown_ms,
        complete=play.complete,
        reason=play.reason,
        faces_present=None if exposure is None else exposure.present,
        watchers=None if exposure is None else exposure.watchers,
        dwell_s=None if exposure is None else round(exposure.dwell_s, 1),
        attention_s=None if exposure is None else round(exposure.attention_s, 1),
        propensity=play.propensity,
    )
