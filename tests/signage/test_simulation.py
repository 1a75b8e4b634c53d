"""The simulated store: that it does what its documents say, and that what it finds could have come out otherwise."""

import json
import re
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from onlooker.signage.campaign import Campaign, Target
from onlooker.signage.history import Play
from onlooker.signage.simulation import camera, compare, people, store
from onlooker.signage.simulation.offpolicy import ESTIMATORS, evaluate
from onlooker.signage.simulation.page import page
from onlooker.signage.simulation.people import Person, appeals, arrive, interest
from onlooker.signage.simulation.policies import BLIND, NAMES, Screen, named
from onlooker.signage.simulation.store import Day, Logged, show, spend
from tests.signage import world
from tests.signage.world import NOON, advert, campaign, viewer

WOMEN, MEN = Target(gender="female"), Target(gender="male")


@pytest.fixture(scope="module")
def shop() -> Campaign:
    return compare.campaign_of(None)


@pytest.fixture(scope="module")
def found(shop: Campaign) -> dict[str, Any]:
    """A small comparison, as ``simulate`` gives it."""
    return compare.simulate(shop, seeds=compare.ENOUGH, hours=1, workers=1)


@pytest.fixture(scope="module")
def single(shop: Campaign) -> dict[str, Any]:
    """A comparison of one store, of which there is no interval."""
    return compare.simulate(shop, seeds=1, hours=1, workers=1)


def screen(shop: Campaign, seed: int = 0) -> Screen:
    return Screen(shop, appeals(shop.adverts, np.random.default_rng(seed)), np.random.default_rng(seed))


def person(interested: bool = True, *, patience: float = 1.0, **given: Any) -> Person:
    """Somebody whom every advert interests, or none."""
    plain: dict[str, Any] = {"id": "p", "arrives_s": 0.0, "age": 30.0, "female": True, "p_female": 1.0, "keen": 1.0}
    plain |= {"distribution": camera.certain(30, True)[0], "chance": np.array([0.5]), "patience": patience}
    return Person(interested=np.full(3, interested), **plain | given)


# The camera


def test_the_camera_errs_as_it_was_measured_to() -> None:
    rng = np.random.default_rng(0)
    errors, minors, wrong = {}, {}, {}
    for age in (5, 16, 19, 30, 50):
        seen = [camera.see(age, female, rng) for female in (False, True) for _ in range(300)]
        medians = [int(np.searchsorted(np.cumsum(ages), 0.5)) for ages, _ in seen]
        errors[age] = np.mean(np.abs(np.array(medians) - age))
        minors[age] = np.mean([ages[:18].sum() >= 0.05 for ages, _ in seen])
        wrong[age] = np.mean([(p >= 0.5) != (i >= 300) for i, (_, p) in enumerate(seen)])
    assert errors[5] < 3 < errors[19] < errors[50] < 10
    assert minors[5] > 0.95
    assert minors[16] > 0.85 > minors[19] > 0.4 > minors[30] > minors[50]
    assert min(wrong[5], wrong[16]) > 0.08 > wrong[30]


def test_what_the_camera_says_is_an_age_distribution_at_every_age() -> None:
    rng = np.random.default_rng(1)
    for age in range(101):
        ages, p_female = camera.see(age, bool(age % 2), rng)
        assert (ages >= 0).all()
        assert ages.sum() == pytest.approx(1, abs=1e-5)
        assert 0 <= p_female <= 1


# People


def test_interest_fades_softly_beyond_the_ages_and_stops_at_the_gender() -> None:
    chance = interest(Target(age=(30, 40), gender="female"), 1.0)
    assert chance[[30, 40], 1].tolist() == [0.7, 0.7]
    assert 0.6 < chance[41, 1] < 0.7
    assert chance[29, 1] == chance[41, 1]
    assert chance[80, 1] == pytest.approx(0.15)
    assert chance[35, 0] == pytest.approx(0.15)
    assert (interest(Target(group=(2, 3)), 0.5) == 0.2).all()


