from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onlooker.audience.viewers import Audience, Viewer

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
AGES = np.zeros(101, np.float32)
AGES[[17, 18, 30, 100]] = 0.25


def viewer(**given_: Any) -> Viewer:
    plain: dict[str, Any] = {
        "id": "a", "age_distribution": AGES, "p_female": 0.75, "attention": 0.5, "present_s": 3.0, "attention_s": 2.0,
        "height_px": 80.0,
    }  # fmt: skip
    return Viewer(**plain | given_)


@pytest.mark.parametrize(
    ("low", "high", "p"),
    [(0, 100, 1.0), (17, 17, 0.25), (18, 30, 0.5), (18, 29, 0.25), (19, 29, 0.0), (31, 100, 0.25), (99, 120, 0.25),
     (0, 16, 0.0), (30, 18, 0.0)],
)  # fmt: skip
def test_an_age_range_includes_both_its_years(low: int, high: int, p: float) -> None:
    assert viewer().p_age(low, high) == p


def test_a_minor_is_under_18_and_genders_are_each_others_rest() -> None:
    assert (viewer().p_minor, viewer().p_adult) == (0.25, 0.75)
    assert (viewer().p_gender("female"), viewer().p_gender("male")) == (0.75, 0.25)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=101, max_size=101).filter(lambda ages: sum(ages) > 0.1))
def test_ranges_that_share_no_year_add_up(ages: list[float]) -> None:
    some = np.array(ages) / sum(ages)
    seen = viewer(age_distribution=some)
    assert seen.p_age(0, 17) == pytest.approx(seen.p_minor)
    assert seen.p_age(0, 40) + seen.p_age(41, 100) == pytest.approx(1.0)
    assert seen.p_age(20, 40) == pytest.approx(some[20:41].sum(), abs=1e-5)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"id": ""}, "must not be empty"),
        ({"age_distribution": np.full(100, 0.01)}, r"shape \(101,\)"),
        ({"age_distribution": AGES * 2}, "sum of 2"),
        ({"age_distribution": np.where(AGES > 0, np.nan, 0)}, "probabilities"),
        ({"age_distribution": np.array([1.5, -0.5, *[0] * 99])}, "probabilities"),
        ({"p_female": 1.1}, "p_female"),
        ({"p_female": float("nan")}, "p_female"),
        ({"attention": -0.1}, "attention"),
        ({"present_s": 1.0}, "attention_s and present_s"),
        ({"attention_s": -1.0}, "attention_s and present_s"),
        ({"present_s": float("inf")}, "attention_s and present_s"),
        ({"height_px": 0.0}, "height_px"),
        ({"height_px": float("nan")}, "height_px"),
    ],
)
def test_what_is_no_viewer_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        viewer(**wrong)


def test_a_viewer_cannot_be_changed_not_even_from_outside() -> None:
    ages = AGES.copy()
    seen = viewer(age_distribution=ages)
    ages[:] = 0
    assert seen.p_minor == 0.25
    with pytest.raises(ValueError, match="read-only"):
        seen.age_distribution[0] = 1
    with pytest.raises(AttributeError):
        seen.p_female = 0.0  # type: ignore[misc]
    assert "age" not in repr(seen)


def test_an_audience_has_a_time_with_a_zone_and_no_id_twice() -> None:
    assert len(Audience(NOW)) == 0
    assert len(Audience(NOW, (viewer(),), unread=2)) == 3
    assert Audience(NOW, (viewer(), viewer(id="b"))).ids == {"a", "b"}
    with pytest.raises(ValueError, match="time zone"):
        Audience(NOW.replace(tzinfo=None))
    with pytest.raises(ValueError, match="same id"):
        Audience(NOW, (viewer(), viewer()))
    with pytest.raises(ValueError, match="unread"):
        Audience(NOW, unread=-1)
