"""Groups beside everyone of the same ages, on people whose errors are known."""

from dataclasses import replace

import numpy as np
import pytest

from onlooker.evaluation.answers import Answers
from onlooker.evaluation.audit import audit
from onlooker.evaluation.standardise import excesses
from tests.evaluation.people import answers

OLD, YOUNG = 65.0, 25.0


def people(off: dict[tuple[str, float], tuple[int, float]]) -> Answers:
    """So many faces of a group and an age, each called so many years too old."""
    rows = [(group, age, years) for (group, age), (n, years) in off.items() for _ in range(n)]
    label = np.array([age for _, age, _ in rows])
    given = replace(
        answers(len(rows)),
        label_low=label,
        label_high=label,
        age=label + np.array([years for _, _, years in rows]),
        groups={"group": np.array([group for group, _, _ in rows])},
    )
    return replace(given, p_female=np.where(given.female == 1, 0.9, 0.1))


def masks(given: Answers) -> dict[tuple[str, str], np.ndarray]:
    return {("group", name): given.groups["group"] == name for name in sorted(set(given.groups["group"].tolist()))}


def test_a_group_that_is_only_older_has_a_greater_error_and_no_excess() -> None:
    given = people({("A", YOUNG): (90, 2.0), ("A", OLD): (10, 8.0), ("B", YOUNG): (10, 2.0), ("B", OLD): (90, 8.0)})
    found = audit(given, ours="us")
    ours = {group.name: group.systems["us"] for group in found.groups if group.grouping == "group"}
    assert ours["B"].mae is not None
    assert ours["A"].mae is not None
    assert ours["B"].mae.value - ours["A"].mae.value == pytest.approx(4.8)
    for metrics in ours.values():
        assert metrics.mae_excess is not None
        assert metrics.mae_excess.value == pytest.approx(0, abs=1e-9)
    gaps = {(gap.grouping, gap.metric): gap for gap in found.gaps}
    assert gaps["group", "mae"].certain
    assert not gaps["group", "mae_excess"].certain


def test_an_excess_is_what_a_group_errs_above_the_mean_of_its_ages() -> None:
    """Of the young, everyone errs by (60 * 2 + 40 * 4) / 100 years, of the old all the same."""
    given = people({("A", YOUNG): (60, 2.0), ("B", YOUNG): (40, 4.0), ("A", OLD): (20, 8.0), ("B", OLD): (60, 8.0)})
    found = excesses(given, masks(given))
    a, b = found["group", "A"]["mae_excess"], found["group", "B"]["mae_excess"]
    assert b.value == pytest.approx(40 * (4 - 2.8) / 100)
    assert a.value == pytest.approx(60 * (2 - 2.8) / 80)
    assert b.low < b.value < b.high
    assert b.low > 0 > a.high, "no face of a group differs from another here, so resampling moves it little"


def test_genders_are_compared_at_the_same_ages_too() -> None:
    given = people({("A", YOUNG): (50, 0.0), ("B", YOUNG): (50, 0.0), ("B", OLD): (50, 0.0)})
    wrong = np.zeros(len(given), dtype=bool)
    wrong[50:60] = True  # ten of B's young: everyone of their age is right in 90 of 100
    found = excesses(replace(given, p_female=np.where(wrong, 1 - given.p_female, given.p_female)), masks(given))
    assert found["group", "B"]["gender_accuracy_excess"].value == pytest.approx(-0.05)
    assert found["group", "A"]["gender_accuracy_excess"].value == pytest.approx(0.1)


def test_what_a_system_does_not_say_has_no_excess() -> None:
    given = answers(60)
    silent = replace(given, p_female=np.full(60, np.nan))
    assert set(excesses(silent, masks(given))["group", "A"]) == {"mae_excess"}


def test_excesses_of_a_grouping_even_out() -> None:
    given = answers(500)
    found = excesses(given, masks(given))
    total = sum(found["group", name]["mae_excess"].value * (given.groups["group"] == name).sum() for name in "AB")
    assert total == pytest.approx(0, abs=1e-6)
    assert found["group", "B"]["mae_excess"].low > 0, "it is read with twice the error at every age"


def test_everyone_has_none_and_a_band_is_not_compared_with_itself() -> None:
    found = audit(answers(), ours="us")
    everyone = found.everyone.systems["us"].mae_excess
    assert everyone is not None
    assert (everyone.low, everyone.value, everyone.high) == pytest.approx((0, 0, 0), abs=1e-9)
    assert all(group.systems["us"].mae_excess is None for group in found.groups if group.grouping == "age")
    crossed = {group.name: group.systems["us"].mae_excess for group in found.groups if group.grouping == "age x group"}
    assert all(excess is not None for excess in crossed.values())
