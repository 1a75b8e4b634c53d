"""Model cards: read, written, and refused with a sentence."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from onlooker.core.errors import ModelError
from onlooker.models.calibration import Calibration
from onlooker.models.cards import WEIGHTS, ModelCard, builtin_card, builtin_cards

REQUIRED: dict[str, Any] = {
    "name": "tiny",
    "task": "face detection",
    "summary": "a test's own, früh übt sich",
    "file": "tiny.onnx",
    "sha256": "0" * 64,
    "bytes": 12,
    "licence": "Apache-2.0",
    "origin": "made here",
}


TWO: dict[str, Any] = {
    "interval_probability": 0.9,
    "gender_temperature": 1.0,
    "ages": [20],
    "probabilities": [0.8, 0.9],
    "tails": [[0.3, 0.4]],
}


def write(path: Path, values: object) -> Path:
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def test_a_card_with_every_field_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    card = ModelCard(
        **REQUIRED,
        url="https://example.org/tiny.onnx",
        notes="none",
        input_size=112,
        calibration=Calibration(0.9, 1.3, (0, 50), (0.8, 0.9), ((0.3, 0.4), (0.35, 0.44)), "faces"),
        fairness={"faces": {"race": {"A": {"mae": {"value": 4, "low": 3, "high": 5}}}}},
        scores={"faces": {"protocol": "all", "mae": 4.5, "n": 0}},
        path=tmp_path / "tiny.json",
    )
    card.save()
    loaded = ModelCard.load(card.path)
    assert loaded == card
    assert loaded.path == card.path
    assert loaded.folder == tmp_path


def test_a_card_with_the_least_fields_comes_back_with_the_defaults(tmp_path: Path) -> None:
    card = ModelCard(**REQUIRED, path=tmp_path / "tiny.json")
    card.save()
    assert ModelCard.load(card.path) == card
    assert json.loads(card.path.read_text(encoding="utf-8")) == REQUIRED


def test_a_required_field_that_is_empty_is_saved_all_the_same(tmp_path: Path) -> None:
    card = ModelCard(**{**REQUIRED, "origin": "", "bytes": 0}, path=tmp_path / "tiny.json")
    card.save()
    assert ModelCard.load(card.path) == card


def test_a_saved_card_is_text_that_people_can_read(tmp_path: Path) -> None:
    ModelCard(**REQUIRED, path=tmp_path / "tiny.json").save()
    text = (tmp_path / "tiny.json").read_text(encoding="utf-8")
    assert "früh übt sich" in text
    assert text.startswith('{\n  "name": "tiny",\n')
    assert text.endswith("}\n")


def test_a_card_that_cannot_be_written_leaves_the_one_of_before(tmp_path: Path) -> None:
    card = ModelCard(**REQUIRED, path=tmp_path / "tiny.json")
    card.save()
    with pytest.raises(UnicodeEncodeError):
        replace(card, origin="a name with half a character: \ud83d").save()
    assert ModelCard.load(card.path) == card
    assert list(tmp_path.iterdir()) == [card.path]


def test_a_link_to_a_card_stays_one_and_leads_to_what_was_saved(tmp_path: Path) -> None:
    card = ModelCard(**REQUIRED, path=tmp_path / "kept" / "tiny.json")
    card.folder.mkdir()
    card.save()
    link = tmp_path / "link.json"
    link.symlink_to(card.path)
    ModelCard.load(link).with_scores("a", {"mae": 5}).save()
    assert link.is_symlink()
    assert ModelCard.load(card.path).scores == {"a": {"mae": 5}}
    assert list(card.folder.iterdir()) == [card.path]


def test_scores_are_added_without_touching_the_card_itself() -> None:
    card = ModelCard(**REQUIRED, scores={"a": {"mae": 5}})
    more = card.with_scores("b", {"mae": 6})
    assert more.scores == {"a": {"mae": 5}, "b": {"mae": 6}}
    assert card.scores == {"a": {"mae": 5}}
    assert replace(more, scores=card.scores) == card


def test_a_missing_card_says_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.json: no such model card; `onlooker export RUN` writes one"):
        ModelCard.load(tmp_path / "absent.json")


def test_a_folder_is_no_card(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="the model card cannot be read"):
        ModelCard.load(tmp_path)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({k: v for k, v in REQUIRED.items() if k != "sha256"}, "'sha256'", id="a field missing"),
        pytest.param({**REQUIRED, "colour": "red"}, "'colour'", id="a field too many"),
        pytest.param({**REQUIRED, "path": "elsewhere"}, "'path'", id="a path of its own"),
        pytest.param({**REQUIRED, "calibration": {"interval_tail": 0.4}}, "'interval_tail'", id="calibration"),
        pytest.param({**REQUIRED, "calibration": [1, 2, 3]}, "mapping", id="calibration that is a list"),
        pytest.param(
            {**REQUIRED, "calibration": {**TWO, "tails": [["0.3", 0.4]]}}, "finite numbers", id="a calibration of texts"
        ),
        pytest.param({**REQUIRED, "calibration": {**TWO, "fitted_on": 3}}, "fitted_on", id="a calibration on a number"),
        pytest.param({**REQUIRED, "bytes": "12"}, "bytes is '12'", id="a size that is a text"),
        pytest.param({**REQUIRED, "file": None}, "file is None", id="no file"),
        pytest.param({**REQUIRED, "scores": [1]}, "scores is [1]", id="scores that are a list"),
        pytest.param([REQUIRED], "'list'", id="a list"),
        pytest.param(None, "'NoneType'", id="nothing"),
    ],
)
def test_a_malformed_card_is_refused_with_its_path_and_the_reason(values: object, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path / "tiny.json", values)
    with pytest.raises(ModelError, match=re.escape(f"{path}: not a model card (")) as caught:
        ModelCard.load(path)
    assert reason in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\x00", b"onnx"])
def test_what_is_no_json_is_no_card(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tiny.json"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="not a model card"):
        ModelCard.load(path)


def test_the_card_of_yunet_names_its_file_its_licence_and_where_to_get_it() -> None:
    card = builtin_card("yunet")
    assert (card.name, card.task, card.file) == ("yunet", "face detection", "yunet_n_dynamic.onnx")
    assert card.licence == "Apache-2.0"
    assert card.bytes == 322_906
    assert card.url.startswith("https://github.com/ShiqiYu/libfacedetection.train/raw/")
    assert card.calibration is None
    assert card.folder == WEIGHTS


def test_every_card_of_the_package_is_complete_and_named_after_its_file() -> None:
    cards = builtin_cards()
    assert [card.path.stem for card in cards] == sorted(card.path.stem for card in cards)
    for card in cards:
        assert re.fullmatch("[0-9a-f]{64}", card.sha256)
        assert card.bytes > 0
        assert all([card.licence, card.origin, card.summary, card.task, card.file])
        assert card.path == WEIGHTS / card.path.name
        assert builtin_card(card.name) == card
        assert card.url.startswith("https://") or (WEIGHTS / card.file).is_file()


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ModelError, match=r"no model is called 'yolo'; there are .*\byunet\b"):
        builtin_card("yolo")


def test_lists_of_numbers_and_figures_stand_on_one_line(tmp_path: Path) -> None:
    scores = {"faces": {"n": 3, "mae": {"value": 4.5, "low": -1.0, "high": 5.0}, "gone": None}}
    calibration = Calibration(0.9, 1.0, (0, 50), (0.8, 0.9), ((0.3, 0.4), (0.35, 0.44)))
    ModelCard(**REQUIRED, scores=scores, calibration=calibration, path=tmp_path / "tiny.json").save()
    lines = [line.strip() for line in (tmp_path / "tiny.json").read_text(encoding="utf-8").splitlines()]
    assert '"mae": {"value": 4.5, "low": -1.0, "high": 5.0},' in lines
    assert "[0.3, 0.4]," in lines
    assert '"probabilities": [0.8, 0.9],' in lines
