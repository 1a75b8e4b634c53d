"""From faces that come and go to visits: when someone came, how long they stayed, and how much of it they looked.

The words are defined here, since vendors differ. A *visit* is one face followed without a break: who leaves and
returns is another visit, and two people who swap places unseen may be taken for one. *Dwell* is the time from the first
to the last moment the face was seen. A *look* is a span of at least ``LEAST_LOOK`` seconds in which the head was turned
to the screen; *attention* is the sum of the looks, at most the dwell. A *watcher* is a visit with a look. Passers-by
who never show their face are not seen, so "opportunities to see" cannot be told from this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onlooker.audience.bands import UNKNOWN, Cell, shares
from onlooker.audience.viewers import Audience, Viewer
from onlooker.core.demographics import Gender

GONE_AFTER = 1.5
"""Seconds without being seen after which a visit has ended, at the moment it was last seen."""

LEAST_DWELL, LEAST_LOOK = 0.5, 0.3
"""Seconds that a visit and a look must last: less is a chance find, or a glance at something else."""

LONGEST_STEP = 1.2
"""Seconds between two moments beyond which nobody knows what happened: the camera was lost, or the machine asleep. No
attention is counted over it."""

SLOW = 2.5
"""Both last so many moments at least, where a camera gives few: as long as the tracker waits for a face
(``tracking.tracker.SLOW``), so that no visit ends before its track, whose id a second visit would bear."""

_LEARNT, _SLOWEST = 0.2, 2.0
"""How fast the interval between moments is learnt, and its most, in seconds; both are the tracker's."""

MOST_VISITS = 256
"""Visits open at a time; faces beyond that are not counted until one ends."""


@dataclass(frozen=True, slots=True, eq=False)
class Demographics:
    """What is known of a person's age and gender.

    age, age_low, age_high  years
    p_female                probability of the label female, 0 to 1
    gender                  named or None (undetermined)
    age_distribution        ``(101,)`` probability of each year 0 to 100
    """

    age: float
    age_low: float
    age_high: float
    p_female: float
    gender: Gender | None
    age_distribution: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """A face in sight at one moment, as plain numbers: its random id, whether it looks this way, the height of its box
    in pixels, and its age and gender where they were read."""

    id: str
    facing: bool
    height_px: float
    demographics: Demographics | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit that is over.

    id         the track's random string; it is never given again
    arrived, departed   aware times; the second is the first and the dwell, whatever the wall clock did between
    dwell_s, attention_s, looks   as defined above
    age, age_low, age_high, p_female, gender   as known in the end; None where it was not read or not to be known
    shares     how the person is shared among the cells that people are counted in (``bands.shares``); they sum to 1
    """

    id: str
    arrived: datetime
    departed: datetime
    dwell_s: float
    attention_s: float
    looks: int
    age: float | None = None
    age_low: float | None = None
    age_high: float | None = None
    p_female: float | None = None
    gender: Gender | None = None
    shares: Mapping[Cell, float] = field(default_factory=lambda: {UNKNOWN: 1.0})

    @property
    def attraction(self) -> float:
        """Attention as a share of the dwell, 0 to 1."""
        return self.attention_s / self.dwell_s if self.dwell_s else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The visit as the command line shows it: times and durations to 0.1 s, years to 0.1."""
        years = {name: getattr(self, name) for name in ("age", "age_low", "age_high")}
        return {
            "id": self.id,
            "arrived": self.arrived.isoformat(timespec="milliseconds"),
            "departed": self.departed.isoformat(timespec="milliseconds"),
            "dwell_s": round(self.dwell_s, 1),
            "attention_s": round(self.attention_s, 1),
            "looks": self.looks,
            **{name: None if value is None else round(value, 1) for name, value in years.items()},
            "p_female": None if self.p_female is None else round(self.p_female, 3),
            "gender": self.gender,
        }


