"""What one screen has played, as far as the next choice depends on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)

KEPT = 500
"""Plays that are remembered in any case, so that a clock that jumps ahead and back makes none forgotten."""


@dataclass(frozen=True, slots=True)
class Play:
    """One play: the advert's id, when it began (aware), and the seconds of its slot."""

    advert: str
    started_at: datetime
    slot_s: float

    def __post_init__(self) -> None:
        if self.started_at.utcoffset() is None:
            raise ValueError(f"a play's time must have a time zone, got {self.started_at.isoformat()}")
        # Two times of one zone are subtracted by their wall clocks, an hour wrong over daylight saving; in UTC not.
        object.__setattr__(self, "started_at", self.started_at.astimezone(UTC))

    def runs(self, now: datetime) -> bool:
        """Whether its slot has not ended. A play from the future, after the clock was set back, does not run."""
        return timedelta(0) <= now.astimezone(UTC) - self.started_at < timedelta(seconds=self.slot_s)


@dataclass(frozen=True, slots=True)
class History:
    """The plays of one screen, the latest last, and where its rotation stands.

    credits  seconds of screen time that each advert is owed by those it took turns with
    contest  the adverts that the last choice was between
    viewers  ids of who stood in front at the last choice; in memory only, like the ids themselves
    """

    plays: tuple[Play, ...] = ()
    credits: Mapping[str, float] = field(default_factory=dict)
    contest: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, plays: Iterable[Play]) -> "History":
        """The history of a screen that starts anew, from the plays of its last hour; the rotation begins afresh."""
        return cls(tuple(plays))

    def plays_within_hour(self, advert: str, now: datetime) -> int:
        """How often an advert was played less than an hour from ``now``: before it, or after, so that setting the
        clock back makes no room for more."""
        moment = now.astimezone(UTC)
        early, late = moment - HOUR, moment + HOUR
        return sum(1 for play in self.plays if play.advert == advert and early < play.started_at < late)

    def after(
        self, play: Play, credits_: Mapping[str, float], contest: frozenset[str], viewers: frozenset[str]
    ) -> "History":
        """The history with one more play, without those that no choice will ask for again."""
        early, late = play.started_at - HOUR, play.started_at + HOUR
        older = [past for past in self.plays[:-KEPT] if early < past.started_at < late]
        return History((*older, *self.plays[-KEPT:], play), dict(credits_), contest, viewers)
