"""Counts of people as they may be shown to anyone: by month, day, hour and five minutes, gender and age band.

What is published is decided once for each day of a screen, when it is over, whatever is asked for:

1. A day of 1 to k - 1 people is hidden whole.
2. Its hours are a partition of the day, the five minutes of a published hour one of that hour; the cells (gender by
   band) are another partition of the day. Each goes through ``suppress``.
3. A month is the sum of its published days. Its hidden days are added once it is over, where together they tell
   nothing of one of them.

Everything else is worked out from these numbers, so that no window, resolution or second export says more. Where the
rule's ``detail`` is ``month``, cells are published of months rather than of days: for shops where a cell of a day is
always small.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Literal

from onlooker.audience.bands import BANDS, CELLS, GENDERS, Cell
from onlooker.audience.ledger import Ledger
from onlooker.audience.periods import Resolution, hours_of, month_of, next_month, start_of, zone_of
from onlooker.audience.proof import kept
from onlooker.audience.records import Play, bucket_of, milliseconds, moment
from onlooker.audience.suppression import DEFAULT_K, Part, apportion, quiet, suppress
from onlooker.audience.tables import BUCKET_S

GRACE = timedelta(minutes=15)
"""How long after its end a day is published: a visit is counted when it is over, and its camera may be slow."""

EVERY = "all"
"""Of a total: whatever the gender and the age."""

_BUSIEST_HOUR = 14
"""Hours far from it are hidden first beside small ones: the fewest look at them."""

_CELL_ORDER = tuple(
    sorted(CELLS, key=lambda cell: (-GENDERS.index(cell[0]), -abs(BANDS.index(cell[1]) - 2), BANDS.index(cell[1])))
)
"""Cells in the order in which they are hidden beside small ones: those that few buy adverts for come first."""

Count = int | None
"""A number as it is published: 0, at least k, or None (hidden)."""

_FIVE = timedelta(seconds=BUCKET_S)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rule:
    """How a ledger is published: the smallest number shown, the time zone of its days, and whether cells are published
    of days or of months."""

    k: int = DEFAULT_K
    timezone: str = "UTC"
    detail: Literal["day", "month"] = "day"

    def to_dict(self) -> dict[str, Any]:
        """The rule as the ledger keeps it."""
        return {"k": self.k, "timezone": self.timezone, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Row:
    """A row of ``audience.csv``, and when what it sums begins and ends (UTC).

    ``count`` is ``None`` where it is hidden; where it is not and ``suppressed`` is true, there were at least so many.
    ``period`` is the month, the day, or the beginning of an hour or five minutes with its offset from UTC; a month that
    is not whole is the first and the last day it has, with a slash.
    """

    screen: str
    period: str
    gender: str
    age_band: str
    count: Count
    suppressed: bool
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a screen as it is published, by moments in UTC. The ``secret`` numbers are for its month alone."""

    day: date
    total: Count
    hours: Mapping[datetime, Count]
    fives: Mapping[datetime, Count]
    cells: Mapping[Cell, Count]
    secret_total: int
    secret_cells: Mapping[Cell, float]


