"""What the ledger promises, held against SQLite and a real PostgreSQL."""

import tracemalloc
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from onlooker.audience import ledger as module
from onlooker.audience import tables
from onlooker.audience.bands import BANDS, UNDETERMINED, UNKNOWN, shares
from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Counted, Learned, Play
from onlooker.audience.visits import Visit
from tests.audience.people import MAN, NOON, WOMAN, everything, play, rows_of, visit, visits

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# Plays ----------------------------------------------------------------------------------------------------------------


def test_a_play_comes_out_as_it_went_in(ledger: Ledger) -> None:
    plays = [play(1, faces=3), Play("x", "s", "c", "a", NOON, NOON, 1, 0, False, "the camera said: 'stop?' 100 %")]
    assert ledger.add_plays(plays) == 2
    assert list(ledger.plays()) == sorted(plays, key=lambda each: each.started_at)


def test_a_play_sent_twice_is_kept_once_and_as_it_was(ledger: Ledger) -> None:
    assert ledger.add_plays([play(1), play(2), play(1)]) == 2
    assert ledger.add_plays([play(2, faces=50), play(3)]) == 1
    assert [each.faces_present for each in ledger.plays()] == [None, None, None]


def test_no_plays_are_no_error(ledger: Ledger) -> None:
    assert ledger.add_plays([]) == 0
    assert list(ledger.plays()) == []


def test_plays_of_a_window_and_a_screen(ledger: Ledger) -> None:
    ledger.add_plays([play(n, screen="till" if n % 2 else "door") for n in range(8)])
    begun = [play(n).started_at for n in range(8)]
    assert [each.started_at for each in ledger.plays(since=begun[2], until=begun[5])] == begun[2:5]
    assert [each.started_at for each in ledger.plays(screen="till", since=begun[2])] == [begun[3], begun[5], begun[7]]
    assert ledger.count_plays("till", begun[1], begun[5]) == 2
    assert sum(ledger.plays_by_advert("till", begun[2]).values()) == 3
    assert ledger.plays_by_advert("nowhere", begun[0]) == {}


def test_pages_lose_nothing_where_plays_begin_at_one_moment(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    plays = [Play(f"{n:02}", "s", "c", "a", NOON, NOON, 1, 1, True) for n in range(10)]
    ledger.add_plays(reversed(plays))
    assert list(ledger.plays()) == plays


def test_reading_many_plays_takes_no_more_memory_than_a_page(file: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 100)

    def peak(number: int) -> int:
        file.add_plays(play(n) for n in range(number))
        tracemalloc.start()
        assert sum(1 for _ in file.plays()) == number
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    few, many = peak(500), peak(10_000)
    assert many < 1.5 * few


def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="time zone"):
        ledger.add_plays([play(1), Play("x", "s", "c", "a", NOON.replace(tzinfo=None), NOON, 1, 1, True)])
    assert list(ledger.plays()) == []


# Visits ---------------------------------------------------------------------------------------------------------------


def test_visits_are_summed_by_five_minutes_and_cell(ledger: Ledger) -> None:
    ledger.add_visits("till", [visit(NOON), visit(NOON + timedelta(minutes=4, seconds=59)), visit(cell=MAN)])
    ledger.add_visits("till", [visit(NOON + timedelta(minutes=5), watched=False)])
    ledger.add_visits("door", [visit()])
    assert list(ledger.buckets("till", NOON, NOON + HOUR).values()) == [3.0, 1.0]
    assert ledger.cells("till", NOON, NOON + HOUR) == {WOMAN: 3.0, MAN: 1.0}
    assert ledger.totals("till", NOON, NOON + HOUR) == (4.0, 3.0)
    assert ledger.screens() == ["door", "till"]
    assert ledger.counted("till") == (NOON, NOON + timedelta(minutes=5))
    assert ledger.counted("nowhere") is None


def test_a_doubtful_visit_is_shared_among_cells(ledger: Ledger) -> None:
    ledger.add_visits("till", [Counted(NOON, {WOMAN: 3.0, MAN: 1.0}, 8.0, 4.0, True)] * 4)
    assert everything(ledger) == {WOMAN: 3.0, MAN: 1.0}


def test_shares_of_a_person_sum_to_one_and_follow_the_distribution() -> None:
    ages = np.zeros(101, np.float32)
    ages[[17, 18, 64, 65, 100]] = 0.2
    by_band = {band: sum(p for (_, b), p in shares(0.75, ages).items() if b == band) for band in BANDS}
    assert by_band == pytest.approx({**dict.fromkeys(BANDS, 0.0), "0-17": 0.2, "18-24": 0.2, "55-64": 0.2, "65+": 0.4})
    assert sum(p for (g, _), p in shares(0.75, ages).items() if g == "female") == pytest.approx(0.75)
    assert shares(None, None) == {UNKNOWN: 1.0}
    assert shares(0.999, None) == {("female", UNDETERMINED): 1.0}


