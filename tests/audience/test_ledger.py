"""What the ledger promises, held against SQLite and a real PostgreSQL."""

import json
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from onlooker.audience import audit, forgetting, proof, tables
from onlooker.audience import ledger as module
from onlooker.audience.bands import BANDS, UNDETERMINED, UNKNOWN, shares
from onlooker.audience.ledger import Ledger
from onlooker.audience.records import Counted, Learned, Play
from onlooker.audience.visits import Visit
from onlooker.core.errors import ConfigError
from tests.audience.people import MAN, NOON, WOMAN, everything, play, rows_of, visit, visits

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


# Plays ----------------------------------------------------------------------------------------------------------------


def test_a_play_comes_out_as_it_went_in(ledger: Ledger) -> None:
    plays = [play(1, faces=30), Play("x", "s?", "c", "100 %", NOON, NOON, 1, 0, False, "the page was loaded anew")]
    assert ledger.add_plays(plays) == 2
    assert list(ledger.plays()) == sorted(plays, key=lambda each: each.started_at)


def audiences(ledger: Ledger) -> list[tuple[int | float | None, ...]]:
    return [(each.faces_present, each.watchers, each.dwell_s, each.attention_s) for each in ledger.plays()]


NOTHING = (None, None, None, None)


def test_of_a_plays_audience_nothing_is_kept_that_is_about_a_few(ledger: Ledger) -> None:
    few = [play(0, faces=0), play(1, faces=1), play(2, faces=9)]
    looked = [replace(play(n, faces=25), watchers=watchers) for n, watchers in enumerate((25, 15, 0, 9, 16), start=3)]
    ledger.add_plays([*few, *looked])
    assert audiences(ledger) == [
        *[NOTHING] * 3,
        (25, 25, 100.0, 37.5),
        (25, 15, 100.0, 37.5),
        (25, 0, 100.0, 37.5),
        (25, None, 100.0, None),
        (25, None, 100.0, None),
    ]
    ledger.note_settings({"screen": "till", "k": 26})
    assert audiences(ledger) == [NOTHING] * 8
    ledger.note_settings({"screen": "till", "k": 2})  # what was never kept does not come back
    assert audiences(ledger) == [NOTHING] * 8
    ledger.add_plays([play(9, faces=2)])
    assert audiences(ledger)[-1] == (2, 2, 8.0, 3.0)


@pytest.mark.parametrize("name", ["published", "noted"])
def test_plays_are_kept_by_the_k_that_the_ledger_knows(ledger: Ledger, name: str) -> None:
    if name == "published":
        ledger.publish({"k": 20}, NOON, NOON)
    else:
        ledger.note_settings({"screen": "door", "k": 20})
        ledger.note_settings({"screen": "till", "k": 5})
    ledger.add_plays([play(0, faces=19), play(1, faces=20)])
    assert [each.faces_present for each in ledger.plays()] == [None, 20]


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("", ""),
        ("another page of this screen took over", "another page of this screen took over"),
        ("the page was loaded anew", "the page was loaded anew"),
        ("is for adults only, and somebody in front is not surely one (more than 99.0% asked)", "stopped"),
        ("is for adults only, and the camera does not see who is in front", "stopped"),
        ("a man of 43 in a red coat", "stopped"),
    ],
)
def test_why_a_play_ended_says_nothing_of_who_was_there(ledger: Ledger, reason: str, kept: str) -> None:
    ledger.add_plays([replace(play(1), complete=False, reason=reason)])
    assert [each.reason for each in ledger.plays()] == [kept]


def test_the_reasons_that_are_kept_are_the_pages_own_words() -> None:
    folder = Path(module.__file__).parents[1] / "service" / "static" / "display"
    said = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.js"))
    assert [reason for reason in proof.REASONS if reason not in ("", proof.STOPPED) and f'"{reason}"' not in said] == []


def test_plays_go_when_they_are_older_than_asked_and_else_stay(ledger: Ledger) -> None:
    ledger.add_plays([play(0), play(5760)])  # a day apart
    ledger.expire(NOON + 1000 * DAY)
    assert len(list(ledger.plays())) == 2
    ledger.expire(NOON + 30 * DAY, 30 * DAY)
    assert len(list(ledger.plays())) == 2
    ledger.expire(NOON + 30 * DAY + timedelta(milliseconds=1), 30 * DAY)
    assert [each.play_id for each in ledger.plays()] == ["play-005760"]


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
    assert ledger.screens() == ledger.known_screens() == ["door", "till"]
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
    midnight = NOON + DAY / 2
    assert ledger.publish({"k": 10}, NOON + 2 * DAY, midnight) == midnight
    ledger.add_visits("till", visits(5))
    assert ledger.buckets("till", NOON, midnight) == {round(NOON.timestamp() * 1000): 20.0}
    assert list(ledger.buckets("till", midnight, midnight + DAY).values()) == [5.0]


