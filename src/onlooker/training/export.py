"""From a run's final weights to the file that serves, checked to answer alike; and to a fast form of it."""

import json
import logging
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from onlooker.attributes.estimator import calibrated
from onlooker.core.demographics import softmax
from onlooker.core.errors import InputError, ModelError
from onlooker.evaluation.answers import Answers
from onlooker.evaluation.calibrate import Held, fit_calibration
from onlooker.evaluation.metrics import measure
from onlooker.models.calibration import Calibration
from onlooker.models.cards import ModelCard
from onlooker.models.runtime import Session
from onlooker.models.store import checksum
from onlooker.training.config import TrainConfig
from onlooker.training.halves import store_halves
from onlooker.training.network import FaceNetwork, ServedNetwork, load_weights
from onlooker.training.parts import read_part
from onlooker.training.quantize import quantize

MAX_DIFFERENCE = 1e-3
"""Largest difference of a logit between torch and ONNX Runtime that passes as rounding."""

MAX_HALF_DIFFERENCE = 0.05
"""The same once the weights are stored in half the bits, where a finished run's model differed by 0.003."""

_BATCH = 64

_ANSWERS = "a distribution over ages 0 to 100, a gender logit"


def export(run: Path, output: Path, name: str) -> tuple[ModelCard, float]:
    """Write ``NAME.onnx``, its weights in sixteen bits, and its card ``NAME.json`` into ``output``; the card, and the
    largest difference of a logit to the network's.

    Raises ``InputError`` where the run is not finished, ``ModelError`` where the file does not answer as the network.
    """
    weights = load_weights(run, "final.pt")
    summary, size = _summary(run), TrainConfig.load(run / "config.json").crop_size
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{name}.onnx"
    network = ServedNetwork(weights).eval()
    write_onnx(network, path, size)
    _check(path, parity(network, path, size), MAX_DIFFERENCE)
    store_halves(path)
    difference = parity(network, path, size)
    _check(path, difference, MAX_HALF_DIFFERENCE)
    what = f"{_kind(weights)}: {_ANSWERS}; mean of face and mirror image"
    card = _card(path, what, size, summary)
    card.save()
    return card, difference


def export_fast(run: Path, output: Path, name: str) -> ModelCard:
    """Write the fast form of a run's model, ``NAME.onnx`` and ``NAME.json``: eight bits, and no mirror image.

    It answers a little differently, so it has its own calibration and figures, from the run's calibration and test
    parts. Raises ``InputError`` where the run is not finished.
    """
    weights = load_weights(run, "final.pt")
    summary, size = _summary(run), TrainConfig.load(run / "config.json").crop_size
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{name}.onnx"
    calibration, test = (read_part(run, part) for part in ("calibration", "test"))
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.onnx"
        write_onnx(ServedNetwork(weights, mirror=False).eval(), whole, size)
        quantize(whole, path, calibration.crops)
    session = Session(path)
    age, gender = _answer(session, calibration.crops)
    fitted_on = summary["calibration"].get("fitted_on", "")
    held = Held(softmax(age), gender, calibration.age_low, calibration.age_high, calibration.females)
    summary["calibration"] = fit_calibration(held, fitted_on=fitted_on, however_few=True).to_dict()
    read = calibrated(*_answer(session, test.crops), Calibration.from_dict(summary["calibration"]))
    figures = measure(Answers.of(read, test.age_low, test.age_high, test.females)).to_dict()
    summary["scores"] = {key: {"protocol": old["protocol"], **figures} for key, old in summary["scores"].items()}
    what = f"{_kind(weights)} in eight bits: {_ANSWERS}; a face as it is"
    card = _card(path, what, size, summary)
    card.save()
    return card


def write_onnx(network: ServedNetwork, path: Path, size: int) -> None:
    """Write the network as it is served, for crops of ``size`` pixels, in thirty-two bits."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package calls itself deprecated
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network,
            (torch.zeros(2, size, size, 3, dtype=torch.uint8),),
            str(path),
            input_names=["pixels"],
            output_names=["age", "gender"],
            dynamic_axes={"pixels": {0: "n"}, "age": {0: "n"}, "gender": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )


def _card(path: Path, what: str, size: int, summary: dict[str, Any]) -> ModelCard:
    return ModelCard(
        name=path.stem,
        task="age and gender",
        summary=what,
        file=path.name,
        sha256=checksum(path),
        bytes=path.stat().st_size,
        licence=summary["licence"],
        origin=summary["origin"],
        notes=summary["notes"],
        input_size=size,
        calibration=Calibration.from_dict(summary["calibration"]),
        scores=summary["scores"],
        path=path.with_suffix(".json"),
    )


def _kind(network: FaceNetwork) -> str:
    return "ResNet of 29 layers" if network.variant == "resnet" else f"EfficientNet-{network.variant.capitalize()}"


def _check(path: Path, difference: float, bound: float) -> None:
    if difference > bound:
        raise ModelError(f"{path}: answers differ from the network's by {difference:.2g}; export with another torch")


def parity(network: ServedNetwork, path: Path, size: int) -> float:
    """The largest difference of any logit between torch and ONNX Runtime on noise and on flat pictures."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (9, size, size, 3), dtype=np.uint8)
    pixels[6:] = np.array([0, 128, 255], dtype=np.uint8)[:, None, None, None]
    with torch.inference_mode():
        expected = network(torch.from_numpy(pixels))
    out = Session(path).run({"pixels": pixels})
    return max(float(np.abs(out[k] - e.numpy()).max()) for k, e in zip(("age", "gender"), expected, strict=True))


def _answer(session: Session, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    outs = [session.run({"pixels": np.array(crops[i : i + _BATCH])}) for i in range(0, len(crops), _BATCH)]
    return np.concatenate([out["age"] for out in outs]), np.concatenate([out["gender"] for out in outs])


def _summary(run: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run / "summary.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{run}: training is not finished; run `onlooker train` on it again, it continues") from None
