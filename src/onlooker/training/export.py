"""From a run's final weights to the file that serves, checked to answer alike."""

import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from onlooker.core.errors import InputError, ModelError
from onlooker.models.calibration import Calibration
from onlooker.models.cards import ModelCard
from onlooker.models.runtime import Session
from onlooker.models.store import checksum
from onlooker.training.config import TrainConfig
from onlooker.training.network import ServedNetwork, load_weights

MAX_DIFFERENCE = 1e-3
"""Largest difference of a logit between torch and ONNX Runtime that passes as rounding."""


def export(run: Path, output: Path, name: str) -> tuple[ModelCard, float]:
    """Write ``NAME.onnx`` and its card ``NAME.json`` into ``output``; the card, and the largest difference of a logit.

    Raises ``InputError`` where the run is not finished, ``ModelError`` where the file does not answer as the network.
    """
    network = ServedNetwork(load_weights(run, "final.pt")).eval()
    config = TrainConfig.load(run / "config.json")
    summary = _summary(run)
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"{name}.onnx"
    sample = torch.zeros(2, config.crop_size, config.crop_size, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package calls itself deprecated
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network,
            (sample,),
            str(path),
            input_names=["pixels"],
            output_names=["age", "gender"],
            dynamic_axes={"pixels": {0: "n"}, "age": {0: "n"}, "gender": {0: "n"}},
            opset_version=17,
            dynamo=False,
        )
    difference = parity(network, path, config.crop_size)
    if difference > MAX_DIFFERENCE:
        raise ModelError(f"{path}: answers differ from the network's by {difference:.2g}; export with another torch")
    card = ModelCard(
        name=name,
        task="age and gender",
        summary="EfficientNet-Lite0: a distribution over ages 0 to 100, a gender logit; mean of face and mirror image",
        file=path.name,
        sha256=checksum(path),
        bytes=path.stat().st_size,
        licence=summary["licence"],
        origin=summary["origin"],
        notes=summary["notes"],
        input_size=config.crop_size,
        calibration=Calibration.from_dict(summary["calibration"]),
        scores=summary["scores"],
        path=output / f"{name}.json",
    )
    card.save()
    return card, difference


def parity(network: ServedNetwork, path: Path, size: int) -> float:
    """The largest difference of any logit between torch and ONNX Runtime on noise and on flat pictures."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (9, size, size, 3), dtype=np.uint8)
    pixels[6:] = np.array([0, 128, 255], dtype=np.uint8)[:, None, None, None]
    with torch.inference_mode():
        expected = network(torch.from_numpy(pixels))
    out = Session(path).run({"pixels": pixels})
    return max(float(np.abs(out[k] - e.numpy()).max()) for k, e in zip(("age", "gender"), expected, strict=True))


def _summary(run: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((run / "summary.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{run}: training is not finished; run `onlooker train` on it again, it continues") from None
