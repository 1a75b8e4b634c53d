"""What holds for every audience, campaign and clock."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onlooker.audience.viewers import Audience, Viewer
from onlooker.signage.campaign import Campaign, Learning, Minors, Target
from onlooker.signage.history import HOUR, History, Play
from onlooker.signage.learning import Learner
from onlooker.signage.policy import choose
from onlooker.signage.schedule import DAY, DayPart, Schedule
from tests.signage.world import NOON, advert, campaign, people

BERLIN = ZoneInfo("Europe/Berlin")
probabilities = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.05, 0.5, 0.95, 0.99, 1.0]))


@st.composite
def viewers(draw: st.DrawFn, id_: str) -> Viewer:
    """Anybody: so much of a child, the rest on one or two years of an adult."""
    minor = draw(probabilities)
    ages = np.zeros(101, np.float32)
    ages[draw(st.integers(0, 17))] = minor
    low, high = draw(st.integers(18, 100)), draw(st.integers(18, 100))
    ages[low] += (1 - minor) / 2
    ages[high] += 1 - ages.sum(dtype=np.float64)
    return Viewer(id_, np.clip(ages, 0, 1), draw(probabilities), draw(probabilities), 3.0, 1.0, 90.0)


@st.composite
def audiences(draw: st.DrawFn) -> Audience:
    seen = tuple(draw(viewers(f"v{i}")) for i in range(draw(st.integers(0, 3))))
    return people(*seen, unread=draw(st.sampled_from([0, 0, 0, 1])))


@st.composite
def targets(draw: st.DrawFn) -> Target:
    low = draw(st.integers(0, 100))
    age = draw(st.sampled_from([None, (low, draw(st.integers(low, 100)))]))
    gender: Any = draw(st.sampled_from([None, "female", "male"]))
    group = draw(st.sampled_from([None, (1, 1), (2, 3)]))
    return Target(age, gender, group, draw(probabilities))


@st.composite
def campaigns(draw: st.DrawFn) -> Campaign:
    adverts = []
    for i in range(draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(["plain", "general", "restricted"]))
        start, end = draw(st.sampled_from([(0, DAY), (22 * 60, 6 * 60), (600, 800)]))
        adverts.append(
            advert(
                f"a{i}",
                target=draw(targets()),
                general=kind == "general",
                restricted=kind == "restricted",
                schedule=Schedule(parts=(DayPart("x", start, end),)),
                priority=draw(st.integers(0, 1)),
                weight=draw(st.floats(1, 100)),
                cap_per_hour=draw(st.sampled_from([None, 1, 3])),
                duration=draw(st.sampled_from([5.0, 30.0, 600.0])),
            )
        )
    minors = Minors(draw(st.sampled_from(["exclude_from_targeting", "allow"])), draw(st.floats(0.01, 1)), 0.9)
    learning = Learning(draw(st.booleans()), floor=0.1)
    return campaign(*adverts, minors=minors, targeting=draw(st.booleans()), learning=learning, timezone=BERLIN)


@settings(max_examples=150, deadline=None)
@given(campaigns(), audiences(), st.integers(0, 2**32), st.integers(0, 60 * 24))
def test_the_minors_policy_is_never_broken(shop: Campaign, audience: Audience, seed: int, minute: int) -> None:
    now = NOON + timedelta(minutes=minute)
    decision = choose(shop, audience, now, np.random.default_rng(seed), learner=Learner())
    chosen = decision.advert
    may_be_minor = audience.unread > 0 or any(v.p_minor >= shop.minors.threshold for v in audience.viewers)
    if shop.minors.policy == "exclude_from_targeting" and may_be_minor:
        assert chosen.general
        assert not decision.targeted
    if chosen.restricted:
        assert audience.viewers
        assert not audience.unread
        assert all(v.p_adult > shop.minors.adult for v in audience.viewers)
    if not shop.targeting or not audience.viewers:
        assert chosen.general


@settings(max_examples=150, deadline=None)
@given(campaigns(), audiences(), st.integers(0, 2**32), st.integers(0, 60 * 24))
def test_a_decision_accounts_for_every_advert(shop: Campaign, audience: Audience, seed: int, minute: int) -> None:
    now = NOON + timedelta(minutes=minute)
    made = [choose(shop, audience, now, np.random.default_rng(seed), learner=Learner()) for _ in range(2)]
    decision = made[0]
    assert (made[1].advert.id, made[1].propensity, made[1].why) == (
        decision.advert.id,
        decision.propensity,
        decision.why,
    )
    others = {advert.id for advert in shop.adverts if not advert.default}
    assert set(decision.left_out) <= others
    if decision.scores:
        assert decision.advert.id in decision.scores
        assert set(decision.left_out) | set(decision.scores) == others
        assert all(0 <= score <= 1 + 1e-9 for score in decision.scores.values())
    if decision.advert.default:
        assert set(decision.left_out) == others
    assert decision.advert.id not in decision.left_out
    assert decision.advert.schedule.why_not(now.astimezone(BERLIN)) is None
    assert 0 < decision.propensity <= 1
    assert decision.why.endswith(".")
    assert sum(decision.history.credits.values()) == pytest.approx(0, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    campaigns(),
    st.lists(audiences(), min_size=1, max_size=4),
    st.lists(st.one_of(st.floats(1, 40), st.floats(600, 3700), st.floats(-8000, 0)), min_size=5, max_size=40),
)
def test_no_cap_is_ever_exceeded_whatever_the_clock_does(
    shop: Campaign, crowds: list[Audience], steps: list[float]
) -> None:
    now, history, plays = NOON, History(), list[Play]()
    rng = np.random.default_rng(0)
    for i, step in enumerate(steps):
        decision = choose(shop, replace(crowds[i % len(crowds)], at=now), now, rng, history=history, learner=Learner())
        if decision.held:
            assert decision.history is history
        else:
            plays.append(Play(decision.advert.id, now, decision.slot_s))
        history = decision.history
        now += timedelta(seconds=step)
    for entry in shop.adverts:
        if entry.cap_per_hour is not None:
            times = sorted(play.started_at for play in plays if play.advert == entry.id)
            for first, last in zip(times, times[entry.cap_per_hour :], strict=False):
                assert last - first >= HOUR


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(1, 100), min_size=2, max_size=5),
    st.lists(st.sampled_from([5.0, 10.0, 30.0]), min_size=5, max_size=5),
)
def test_everybody_gets_the_share_of_time_within_a_few_slots(weights: list[float], seconds: list[float]) -> None:
    adverts = [
        advert(str(i), general=True, weight=w, duration=s)
        for i, (w, s) in enumerate(zip(weights, seconds, strict=False))
    ]
    shop, history, now = campaign(*adverts), History(), NOON
    played = dict.fromkeys((entry.id for entry in adverts), 0.0)
    for _ in range(100):
        decision = choose(shop, people(at=now), now, np.random.default_rng(0), history=history)
        history, now = decision.history, now + timedelta(seconds=decision.slot_s)
        played[decision.advert.id] += decision.slot_s
        total = sum(played.values())
        for entry in adverts:
            due = total * entry.weight / sum(weights)
            assert abs(played[entry.id] - due) <= len(adverts) * max(seconds) + 1e-6


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([datetime(2026, 3, 28, 20, tzinfo=BERLIN), datetime(2026, 10, 24, 20, tzinfo=BERLIN)]),
    st.integers(1, 5),
)
def test_slots_follow_one_another_over_a_night_of_changing_clocks(start: datetime, cap: int) -> None:
    shop = campaign(
        advert("x", general=True, cap_per_hour=cap, duration=60),
        advert("y", general=True, duration=60),
        timezone=BERLIN,
    )
    now, history, times = start, History(), list[datetime]()
    while len(times) < 200:
        decision = choose(shop, people(), now, np.random.default_rng(0), history=history)
        assert not decision.held
        history = decision.history
        times.append(decision.at)
        now = (now.astimezone(UTC) + timedelta(seconds=decision.slot_s)).astimezone(BERLIN)
    assert {later - sooner for sooner, later in pairwise(times)} == {timedelta(seconds=60)}