@dataclass(slots=True, eq=False)
class _Open:
    """A visit that goes on. ``span`` is the length of the look that goes on, in seconds; it is counted once it is a
    look."""

    id: str
    arrived: datetime
    first: float
    last: float
    facing: bool
    attention: float = 0.0
    span: float = 0.0
    looks: int = 0
    demographics: Demographics | None = None

    def step(self, presence: Presence, at: float, longest: float) -> None:
        elapsed = at - self.last
        if self.facing and elapsed <= longest:
            self._look(elapsed)
        if not presence.facing or elapsed > longest:
            self.span = 0.0
        self.facing, self.last = presence.facing, at

    def _look(self, elapsed: float) -> None:
        before, self.span = self.span, self.span + elapsed
        if self.span < LEAST_LOOK:
            return
        if before < LEAST_LOOK:
            self.looks += 1
            self.attention += self.span
        else:
            self.attention += elapsed


class Visits:
    """Turns moments into visits. It asks no clock and keeps nothing of a visit that is over.

    counting      whether visits come out at all
    demographics  whether ages and genders are kept with them, and given to the audience
    """

    def __init__(self, *, counting: bool = True, demographics: bool = True) -> None:
        self._counting, self._demographics = counting, demographics
        self._open: dict[str, _Open] = {}
        self._at: float | None = None
        self._interval = 0.0

    def update(self, present: Iterable[Presence], *, at: float, now: datetime) -> list[Visit]:
        """Who is in sight at a moment; returns the visits that are over.

        ``at`` is the moment in seconds on a clock that only runs forward, by which everything is measured; ``now`` is
        the same moment for people to read, with a time zone, and may be put back or forward at any time. Where ``at``
        runs backwards the source is another one, and everyone has left it.
        """
        if now.utcoffset() is None:
            raise ValueError(f"a moment must have a time zone, got {now.isoformat()}")
        over = self.end() if self._at is not None and at < self._at else []
        if self._at is not None and at > self._at:
            self._interval += _LEARNT * (min(at - self._at, _SLOWEST) - self._interval)
        self._at = at
        longest = max(LONGEST_STEP, SLOW * self._interval)
        for presence in present:
            visit = self._open.get(presence.id)
            if visit is None:
                if len(self._open) >= MOST_VISITS:
                    continue
                visit = _Open(presence.id, now, at, at, presence.facing)
                self._open[presence.id] = visit
            else:
                visit.step(presence, at, longest)
            if self._demographics and presence.demographics is not None:
                visit.demographics = presence.demographics
        patience = max(GONE_AFTER, SLOW * self._interval)
        left = [visit for visit in self._open.values() if at - visit.last > patience]
        return over + self._closed(left)

    def end(self) -> list[Visit]:
        """Everyone has left: the source ended. Returns their visits."""
        return self._closed(list(self._open.values()))

    def audience(self, present: Iterable[Presence], *, now: datetime) -> Audience:
        """Those in sight, as an advert is chosen for them: whoever's age and gender are known, and how many others,
        any of whom may be a child; where demographics are off, all. To be called after ``update`` of the same moment.
        """
        viewers, unread = [], 0
        for presence in present:
            visit, known = self._open.get(presence.id), presence.demographics
            if visit is None or known is None or not self._demographics:
                unread += 1
                continue
            viewers.append(
                Viewer(
                    id=presence.id,
                    age_distribution=known.age_distribution,
                    p_female=known.p_female,
                    attention=float(presence.facing),
                    present_s=visit.last - visit.first,
                    attention_s=min(visit.attention, visit.last - visit.first),
                    height_px=presence.height_px,
                )
            )
        return Audience(now, tuple(viewers), unread)

    def _closed(self, left: list[_Open]) -> list[Visit]:
        for visit in left:
            del self._open[visit.id]
        return [_visit(visit) for visit in left if self._counting and visit.last - visit.first >= LEAST_DWELL]


def _visit(over: _Open) -> Visit:
    dwell = over.last - over.first
    known = over.demographics
    return Visit(
        id=over.id,
        arrived=over.arrived,
        departed=over.arrived + timedelta(seconds=dwell),
        dwell_s=dwell,
        attention_s=min(over.attention, dwell),
        looks=over.looks,
        age=None if known is None else known.age,
        age_low=None if known is None else known.age_low,
        age_high=None if known is None else known.age_high,
        p_female=None if known is None else known.p_female,
        gender=None if known is None else known.gender,
        shares={UNKNOWN: 1.0} if known is None else shares(known.p_female, known.age_distribution),
    )
