"""From a run's final weights to the file that serves, checked to answer alike; and to a fast form of it."""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from onlooker.attributes.estimator import calibrated
from onlooker.core.demographics import softmax
from onlooker.core.errors import InputError, ModelError
from onlooker.datasets.split import read_split
from onlooker.evaluation.answers import Answers
from onlooker.evaluation.calibrate import Held, fit_calibration
from onlooker.evaluation.metrics import measure
from onlooker.models.calibration import Calibration
from onlooker.models.cards import ModelCard
from onlooker.models.runtime import Session
from onlooker.models.store import checksum
from onlooker.training.config import TrainConfig
from onlooker.training.files import damaged, read_mapping
from onlooker.training.halves import store_halves
from onlooker.training.merge import merge
from onlooker.training.network import ServedNetwork, Together, load_weights
from onlooker.training.parts import read_part
from onlooker.training.place import FAST, place
from onlooker.training.quantize import quantize
from onlooker.training.sources import joined

MAX_DIFFERENCE = 1e-3
"""Largest difference of a logit between torch and ONNX Runtime that passes as rounding."""

MAX_HALF_DIFFERENCE = 0.05
"""The same once the weights are stored in half the bits, where a finished run's model differed by 0.003."""

_BATCH = 64

_LEARNT_FROM = {"train", "validation"}
"""Parts that a run learns from: the second chooses its epoch, and a refit learns from it as from the first."""

_SUMMARY = ("licence", "origin", "notes", "calibration", "scores")
"""What a finished run tells of itself."""

_ANSWERS = "a distribution over ages 0 to 100, a gender logit"


def export(run: Path, output: Path, name: str, others: Sequence[Path] = ()) -> tuple[ModelCard, float]:
    """Write ``NAME.onnx``, its weights in sixteen bits, and its card ``NAME.json`` into ``output``; the card, and the
    largest difference of a logit to the network's.

    With ``others``, further runs on the same split, the model is the mean of all, calibrated anew. Both files are built
    aside and then put in their places, where a model that is already there stays if it is of another run. Raises
    ``InputError`` for that, and where a run is not finished, or learnt from what the first is calibrated or measured
    on, and ``ModelError`` where the file does not answer as the network.
    """
    runs = [run, *others]
    summary, size = _summary(runs), TrainConfig.load(run / "config.json").crop_size
    form = f"{_kinds(runs)}: {_ANSWERS}; mean of face and mirror image"
    with place(run, output, name, form=form, origin=summary["origin"]) as (path, settle):
        network = Together([_served(each, mirror=True) for each in runs]).eval()
        write_onnx(network, path, size)
        _check(path, parity(network, path, size), MAX_DIFFERENCE)
        store_halves(path)
        difference = parity(network, path, size)
        _check(path, difference, MAX_HALF_DIFFERENCE)
        if others:
            _measure(path, run, summary)
        return settle(_card(path, form, size, summary)), difference


def export_fast(run: Path, output: Path, name: str, others: Sequence[Path] = ()) -> ModelCard:
    """Write the fast form of a run's model, ``NAME.onnx`` and ``NAME.json``: eight bits, and no mirror image.

    It answers a little differently, so it has its own calibration and figures, from the run's calibration and test
    parts. ``others`` and errors are those of ``export``.
    """
    runs = [run, *others]
    summary, size = _summary(runs), TrainConfig.load(run / "config.json").crop_size
    calibration = read_part(run, "calibration")
    form = f"{_kinds(runs)}{FAST}: {_ANSWERS}; a face as it is"
    there = place(run, output, name, form=form, origin=summary["origin"])
    with there as (path, settle), tempfile.TemporaryDirectory() as scratch:
        quick = []
        for i, each in enumerate(runs):
            whole, small = (Path(scratch) / f"{kind}{i}.onnx" for kind in ("whole", "small"))
            write_onnx(_served(each, mirror=False).eval(), whole, size)
            quantize(whole, small, calibration.crops)
            quick.append(small)
        merge(quick, path)
        _measure(path, run, summary)
        return settle(_card(path, form, size, summary))


def _served(run: Path, *, mirror: bool) -> ServedNetwork:
    size = TrainConfig.load(run / "config.json").crop_size
    return ServedNetwork(load_weights(run, "final.pt"), mirror=mirror, size=size)


def _measure(path: Path, run: Path, summary: dict[str, Any]) -> None:
    """Fit the summary's calibration to the file's own answers, and tell its own figures."""
    session, held, test = Session(path), read_part(run, "calibration"), read_part(run, "test")
    age, gender = _answer(session, held.crops)
    fitted_on = summary["calibration"].get("fitted_on", "")
    answered = Held(softmax(age), gender, held.age_low, held.age_high, held.females)
    summary["calibration"] = fit_calibration(answered, fitted_on=fitted_on, however_few=True).to_dict()
    read = calibrated(*_answer(session, test.crops), Calibration.from_dict(summary["calibration"]))
    figures = measure(Answers.of(read, test.age_low, test.age_high, test.females)).to_dict()
    summary["scores"] = {key: {"protocol": old["protocol"], **figures} for key, old in summary["scores"].items()}


def write_onnx(network: nn.Module, path: Path, size: int) -> None:
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


def _kinds(runs: Sequence[Path]) -> str:
    names = (TrainConfig.load(run / "config.json").network for run in runs)
    kinds = ["ResNet of 29 layers" if name == "resnet" else f"EfficientNet-{name.capitalize()}" for name in names]
    return kinds[0] if len(kinds) == 1 else f"mean of {' and '.join(kinds)}"


def _check(path: Path, difference: float, bound: float) -> None:
    if difference > bound:
        raise ModelError(f"{path.name}: its logits are {difference:.2g} off the network's; export with another torch")


def parity(network: nn.Module, path: Path, size: int) -> float:
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


def _summary(runs: Sequence[Path]) -> dict[str, Any]:
    """The first run's summary, with the origin and the licence of all. Raises ``InputError``, see ``export``."""
    summaries = []
    for run in runs:
        mend = f"run `onlooker train DATA --output {run}` to its end"
        try:
            with damaged(run / "summary.json", mend):
                values = read_mapping(run / "summary.json", mend)
                Calibration.from_dict(values["calibration"])
                summaries.append({key: values[key] for key in _SUMMARY})
        except FileNotFoundError:
            raise InputError(f"{run}: training is not finished; {mend}") from None
    kept = {row.file for row in read_split(runs[0] / "split.csv") if row.part in {"calibration", "test"}}
    for run in runs[1:]:
        if any(row.file in kept for row in read_split(run / "split.csv") if row.part in _LEARNT_FROM):
            raise InputError(
                f"{run} learnt from faces, or was chosen by faces, that {runs[0]} is measured on; "
                "train both on the same --split"
            )
    origin = "; and ".join(dict.fromkeys(each["origin"] for each in summaries))
    return {**summaries[0], "origin": origin, "licence": joined([each["licence"] for each in summaries])}
