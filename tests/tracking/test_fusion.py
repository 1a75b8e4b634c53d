import numpy as np
import pytest

from onlooker.core.demographics import HALF_YEARS, N_AGES, Floats, age_quantile
from onlooker.tracking import fusion as rules
from onlooker.tracking.fusion import Fused, Fusion, view_weight

STEP = 0.12


def ages(mean: float, spread: float = 7.0) -> Floats:
    weights = np.exp(-0.5 * ((np.arange(N_AGES) - mean) / spread) ** 2)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def fuse(means: list[float], *, weights: list[float] | None = None, p_female: float = 0.9) -> list[Fused]:
    fusion = Fusion()
    return [
        fusion.add(ages(mean), p_female, weight=weights[k] if weights else 1.0, at=k * STEP)
        for k, mean in enumerate(means)
    ]


def test_one_view_is_itself() -> None:
    known = fuse([34.0])[0]
    assert known.age == pytest.approx(34.0, abs=0.1)
    assert known.p_female == pytest.approx(0.9)
    assert (known.gender, known.views) == ("female", 1)
    assert known.age_distribution.sum() == pytest.approx(1.0, abs=1e-5)


def test_the_interval_does_not_collapse_however_often_a_face_is_read() -> None:
    """A hundred views of one face are not a hundred opinions."""
    one, many = fuse([34.0])[0], fuse([34.0] * 100)[-1]
    assert many.age_high - many.age_low == pytest.approx(one.age_high - one.age_low, rel=0.02)


def test_views_that_disagree_widen_it() -> None:
    agreed, apart = fuse([35.0] * 20)[-1], fuse([25.0, 45.0] * 10)[-1]
    assert apart.age_high - apart.age_low > 1.3 * (agreed.age_high - agreed.age_low)


def test_a_view_that_is_far_off_hardly_counts() -> None:
    known = fuse([30.0, 31.0, 29.0, 30.0, 85.0, 30.0, 31.0])[-1]
    assert known.age == pytest.approx(30.0, abs=1.0)


def test_a_view_of_little_quality_hardly_counts() -> None:
    known = fuse([70.0, 70.0, 30.0, 31.0], weights=[0.02, 0.02, 1.0, 1.0])[-1]
    assert known.age == pytest.approx(30.5, abs=2.0)


@pytest.mark.parametrize("seed", range(20))
def test_after_the_first_second_what_is_shown_moves_less_than_two_years(seed: int) -> None:
    """Views scatter by five years, as those of someone who stands still do."""
    rng = np.random.default_rng(seed)
    shown = [known.age for known in fuse(list(np.clip(rng.normal(40, 5, 300), 1, 99)))]
    settled = shown[int(rules.SETTLING / STEP) + 1 :]
    assert max(settled) - min(settled) < 2


def test_what_is_shown_follows_when_the_views_are_of_another_age_altogether() -> None:
    known = fuse([30.0] * 10 + [60.0] * 200)[-1]
    assert 45 < known.age < 62
    assert float(age_quantile(known.age_distribution[None], 0.5)[0]) == pytest.approx(60, abs=3)


def test_what_is_shown_drifts_and_never_jumps() -> None:
    fusion = Fusion()
    for k in range(10):
        fusion.add(ages(30), 0.5, weight=1.0, at=0.2 * k)
    shown = [fusion.add(ages(60), 0.5, weight=1.0, at=0.2 * k).age for k in range(10, 300)]
    steps = np.diff([30.0, *shown])
    assert steps.max() == pytest.approx(rules.DRIFT * 0.2, abs=1e-6)
    assert steps.min() >= 0
    assert shown[-1] > 45


def test_the_interval_always_holds_what_is_shown() -> None:
    rng = np.random.default_rng(3)
    for known in fuse(list(np.clip(rng.normal(40, 15, 200), 1, 99))):
        assert 0 <= known.age_low <= known.age <= known.age_high <= 100


def test_a_minority_that_sees_a_child_keeps_its_say() -> None:
    """Averaged, not multiplied: a probability under 18 that a fifth of the views give is not wiped out."""
    known = fuse([15.0, 27.0, 26.0, 27.0, 28.0] * 8)[-1]
    assert float(known.age_distribution[:18].sum()) > 0.1


def test_a_gender_is_named_late_and_dropped_late() -> None:
    fusion = Fusion()
    named = [fusion.add(ages(30), p, weight=1.0, at=0.0).gender for p in (0.7, 0.7, 0.95, 0.95, 0.95)]
    assert named[:2] == [None, None]
    for _ in range(30):
        last = fusion.add(ages(30), 0.97, weight=1.0, at=1.0)
    assert last.gender == "female"
    dropped = [fusion.add(ages(30), 0.62, weight=1.0, at=2.0).gender for _ in range(40)]
    assert dropped == ["female"] * 40
    turned = [fusion.add(ages(30), 0.01, weight=1.0, at=3.0).gender for _ in range(200)]
    assert turned[-1] == "male"
    assert turned == sorted(turned, key=["female", None, "male"].index)


def test_a_gender_is_named_from_clear_views_alone() -> None:
    fusion = Fusion()
    doubted = [fusion.add(ages(30), 0.99, weight=1.0, at=k * STEP, clear=False) for k in range(30)]
    assert {known.gender for known in doubted} == {None}
    assert doubted[-1].p_female == pytest.approx(0.99)
    first = fusion.add(ages(30), 0.3, weight=1.0, at=4.0)
    assert first.gender is None
    assert first.p_female == pytest.approx(0.3)
    clear = [fusion.add(ages(30), 0.1, weight=1.0, at=4.0 + k * STEP) for k in range(30)]
    assert clear[-1].gender == "male"
    after = [fusion.add(ages(30), 0.99, weight=1.0, at=9.0 + k * STEP, clear=False) for k in range(200)]
    assert {known.gender for known in after} == {"male"}
    assert after[-1].p_female == pytest.approx(clear[-1].p_female, abs=0.05)


def test_memory_does_not_grow_with_the_views() -> None:
    fusion = Fusion()
    rng = np.random.default_rng(0)
    for k in range(500):
        fusion.add(ages(float(rng.uniform(10, 80))), 0.5, weight=float(rng.random()), at=k * STEP)
    held = [value for value in vars(fusion).values() if isinstance(value, np.ndarray)]
    assert sum(array.nbytes for array in held) <= 8 * ((N_AGES + 4) * rules.VIEWS + len(HALF_YEARS))


def test_large_frontal_and_sharp_views_count_most() -> None:
    best = view_weight(100, 0, 0, 90)
    assert best == 1.0
    assert view_weight(40, 0, 0, 90) == pytest.approx(0.25)
    assert max(view_weight(100, 60, 0, 90), view_weight(100, 0, 40, 90), view_weight(100, 0, 0, 15)) < 0.2
    assert view_weight(1, 90, 90, 0) > 0