def test_the_same_seed_brings_the_same_people_and_the_hours_differ(shop: Campaign) -> None:
    chances = appeals(shop.adverts, np.random.default_rng(0))
    first, second = (arrive(chances, np.random.default_rng(3), opens=9, hours=6) for _ in range(2))
    assert [(p.age, p.female, p.arrives_s, p.patience) for p in first] == [
        (p.age, p.female, p.arrives_s, p.patience) for p in second
    ]
    assert [p.arrives_s for p in first] == sorted(p.arrives_s for p in first)
    by_hour = np.bincount([int(p.arrives_s // 3600) for p in first])
    assert by_hour[3] > by_hour[0]
    assert any(p.age < 12 for p in first)
    assert len({p.id for p in first}) == len(first)


def test_a_person_stays_and_looks_longer_where_interested() -> None:
    keen, bored = person(True), person(False)
    assert show(keen, 0, 0, 100) == pytest.approx((20.0, 12.0))
    assert show(bored, 0, 0, 100) == pytest.approx((12.0, 2.4))
    assert keen.patience == bored.patience == 0.0
    half = person(True)
    assert show(half, 0, 5, 15) == pytest.approx((10.0, 6.0))
    assert half.patience == pytest.approx(0.5)
    assert show(person(True, keen=9.0), 0, 0, 1) == (1.0, 1.0)
    assert show(person(True), 0, 7, 5) == (0.0, 0.0)


# A day


@pytest.fixture(scope="module")
def days(shop: Campaign) -> dict[str, Day]:
    chances = appeals(shop.adverts, np.random.default_rng(0))
    crowd = arrive(chances, np.random.default_rng(1), opens=12, hours=4)
    opens = datetime(2026, 3, 2, 12, tzinfo=shop.timezone)
    return {name: spend(name, crowd, Screen(shop, chances, np.random.default_rng(2)), opens, 4) for name in NAMES}


def test_all_policies_keep_their_promises(days: dict[str, Day]) -> None:
    for name, day in days.items():
        assert day.over_cap == 0
        assert (day.broken == 0) == (name not in BLIND)
        assert 0 < day.attention_s < day.present_s
        assert sum(day.plays.values()) == day.choices >= 1440
    assert (days["oracle"].minors_targeted, days["oracle"].minors_restricted) == (0, 0)
    assert days["random"].minors_targeted > days["ours"].minors_targeted


def test_the_more_is_known_the_more_attention(days: dict[str, Day]) -> None:
    order = [days[name].attention_s for name in ("round-robin", "eligible", "ours", "oracle")]
    assert order == sorted(order)


def test_people_are_not_used_up_by_a_policy(shop: Campaign) -> None:
    chances = appeals(shop.adverts, np.random.default_rng(0))
    crowd = arrive(chances, np.random.default_rng(1), opens=12, hours=1)
    twice = [spend("ours", crowd, Screen(shop, chances, np.random.default_rng(2)), NOON, 1) for _ in range(2)]
    assert twice[0] == twice[1]


def test_breaking_a_cap_or_the_minors_policy_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a policy that plays wine to whoever comes, every count moves: 0 means something."""
    wine = campaign(advert("wine", restricted=True, cap_per_hour=3))
    made = world.ask(wine, world.people(viewer()))
    child = person(age=9.0, distribution=camera.certain(9, True)[0], patience=9.0)

    def careless(screen: Screen, audience: object, now: datetime) -> Any:
        del screen, audience, now
        return made

    monkeypatch.setattr(store, "named", lambda _: careless)
    day = spend("rules", [child], screen(wine), NOON, 1 / 36)
    assert (day.choices, day.over_cap) == (10, 7)
    assert day.broken == day.choices
    assert day.minors_targeted == day.minors_restricted == 10


def test_a_restricted_advert_is_cut_short_when_a_child_comes() -> None:
    wine = campaign(advert("wine", restricted=True, duration=60), advert("bread", general=True, weight=1))
    adult = person(patience=9.0, age=40.0, distribution=camera.certain(40, True)[0])
    child = person(patience=9.0, id="c", arrives_s=5.0, distribution=camera.certain(9, True)[0])
    day = spend("ours", [adult, child], screen(wine), NOON, 14 / 3600)
    assert day.plays == {"wine": 1, "bread": 1}
    assert day.present_s == pytest.approx(5 + 10 + 10)  # the second slot ends after the day


@pytest.mark.parametrize(
    ("policy", "plays"),
    [("rules", "tie"), ("majority", "dress"), ("ours", "dress"), ("noisy", "dress"), ("oracle", "dress")],
)
def test_each_policy_chooses_as_it_is_described(policy: str, plays: str) -> None:
    """Of three the nearest is a man; most are women."""
    made_for = campaign(advert("dress", target=WOMEN), advert("tie", target=MEN), advert("bread", general=True))
    crowd = world.people(
        viewer("a", p_female=0.9, attention=0.6),
        viewer("b", p_female=0.0, attention=0.8),
        viewer("c", p_female=0.9, attention=0.6),
    )
    same = Screen(made_for, np.stack([interest(a.target, 1.0) for a in made_for.adverts]), np.random.default_rng(0))
    decision = named(policy)(same, crowd, NOON)
    assert decision.advert.id == plays
    nobody = named(policy)(same, world.people(), NOON)
    assert nobody.advert.id == "bread"


def test_labels_must_be_made_and_groups_be_met() -> None:
    made_for = campaign(advert("dress", target=Target((40, 50), "female")), advert("bread", general=True))
    same = screen(made_for)
    unsure = world.people(viewer(p_female=0.7))
    assert named("rules")(same, unsure, NOON).advert.id == "bread"  # below 80 % a gender is not named
    assert named("majority")(same, unsure, NOON).advert.id == "dress"  # whose years lie within 35 to 59
    young = world.people(viewer(ages={20: 1.0}, p_female=1.0))
    assert named("majority")(same, young, NOON).advert.id == "bread"
    overlaps = campaign(advert("games", target=Target((18, 40))), advert("bread", general=True))
    older = world.people(viewer(ages={38: 1.0}))  # of 35 to 59, of whose years too few are meant
    assert named("majority")(screen(overlaps), older, NOON).advert.id == "bread"
    assert named("rules")(screen(overlaps), older, NOON).advert.id == "games"


def test_a_choice_left_to_chance_is_logged_with_its_propensity() -> None:
    same = screen(campaign(advert("dress", target=WOMEN), advert("tie", target=MEN), advert("bread", general=True)))
    decision = named("eligible")(same, world.people(viewer(p_female=0.9)), NOON)
    assert decision.propensity == 0.5
    assert decision.scores.keys() == {"dress", "bread"}


def test_too_many_plays_are_those_that_end_an_hour_with_too_many() -> None:
    shop = campaign(advert("x", cap_per_hour=2))
    plays = [Play("x", NOON + timedelta(minutes=m), 10) for m in (0, 30, 60, 61, 200)]
    assert store._over_caps(shop, plays) == 1
    assert store._over_caps(shop, plays[:3]) == 0


# Off-policy estimates


def logs(n: int, rng: np.random.Generator) -> list[Logged]:
    """Two segments that like different adverts; the log chooses at random, 80 to 20."""
    rows = []
    for _ in range(n):
        segment = "x" if rng.random() < 0.5 else "y"
        p = np.array([0.8, 0.2])
        rewards = np.clip(np.array([0.6, 0.2] if segment == "x" else [0.3, 0.5]) + rng.normal(0, 0.05, 2), 0, 1)
        chosen = int(rng.choice(2, p=p))
        rows.append(Logged(segment, ("a", "b"), chosen, float(p[chosen]), 0 if segment == "x" else 1, rewards))
    return rows


def test_estimates_from_a_log_find_the_truth_that_the_log_itself_does_not_show() -> None:
    off = evaluate(logs(2000, np.random.default_rng(0)))
    assert off is not None
    assert off.truth == pytest.approx(0.55, abs=0.01)
    for name in ESTIMATORS:
        assert off.estimates[name].low <= off.truth <= off.estimates[name].high
        assert off.estimates[name].value == pytest.approx(off.truth, abs=0.05)
    width = {name: off.estimates[name].high - off.estimates[name].low for name in ESTIMATORS}
    assert width["dr"] < width["snips"] < width["ips"]
    assert evaluate(logs(19, np.random.default_rng(0))) is None


def test_wrong_propensities_are_no_longer_the_truth() -> None:
    rows = [
        Logged(r.segment, r.adverts, r.chosen, 0.5, r.target, r.rewards) for r in logs(2000, np.random.default_rng(0))
    ]
    off = evaluate(rows)
    assert off is not None
    assert not off.estimates["ips"].low <= off.truth <= off.estimates["ips"].high


# The comparison and its page


def test_the_comparison_has_every_figure(found: dict[str, Any]) -> None:
    assert [policy["name"] for policy in found["policies"]] == list(NAMES)
    assert json.loads(json.dumps(found)) == found
    policies = {policy["name"]: policy for policy in found["policies"]}
    oracle, ours = policies["oracle"], policies["ours"]
    assert oracle["regret_s_per_hour"] == {"value": 0, "low": 0, "high": 0}
    gap = oracle["attention_s_per_hour"]["value"] - ours["attention_s_per_hour"]["value"]
    assert ours["regret_s_per_hour"]["value"] == pytest.approx(gap, abs=1e-3)
    assert oracle["ours_ahead_s_per_hour"]["value"] == pytest.approx(-gap, abs=1e-3)
    assert found["price_of_recognition_error_s_per_hour"] == policies["noisy"]["regret_s_per_hour"]
    assert [policy["keeps_minors_policy"] for policy in found["policies"]] == [False, False, *[True] * 7]
    assert [policy["over_cap"] for policy in found["policies"]] == [0] * 9
    assert [policy["minors_policy_broken"] for policy in found["policies"]][2:] == [0] * 7
    assert {(row["log"], row["estimator"]) for row in found["off_policy"]} == {
        (log, estimator) for log in compare.LOGS for estimator in ESTIMATORS
    }
    assert all(0 <= row["interval_holds_truth"] <= 1 for row in found["off_policy"] if row["seeds"])


def test_the_comparison_does_not_depend_on_the_processes(shop: Campaign) -> None:
    counted: list[int] = []
    apart = compare.simulate(shop, seeds=2, hours=0.2, workers=2, progress=counted.append)
    assert apart == compare.simulate(shop, seeds=2, hours=0.2, workers=1)
    assert counted == [1, 2]
    assert apart != compare.simulate(shop, seeds=2, hours=0.2, workers=1, seed=1)


def test_a_campaign_of_ones_own_is_simulated_with_targeting_on_and_without_its_files(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    text = 'targeting = false\n[[advert]]\nid = "d"\nfile = "d.svg"\ndefault = true\n'
    text += '[[advert]]\nid = "x"\nfile = "x.svg"\ngeneral = true\nscreens = ["door"]\n'
    path.write_text(text, encoding="utf-8")
    own = compare.campaign_of(path)
    assert own.targeting
    result = compare.simulate(own, seeds=1, hours=0.2, workers=1)
    assert all(policy["plays"].keys() == {"x"} for policy in result["policies"])
    page({"made_by": "x", **result})


class _Reader(HTMLParser):
    """Notes tags, and every address that the page would ask for."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.asks: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asks += [str(value) for name, value in attrs if name in ("src", "href", "data", "srcset", "action")]


def test_the_page_stands_alone_and_says_that_simulated_is_not_real(found: dict[str, Any]) -> None:
    text = page({"made_by": "onlooker simulate <&>", **found})
    reader = _Reader()
    reader.feed(text)
    assert reader.asks == []
    assert "url(" not in text
    assert "script" not in reader.tags
    assert reader.tags.count("svg") in (2, 3)
    assert "Simulated lift is no real lift." in text
    assert "onlooker simulate &lt;&amp;&gt;" in text
    assert "prefers-color-scheme: dark" in text
    assert "nan" not in text.lower().replace("finance", "")


def test_the_page_says_so_where_ours_is_behind(found: dict[str, Any]) -> None:
    worse = json.loads(json.dumps(found))
    for policy in worse["policies"]:
        if policy["name"] == "majority":
            policy["attention_s_per_hour"]["value"] = 10 * policy["attention_s_per_hour"]["value"]
            policy["ours_ahead_s_per_hour"] = {"value": -100.0, "low": -110.0, "high": -90.0}
        if policy["name"] == "rules":
            policy["ours_ahead_s_per_hour"] = {"value": 1.0, "low": -1.0, "high": 3.0}
    text = page({"made_by": "x", **worse})
    assert "% less than \N{LEFT DOUBLE QUOTATION MARK}Majority group" in text
    assert "Rules on labels\N{RIGHT DOUBLE QUOTATION MARK}, within chance" in text


def test_few_stores_have_no_interval_and_nothing_of_them_is_sure(shop: Campaign, single: dict[str, Any]) -> None:
    assert json.loads(json.dumps(single)) == single
    ends = {
        end
        for policy in single["policies"]
        for key, value in policy.items()
        if key.endswith("_s_per_hour")
        for end in (value["low"], value["high"])
    }
    assert ends == {None}
    rows = [row for row in single["off_policy"] if row["seeds"]]
    assert {row[key] for row in rows for key in ("error_low", "error_high", "interval_holds_truth")} == {None}
    text = page({"made_by": "x", **single})
    assert text.count(", within chance") == 3, "of three clauses"
    assert "mean of 1 store: too few stores for an interval." in text
    assert "1 store, 1 hour each" in text
    assert not re.search(r"\d \(.?\d+(\.\d)? to ", text), "an interval"
    assert "None" not in text
    few = compare.simulate(shop, seeds=compare.ENOUGH - 1, hours=0.2, workers=1)
    assert "mean of 4 stores: too few stores for an interval." in page({"made_by": "x", **few})


def test_enough_stores_have_intervals(found: dict[str, Any]) -> None:
    attention = found["policies"][0]["attention_s_per_hour"]
    assert attention["low"] < attention["value"] < attention["high"]
    text = page({"made_by": "x", **found})
    assert "too few stores" not in text
    assert "mean of 5 stores with its 95 % interval." in text
    assert re.search(r"\d \(.?\d+(\.\d)? to ", text)


def test_the_assumptions_are_sane() -> None:
    assert len(people.GROUPS_AN_HOUR) == 24
    assert min(people.GROUPS_AN_HOUR) > 0
    assert people.INTEREST_OUTSIDE < people.INTEREST_ANYONE < people.INTEREST_INSIDE