def test_a_visit_by_a_clock_that_was_never_set_is_not_counted(ledger: Ledger) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert ledger.add_visits("till", [visit(epoch), visit(tables.EARLIEST - timedelta(seconds=1)), visit(NOON)])
    assert ledger.counted("till") == (NOON, NOON)
    assert ledger.buckets("till", epoch, NOON + DAY) == {round(NOON.timestamp() * 1000): 1.0}


@pytest.mark.parametrize("evidence", ["a visit", "a play"])
def test_a_clock_that_runs_years_ahead_publishes_no_day_that_has_not_begun(ledger: Ledger, evidence: str) -> None:
    if evidence == "a visit":
        ledger.add_visits("till", visits(12))
    else:
        ledger.add_plays([play(0)])
    ahead = datetime(2036, 1, 1, tzinfo=UTC)
    assert ledger.publish({"k": 10}, ahead, ahead) == NOON + DAY / 2
    ledger.add_visits("till", [*visits(3), *visits(50, NOON + DAY)])
    assert list(ledger.buckets("till", NOON + DAY / 2, NOON + 2 * DAY).values()) == [3.0, 50.0]


def test_of_an_empty_ledger_nothing_is_over(ledger: Ledger) -> None:
    assert ledger.publish({"k": 10}, NOON, NOON) is None
    ledger.add_visits("till", visits(3, NOON - 30 * DAY))
    assert ledger.counted("till") == (NOON - 30 * DAY, NOON - 30 * DAY)


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
    ledger.expire(datetime.now(UTC) + forgetting.BATCH_LIFE + HOUR)
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


# How screens are set --------------------------------------------------------------------------------------------------


def test_settings_are_noted_once_and_again_where_they_differ(ledger: Ledger) -> None:
    till = {"screen": "till", "k": 10, "counting": True, "threshold": 0.05, "minors": "exclude_from_targeting"}
    assert ledger.note_settings(till, NOON)
    assert not ledger.note_settings(dict(reversed(till.items())), NOON + HOUR)
    assert ledger.note_settings({"screen": "door", "k": 10}, NOON + HOUR)
    assert not ledger.note_settings(till, NOON + HOUR)
    assert ledger.note_settings(till | {"counting": False}, NOON + 2 * HOUR)
    log = ledger.audit()
    assert [(entry.kind, json.loads(entry.detail)["settings"]) for entry in log] == [
        ("configuration", till),
        ("configuration", {"screen": "door", "k": 10}),
        ("configuration", till | {"counting": False}),
    ]
    assert [entry.at_ms for entry in log] == [round((NOON + n * HOUR).timestamp() * 1000) for n in range(3)]
    assert audit.first_broken(log) is None


@pytest.fixture
def two(ledger: Ledger) -> Ledger:
    """A ledger of two screens that promise different things."""
    ledger.note_settings({"screen": "till", "k": 5})
    ledger.note_settings({"screen": "door", "k": 20})
    return ledger


@pytest.mark.parametrize("k", [20, 21])
def test_screens_are_published_by_the_largest_k_of_theirs_or_a_larger_one(two: Ledger, k: int) -> None:
    for screen in (None, "till", "door"):
        two.publish({"k": k}, NOON, NOON, screen)
    assert two.rule() == {"k": k}
    two.note_settings({"screen": "till", "k": k})
    two.publish({"k": k}, NOON, NOON)


@pytest.mark.parametrize("screen", [None, "door"])
def test_no_screen_is_published_by_a_smaller_k_than_its_own(two: Ledger, screen: str | None) -> None:
    said = "its screen door runs with k 20, and was to be published by k 10; ask for k 20 .*purge --screen door"
    with pytest.raises(ConfigError, match=said):
        two.publish({"k": 10}, NOON, NOON, screen)
    assert two.rule() is None
    assert [entry.kind for entry in two.audit()] == ["configuration"] * 2
    two.publish({"k": 10}, NOON, NOON, "till")
    assert two.rule() == {"k": 10}
    for mended in ({"screen": "door", "k": 10}, None):
        two.note_settings({"screen": "door", "k": 20})
        with pytest.raises(ConfigError, match=r"keeps its first k: run it with k 10 .*purge --screen door"):
            two.publish({"k": 10}, NOON, NOON, screen)
        if mended is None:
            two.purge(NOON, screen="door")  # it is gone, and nobody asks it any more
        else:
            two.note_settings(mended)
        two.publish({"k": 10}, NOON, NOON, screen)
    assert two.screens_k() == {"till": 5}
    assert two.known_screens() == ["till"]
