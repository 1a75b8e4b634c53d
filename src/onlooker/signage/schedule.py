"""When an advert is due: dates, weekdays and day-parts by the local wall clock.

A window's end is exclusive, and an overnight window belongs to the day on which it starts: the dates and weekdays are
those of that day. On the night when clocks go forward a window within the hour that is left out does not occur; when
they go back, one within the repeated hour occurs twice, as the clock on the shop's wall shows it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

DAY = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


@dataclass(frozen=True, slots=True)
class DayPart:
    """A named window of the day, in minutes after midnight; where ``end`` comes before ``start``, it ends on the next
    day. Raises ``ValueError`` for a window that is empty or lies outside the day."""

    name: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not (0 <= self.start < DAY and 0 <= self.end <= DAY):
            raise ValueError("a window starts at 00:00 to 23:59 and ends at 00:00 to 24:00")
        if self.start == self.end:
            raise ValueError("the window is empty: its end is its start; for the whole day write 00:00 and 24:00")

    def began(self, local: datetime) -> date | None:
        """The day on which the window that holds the wall clock ``local`` began; ``None`` outside it."""
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return local.date() if self.start <= minute < self.end else None
        if minute >= self.start:
            return local.date()
        return local.date() - timedelta(days=1) if minute < self.end else None

    def __str__(self) -> str:
        return f"{self.name} ({_clock(self.start)} to {_clock(self.end)})"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an advert may play. ``first`` and ``last`` are days, both included; ``weekdays`` counts from Monday, 0;
    without day-parts the whole day is one."""

    first: date | None = None
    last: date | None = None
    weekdays: frozenset[int] = frozenset(range(7))
    parts: tuple[DayPart, ...] = ()

    def why_not(self, local: datetime) -> str | None:
        """Why the advert is not due at the wall clock ``local``; ``None`` where it is."""
        if not self.parts:
            return self._day_why_not(local.date())
        reason = None
        for part in self.parts:
            if (day := part.began(local)) is not None:
                reason = self._day_why_not(day)
                if reason is None:
                    return None
        return reason or f"only plays during {' and '.join(map(str, self.parts))}"

    def _day_why_not(self, day: date) -> str | None:
        if self.first is not None and day < self.first:
            return f"begins on {_day(self.first)}"
        if self.last is not None and day > self.last:
            return f"ended on {_day(self.last)}"
        if day.weekday() not in self.weekdays:
            return f"does not play on {_NAMES[day.weekday()]}"
        return None

    @property
    def always(self) -> bool:
        """Whether it is due at any time."""
        return self == Schedule()


def minutes(clock: str) -> int:
    """Minutes after midnight of ``"HH:MM"``, 00:00 to 24:00. Raises ``ValueError`` for anything else."""
    hour, colon, minute = clock.partition(":")
    if not (colon and hour.isdecimal() and minute.isdecimal() and len(hour) <= 2 and len(minute) == 2):
        raise ValueError(f'{clock!r} is no time of day: write it as "09:30"')
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > DAY:
        raise ValueError(f"{clock!r} is no time of day: it must lie between 00:00 and 24:00")
    return total


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
