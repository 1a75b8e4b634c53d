"""What is published of a ledger: right by the calendar, and the same whoever asks for what."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from onlooker.audience import proof, summary
from onlooker.audience.bands import CELLS, Cell
from onlooker.audience.ledger import Ledger
from onlooker.audience.periods import RESOLUTIONS, hours_of, zone_of
from onlooker.audience.records import milliseconds
from onlooker.audience.summary import EVERY, GRACE, Count, Publication, Row, Rule
from onlooker.core.errors import ConfigError
from tests.audience.people import MAN, NOON, WOMAN, play, visit, visits

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LATER = datetime(2027, 3, 1, tzinfo=UTC)


def counts(rows: list[Row]) -> dict[str, Count]:
    """The totals by period."""
    return {row.period: row.count for row in rows if row.gender == EVERY}


def cells(rows: list[Row]) -> dict[Cell, Count]:
    return {(row.gender, row.age_band): row.count for row in rows if row.gender != EVERY and row.count != 0}


def on(ledger: Ledger, at: datetime, screen: str = "till") -> None:
    """The screen plays at a moment: the ledger knows that it was reached."""
    ledger.add_plays([replace(play(0, at=at, screen=screen), play_id=f"{screen} {at}")])


def published(
    ledger: Ledger,
    resolution: Any,
    rule: Rule | None = None,
    now: datetime = LATER,
    *,
    screen: str | None = None,
    **window: Any,
) -> list[Row]:
    return list(Publication(ledger, rule or Rule(), now, screen=screen).rows(resolution, **window))


# What is shown --------------------------------------------------------------------------------------------------------


def test_a_day_its_hours_and_its_cells(ledger: Ledger) -> None:
    ledger.add_visits("till", [*visits(30), *visits(40, NOON + HOUR, MAN)])
    day = published(ledger, "day")
    assert counts(day) == {"2026-11-02": 70}
    assert cells(day) == {WOMAN: 30, MAN: 40}
    hours = {period: count for period, count in counts(published(ledger, "hour")).items() if count}
    assert hours == {"2026-11-02T12:00+00:00": 30, "2026-11-02T13:00+00:00": 40}
    assert len(published(ledger, "5min")) == 288
    assert counts(published(ledger, "month")) == {"2026-11-02/2026-11-02": 70}


def test_a_few_people_are_hidden_with_something_beside_them(ledger: Ledger) -> None:
    ledger.add_visits("till", [*visits(3, NOON - 4 * HOUR), *visits(30), *visits(40, NOON + HOUR)])
    rows = [row for row in published(ledger, "hour") if row.count != 0]
    assert [(row.period[11:13], row.count, row.suppressed) for row in rows] == [
        ("08", None, True),
        ("12", None, True),
        ("13", 40, False),
    ]


def test_a_day_of_a_few_people_is_hidden_whole(ledger: Ledger) -> None:
    ledger.add_visits("till", [*visits(9), *visits(30, NOON + DAY)])
    assert counts(published(ledger, "day")) == {"2026-11-02": None, "2026-11-03": 30}
    assert {row.count for row in published(ledger, "day") if row.period == "2026-11-02"} == {None}
    assert {row.count for row in published(ledger, "hour", until=NOON + 6 * HOUR)} == {None}


def test_a_month_adds_its_small_days_once_that_tells_nothing_of_one(ledger: Ledger) -> None:
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    ledger.add_visits("till", [*visits(30, first), *visits(5, first + DAY), *visits(6, first + 2 * DAY)])
    on(ledger, LATER)
    assert counts(published(ledger, "month")) == {"2026-11": 30}
    assert next(row.suppressed for row in published(ledger, "month"))
    ledger.add_visits(
        "door", [*visits(30, first), *(visit(first + n * DAY) for n in (1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5))]
    )
    assert list(ledger.buckets("door", LATER - HOUR, LATER + HOUR).values()) == []


def test_small_days_of_a_month_that_hide_each_other_are_in_its_sum(ledger: Ledger) -> None:
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    few = [visit(first + n * DAY) for n in range(1, 6) for _ in range(3)]
    ledger.add_visits("till", [*visits(30, first), *few])
    on(ledger, LATER)
    assert counts(published(ledger, "month")) == {"2026-11": 45}


def test_by_month_the_cells_are_shown_that_no_day_could_show(url: str) -> None:
    ledger = Ledger(url)
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for n in range(20):
        ledger.add_visits("till", [*visits(10, first + n * DAY), *visits(2, first + n * DAY, MAN)])
    on(ledger, LATER)
    by_month = Rule(detail="month")
    assert cells(published(ledger, "month", by_month)) == {WOMAN: 200, MAN: 40}
    assert cells(published(ledger, "day", by_month)) == {}
    ledger.close()


def test_by_day_such_cells_are_hidden_and_the_sum_says_at_least(ledger: Ledger) -> None:
    for n in range(3):
        ledger.add_visits(
            "till", [*visits(30, NOON + n * DAY), *visits(2, NOON + n * DAY, MAN), *visits(15, NOON, ("male", "0-17"))]
        )
    rows = {(row.gender, row.age_band): row for row in published(ledger, "month")}
    assert (rows[MAN].count, rows[MAN].suppressed) == (None, True)
    assert rows[EVERY, EVERY].count == 30 * 3 + 2 * 3 + 15 * 3


def test_every_screen_by_itself_and_one_alone(ledger: Ledger) -> None:
    ledger.add_visits("till", visits(30))
    ledger.add_visits("door", visits(40))
    assert [(row.screen, row.count) for row in published(ledger, "month") if row.gender == EVERY] == [
        ("door", 40),
        ("till", 30),
    ]
    assert counts(published(ledger, "day", screen="door")) == {"2026-11-02": 40}
    assert published(ledger, "day", screen="nowhere") == []


def test_screens_of_different_k_are_shown_by_the_largest_or_each_by_a_rule_that_suits_it(file: Ledger) -> None:
    file.note_settings({"screen": "till", "k": 5})
    file.note_settings({"screen": "door", "k": 20})
    file.add_visits("till", [*visits(12), *visits(30, NOON + DAY)])
    file.add_visits("door", visits(40))
    file.add_plays([play(1), play(2, screen="door")])
    with pytest.raises(ConfigError, match="its screen door runs with k 20, and was to be published by k 10"):
        published(file, "day", Rule(10))
    rows = published(file, "day", Rule(20))
    assert counts([row for row in rows if row.screen == "till"]) == {"2026-11-02": None, "2026-11-03": 30}
    assert counts([row for row in rows if row.screen == "door"]) == {"2026-11-02": 40}
    assert [each.screen_id for each in Publication(file, Rule(20), LATER).plays()] == ["till", "door"]
    alone = Publication(file, Rule(20), LATER, screen="till")
    assert list(alone.rows("day")) == [row for row in rows if row.screen == "till"]
    assert [each.screen_id for each in alone.plays(since=NOON)] == ["till"]


def test_a_screen_that_promised_less_is_shown_alone_where_another_promised_more_than_the_rule(file: Ledger) -> None:
    file.note_settings({"screen": "till", "k": 5})
    file.note_settings({"screen": "door", "k": 20})
    file.add_visits("till", visits(12))
    assert counts(published(file, "day", Rule(10), screen="till")) == {"2026-11-02": 12}
    for screen in (None, "door"):
        with pytest.raises(ConfigError, match="keeps its first k"):
            published(file, "day", Rule(10), screen=screen)


# The calendar ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "number", "names"),
    [
        (date(2026, 3, 29), 23, ["01:00+01:00", "03:00+02:00"]),
        (date(2026, 10, 25), 25, ["01:00+02:00", "02:00+02:00", "02:00+01:00", "03:00+01:00"]),
        (date(2026, 6, 1), 24, ["01:00+02:00", "02:00+02:00"]),
    ],
)
def test_days_on_which_the_clock_is_changed(day: date, number: int, names: list[str]) -> None:
    hours = hours_of(day, BERLIN)
    assert len(hours) == number
    assert {len(fives) for _, fives in hours} == {12}
    local = [at.astimezone(BERLIN).isoformat(timespec="minutes")[11:] for at, _ in hours]
    assert local[1 : 1 + len(names)] == names


def test_a_clock_that_is_changed_by_half_an_hour() -> None:
    hours = hours_of(date(2026, 4, 5), ZoneInfo("Australia/Lord_Howe"))
    assert [len(fives) for _, fives in hours][:4] == [12, 12, 6, 12]
    assert sum(len(fives) for _, fives in hours) * 5 == 24 * 60 + 30


def test_no_visit_is_lost_or_doubled_when_the_clock_is_changed(file: Ledger) -> None:
    begin = datetime(2026, 10, 24, 22, tzinfo=UTC)
    for n in range(25):
        file.add_visits("till", visits(10, begin + n * HOUR))
    rule = Rule(timezone="Europe/Berlin")
    assert counts(published(file, "day", rule)) == {"2026-10-25": 250}
    assert list(counts(published(file, "hour", rule)).values()) == [10] * 25


def test_days_are_those_of_the_time_zone(file: Ledger) -> None:
    file.add_visits("till", visits(10, datetime(2026, 10, 31, 23, 30, tzinfo=UTC)))
    assert counts(published(file, "day", Rule(timezone="Europe/Berlin"))) == {"2026-11-01": 10}


def test_a_day_that_is_not_over_is_not_published_and_a_month_says_how_far_it_goes(file: Ledger) -> None:
    midnight = datetime(2026, 11, 4, tzinfo=UTC)
    for n in range(3):
        file.add_visits("till", visits(20, NOON + n * DAY))
    early = midnight + GRACE - timedelta(seconds=1)
    assert list(counts(published(file, "day", now=early))) == ["2026-11-02"]
    assert list(counts(published(file, "day", now=midnight + GRACE))) == ["2026-11-02", "2026-11-03"]
    assert counts(published(file, "month", now=midnight + GRACE)) == {"2026-11-02/2026-11-03": 40}


def test_small_days_wait_for_the_end_of_their_month(file: Ledger) -> None:
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    file.add_visits("till", [visit(first + n * DAY) for n in range(1, 6) for _ in range(3)])
    file.add_visits("till", visits(30, first))
    assert counts(published(file, "month", now=first + 20 * DAY)) == {"2026-11-01/2026-11-06": 30}
    assert counts(published(file, "month", now=first + 31 * DAY)) == {"2026-11-01/2026-11-06": 30}
    on(file, first + 29 * DAY)  # the screen was on, on the month's last day
    assert counts(published(file, "month", now=first + 31 * DAY)) == {"2026-11": 45}


def test_a_month_is_not_over_while_visits_of_its_last_days_may_come(file: Ledger) -> None:
    """The ledger was out of reach in those days; without them the month is published with the days it has."""
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    file.add_visits("till", [*visits(30, first), *(visit(first + n * DAY) for n in range(1, 6) for _ in range(3))])
    soon = first + 31 * DAY
    assert counts(published(file, "month", now=soon)) == {"2026-11-01/2026-11-06": 30}
    file.add_visits("till", visits(4, first + 29 * DAY))
    assert counts(published(file, "day", now=soon))["2026-11-30"] is None
    assert counts(published(file, "month", now=soon)) == {"2026-11": 49}
    file.add_visits("till", visits(4, first + 29 * DAY))
    assert counts(published(file, "month", now=soon + 30 * DAY))["2026-11"] == 49


def test_days_without_a_count_and_a_play_are_left_out_and_those_with_plays_have_nobody(file: Ledger) -> None:
    file.add_visits("till", [*visits(20), *visits(30, NOON + 4 * DAY)])
    on(file, NOON + 2 * DAY)
    assert counts(published(file, "day")) == {"2026-11-02": 20, "2026-11-04": 0, "2026-11-06": 30}
    assert len(published(file, "hour")) == 3 * 24
    assert counts(published(file, "month")) == {"2026-11-02/2026-11-06": 50}


def test_a_count_of_long_ago_costs_no_rows_in_between(file: Ledger) -> None:
    """An older version counted by a clock that was never set."""
    with file._database.transaction(exclusive=True) as session:
        session.run("INSERT INTO counts VALUES ('till', 600000, 'female', '25-34', 12, 12, 96, 36)")
    file.add_visits("till", visits(12))
    assert counts(published(file, "day")) == {"1970-01-01": 12, "2026-11-02": 12}
    assert list(counts(published(file, "month"))) == ["1970-01", "2026-11-01/2026-11-02"]


def test_an_export_by_a_clock_that_runs_years_ahead_hides_no_later_visit(file: Ledger) -> None:
    file.add_visits("till", visits(12))
    published(file, "day", now=datetime(2036, 1, 1, tzinfo=UTC))
    file.add_visits("till", [*visits(4), *visits(50, NOON + DAY)])
    assert counts(published(file, "day")) == {"2026-11-02": 12, "2026-11-03": 54}


def test_a_window_takes_the_periods_that_begin_in_it(file: Ledger) -> None:
    for n in range(4):
        file.add_visits("till", visits(20, NOON + n * DAY))
    noon = NOON + DAY
    assert list(counts(published(file, "day", since=noon, until=noon + 2 * DAY))) == ["2026-11-04", "2026-11-05"]
    assert list(counts(published(file, "hour", since=noon, until=noon + 2 * HOUR))) == [
        "2026-11-03T12:00+00:00",
        "2026-11-03T13:00+00:00",
    ]
    assert published(file, "month", since=noon) == []


def test_a_time_zone_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="Middle/Earth: no such time zone"):
        zone_of("Middle/Earth")


# Nothing more is said by asking again ---------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [Rule(k=11), Rule(timezone="Europe/Berlin"), Rule(detail="month")])
def test_the_first_rule_is_the_only_one(file: Ledger, other: Rule) -> None:
    published(file, "day")
    with pytest.raises(ConfigError, match="two rules for the same people"):
        published(file, "day", other)
    assert file.rule() == Rule().to_dict()
    assert [entry.kind for entry in file.audit()] == ["configuration"]


def test_what_was_published_stays_when_visits_come_late(file: Ledger) -> None:
    file.add_visits("till", [*visits(30), *visits(20, NOON + DAY)])
    before = published(file, "5min", now=NOON + DAY)
    file.add_visits("till", visits(7))
    assert published(file, "5min", now=NOON + DAY) == before
    assert counts(published(file, "day")) == {"2026-11-02": 30, "2026-11-03": 27}


def test_after_a_purge_no_day_or_month_is_published_that_it_cut(file: Ledger) -> None:
    for n in range(4):
        file.add_visits("till", visits(20, NOON + n * DAY))
    file.purge(LATER, before=NOON + DAY)
    assert list(counts(published(file, "day"))) == ["2026-11-04", "2026-11-05"]
    assert counts(published(file, "month")) == {"2026-11-04/2026-11-05": 40}


def test_a_purge_of_everything_in_the_midst_of_a_day_leaves_no_part_of_it_to_be_published(file: Ledger) -> None:
    file.add_visits("till", visits(40))
    file.purge(NOON + HOUR, everything=True)
    file.add_visits("till", [*visits(15, NOON + 2 * HOUR), *visits(20, NOON + DAY)])
    assert counts(published(file, "day")) == {"2026-11-03": 20}
    assert counts(published(file, "month")) == {"2026-11-03/2026-11-03": 20}
    assert published(file, "hour", until=NOON + DAY / 2) == []


def test_a_purge_of_a_screen_cuts_its_day_and_month_and_no_other_screens(file: Ledger) -> None:
    first = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for screen in ("till", "door"):
        file.add_visits(screen, visits(40, first))
    file.purge(first + HOUR, screen="till")
    for screen in ("till", "door"):
        file.add_visits(screen, [*visits(15, first + 2 * HOUR), *visits(20, first + DAY)])
        on(file, LATER, screen)
    assert counts(published(file, "day", screen="till")) == {"2026-11-02": 20}
    assert counts(published(file, "day", screen="door")) == {"2026-11-01": 55, "2026-11-02": 20}
    assert counts(published(file, "month", screen="till")) == {"2026-11-02/2026-11-02": 20}
    assert counts(published(file, "month", screen="door")) == {"2026-11": 75}
    file.purge(first + DAY + HOUR, screen="till")
    assert published(file, "day", screen="till") == []


def test_a_purge_of_everything_heals_what_a_wrong_clock_did(file: Ledger) -> None:
    ahead = datetime(2036, 1, 1, 12, tzinfo=UTC)
    file.add_visits("till", [*visits(20), *visits(20, ahead)])
    published(file, "day", now=ahead + 2 * DAY)
    file.add_visits("till", visits(20, NOON + DAY))
    assert "2026-11-03" not in counts(published(file, "day"))
    file.purge(NOON + DAY, everything=True)
    file.add_visits("till", visits(20, NOON + 2 * DAY))
    assert counts(published(file, "day")) == {"2026-11-04": 20}


@st.composite
def shops(draw: st.DrawFn) -> list[tuple[datetime, Cell, int]]:
    """Groups of visits over some days of two months."""
    times = st.integers(0, 12 * 24 * 60).map(lambda minutes: datetime(2026, 10, 23, tzinfo=UTC) + minutes * MINUTE)
    some = st.tuples(times, st.sampled_from(CELLS[:4]), st.integers(1, 40))
    return draw(st.lists(some, min_size=1, max_size=25))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shop=shops(), k=st.integers(2, 12), detail=st.sampled_from(["day", "month"]))
def test_no_output_has_a_small_number_and_all_outputs_agree(
    tmp_path_factory: pytest.TempPathFactory, shop: list[tuple[datetime, Cell, int]], k: int, detail: Any
) -> None:
    ledger = Ledger(str(Path(tmp_path_factory.mktemp("shop")) / "ledger.sqlite"))
    for at, cell, number in shop:
        ledger.add_visits("till", visits(number, at, cell))
    rule = Rule(k, "Europe/Berlin", detail)
    by = {resolution: published(ledger, resolution, rule) for resolution in RESOLUTIONS}
    for rows in by.values():
        assert all(row.count is None or row.count == 0 or row.count >= k for row in rows)
        assert all(row.suppressed for row in rows if row.count is None)
    days, hours, fives = (counts(by[resolution]) for resolution in ("day", "hour", "5min"))
    for day, total in days.items():
        parts = [count for period, count in hours.items() if period[:10] == day]
        known = sum(count for count in parts if count is not None)
        assert total is not None or known == 0
        # What subtraction gives is nobody, or at least k people.
        assert total is None or total - known == 0 or (total - known >= k and parts.count(None) > 1)
    for hour, total in hours.items():
        parts = [count for period, count in fives.items() if period[:13] == hour[:13] and period[-6:] == hour[-6:]]
        known = sum(count for count in parts if count is not None)
        assert total is None or total - known == 0 or (total - known >= k and parts.count(None) > 1)
    assert sum(row.count or 0 for row in by["month"] if row.gender == EVERY) <= sum(number for _, _, number in shop)
    # Asking for a part says what the whole said.
    middle = datetime(2026, 10, 28, tzinfo=UTC)
    for resolution, rows in by.items():
        halves = [
            *published(ledger, resolution, rule, until=middle),
            *published(ledger, resolution, rule, since=middle),
        ]
        assert halves == rows
    ledger.close()


# Someone who knows everything -----------------------------------------------------------------------------------------


class Imagined:
    """A ledger with given counts by time and cell, of which only what publishing asks for is there."""

    def __init__(self, people: dict[tuple[datetime, Cell], int]) -> None:
        self._people = people

    def publish(self, _rule: object, _now: datetime, until: datetime, _screen: str | None) -> datetime:
        return until

    def cut(self, _: str) -> None:
        return None

    def screens(self) -> list[str]:
        return ["till"]

    def counted(self, _: str) -> tuple[datetime, datetime] | None:
        times = [at for (at, _cell), number in self._people.items() if number]
        return (min(times), max(times)) if times else None

    def following(self, _: str, since: datetime) -> datetime | None:
        return min((at for (at, _cell), number in self._people.items() if number and at >= since), default=None)

    def buckets(self, _: str, since: datetime, until: datetime) -> dict[int, float]:
        sums: dict[int, float] = defaultdict(float)
        for (at, _cell), number in self._people.items():
            if since <= at < until:
                sums[milliseconds(at)] += number
        return sums

    def cells(self, _: str, since: datetime, until: datetime) -> dict[Cell, float]:
        sums: dict[Cell, float] = defaultdict(float)
        for (at, cell), number in self._people.items():
            if since <= at < until:
                sums[cell] += number
        return sums


K, MOST = 3, 5
FIRST = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIVE = 5 * MINUTE


def short_day(day: date, zone: ZoneInfo) -> list[tuple[datetime, list[datetime]]]:
    """A day of two hours of two five minutes each: the others are empty, and only take time."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    return [(noon + n * HOUR, [noon + n * HOUR, noon + n * HOUR + FIVE]) for n in (0, 1)]