class Publication:
    """What a ledger says to the public at a moment, of all its screens or of one. The ledger notes the rule, and from
    then on changes nothing that was over. Raises ``ConfigError`` where it was published by another rule, and where one
    of the screens promised a larger k."""

    def __init__(self, ledger: Ledger, rule: Rule, now: datetime, *, screen: str | None = None) -> None:
        self.ledger, self.rule, self.screen, self._zone = ledger, rule, screen, zone_of(rule.timezone)
        today = (now - GRACE).astimezone(self._zone).date()
        until = ledger.publish(rule.to_dict(), now, start_of(today, self._zone), screen)
        # The day after the last that is over.
        self._after = date.min if until is None else min(today, until.astimezone(self._zone).date())
        self._cuts: dict[str, datetime | None] = {}
        self._last: dict[str, tuple[date, Day | None]] = {}

    def plays(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[Play]:
        """The plays that began in [since, until), as they may be kept: a program of before may have written more."""
        return (kept(play, self.rule.k) for play in self.ledger.plays(since=since, until=until, screen=self.screen))

    def rows(
        self, resolution: Resolution, *, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Row]:
        """The rows of every period that begins in [since, until), by screen and time; a month of them is in memory.
        Days on which nothing was counted and nothing played are left out."""
        for one in self.ledger.screens() if self.screen is None else [self.screen]:
            if (span := self._span(one)) is None:
                continue
            for month, days in groupby(self._days(one, span), key=month_of):
                if resolution == "month":
                    rows = self._month(one, month, list(days), span)
                elif self._outside(month, next_month(month), since, until):
                    continue
                else:
                    near = (day for day in days if not self._outside(day, day + _DAY, since, until))
                    rows = (row for day in near for row in self._day(one, day, resolution))
                yield from (
                    row
                    for row in rows
                    if (since is None or row.begins >= since) and (until is None or row.begins < until)
                )

    def day(self, screen: str, day: date) -> Day | None:
        """The numbers of a day; None where it is not over, or was purged in part."""
        if day >= self._after or self._purged(screen, day):
            return None
        return publish_day(self.ledger, screen, day, self.rule)

    def audience_of(self, play: Play) -> tuple[Count, Count, float | None, float | None]:
        """What may be said of a single play: faces present, watchers, seconds in sight, seconds of attention.

        That is little: k people must have been there, and no more than those whose visit ended in the five minutes that
        the play touches, all of which are published. More faces than that would say how many left in the next five
        minutes, which may be hidden. Of watchers nothing is said where those who did not look are few.
        """
        if play.faces_present is not None:
            play = kept(play, self.rule.k)
        if play.faces_present is None or play.faces_present > self._ended_by(play):
            return None, None, None, None
        return play.faces_present, play.watchers, play.dwell_s, play.attention_s

    def _ended_by(self, play: Play) -> int:
        """How many visits ended in the five minutes that a play touches; 0 where one of them is not published, or has
        nobody."""
        at, ended = moment(bucket_of(play.started_at)), 0
        while at < play.ended_at:
            date_ = at.astimezone(self._zone).date()
            last, day = self._last.get(play.screen_id, (None, None))
            if last != date_:  # one day of each screen: their plays come by turns
                day = self.day(play.screen_id, date_)
                self._last[play.screen_id] = (date_, day)
            if day is None or not (count := day.fives.get(at)):
                return 0
            ended, at = ended + count, at + _FIVE
        return ended

    def _purged(self, screen: str, day: date) -> bool:
        """Whether a purge took something of a day."""
        if screen not in self._cuts:
            self._cuts[screen] = self.ledger.cut(screen)
        cut = self._cuts[screen]
        return cut is not None and start_of(day, self._zone) < cut

    def _span(self, screen: str) -> tuple[date, date] | None:
        """The first and the last whole day of a screen: from its first count to its last; None where there is none."""
        if (counted := self.ledger.counted(screen)) is None or self._after == date.min:
            return None
        first, last = (at.astimezone(self._zone).date() for at in counted)
        if self._purged(screen, first) and (cut := self._cuts[screen]) is not None:
            first = cut.astimezone(self._zone).date()
            first += _DAY * self._purged(screen, first)
        last = min(last, self._after - _DAY)
        return (first, last) if first <= last else None

    def _days(self, screen: str, span: tuple[date, date]) -> Iterator[date]:
        """The days of a screen's span on which anything was counted or played."""
        day, last = span
        while (at := self.ledger.following(screen, start_of(day, self._zone))) is not None:
            if (day := at.astimezone(self._zone).date()) > last:
                return
            yield day
            day += _DAY

    def _outside(self, first: date, after: date, since: datetime | None, until: datetime | None) -> bool:
        late = until is not None and start_of(first, self._zone) >= until
        return late or (since is not None and start_of(after, self._zone) <= since)

    def _day(self, screen: str, day: date, resolution: Resolution) -> Iterator[Row]:
        published = publish_day(self.ledger, screen, day, self.rule)
        if resolution == "day":
            begins, ends = start_of(day, self._zone), start_of(day + _DAY, self._zone)
            cells = published.cells if self.rule.detail == "day" else {}
            for cell, count in {(EVERY, EVERY): published.total, **cells}.items():
                yield Row(screen, day.isoformat(), *cell, count, count is None, begins, ends)
            return
        numbers = published.hours if resolution == "hour" else published.fives
        after = [*list(numbers)[1:], start_of(day + _DAY, self._zone)]
        for (at, count), end in zip(numbers.items(), after, strict=True):
            period = at.astimezone(self._zone).isoformat(timespec="minutes")
            yield Row(screen, period, EVERY, EVERY, count, count is None, at, end)

    def _month(self, screen: str, month: date, dates: list[date], span: tuple[date, date]) -> Iterator[Row]:
        over = next_month(month) <= self._after and not self._purged(screen, month)
        first, last = max(month, span[0]), min(next_month(month) - _DAY, span[1])
        days = [publish_day(self.ledger, screen, day, self.rule) for day in dates]
        hidden = [day.secret_total for day in days if day.total is None]
        complete = not hidden or (over and quiet(len(hidden), sum(hidden), self.rule.k))
        counted = [day for day in days if complete or day.total is not None]
        total = sum(day.secret_total for day in counted)
        whole = over and first == month
        period = f"{month:%Y-%m}" if whole else f"{first}/{last}"
        begins = start_of(first, self._zone)
        ends = start_of(next_month(month) if whole else last + _DAY, self._zone)
        numbers = {(EVERY, EVERY): (total if complete or total else None, complete)}
        if self.rule.detail == "day":
            numbers |= {cell: _sum(day.cells[cell] for day in days) for cell in CELLS}
        elif over and total:
            cells = _cells(_added(day.secret_cells for day in counted), total, self.rule.k)
            numbers |= {cell: (count, complete) for cell, count in cells.items()}
        else:
            numbers |= dict.fromkeys(CELLS, (0 if over and complete else None, complete))
        for cell, (count, exact) in numbers.items():
            yield Row(screen, period, *cell, count, count is None or not exact, begins, ends)


def publish_day(ledger: Ledger, screen: str, day: date, rule: Rule) -> Day:
    """The numbers of a day that is over."""
    zone = zone_of(rule.timezone)
    since, until = start_of(day, zone), start_of(day + _DAY, zone)
    sums = ledger.buckets(screen, since, until)
    weights = ledger.cells(screen, since, until) if sums else {}
    hours = {
        hour: {five: round(sums.get(milliseconds(five), 0.0)) for five in fives} for hour, fives in hours_of(day, zone)
    }
    by_hour = {hour: sum(fives.values()) for hour, fives in hours.items()}
    total = sum(by_hour.values())
    shown: dict[datetime, Count] = dict.fromkeys(by_hour)
    cells: dict[Cell, Count] = dict.fromkeys(CELLS)
    few = 0 < total < rule.k
    if not few:
        quietest = sorted(by_hour, key=lambda hour: -abs(hour.astimezone(zone).hour - _BUSIEST_HOUR))
        shown, cells = _partition(by_hour, rule.k, quietest), _cells(weights, total, rule.k)
    fives: dict[datetime, Count] = {}
    for hour, group in hours.items():
        fives.update(dict.fromkeys(group) if shown[hour] is None else _partition(group, rule.k, list(group)))
    return Day(day, None if few else total, shown, fives, cells, total, weights)


def _partition(parts: Mapping[Part, int], k: int, order: Iterable[Part]) -> dict[Part, Count]:
    return suppress(parts, k, list(order)) if any(parts.values()) else dict(parts)


def _cells(weights: Mapping[Cell, float], total: int, k: int) -> dict[Cell, Count]:
    return _partition(apportion({cell: weights.get(cell, 0.0) for cell in CELLS}, total), k, _CELL_ORDER)


def _added(several: Iterable[Mapping[Cell, float]]) -> dict[Cell, float]:
    sums: dict[Cell, float] = dict.fromkeys(CELLS, 0.0)
    for weights in several:
        for cell, weight in weights.items():
            sums[cell] += weight
    return sums


def _sum(counts: Iterable[Count]) -> tuple[Count, bool]:
    """The sum of what is known, and whether that is all."""
    every = list(counts)
    known, exact = sum(count for count in every if count is not None), None not in every
    return (known if known or exact else None), exact
