from pathlib import Path

import numpy as np
import pytest
import torch

from onlooker.core.errors import InputError
from onlooker.report.backend import keras
from onlooker.report.fit import History, Part, Progress, evaluate, fit, loss_of, predict
from onlooker.report.networks import Model, gender_cnn, multi_output
from onlooker.report.plain import forward_of
from onlooker.report.scores import score
from tests.report.conftest import made_up

FACES = made_up(400)


def part(first: int, last: int, *names: str) -> Part:
    return Part(FACES.pixels[first:last], {name: FACES.labels[name][first:last] for name in names})


def trained(folder: Path, epochs: int, *, seed: int = 1) -> tuple[Model, History]:
    keras.utils.set_random_seed(seed)
    model = gender_cnn()
    train, validation = part(0, 300, "gender"), part(300, 400, "gender")
    return model, fit(model, forward_of(model.layers), train, validation, folder, epochs=epochs, seed=seed)


def test_it_learns_what_can_be_learned(tmp_path: Path) -> None:
    model, history = trained(tmp_path, 6)
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    assert evaluate(forward_of(model.layers), part(300, 400, "gender"))["gender_accuracy"] > 0.9


def test_the_best_on_validation_loss_is_kept(tmp_path: Path) -> None:
    model, history = trained(tmp_path, 4)
    loss = evaluate(forward_of(model.layers), part(300, 400, "gender"))["loss"]
    assert loss == pytest.approx(min(row["val_loss"] for row in history), abs=1e-4)


def test_one_that_was_stopped_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    whole, history = trained(tmp_path / "whole", 3)
    trained(tmp_path / "stopped", 2)
    resumed, again = trained(tmp_path / "stopped", 3)
    scores = [{k: v for k, v in row.items() if k != "seconds"} for row in history]
    assert scores == [{k: v for k, v in row.items() if k != "seconds"} for row in again]
    said = [predict(forward_of(model.layers), FACES.pixels[:50])["gender"] for model in (whole, resumed)]
    assert np.array_equal(said[0], said[1])
    assert len((tmp_path / "stopped" / "log.jsonl").read_text(encoding="utf-8").splitlines()) == 3


def test_one_that_is_done_is_not_trained_again(tmp_path: Path) -> None:
    trained(tmp_path, 2)
    before = (tmp_path / "last.pt").stat().st_mtime_ns
    _, history = trained(tmp_path, 2)
    assert len(history) == 2
    assert (tmp_path / "last.pt").stat().st_mtime_ns == before


def test_a_folder_begun_with_another_seed_is_refused(tmp_path: Path) -> None:
    trained(tmp_path, 1)
    with pytest.raises(InputError, match="begun with another seed; name another --output folder"):
        trained(tmp_path, 2, seed=2)


def test_several_outputs_learn_together(tmp_path: Path) -> None:
    model, told = multi_output(), list[Progress]()
    data = part(0, 128, "age", "gender", "race")
    history = fit(model, forward_of(model.layers), data, data, tmp_path, epochs=1, seed=1, report=told.append)
    assert set(history[0]) >= {"val_loss", "val_age_accuracy", "val_gender_accuracy", "val_race_accuracy"}
    assert [(p.batch, p.batches, p.scores is None) for p in told] == [(1, 2, True), (2, 2, True), (2, 2, False)]


def test_losses_are_keras_own_and_add_up() -> None:
    answers = {"gender": torch.tensor([[0.9, 0.2]]), "age": torch.tensor([[0.1, 0.7, 0.2]])}
    targets = {"gender": np.array([0]), "age": np.array([1])}
    by_hand = -(np.log(0.9) + np.log(0.8)) / 2 - np.log(0.7)
    assert float(loss_of(answers, targets, slice(None))) == pytest.approx(by_hand, abs=1e-5)


def test_a_score_counts_what_is_taken_for_what() -> None:
    found = score(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 1]), 3)
    assert found.confusion == [[1, 1, 0], [0, 3, 0], [0, 0, 0]]
    assert (found.n, found.accuracy, found.recall) == (5, 0.8, 0.75)
    assert found.low < 0.8 < found.high <= 1
