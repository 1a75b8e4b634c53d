from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onlooker.core.errors import DatasetError
from onlooker.evaluation.audit import SMALL, audit, badness, difference, groupings, read_peers
from onlooker.evaluation.metrics import Estimate, Metrics, measure
from tests.evaluation.people import answers


def test_groups_are_sex_age_and_what_further_columns_tell_apart() -> None:
    found = groupings(answers())
    assert list(found) == ["sex", "age", "group"]  # a column that names each face by itself is none
    assert set(found["sex"]) == {"female", "male"}
    assert set(found["group"]) == {"A", "B"}


def test_a_group_has_the_metrics_of_its_own_faces() -> None:
    given = answers()
    found = audit(given, ours="us")
    group = next(g for g in found.groups if (g.grouping, g.name) == ("group", "B"))
    assert by_themselves(group.systems["us"]) == measure(given[given.groups["group"] == "B"])
    assert by_themselves(found.everyone.systems["us"]) == measure(given)


def by_themselves(metrics: Metrics) -> Metrics:
    return replace(metrics, mae_excess=None, gender_accuracy_excess=None)


def test_every_face_is_in_one_cell_of_each_crossing() -> None:
    found = audit(answers(), ours="us")
    assert {g.grouping for g in found.groups} == {"sex", "age", "group", "sex x age", "sex x group", "age x group"}
    for grouping in {g.grouping for g in found.groups}:
        assert sum(g.n for g in found.groups if g.grouping == grouping) == 400, grouping


def test_the_worst_group_is_named_with_how_sure_that_is() -> None:
    gaps = {(gap.grouping, gap.metric): gap for gap in audit(answers(800), ours="us").gaps}
    gap = gaps["group", "mae"]
    assert (gap.worst, gap.best, gap.certain) == ("B", "A", True)
    assert gap.difference.value == pytest.approx(gap.worst_value.value - gap.best_value.value)
    assert gap.difference.low > 0
    # Nothing sets the sexes apart here but chance.
    assert not gaps["sex", "mae"].certain


def test_what_is_worst_of_many_by_chance_alone_is_not_certain() -> None:
    """Twelve cameras that see alike: the worst of them lies outside its own 95 % interval, as one of twelve will."""
    given, random = answers(480), np.random.default_rng(1)
    cameras = random.permutation(np.arange(480) % 12).astype(str)
    alike = replace(given, age=given.label_low + random.normal(0, 6, 480), groups={"camera": cameras})
    found = audit(alike, ours="us")
    overall = found.everyone.systems["us"].mae
    gap = next(gap for gap in found.gaps if (gap.grouping, gap.metric) == ("camera", "mae"))
    assert overall is not None
    assert gap.worst_value.low > overall.value
    assert not gap.certain


def test_a_small_group_is_marked_and_never_the_worst() -> None:
    found = audit(answers(150), ours="us")
    small = {(g.grouping, g.name) for g in found.groups if g.small}
    assert small == {(g.grouping, g.name) for g in found.groups if g.n < SMALL}
    assert small
    assert not {(gap.grouping, gap.worst) for gap in found.gaps} & small


@pytest.mark.parametrize(
    ("metric", "better", "worse"),
    [
        ("mae", 3, 4),
        ("gender_accuracy", 0.9, 0.8),
        ("bias", 1, -2),
        ("interval_coverage", 0.92, 0.85),
        ("interval_coverage", 0.88, 0.99),
    ],
)
def test_what_is_worse(metric: str, better: float, worse: float) -> None:
    assert badness(metric, better, 0.9) < badness(metric, worse, 0.9)


def test_the_interval_of_a_difference_is_that_of_independent_figures() -> None:
    found = difference(Estimate(5, 4, 6), Estimate(2, 1, 3))
    assert found.value == 3
    assert found.low == pytest.approx(3 - np.sqrt(2))
    assert found.high == pytest.approx(3 + np.sqrt(2))
    assert difference(Estimate(2, 1, 3), Estimate(5, 4, 6)) == found


def peers_file(folder: Path) -> Path:
    rows = ["file,alpha_age,alpha_gender,beta_age_low,beta_age_high,beta_gender"]
    rows += ["0.jpg,30,Woman,20,29,Female", "1.jpg,40,Man,70,130,Male", "2.jpg,,Man,10,19,Male", "x.jpg,1,Man,0,2,Male"]
    path = folder / "peers.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_others_answers_are_of_the_same_faces_and_a_class_is_an_interval(tmp_path: Path) -> None:
    common, peers = read_peers(peers_file(tmp_path), answers(5))
    assert common.tolist() == [True, True, False, False, False]  # one of them says no age of the third
    assert peers["alpha"].age.tolist() == [30, 40]
    assert peers["alpha"].p_female.tolist() == [1, 0]
    assert np.isnan(peers["alpha"].age_low).all()
    assert peers["beta"].age.tolist() == [24.5, 85]
    assert peers["beta"].age_high.tolist() == [29, 130]
    assert peers["beta"].label_low.tolist() == answers(5).label_low[:2].tolist()


def test_a_face_that_is_named_by_a_path_is_found_by_its_files_name(tmp_path: Path) -> None:
    given = answers(5)
    assert given.files is not None
    paths = np.array([f"camera/{name}" for name in given.files])
    common, _ = read_peers(peers_file(tmp_path), replace(given, files=paths))
    assert common.tolist() == [True, True, False, False, False]
    paths[2] = "other/0.jpg"  # now two are called so
    common, _ = read_peers(peers_file(tmp_path), replace(given, files=paths))
    assert common.tolist() == [False, True, False, False, False]


def test_others_are_audited_beside_us(tmp_path: Path) -> None:
    given = answers(5)
    common, peers = read_peers(peers_file(tmp_path), given)
    found = audit(given[common], peers, ours="us")
    assert list(found.everyone.systems) == ["us", "alpha", "beta"]
    assert found.everyone.systems["alpha"].interval_coverage is None
    assert {m.n for m in found.everyone.systems.values()} == {2}


def test_a_row_that_ends_early_says_nothing_and_heads_may_have_spaces(tmp_path: Path) -> None:
    (tmp_path / "peers.csv").write_text("file, a_age, a_gender\n0.jpg,30\n1.jpg,40,Man\n", encoding="utf-8")
    common, peers = read_peers(tmp_path / "peers.csv", answers(3))
    assert common.tolist() == [True, True, False]
    assert peers["a"].age.tolist() == [30, 40]
    assert np.isnan(peers["a"].p_female[0])


def test_a_peer_may_not_be_called_as_we_are() -> None:
    with pytest.raises(DatasetError, match="hold a us, as the model audited"):
        audit(answers(), {"us": answers(seed=1)}, ours="us")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,age\n0.jpg,3\n", "has no column NAME_age or NAME_age_low"),
        ("name,a_age\n0.jpg,3\n", "cannot be read as a CSV with a column file"),
        ("file,a_age\nz.jpg,3\n", "names none of the 5 files"),
    ],
)
def test_a_file_of_no_use_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "peers.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        read_peers(tmp_path / "peers.csv", answers(5))
