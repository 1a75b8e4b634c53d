"""What a run comes from: the licences of whom it builds on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from onlooker.models.cards import ModelCard
from onlooker.training.config import TrainConfig
from onlooker.training.sources import UNSTATED, licence_of

NO_COMMERCE = "non-commercial research use only"


@pytest.fixture
def parents(tmp_path: Path) -> TrainConfig:
    """The configuration of a run that starts from a model not for commerce, and is taught by a finished run's."""
    for name, licence in (("model", NO_COMMERCE), ("teacher", f"{UNSTATED}; and CC0")):
        ModelCard(name, "", "", "x.onnx", "", 0, licence, "", path=tmp_path / f"{name}.json").save()
    return TrainConfig(start=str(tmp_path / "model.json"), teachers=(str(tmp_path / "teacher.json"),))


def test_a_run_is_under_the_licences_of_its_start_and_of_its_teachers(parents: TrainConfig) -> None:
    assert licence_of("", parents) == f"{UNSTATED}; and {NO_COMMERCE}; and CC0"
    assert licence_of("", TrainConfig()) == UNSTATED
    assert licence_of("mine", TrainConfig()) == "mine"


def test_a_licence_of_ones_own_hides_none_of_theirs(parents: TrainConfig) -> None:
    told = licence_of("mine", parents)
    assert told.startswith("mine (so whoever trained it; it comes from model: ")
    assert f"model: {NO_COMMERCE} and from teacher: {UNSTATED}; and CC0)" in told
    assert licence_of(NO_COMMERCE, replace(parents, teachers=())) == NO_COMMERCE, "it is theirs"


def test_what_nobody_said_of_a_start_is_not_said_by_who_goes_on_from_it(tmp_path: Path) -> None:
    """A licence of one's own does not make the pictures behind another's model one's own."""
    (tmp_path / "summary.json").write_text(json.dumps({"licence": UNSTATED}), encoding="utf-8")
    told = licence_of("CC0", TrainConfig(start=str(tmp_path)))
    assert told == f"CC0 (so whoever trained it; it comes from {tmp_path.name}: {UNSTATED})"


def test_a_run_that_is_started_from_hands_its_licence_on_before_it_is_finished_too(tmp_path: Path) -> None:
    config = TrainConfig(start=str(tmp_path))
    assert licence_of("", config) == UNSTATED, "a run of before says nothing until it is finished"
    (tmp_path / "sources.json").write_text(json.dumps({"licence": NO_COMMERCE}), encoding="utf-8")
    assert licence_of("", config) == f"{UNSTATED}; and {NO_COMMERCE}"
    (tmp_path / "summary.json").write_text(json.dumps({"licence": "CC0"}), encoding="utf-8")
    assert licence_of("", config) == f"{UNSTATED}; and CC0"
