"""Which advert plays, step by step; what holds for every audience is in ``test_policy_properties``."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from onlooker.audience.viewers import Audience
from onlooker.signage.campaign import Campaign, Learning, Minors, Range, Target
from onlooker.signage.history import History, Play
from onlooker.signage.learning import Learner
from onlooker.signage.policy import must_stop, worth
from onlooker.signage.schedule import DayPart, Schedule
from tests.signage.world import DEFAULT, NOON, advert, ask, campaign, ids, people, play, viewer

WOMEN, MEN, OLD = Target(gender="female"), Target(gender="male"), Target(age=(60, 100))
MINORS = Minors(threshold=0.25, adult=0.75)


def test_an_advert_plays_whose_target_is_in_front() -> None:
    shop = campaign(advert("dress", target=WOMEN), advert("tie", target=MEN), advert("cruise", target=OLD))
    decision = ask(shop, people(viewer(p_female=0.9)))
    assert decision.advert.id == "dress"
    assert decision.scores == {"dress": pytest.approx(0.9)}
    assert decision.left_out == {
        "tie": "is for men, and nobody surely is (50% asked)",
        "cruise": "is for people aged 60 or older, and nobody surely is (50% asked)",
    }
    assert decision.why == (
        "“dress” suits whoever is in front: it is for women, and with a probability of 90% they are."
    )
    assert (decision.propensity, decision.held, decision.targeted, decision.slot_s) == (1.0, False, True, 10.0)
    assert decision.at == NOON
    assert decision.segment == "female 35-59"


def test_worth_adds_up_probabilities_by_attention() -> None:
    shop = campaign(advert("dress", target=WOMEN), advert("all"), everyone=0.4)
    pair = people(viewer("a", p_female=1.0, attention=0.9), viewer("b", p_female=0.2, attention=0.3))
    assert worth(shop, shop.adverts[1], pair) == pytest.approx((0.9 * 1.0 + 0.3 * 0.2) / 1.2)
    assert worth(shop, shop.adverts[2], pair) == 0.4
    # Who looks away counts a little: a tenth.
    away = people(viewer("a", p_female=1.0, attention=0.0), viewer("b", p_female=0.0, attention=0.9))
    assert worth(shop, shop.adverts[1], away) == pytest.approx(0.1)


def test_age_and_gender_count_together_and_at_the_edges_of_an_age_range() -> None:
    target = Target(age=(30, 39), gender="male")
    assert target.probability(viewer(ages={29: 0.25, 30: 0.25, 39: 0.25, 40: 0.25}, p_female=0.25)) == 0.375


@pytest.mark.parametrize(("p", "plays"), [(0.5, "dress"), (0.499, "default")])
def test_somebody_must_be_in_the_target_with_the_confidence_asked(p: float, plays: str) -> None:
    shop = campaign(advert("dress", target=WOMEN))
    assert ask(shop, people(viewer(p_female=p))).advert.id == plays


@pytest.mark.parametrize(("count", "plays"), [(1, "default"), (2, "pizza"), (3, "pizza"), (4, "default")])
def test_a_group_has_its_size_both_ends_included(count: int, plays: str) -> None:
    shop = campaign(advert("pizza", target=Target(group=(2, 3))))
    decision = ask(shop, people(*(viewer(str(i)) for i in range(count))))
    assert decision.advert.id == plays
    if count == 1:
        assert decision.left_out == {"pizza": "is for people in groups of 2 to 3, and there is 1"}


def test_the_highest_tier_that_may_play_plays() -> None:
    shop = campaign(advert("low", target=WOMEN), advert("high", priority=1), advert("off", priority=2, cap_per_hour=1))
    off = History((Play("off", NOON - timedelta(minutes=1), 10),))
    decision = ask(shop, people(viewer(p_female=1.0)), history=off)
    assert decision.advert.id == "high"
    assert decision.left_out == {
        "low": "waits behind adverts of priority 1, its own being 0",
        "off": "has been played within the hour",
    }
    assert list(decision.scores) == ["high"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"screens": frozenset({"door", "till"})}, "plays on door, till only"),
        ({"schedule": Schedule(last=date(2026, 3, 3))}, "ended on 3 March 2026"),
        ({"schedule": Schedule(parts=(DayPart("dawn", 300, 360),))}, "only plays during dawn (05:00 to 06:00)"),
        ({"when": {"weather": ("rain",)}}, "does not play with weather at sun"),
        ({"when": {"stock": (3,)}}, "depends on stock, of which nothing is known"),
        ({"when": {"degrees": Range(at_least=20.5)}}, "does not play with degrees at 20"),
        ({"when": {"degrees": Range(below=20)}}, "does not play with degrees at 20"),
        ({"when": {"open": (1,)}}, "does not play with open at True"),
        ({"when": {"open": Range(at_least=0)}}, "does not play with open at True"),
    ],
)
def test_what_is_not_due_is_left_out_with_its_reason(given: dict[str, object], reason: str) -> None:
    shop = campaign(advert("x", general=True, **given))
    facts = {"weather": "sun", "degrees": 20, "open": True}
    for audience in (people(), people(viewer())):
        decision = ask(shop, audience, screen="hall", facts=facts)
        assert decision.advert is DEFAULT
        assert decision.left_out == {"x": reason}


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"weather": ("sun", "rain")},
        {"degrees": Range(at_least=20)},
        {"degrees": Range(below=20.1)},
        {"open": (True,)},
    ],
)
def test_what_its_facts_allow_plays(when: dict[str, object]) -> None:
    shop = campaign(advert("x", general=True, when=when, screens=frozenset({"hall"})))
    facts = {"weather": "sun", "degrees": 20, "open": True}
    assert ask(shop, people(), screen="hall", facts=facts).advert.id == "x"


def test_the_wall_clock_is_that_of_the_campaign() -> None:
    lunch = Schedule(parts=(DayPart("lunch", 12 * 60, 13 * 60),))
    shop = campaign(advert("soup", general=True, schedule=lunch), timezone=ZoneInfo("Europe/Berlin"))
    assert ask(shop, people(), datetime(2026, 3, 4, 11, 59, tzinfo=UTC)).advert.id == "soup"
    assert ask(shop, people(), datetime(2026, 3, 4, 12, 0, tzinfo=UTC)).advert.id == "default"
    assert ask(shop, people(), datetime(2026, 7, 4, 10, 0, tzinfo=UTC)).advert.id == "soup"
    with pytest.raises(ValueError, match="time zone"):
        ask(shop, people(), datetime(2026, 3, 4, 12))  # noqa: DTZ001


# Minors


@pytest.mark.parametrize(("p_minor", "excluded"), [(0.25, True), (0.2499, False)])
def test_at_the_threshold_somebody_may_be_a_minor(p_minor: float, excluded: bool) -> None:
    shop = campaign(advert("dress", target=WOMEN), advert("toys", general=True), minors=MINORS)
    young = viewer("b", ages={17: p_minor, 18: 1 - p_minor}, p_female=1.0)
    decision = ask(shop, people(viewer("a", p_female=1.0), young))
    assert decision.advert.id == ("toys" if excluded else "dress")
    assert decision.targeted != excluded
    if excluded:
        assert decision.scores == {}
        assert decision.segment is None
        assert decision.left_out == {
            "dress": "is not for everybody, and somebody in front may be under 18 (probability 25%)"
        }
        assert decision.why == (
            "Somebody in front may be under 18 (probability 25%); "
            "adverts for everybody take turns, and it is the turn of “toys”."
        )


@pytest.mark.parametrize(("p_adult", "plays"), [(0.75, "default"), (0.7501, "wine")])
def test_a_restricted_advert_needs_everybody_surely_adult(p_adult: float, plays: str) -> None:
    shop = campaign(advert("wine", restricted=True), minors=Minors("allow", adult=0.75))
    young = viewer("b", ages={17: 1 - p_adult, 18: p_adult})
    for others in ((), (viewer("a"),)):
        decision = ask(shop, people(*others, young))
        assert decision.advert.id == plays
    if plays == "default":
        assert decision.left_out == {
            "wine": "is for adults only, and somebody in front is not surely one (more than 75.0% asked)"
        }


def test_a_restricted_advert_does_not_play_to_nobody() -> None:
    shop = campaign(advert("wine", restricted=True))
    assert ask(shop, people()).advert is DEFAULT
    assert ask(campaign(advert("wine", restricted=True), targeting=False), people(viewer())).advert is DEFAULT


def test_where_minors_are_allowed_they_are_viewers_as_any_other() -> None:
    shop = campaign(advert("toys", target=Target(age=(5, 12))), minors=Minors("allow"))
    assert ask(shop, people(viewer(ages={8: 1.0}))).advert.id == "toys"


def test_people_whose_age_is_not_known_may_be_anybody() -> None:
    shop = campaign(advert("dress", target=WOMEN), advert("wine", restricted=True), advert("bread", general=True))
    decision = ask(shop, people(viewer(p_female=1.0), unread=1))
    assert decision.advert.id == "bread"
    assert decision.why.startswith("The age of somebody in front is not known yet; ")
    assert ask(shop, people(unread=1)).why.startswith("The age of nobody in front is known yet; ")
    allowed = campaign(*shop.adverts[1:], minors=Minors("allow"))
    assert ask(allowed, people(viewer(p_female=1.0), unread=1)).left_out.keys() == {"wine"}


def test_with_targeting_off_nobody_counts() -> None:
    shop = campaign(advert("dress", target=WOMEN), advert("bread", general=True), targeting=False)
    decision = ask(shop, people(viewer(p_female=1.0)))
    assert decision.advert.id == "bread"
    assert decision.why.startswith("Targeting is switched off; adverts for everybody take turns")


def test_an_empty_shop_sees_the_adverts_for_everybody_in_turn() -> None:
    shop = campaign(advert("a", general=True, target=OLD), advert("dress", target=WOMEN), advert("b", general=True))
    decisions = play(shop, [people()] * 4)
    assert ids(decisions) == ["a", "b", "a", "b"]
    assert decisions[0].why == "Nobody is in front; adverts for everybody take turns, and it is the turn of “a”."


def test_where_nothing_may_play_the_default_does() -> None:
    shop = campaign(advert("dress", target=WOMEN))
    decision = ask(shop, people())
    assert decision.advert is DEFAULT
    assert decision.why == "None of the other 1 adverts may play now (nobody is in front), so the default does."
    alone = ask(campaign(), people(viewer()))
    assert alone.why == "There is no other advert, so the default plays."
    assert ids(play(campaign(), [people()] * 3)) == ["default"] * 3


# Turns


def test_shares_hold_in_seconds_and_turns_are_spread() -> None:
    shop = campaign(
        advert("long", general=True, weight=50, duration=20),
        advert("short", general=True, weight=30),
        advert("rare", general=True, weight=20),
    )
    decisions = play(shop, [people()] * 400)
    seconds = {name: sum(d.slot_s for d in decisions if d.advert.id == name) for name in ("long", "short", "rare")}
    total = sum(seconds.values())
    assert {name: round(s / total, 2) for name, s in seconds.items()} == {"long": 0.5, "short": 0.3, "rare": 0.2}
    order = ids(decisions)
    rare = [i for i, name in enumerate(order) if name == "rare"]
    assert max(later - sooner for sooner, later in pairwise(rare)) <= 7
    assert not any(a == b != "short" for a, b in pairwise(order))


def test_those_near_the_best_take_turns_and_others_do_not() -> None:
    shop = campaign(
        advert("best", target=Target(age=(18, 40))),
        advert("near", target=Target(age=(18, 39))),
        advert("far", target=Target(age=(18, 38))),
    )
    crowd = people(viewer(ages={38: 0.85, 39: 0.05, 40: 0.1}))
    decisions = play(shop, [crowd] * 4)
    assert ids(decisions) == ["best", "near", "best", "near"]
    assert decisions[0].scores == pytest.approx({"best": 1.0, "near": 0.9, "far": 0.85})
    assert decisions[0].why.endswith("they are; it takes turns with near, as good within 10%.")


def test_an_advert_for_everybody_beats_one_that_suits_few() -> None:
    shop = campaign(advert("dress", target=WOMEN), advert("bread", general=True))
    crowd = people(viewer("a", p_female=0.9), viewer("b", p_female=0.0), viewer("c", p_female=0.0))
    decision = ask(shop, crowd)
    assert decision.advert.id == "bread"
    assert decision.why == "“bread” is for everybody, and nothing suits the 3 people in front clearly better."


def test_the_same_people_do_not_see_the_circle_change_by_the_jitter_of_estimates() -> None:
    shop = campaign(advert("a", target=Target(age=(18, 40))), advert("b", target=Target(age=(18, 39))))

    def crowd(b: float, id_: str = "x") -> Audience:
        return people(viewer(id_, ages={39: b, 40: 1 - b}))

    jitter = [0.91, 0.88, 0.91, 0.86, 0.93]  # about the margin of 0.9
    first = play(shop, [crowd(p) for p in jitter])
    assert [d.history.contest for d in first] == [{"a", "b"}] * 5
    out = play(shop, [crowd(p) for p in [0.89, *jitter]])
    assert [d.history.contest for d in out] == [{"a"}] * 6
    beyond = play(shop, [crowd(p) for p in [0.91, 0.84, 0.94, 0.96]])
    assert [d.history.contest for d in beyond] == [{"a", "b"}, {"a"}, {"a"}, {"a", "b"}]
    others = play(shop, [crowd(p, str(i)) for i, p in enumerate([0.91, 0.88, 0.91])])
    assert [d.history.contest for d in others] == [{"a", "b"}, {"a"}, {"a", "b"}]


# Slots, caps, and clocks


def test_an_advert_plays_to_the_end_of_its_slot_whoever_comes() -> None:
    shop = campaign(advert("dress", target=WOMEN), advert("tie", target=MEN), hold=15)
    first = ask(shop, people(viewer(p_female=1.0)))
    assert first.slot_s == 15
    man = people(viewer("b", p_female=0.0))
    for seconds in (0, 9, 14.999):
        held = ask(shop, man, NOON + timedelta(seconds=seconds), history=first.history)
        assert (held.advert.id, held.held, held.history) == ("dress", True, first.history)
    assert held.why == "“dress” plays on: its slot ends in 0 s."
    assert ask(shop, man, NOON + timedelta(seconds=15), history=first.history).advert.id == "tie"


def test_a_restricted_advert_stops_when_somebody_comes_who_may_be_a_minor() -> None:
    shop = campaign(advert("wine", restricted=True, duration=60), advert("bread", general=True, weight=1))
    first = ask(shop, people(viewer()))
    assert first.advert.id == "wine"
    now = NOON + timedelta(seconds=5)
    wine = first.advert
    for audience in (people(viewer(), viewer("b", ages={17: 0.02, 30: 0.98})), people(viewer(), unread=1)):
        assert must_stop(shop, wine, audience)
        decision = ask(shop, audience, now, history=first.history)
        assert (decision.advert.id, decision.held) == ("bread", False)
    for audience in (people(), people(viewer("b"))):
        assert must_stop(shop, wine, audience) is None
        assert ask(shop, audience, now, history=first.history).held
    assert must_stop(shop, shop.adverts[2], people(viewer(ages={5: 1.0}))) is None


def test_an_advert_that_was_taken_out_of_the_campaign_does_not_play_on() -> None:
    before = ask(campaign(advert("old", general=True)), people())
    after = campaign(advert("new", general=True))
    assert ask(after, people(), NOON + timedelta(seconds=1), history=before.history).advert.id == "new"


def test_a_cap_counts_an_hour_back_and_not_a_moment_more() -> None:
    shop = campaign(advert("x", general=True, cap_per_hour=2))
    history = History.of([Play("x", NOON - timedelta(minutes=m), 10) for m in (60, 30)])
    assert ask(shop, people(), history=history).advert.id == "x"
    assert ask(shop, people(), NOON - timedelta(seconds=1), history=history).advert.id == "default"


def test_a_clock_that_jumps_breaks_nothing() -> None:
    shop = campaign(advert("x", general=True, cap_per_hour=2), advert("y", general=True))
    made = play(shop, [people()] * 4)
    assert ids(made).count("x") == 2
    history = made[-1].history
    # Set back by half an hour: the slot is over, and the plays that lie ahead count as well.
    back = ask(shop, people(), NOON - timedelta(minutes=30), history=history)
    assert (back.advert.id, back.held) == ("y", False)
    # By a day: nothing is left to count.
    assert "x" in ids(play(shop, [people()] * 2, NOON - timedelta(days=1), history))
    # Ahead and back again: nothing was forgotten meanwhile.
    ahead = play(shop, [people()], NOON + timedelta(hours=3), history)
    again = play(shop, [people()] * 3, NOON + timedelta(minutes=1), ahead[-1].history)
    assert "x" not in ids(again)


def test_hours_are_real_ones_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    shop = campaign(advert("x", general=True, cap_per_hour=1), timezone=berlin)
    first = ask(shop, people(), datetime(2026, 10, 25, 2, 30, tzinfo=berlin))
    assert first.advert.id == "x"
    later = datetime(2026, 10, 25, 2, 29, fold=1, tzinfo=berlin)  # 59 minutes later, a minute earlier on the wall
    assert ask(shop, people(), later, history=first.history).advert.id == "default"
    assert ask(shop, people(), later + timedelta(minutes=1), history=first.history).advert.id == "x"


def test_a_play_is_kept_in_utc_and_must_have_a_time_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    begun = Play("x", datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=berlin), 10)
    assert begun.started_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert begun.started_at.tzinfo is UTC
    with pytest.raises(ValueError, match="time zone"):
        Play("x", datetime(2026, 10, 25), 10)  # noqa: DTZ001


def test_the_history_stays_small() -> None:
    shop = campaign(advert("x", general=True, duration=60, cap_per_hour=70))
    made = play(shop, [people()] * 700)
    assert ids(made[-3:]) == ["x"] * 3
    assert len(made[-1].history.plays) == 501
    assert made[-1].history.plays_within_hour("x", made[-1].at) == 60


# Learning


def learning(floor: float = 0.1) -> Campaign:
    adverts = (advert("a", target=WOMEN), advert("b"), advert("c", target=Target(age=(30, 50))))
    return campaign(*adverts, learning=Learning(enabled=True, floor=floor))


def test_learning_plays_what_held_the_attention_and_logs_with_which_probability() -> None:
    learner = Learner()
    for _ in range(200):
        learner = learner.observe("b", "female 35-59", attention_s=9, present_s=10)
        for other in ("a", "c"):
            learner = learner.observe(other, "female 35-59", attention_s=1, present_s=10)
    made = [
        ask(learning(), people(viewer(p_female=0.9)), rng=np.random.default_rng(i), learner=learner) for i in range(300)
    ]
    assert ids(made).count("b") > 260
    for decision in made:
        best = decision.advert.id == "b"
        assert decision.propensity == pytest.approx(0.9 + 0.1 / 3 if best else 0.1 / 3)
    assert "was drawn with a probability of 93% from what was learned of female 35-59." in made[0].why


def test_learning_is_off_unless_asked_for_and_where_nobody_counts() -> None:
    woman = people(viewer(p_female=0.9))
    off = campaign(*learning().adverts[1:])
    assert ask(off, woman, learner=Learner()).propensity == 1.0
    assert ask(learning(), woman).propensity == 1.0
    assert ask(learning(), people(), learner=Learner()).propensity == 1.0


def test_the_same_generator_gives_the_same_choice() -> None:
    crowd = people(viewer(p_female=0.9))
    choices = [ask(learning(), crowd, rng=np.random.default_rng(7), learner=Learner()) for _ in range(2)]
    assert choices[0].advert.id == choices[1].advert.id
    assert choices[0].propensity == choices[1].propensity
