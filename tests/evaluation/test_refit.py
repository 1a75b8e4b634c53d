"""A card with another calibration finds its weights wherever it is read."""

import hashlib
from pathlib import Path

import pytest

from onlooker.evaluation.refit import recalibrated
from onlooker.models import store
from onlooker.models.calibration import Calibration
from onlooker.models.cards import ModelCard

CALIBRATION = Calibration(0.9, 1.0, (0,), (0.9,), ((0.45,),), "these")


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "face.onnx").write_bytes(b"weights")
    return ModelCard(
        *("face", "age and gender", "", "face.onnx", hashlib.sha256(b"weights").hexdigest(), 7, "", ""),
        path=folder / "face.json",
    )


def test_beside_its_weights_it_names_them_and_elsewhere_their_place(card: ModelCard, tmp_path: Path) -> None:
    assert recalibrated(card, CALIBRATION, card.folder / "mine.json").file == "face.onnx"
    assert recalibrated(card, CALIBRATION, tmp_path / "mine.json").file == str((card.folder / "face.onnx").resolve())


@pytest.mark.parametrize(("link", "kept"), [("models/mine.json", "kept.json"), ("mine.json", "models/kept.json")])
def test_by_a_link_it_finds_them_too(card: ModelCard, tmp_path: Path, link: str, kept: str) -> None:
    (tmp_path / link).symlink_to(tmp_path / kept)
    recalibrated(card, CALIBRATION, tmp_path / link).save()
    assert (tmp_path / link).is_symlink()
    for path in (link, kept):
        assert store.require(ModelCard.load(tmp_path / path)).read_bytes() == b"weights"
