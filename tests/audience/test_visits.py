from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from onlooker.audience import visits as rules
from onlooker.audience.bands import CELLS, UNKNOWN
from onlooker.audience.visits import Demographics, Presence, Visit, Visits
from onlooker.core.demographics import N_AGES
from onlooker.core.faces import Detections
from onlooker.testing import face_detection
from onlooker.tracking import tracker
from onlooker.tracking.tracker import Tracker

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def person(name: str, *, facing: bool = True, age: float | None = None) -> Presence:
    known = None
    if age is not None:
        pmf = np.zeros(N_AGES, np.float32)
        pmf[round(age)] = 1
        known = Demographics(age, age - 5, age + 5, 0.9, "female", pmf)
    return Presence(name, facing, 80.0, known)


def play(visits: Visits, scene: Iterable[tuple[float, list[Presence]]]) -> list[Visit]:
    """Every visit of a scene: moments in seconds, and who is there; the source ends after it."""
    over: list[Visit] = []
    for at, present in scene:
        over += visits.update(present, at=at, now=START + timedelta(seconds=at))
    return over + visits.end()


def steps(begin: float, end: float, *present: Presence) -> list[tuple[float, list[Presence]]]:
    """Ten moments a second."""
    return [(k / 10, list(present)) for k in range(round(begin * 10), round(end * 10) + 1)]


def test_arrival_departure_and_dwell() -> None:
    (visit,) = play(Visits(), steps(2, 12, person("a")) + steps(12.1, 20))
    assert visit.arrived == START + timedelta(seconds=2)
    assert visit.departed == START + timedelta(seconds=12)
    assert visit.dwell_s == pytest.approx(10)


def test_it_is_over_as_soon_as_it_is_clear_that_nobody_comes_back() -> None:
    visits = Visits()
    play_until = steps(0, 5, person("a"))
    for at, present in play_until:
        assert visits.update(present, at=at, now=START) == []
    assert visits.update([], at=5 + rules.GONE_AFTER - 0.1, now=START) == []
    assert [v.id for v in visits.update([], at=5 + rules.GONE_AFTER + 0.1, now=START)] == ["a"]


def test_attention_is_the_sum_of_the_looks() -> None:
    away, here = person("a", facing=False), person("a")
    scene = steps(0, 2, away) + steps(2.1, 5, here) + steps(5.1, 7, away) + steps(7.1, 8, here) + steps(8.1, 9, away)
    (visit,) = play(Visits(), scene)
    assert visit.looks == 2
    assert visit.attention_s == pytest.approx(3.0 + 1.0, abs=0.15)
    assert visit.attraction == pytest.approx(visit.attention_s / 9)


def test_a_glance_is_no_look() -> None:
    (visit,) = play(
        Visits(),
        steps(0, 2, person("a", facing=False))
        + steps(2.1, 2.2, person("a"))
        + steps(2.3, 4, person("a", facing=False)),
    )
    assert (visit.looks, visit.attention_s) == (0, 0)


def test_attention_is_never_more_than_dwell() -> None:
    (visit,) = play(Visits(), steps(0, 3, person("a")))
    assert visit.attention_s == pytest.approx(visit.dwell_s)
    assert visit.attention_s <= visit.dwell_s


def test_what_is_seen_for_a_moment_is_no_visit() -> None:
    assert play(Visits(), steps(0, 0.3, person("a"))) == []


def test_nobody_is_watched_over_an_outage() -> None:
    """The camera was lost for ten minutes: the visit before it ended when it was last seen."""
    first, second = play(Visits(), [*steps(0, 3, person("a")), *steps(603, 606, person("b"))])
    assert [first.dwell_s, second.dwell_s] == pytest.approx([3, 3])


def test_a_short_gap_counts_as_dwell_but_not_as_attention() -> None:
    (visit,) = play(Visits(), steps(0, 3, person("a")) + steps(4.3, 6, person("a")))
    assert visit.dwell_s == pytest.approx(6)
    assert visit.attention_s == pytest.approx(3 + 1.7, abs=0.11)


@pytest.mark.parametrize("pause", [1.0, 1.5, 2.0])
def test_a_slow_camera_s_visit_lasts_as_long_as_its_track(pause: float) -> None:
    """A face a second or less, missed once: an id is given to one visit, and who looks all the time is seen to."""
    follower, visits, over = Tracker(), Visits(), list[Visit]()
    for number in range(20):
        at = number * pause
        follower.update(Detections.empty() if number == 12 else face_detection(100, 100, 80), at)
        present = [Presence(track.id, True, 80.0) for track in follower.tracks if track.seen == at]
        over += visits.update(present, at=at, now=START + timedelta(seconds=at))
    over += visits.end()
    assert len({visit.id for visit in over}) == len(over)
    assert over[-1].dwell_s >= 16 * pause
    assert over[-1].attention_s == pytest.approx(over[-1].dwell_s)


