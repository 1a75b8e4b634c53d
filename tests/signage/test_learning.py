import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onlooker.signage.learning import Learner, segment_of
from tests.signage.world import people, viewer


def taught(plays: int = 100) -> Learner:
    learner = Learner()
    for _ in range(plays):
        learner = learner.observe("good", "female 18-34", attention_s=6, present_s=10)
        learner = learner.observe("bad", "female 18-34", attention_s=2, present_s=10)
    return learner


def test_what_was_seen_is_counted_as_a_share_of_a_play() -> None:
    learner = Learner().observe("a", "s", attention_s=3, present_s=4).observe("a", "s", attention_s=1, present_s=4)
    assert learner.seen == {("a", "s"): (1.0, 1.0)}
    assert learner.observe("a", "t", attention_s=9, present_s=8).seen["a", "t"] == (1.0, 0.0)


def test_nobody_is_no_observation_and_the_old_state_stays() -> None:
    learner = taught(1)
    assert learner.observe("good", "female 18-34", attention_s=0, present_s=0) is learner
    assert learner.observe("good", None, attention_s=1, present_s=2) is learner
    learner.observe("good", "female 18-34", attention_s=1, present_s=1)
    assert learner.seen == taught(1).seen


def test_what_holds_attention_is_chosen_and_the_rest_keeps_its_floor() -> None:
    alike = {"bad": 0.5, "good": 0.5}
    p = taught().probabilities(alike, "female 18-34", np.random.default_rng(0), floor=0.2)
    assert p == pytest.approx([0.1, 0.9])
    elsewhere = taught().probabilities(alike, "male 18-34", np.random.default_rng(0), floor=0.2)
    assert 0.3 < elsewhere[0] < 0.7


def test_it_begins_with_what_the_targets_say_and_goes_on_with_what_was_seen() -> None:
    favours = {"bad": 0.95, "good": 0.1}
    new = Learner().probabilities(favours, "female 18-34", np.random.default_rng(0), floor=0.1)
    assert new[0] > 0.9
    old = taught().probabilities(favours, "female 18-34", np.random.default_rng(0), floor=0.1)
    assert old[1] > 0.9
    sure = Learner().probabilities({"a": 0.0, "b": 1.0}, "s", np.random.default_rng(0), floor=0.1)
    assert sure == pytest.approx([0.05, 0.95])


@settings(deadline=None)
@given(st.integers(1, 8), st.floats(0.01, 1), st.integers(0, 1000))
def test_probabilities_are_at_least_the_floor_and_sum_to_one(count: int, floor: float, seed: int) -> None:
    worth = dict.fromkeys(["good", "bad", *"cdefgh"][:count], 0.6)
    p = taught(5).probabilities(worth, "female 18-34", np.random.default_rng(seed), floor=floor)
    assert sum(p) == pytest.approx(1)
    assert min(p) >= floor / count - 1e-12
    assert p == taught(5).probabilities(worth, "female 18-34", np.random.default_rng(seed), floor=floor)


def test_the_state_survives_the_ledger_and_lessons_add_up() -> None:
    learner = taught(3)
    lesson = Learner().observe("good", "male 60-100", attention_s=1, present_s=3)
    assert [each.advert for each in learner.records()] == ["bad", "good"]
    assert Learner.of(learner.records()) == learner
    assert Learner.of([]) == Learner()
    assert learner.joined(lesson) == learner.observe("good", "male 60-100", attention_s=1, present_s=3)
    assert Learner().joined(learner).joined(learner).records()[0].attention == 2 * learner.records()[0].attention


@pytest.mark.parametrize(
    ("ages", "p_female", "segment"),
    [
        ({18: 1.0}, 0.9, "female 18-34"),
        ({34: 1.0}, 0.1, "male 18-34"),
        ({35: 1.0}, 0.9, "female 35-59"),
        ({59: 1.0}, 0.1, "male 35-59"),
        ({60: 1.0}, 0.1, "male 60-100"),
        ({100: 1.0}, 0.1, "male 60-100"),
        ({20: 0.4, 50: 0.6}, 0.9, "female 35-59"),
    ],
)
def test_a_segment_is_that_of_most_of_the_attention(ages: dict[int, float], p_female: float, segment: str) -> None:
    assert segment_of(people(viewer(ages=ages, p_female=p_female))) == segment


def test_who_looks_decides_the_segment_of_a_group() -> None:
    woman, man = viewer("a", {25: 1.0}, 1.0, attention=0.4), viewer("b", {70: 1.0}, 0.0, attention=0.5)
    assert segment_of(people(woman, man)) == "male 60-100"
    assert segment_of(people(woman, viewer("c", {30: 1.0}, 0.8, attention=0.2), man)) == "female 18-34"
    assert segment_of(people()) is None