@pytest.mark.parametrize(
    ("places", "detail"),
    [
        ([(FIRST + hour * HOUR + five * FIVE, WOMAN) for hour, five in product((0, 1), (0, 1))], "day"),
        ([(FIRST + hour * HOUR, cell) for hour, cell in product((0, 1), (WOMAN, MAN))], "day"),
        ([(FIRST + n * DAY, WOMAN) for n in range(4)], "day"),
        ([(FIRST + n * DAY, cell) for n, cell in product((0, 1), (WOMAN, MAN))], "day"),
        ([(FIRST + n * DAY, cell) for n, cell in product((0, 1), (WOMAN, MAN))], "month"),
    ],
    ids=["hours and five minutes", "hours and cells", "days and their month", "days and cells", "cells by month"],
)
def test_with_every_output_in_hand_a_hidden_number_is_as_open_as_the_small_numbers(
    places: list[tuple[datetime, Cell]], detail: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every shop with at most ``MOST`` people in each place is published at every resolution. Of those with the same
    outputs nobody can say which it is; what is hidden must differ among them by as much as 1 and k - 1 do. (Larger
    shops, which are left out, could only widen that.)"""
    monkeypatch.setattr(summary, "hours_of", short_day)
    # Where all people are of one cell, that cell is no secret to begin with.
    only_totals = len({cell for _, cell in places}) == 1
    # Days without anybody are left out: which, is known to whoever reads the periods.
    alike: dict[tuple[tuple[str, Count], ...], list[list[Count]]] = defaultdict(list)
    for numbers in product(range(MOST + 1), repeat=len(places)):
        shop = cast("Ledger", Imagined(dict(zip(places, numbers, strict=True))))
        public, truth = (
            [
                row
                for each in RESOLUTIONS
                for row in Publication(shop, Rule(k, detail=detail), LATER).rows(each)
                if row.gender == EVERY or not only_totals
            ]
            for k in (K, 1)
        )
        alike[tuple((row.period, row.count) for row in public)].append([row.count for row in truth])
    hidden = 0
    for output, truths in alike.items():
        for place, (_period, count) in enumerate(output):
            values = {true[place] or 0 for true in truths}
            if count is None and values != {0}:
                hidden += 1
                assert max(values) - min(values) >= K - 2, (output, place, values)
    assert hidden


# A single play -------------------------------------------------------------------------------------------------------


def test_a_plays_audience_is_shown_only_where_its_five_minutes_are(file: Ledger) -> None:
    file.add_visits("till", [*visits(25), *visits(20, NOON + FIVE)])
    public = Publication(file, Rule(), LATER)
    assert public.audience_of(play(0, faces=12)) == (12, 12, 48.0, 18.0)
    assert public.audience_of(play(0, faces=9)) == (None, None, None, None)
    assert public.audience_of(play(0, faces=0)) == (None, None, None, None)
    assert public.audience_of(play(40, faces=12)) == (None, None, None, None)
    assert public.audience_of(play(0)) == (None, None, None, None)


def test_more_faces_than_visits_that_ended_are_not_told_for_the_rest_ended_in_the_next_five_minutes(
    file: Ledger,
) -> None:
    """25 were there, 20 of whom left meanwhile: that 5 left after it is what is hidden there."""
    file.add_visits("till", [*visits(30), *visits(20, NOON + FIVE), *visits(5, NOON + 2 * FIVE)])
    public = Publication(file, Rule(), LATER)
    fives = [row.count for row in public.rows("5min", since=NOON, until=NOON + 3 * FIVE)]
    assert fives == [None, 20, None]
    during = replace(play(0, at=NOON + FIVE, faces=25), ended_at=NOON + 2 * FIVE)
    assert public.audience_of(during) == (None, None, None, None)
    assert public.audience_of(replace(during, faces_present=20, watchers=20)) == (20, 20, 100.0, 37.5)


def test_the_plays_of_many_screens_ask_for_each_day_of_each_once(file: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    screens, decide, decided = ("till", "door", "gate"), summary.publish_day, list[tuple[str, date]]()

    def publish_day(ledger: Ledger, screen: str, day: date, rule: Rule) -> summary.Day:
        decided.append((screen, day))
        return decide(ledger, screen, day, rule)

    monkeypatch.setattr(summary, "publish_day", publish_day)
    for n, day in product(range(3), range(2)):
        file.add_visits(screens[n], visits(20 + n, NOON + day * DAY))
        shown = [replace(play(i, at=NOON + day * DAY, faces=12 + 10 * n), screen_id=screens[n]) for i in range(4)]
        file.add_plays(replace(each, play_id=f"{n} {day} {i}") for i, each in enumerate(shown))
    public = Publication(file, Rule(), LATER)
    told = [(each.screen_id, public.audience_of(each)[0]) for each in public.plays()]
    assert len({screen for screen, _ in told[:3]}) == 3  # they come by turns
    assert sorted(told, key=str) == sorted([("till", 12), ("door", None), ("gate", None)] * 8, key=str)
    assert sorted(decided) == sorted((screen, (NOON + day * DAY).date()) for screen in screens for day in range(2))


def test_plays_that_a_program_of_before_wrote_are_shown_as_they_may_be_kept(file: Ledger) -> None:
    raw = replace(play(1, faces=3), complete=False, reason="is for adults only, and somebody is not surely one")
    with file._database.transaction(exclusive=True) as session:
        session.run(proof.ADD, [proof.row_of(raw)])
    assert list(Publication(file, Rule(), LATER).plays()) == [replace(play(1), complete=False, reason="stopped")]


# What was said is said ------------------------------------------------------------------------------------------------

MINUTES = st.integers(0, 6 * 24 * 60)
CLOCKS = MINUTES | st.sampled_from([-30_000_000, 5_000_000])
STEPS = st.lists(
    st.tuples(st.just("come"), MINUTES, st.integers(1, 15))
    | st.tuples(st.just("play"), MINUTES, st.just(1))
    | st.tuples(st.just("export"), CLOCKS, st.just(1)),
    min_size=2,
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_number_that_was_published_ever_changes_whatever_comes_late_and_whatever_the_clock_says(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    ledger = Ledger(str(Path(tmp_path_factory.mktemp("shop")) / "ledger.sqlite"))
    begin, said = datetime(2026, 10, 28, tzinfo=UTC), dict[tuple[str, ...], tuple[Count, bool]]()
    for kind, minutes, number in [*steps, ("export", 9 * 24 * 60, 1)]:
        at = begin + minutes * MINUTE
        if kind == "come":
            ledger.add_visits("till", visits(number, at))
        elif kind == "play":
            on(ledger, at)
        else:
            rows = [row for each in RESOLUTIONS for row in published(ledger, each, Rule(3), at)]
            for row in rows:
                if "/" not in row.period:  # a month that is not whole goes on
                    key = (row.period, row.gender, row.age_band, f"{row.ends - row.begins}")
                    assert said.setdefault(key, (row.count, row.suppressed)) == (row.count, row.suppressed)
    ledger.close()