def test_a_visit_and_its_track_wait_equally_long() -> None:
    assert rules.SLOW == tracker.SLOW
    assert rules.GONE_AFTER >= tracker.PATIENCE


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=400)])
def test_a_wall_clock_that_is_put_changes_no_duration(jump: timedelta) -> None:
    visits, over = Visits(), []
    for at, present in steps(0, 6, person("a")) + steps(6.1, 9):
        now = START + timedelta(seconds=at) + (jump if at > 3 else timedelta())
        over += visits.update(present, at=at, now=now)
    (visit,) = over
    assert visit.dwell_s == pytest.approx(6)
    assert visit.departed - visit.arrived == timedelta(seconds=visit.dwell_s)


def test_a_source_that_begins_again_has_other_people() -> None:
    visits = Visits()
    for at, present in steps(10, 13, person("a")):
        visits.update(present, at=at, now=START)
    over = visits.update([person("b")], at=0.0, now=START)
    assert [v.id for v in over] == ["a"]


def test_times_keep_their_zone_and_naive_ones_are_refused() -> None:
    zone = timezone(timedelta(hours=9))
    visits = Visits()
    for at, present in steps(0, 2, person("a")):
        visits.update(present, at=at, now=START.astimezone(zone) + timedelta(seconds=at))
    (visit,) = visits.end()
    assert visit.to_dict()["arrived"].endswith("+09:00")
    with pytest.raises(ValueError, match="time zone"):
        visits.update([], at=9, now=datetime(2026, 1, 1))  # noqa: DTZ001


def test_age_and_gender_are_those_known_in_the_end() -> None:
    scene = (
        steps(0, 1, person("a"))
        + steps(1.1, 2, person("a", age=30))
        + steps(2.1, 3, person("a", age=34))
        + steps(3.1, 4, person("a"))
    )
    (visit,) = play(Visits(), scene)
    assert (visit.age, visit.age_low, visit.age_high, visit.gender) == (34, 29, 39, "female")


def test_a_person_is_shared_among_bands_and_genders_by_probability() -> None:
    """One age would put somebody of 24 or 25 into one band, and everybody like that into the same."""
    pmf = np.zeros(N_AGES, np.float32)
    pmf[[16, 24, 25]] = 0.25, 0.35, 0.4
    known = Demographics(25.0, 16.0, 25.0, 0.75, None, pmf)
    (visit,) = play(Visits(), steps(0, 2, Presence("a", True, 80.0, known)))
    assert visit.shares == pytest.approx(
        {
            **{("female", band): 0.75 * p for band, p in (("0-17", 0.25), ("18-24", 0.35), ("25-34", 0.4))},
            **{("male", band): 0.25 * p for band, p in (("0-17", 0.25), ("18-24", 0.35), ("25-34", 0.4))},
        }
    )
    (unread,) = play(Visits(), steps(0, 2, person("a")))
    assert unread.shares == {UNKNOWN: 1.0}


def test_counting_and_demographics_are_switched_apart() -> None:
    scene = steps(0, 3, person("a", age=30))
    (bare,) = play(Visits(demographics=False), scene)
    assert (bare.age, bare.age_low, bare.age_high, bare.p_female, bare.gender) == (None,) * 5
    assert bare.dwell_s == pytest.approx(3)
    assert play(Visits(counting=False), scene) == []
    visits = Visits(demographics=False)
    visits.update([person("a", age=30)], at=0, now=START)
    here = visits.audience([person("a", age=30)], now=START)
    assert (here.viewers, here.unread) == ((), 1)


def test_an_audience_is_who_is_there_and_known() -> None:
    visits = Visits(counting=False)
    here = [person("a", age=30), person("b", facing=False, age=60), person("c")]
    for at in (0.0, 0.5, 1.0, 1.5, 2.0):
        visits.update(here, at=at, now=START)
    audience = visits.audience(here, now=START)
    assert audience.ids == {"a", "b"}
    first, second = sorted(audience.viewers, key=lambda viewer: viewer.id)
    assert (first.attention, first.present_s, first.attention_s) == (1.0, 2.0, 2.0)
    assert (second.attention, second.present_s, second.attention_s) == (0.0, 2.0, 0.0)
    assert first.p_age(30, 30) == 1


def test_memory_is_bounded_by_who_is_there() -> None:
    visits = Visits()
    for k in range(5000):
        visits.update([person(f"{k}-{i}") for i in range(rules.MOST_VISITS + 50)], at=5.0 * k, now=START)
        assert len(visits._open) <= 2 * rules.MOST_VISITS
        if k == 20:
            break
    visits.end()
    assert not visits._open


def test_a_visit_holds_numbers_and_nothing_of_a_face() -> None:
    """The schema: no box, no landmark, no picture, no vector, no distribution but that over the cells of counting."""
    assert [f.name for f in fields(Visit)] == [
        *("id", "arrived", "departed", "dwell_s", "attention_s", "looks"),
        *("age", "age_low", "age_high", "p_female", "gender", "shares"),
    ]
    (visit,) = play(Visits(), steps(0, 3, person("a", age=30)))
    assert set(visit.shares) <= set(CELLS)
    assert not [value for value in visit.to_dict().values() if isinstance(value, list | dict | tuple | bytes)]