def test_no_band_tells_an_age_over_89() -> None:
    for age in (65, 89, 90, 100):
        assert shares(1.0, np.eye(101)[age]) == {("female", "65+"): 1.0}


def test_a_visit_is_counted_by_its_shares() -> None:
    seen = Visit("id", NOON, NOON + HOUR, 3.0, 2.0, 1, age=30.2, p_female=0.9, shares={WOMAN: 0.7, MAN: 0.3})
    assert Counted.of(seen).shares == {WOMAN: 0.7, MAN: 0.3}
    assert Counted.of(Visit("id", NOON, NOON, 1.0, 0.0, 0)).shares == {UNKNOWN: 1.0}


def test_a_batch_sent_twice_is_counted_once(ledger: Ledger) -> None:
    assert ledger.add_visits("till", visits(3), batch="a")
    assert not ledger.add_visits("till", visits(3), batch="a")
    assert ledger.add_visits("till", visits(3), batch="b")
    assert everything(ledger) == {WOMAN: 6.0}


def test_a_batch_that_fails_is_not_counted_and_may_come_again(ledger: Ledger) -> None:
    wrong = Counted(NOON, {("other", "young"): 1.0}, 1.0, 1.0, True)
    with pytest.raises(ValueError, match="gender and band"):
        ledger.add_visits("till", [visit(), wrong], batch="a")
    assert everything(ledger) == {}
    assert ledger.add_visits("till", [visit()], batch="a")


def test_what_was_published_does_not_change_when_a_visit_comes_late(ledger: Ledger) -> None:
    ledger.add_visits("till", visits(20))
    ledger.publish({"k": 10}, NOON + 2 * DAY, NOON + DAY)
    ledger.add_visits("till", visits(5))
    assert ledger.buckets("till", NOON, NOON + DAY) == {round(NOON.timestamp() * 1000): 20.0}
    assert list(ledger.buckets("till", NOON + DAY, NOON + 2 * DAY).values()) == [5.0]


# Single visits --------------------------------------------------------------------------------------------------------


def test_single_visits_are_kept_only_where_they_are_switched_on_and_then_coarsely(url: str) -> None:
    plain, with_events = Ledger(url), Ledger(url, event_life=HOUR)
    seen = Counted(NOON + timedelta(minutes=3, seconds=21), {WOMAN: 0.4, MAN: 0.6}, 11.0, 7.9, True)
    plain.add_visits("till", [seen])
    assert rows_of(plain, "events") == []
    with_events.add_visits("till", [seen, seen])
    rows = rows_of(plain, "events")
    noon = round(NOON.timestamp() * 1000)
    assert [row[1:7] for row in rows] == [("till", noon, *MAN, 10, 10)] * 2
    assert len({row[0] for row in rows}) == 2
    plain.close()
    with_events.close()


def test_single_visits_go_at_their_hour(url: str) -> None:
    ledger = Ledger(url, event_life=HOUR)
    ledger.add_visits("till", [visit(NOON), visit(NOON + HOUR)], batch="a")
    assert ledger.expire(NOON + HOUR - timedelta(milliseconds=1)) == 0
    assert ledger.expire(NOON + HOUR) == 1
    assert [row[2] for row in rows_of(ledger, "events")] == [round((NOON + HOUR).timestamp() * 1000)]
    assert everything(ledger) == {WOMAN: 2.0}
    ledger.expire(datetime.now(UTC) + module.BATCH_LIFE + HOUR)
    assert rows_of(ledger, "batches") == []
    ledger.close()


def test_no_table_has_a_place_for_a_face() -> None:
    made = " ".join(statement for statements in tables.MIGRATIONS for statement in statements)
    assert not [
        word for word in ("BLOB", "BYTEA", "embedding", "vector", "track", "image", "name TEXT,") if word in made
    ]


# What was learned -----------------------------------------------------------------------------------------------------


def test_what_plays_teach_is_summed_by_screen_advert_and_segment(ledger: Ledger) -> None:
    ledger.learn("till", [Learned("a", "women", 0.25, 0.75), Learned("b", "women", 1.0, 0.0)], NOON)
    ledger.learn("till", [Learned("a", "women", 0.5, 0.5)], NOON + HOUR)
    ledger.learn("door", [Learned("a", "women", 1.0, 0.0)], NOON)
    assert ledger.learned("till") == [Learned("a", "women", 0.75, 1.25), Learned("b", "women", 1.0, 0.0)]
    assert ledger.learned("nowhere") == []


def test_what_was_learned_since_before_a_moment_goes_whole(ledger: Ledger) -> None:
    ledger.learn("till", [Learned("a", "women", 0.5, 0.5)], NOON)
    ledger.learn("till", [Learned("a", "women", 0.5, 0.5), Learned("b", "men", 0.5, 0.5)], NOON + DAY)
    ledger.purge(NOON + DAY, before=NOON + HOUR)
    assert ledger.learned("till") == [Learned("b", "men", 0.5, 0.5)]
