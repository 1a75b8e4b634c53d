"""What is exported answers as its runs do, and can be gone on from."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from onlooker.core.errors import InputError, ModelError
from onlooker.models.cards import ModelCard
from onlooker.models.runtime import Session
from onlooker.models.store import checksum
from onlooker.testing import ScriptedDetector

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'onlooker[train]'")
onnx = pytest.importorskip("onnx", reason="training needs the extra: pip install 'onlooker[train]'")


from onlooker.training.export import export, export_fast  # noqa: E402
from onlooker.training.network import ServedNetwork, load_weights  # noqa: E402
from onlooker.training.run import train  # noqa: E402
from onlooker.training.sources import Sources  # noqa: E402
from onlooker.training.start import load_exported, network_of  # noqa: E402
from tests.training.small import CONFIG, nobody, unseen  # noqa: E402


def test_an_exported_model_is_taken_up_again_and_answers_as_before(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(Sources(folder), run, replace(CONFIG, epochs=1), ScriptedDetector(), licence="", report=unseen, count=nobody)
    card, _ = export(run, tmp_path, "noise")
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8))
    again = load_exported(card, pixels.permute(0, 3, 1, 2).float())
    with torch.inference_mode():
        expected, answered = (ServedNetwork(n).eval()(pixels) for n in (load_weights(run, "final.pt"), again))
    for one, other in zip(expected, answered, strict=True):
        assert torch.allclose(one, other, atol=2e-2)  # its weights are stored in half the bits
    went_on = replace(CONFIG, epochs=1, start=str(card.path))
    train(Sources(folder), tmp_path / "on", went_on, ScriptedDetector(), licence="", report=unseen, count=nobody)
    assert "by way of noise" in json.loads((tmp_path / "on" / "summary.json").read_text())["origin"]


def test_several_runs_answer_as_one_with_the_mean_of_theirs(folder: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "one", tmp_path / "two"]
    for run, config in zip(runs, (CONFIG, replace(CONFIG, network="lite1", crop_size=40)), strict=True):
        config = replace(config, epochs=1)
        train(Sources(folder), run, config, ScriptedDetector(), licence=run.name, report=unseen, count=nobody)
    final = torch.load(runs[1] / "final.pt")
    final["network"]["head.bias"] += torch.linspace(0, 2, 102)  # after so few steps both answer alike
    torch.save(final, runs[1] / "final.pt")
    pixels = np.load(runs[0] / "test.npy")
    networks = [
        ServedNetwork(load_weights(run, "final.pt"), mirror=mirror, size=size).eval()
        for mirror in (True, False)
        for run, size in zip(runs, (32, 40), strict=True)
    ]
    with torch.inference_mode():
        ages = [network(torch.from_numpy(pixels))[0].numpy() for network in networks]
    card, _ = export(runs[0], tmp_path, "both", runs[1:])
    assert card.licence == "one; and two"
    answered = Session(tmp_path / "both.onnx").run({"pixels": pixels})["age"]
    assert np.allclose(answered, (ages[0] + ages[1]) / 2, atol=0.02)
    alone = json.loads((runs[0] / "summary.json").read_text())
    assert card.calibration is not None
    assert card.calibration.to_dict() != alone["calibration"]
    fast = export_fast(runs[0], tmp_path, "fast", runs[1:])
    answered = Session(tmp_path / "fast.onnx").run({"pixels": pixels})["age"]
    assert np.abs(answered - (ages[2] + ages[3]) / 2).mean() < 0.1
    assert "mean of EfficientNet-Lite0 and EfficientNet-Lite1 in eight bits" in fast.summary
    first = load_exported(fast, torch.from_numpy(pixels).permute(0, 3, 1, 2).float())
    with torch.inference_mode():
        taken_up = ServedNetwork(first, mirror=False).eval()(torch.from_numpy(pixels))[0].numpy()
    assert np.abs(taken_up - ages[2]).mean() < 0.1 < np.abs(taken_up - ages[3]).mean()
    rows = (runs[1] / "split.csv").read_text()
    for learnt in ("train", "validation"):
        (runs[1] / "split.csv").write_text(rows.replace(",test,", f",{learnt},"))
        with pytest.raises(InputError, match="same --split"):
            export(runs[0], tmp_path, "both", runs[1:])


def test_a_network_of_someone_else_is_no_start(tmp_path: Path) -> None:
    shape = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    path = tmp_path / "foreign.onnx"
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "foreign", [shape], [other])), str(path))
    known = (path.name, checksum(path), path.stat().st_size)
    card = ModelCard("foreign", "", "", *known, "", "", path=path.with_suffix(".json"))
    card.save()
    with pytest.raises(ModelError, match="not a network that"):
        network_of(card.path)


def test_export_before_training_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="onlooker train"):
        export(tmp_path, tmp_path, "face")
