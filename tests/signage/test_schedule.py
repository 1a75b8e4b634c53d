"""Dates, weekdays and day-parts, by the clock on the shop's wall."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onlooker.signage.schedule import DAY, DayPart, Schedule, minutes

BERLIN = ZoneInfo("Europe/Berlin")
LUNCH = DayPart("lunch", 11 * 60 + 30, 14 * 60)
NIGHT = DayPart("night", 22 * 60, 6 * 60)
MONDAY = date(2026, 3, 2)


def at(day: date, clock: str) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes(clock))


@pytest.mark.parametrize(
    ("clock", "holds"),
    [("11:29", False), ("11:30", True), ("13:59", True), ("14:00", False), ("00:00", False)],
)
def test_a_window_holds_its_start_and_not_its_end(clock: str, holds: bool) -> None:
    assert (LUNCH.began(at(MONDAY, clock)) == MONDAY) == holds
    assert (LUNCH.began(at(MONDAY, clock) + timedelta(seconds=59, microseconds=999_999)) == MONDAY) == holds


def test_an_overnight_window_belongs_to_the_day_it_starts() -> None:
    tuesday = MONDAY + timedelta(days=1)
    assert NIGHT.began(at(MONDAY, "21:59")) is None
    assert NIGHT.began(at(MONDAY, "22:00")) == MONDAY
    assert NIGHT.began(at(tuesday, "05:59")) == MONDAY
    assert NIGHT.began(at(tuesday, "06:00")) is None


def test_midnight_ends_the_day_and_begins_the_next() -> None:
    evening = DayPart("evening", 18 * 60, DAY)
    assert evening.began(at(MONDAY, "23:59")) == MONDAY
    assert evening.began(at(MONDAY, "00:00")) is None
    assert DayPart("late", 22 * 60, 0).began(at(MONDAY, "23:59")) == MONDAY
    assert DayPart("late", 22 * 60, 0).began(at(MONDAY, "00:00")) is None
    assert DayPart("all", 0, DAY).began(at(MONDAY, "00:00")) == MONDAY


@settings(deadline=None)
@given(st.integers(0, DAY - 1), st.integers(0, DAY), st.integers(0, 2 * DAY - 1))
def test_every_window_lasts_as_long_as_it_says_and_the_rest_of_the_day_is_its_opposite(
    start: int, end: int, minute: int
) -> None:
    if start == end:
        with pytest.raises(ValueError, match="empty"):
            DayPart("x", start, end)
        return
    part = DayPart("x", start, end)
    held = sum(part.began(at(MONDAY, "00:00") + timedelta(minutes=m)) == MONDAY for m in range(2 * DAY))
    assert held == (end - start) % DAY or (start, end, held) == (0, DAY, DAY)
    if end not in (0, DAY) and start != 0:
        now = at(MONDAY, "00:00") + timedelta(minutes=minute)
        assert (part.began(now) is None) != (DayPart("not x", end, start).began(now) is None)


def test_dates_are_both_included_and_a_night_counts_as_the_day_before() -> None:
    week = Schedule(first=MONDAY, last=MONDAY + timedelta(days=6))
    assert week.why_not(at(MONDAY - timedelta(days=1), "23:59")) == "begins on 2 March 2026"
    assert week.why_not(at(MONDAY, "00:00")) is None
    assert week.why_not(at(MONDAY + timedelta(days=6), "23:59")) is None
    assert week.why_not(at(MONDAY + timedelta(days=7), "00:00")) == "ended on 8 March 2026"
    night = Schedule(first=MONDAY, last=MONDAY, parts=(NIGHT,))
    assert night.why_not(at(MONDAY, "05:00")) == "begins on 2 March 2026"
    assert night.why_not(at(MONDAY, "22:00")) is None
    assert night.why_not(at(MONDAY + timedelta(days=1), "05:59")) is None
    assert night.why_not(at(MONDAY + timedelta(days=1), "22:00")) == "ended on 2 March 2026"


def test_weekdays_are_those_of_the_day_on_which_the_window_started() -> None:
    saturday = MONDAY + timedelta(days=5)
    weekend_nights = Schedule(weekdays=frozenset({4, 5}), parts=(NIGHT,))
    assert weekend_nights.why_not(at(saturday, "03:00")) is None  # Friday's night
    assert weekend_nights.why_not(at(saturday + timedelta(days=1), "03:00")) is None
    assert weekend_nights.why_not(at(saturday + timedelta(days=1), "22:00")) == "does not play on Sundays"
    assert Schedule(weekdays=frozenset({0})).why_not(at(MONDAY, "12:00")) is None
    assert Schedule(weekdays=frozenset({1})).why_not(at(MONDAY, "12:00")) == "does not play on Mondays"


def test_several_windows_are_any_of_them() -> None:
    both = Schedule(parts=(LUNCH, NIGHT))
    assert both.why_not(at(MONDAY, "12:00")) is None
    assert both.why_not(at(MONDAY, "23:00")) is None
    assert both.why_not(at(MONDAY, "15:00")) == "only plays during lunch (11:30 to 14:00) and night (22:00 to 06:00)"
    # Of two windows that hold, one may belong to a day that does not count.
    early = Schedule(last=MONDAY, parts=(DayPart("early", 0, 8 * 60), NIGHT))
    assert early.why_not(at(MONDAY + timedelta(days=1), "05:00")) is None


def test_always_is_the_schedule_that_says_nothing() -> None:
    assert Schedule().always
    assert not Schedule(last=MONDAY).always
    assert Schedule().why_not(at(MONDAY, "00:00")) is None


def minutes_due(schedule: Schedule, day: date) -> int:
    """Real minutes of a local day (23, 24 or 25 hours long) at which a schedule is due."""
    start = datetime.combine(day, datetime.min.time(), BERLIN).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), datetime.min.time(), BERLIN).astimezone(UTC)
    count = int((end - start).total_seconds()) // 60
    moments = (start + timedelta(minutes=m) for m in range(count))
    return sum(schedule.why_not(moment.astimezone(BERLIN)) is None for moment in moments)


@pytest.mark.parametrize(
    ("day", "lunch", "night", "small_hours", "whole"),
    [
        (date(2026, 3, 28), 150, 480, 30, 24 * 60),
        (date(2026, 3, 29), 150, 420, 0, 23 * 60),  # the clock goes from 2 to 3
        (date(2026, 10, 25), 150, 540, 60, 25 * 60),  # the clock goes from 3 to 2
    ],
)
def test_windows_follow_the_wall_clock_over_daylight_saving(
    day: date, lunch: int, night: int, small_hours: int, whole: int
) -> None:
    assert minutes_due(Schedule(parts=(LUNCH,)), day) == lunch
    assert minutes_due(Schedule(parts=(NIGHT,)), day) == night
    assert minutes_due(Schedule(parts=(DayPart("small hours", 135, 165),)), day) == small_hours
    assert minutes_due(Schedule(first=day, last=day), day) == whole


@settings(deadline=None)
@given(st.integers(0, DAY - 1), st.integers(0, DAY), st.sampled_from([date(2026, 3, 29), date(2026, 10, 25)]))
def test_a_window_and_the_rest_fill_the_day_of_a_clock_change(start: int, end: int, day: date) -> None:
    if start % DAY == end % DAY:
        return
    part, rest = DayPart("x", start, end), DayPart("rest", end % DAY, start)
    start_utc = datetime.combine(day, datetime.min.time(), BERLIN).astimezone(UTC)
    for minute in range(0, 26 * 60, 7):
        local = (start_utc + timedelta(minutes=minute)).astimezone(BERLIN)
        assert (part.began(local) is None) != (rest.began(local) is None)


@pytest.mark.parametrize(("clock", "total"), [("00:00", 0), ("9:05", 545), ("24:00", DAY), ("23:59", DAY - 1)])
def test_a_time_of_day_is_minutes_after_midnight(clock: str, total: int) -> None:
    assert minutes(clock) == total


@pytest.mark.parametrize(
    "clock", ["", "9", "9:5", "24:01", "12:60", "-1:00", "123:00", "ab:cd", "12:00:00", "\u00b2:00"]
)
def test_what_is_no_time_of_day_is_refused(clock: str) -> None:
    with pytest.raises(ValueError, match="no time of day"):
        minutes(clock)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (DAY, 5), (5, DAY + 1), (5, -1)])
def test_a_window_outside_the_day_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="starts at"):
        DayPart("x", start, end)
