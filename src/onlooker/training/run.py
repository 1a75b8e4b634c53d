"""A whole training run: labels, split, crops, fit, calibration, and one report on the test part."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from onlooker.attributes.estimator import calibrated
from onlooker.core.errors import DatasetError, InputError
from onlooker.core.protocols import Detector
from onlooker.datasets import labelled
from onlooker.datasets.labelled import LabelledFace
from onlooker.datasets.split import PARTS, build_split, read_split, write_split
from onlooker.evaluation.metrics import Answers, Metrics, measure
from onlooker.training.calibrate import fit_calibration
from onlooker.training.config import TrainConfig
from onlooker.training.fit import Examples, Report, fit, gather, logits, undo_oversampling
from onlooker.training.network import ServedNetwork, load_weights

Counter = Callable[[str, int, int], None]
"""Told of long work before training: what is done, how far it is, and of how many."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Labelled faces by part, and a sentence for each that is left out."""

    parts: dict[str, list[LabelledFace]]
    problems: list[str]


def train(
    data: Path,
    run: Path,
    config: TrainConfig,
    detector: Detector,
    *,
    split: Path | None,
    licence: str,
    report: Report,
    count: Counter,
) -> Metrics:
    """Train on ``data`` into the folder ``run``, or go on where a run was stopped; the metrics on the test part.

    The folder holds ``config.json``, ``split.csv``, the crops, ``log.jsonl``, ``last.pt``, ``best.pt`` and, at the end,
    ``final.pt`` and ``summary.json`` with the calibration and the test metrics. Raises ``DatasetError`` or
    ``InputError`` for data or a configuration that cannot be used.
    """
    run.mkdir(parents=True, exist_ok=True)
    _keep_config(run, config)
    prepared = prepare(data, run, split, count)
    examples: dict[str, Examples] = {}
    for part, faces in prepared.parts.items():
        size, margin = (config.crop_size, 0.0) if part != "train" else (_cached_side(config), config.margin)
        examples[part], problems = gather(
            faces,
            detector,
            size,
            margin,
            run / f"{part}.npy",
            workers=config.threads,
            progress=partial(_cutting, count, part, len(faces)),
        )
        prepared.problems.extend(problems)
    (run / "problems.txt").write_text("".join(f"{line}\n" for line in prepared.problems), encoding="utf-8")
    fit(examples["train"], examples["validation"], config, run, report)
    return conclude(run, data, examples, config, licence)


def prepare(data: Path, run: Path, split: Path | None, count: Counter) -> TrainingData:
    """Labelled faces by part. Without a ``split`` file one is made, kept in the run, and used again when it goes on."""
    read = labelled.read(data)
    own = run / "split.csv"
    if split is not None:
        rows = read_split(split)
    elif own.exists():
        rows = read_split(own)
    else:
        rows = build_split(read.faces, progress=lambda done: count("looking for duplicates", done, len(read.faces)))
    if not own.exists():
        write_split(own, rows)
    part_of = {row.file: row.part for row in rows}
    parts: dict[str, list[LabelledFace]] = {part: [] for part in PARTS}
    problems = list(read.problems)
    for face in read.faces:
        part = part_of.get(face.path.name)
        if part in parts:
            parts[part].append(face)
        else:
            problems.append(f"{face.path.name}: not in the split")
    if empty := [part for part, faces in parts.items() if not faces]:
        raise DatasetError(
            f"the {empty[0]} part is empty ({len(read.faces)} labelled faces were read from {data}); "
            "check that the split belongs to this data, or label more pictures"
        )
    return TrainingData(parts, problems)


def conclude(run: Path, data: Path, examples: dict[str, Examples], config: TrainConfig, licence: str) -> Metrics:
    """Undo the oversampling, calibrate on its part, measure on the test part; write ``final.pt``, ``summary.json``."""
    network = load_weights(run, "best.pt")
    undo_oversampling(network, examples["train"].ages, config.oversampling)
    torch.save({"network": network.state_dict()}, run / "final.pt")
    served = ServedNetwork(network)
    held = examples["calibration"]
    ages, genders = logits(served, held.crops)
    calibration = fit_calibration(_softmax(ages), genders, held.ages, held.females)
    test = examples["test"]
    read = calibrated(*logits(served, test.crops), calibration)
    metrics = measure(
        Answers(
            test.ages.astype(np.float64),
            test.females.astype(np.int8),
            read.age.astype(np.float64),
            read.age_low.astype(np.float64),
            read.age_high.astype(np.float64),
            read.p_female.astype(np.float64),
        )
    )
    counts = {part: len(e.ages) for part, e in examples.items()}
    summary = {
        "licence": licence,
        "origin": f"trained by `onlooker train` from {_start(config)}, on {data.name}: "
        + ", ".join(f"{n} {part}" for part, n in counts.items()),
        "notes": f"The age interval holds the age of {calibration.interval_probability:.0%} of faces like those it was "
        "calibrated on; other cameras and other people may differ.",
        "calibration": asdict(calibration),
        "scores": {
            f"{data.name}, test part": {"protocol": "crops cut by landmarks, as in training", **metrics.to_dict()}
        },
    }
    (run / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return metrics


def _start(config: TrainConfig) -> str:
    weights = "ImageNet weights of EfficientNet-Lite0" if config.pretrained else "random weights"
    return weights + (f" by way of the run {Path(config.start).name}" if config.start else "")


def _cutting(count: Counter, part: str, total: int, done: int) -> None:
    count(f"cutting the {part} part", done, total)


def _keep_config(run: Path, config: TrainConfig) -> None:
    """Save the configuration with a new run; a run that goes on must have the same, or its parts would not fit."""
    path = run / "config.json"
    if path.exists() and (run / "last.pt").exists() and (known := TrainConfig.load(path)) != config:
        changed = [key for key, value in asdict(config).items() if asdict(known)[key] != value]
        raise InputError(
            f"{run} was begun with another {', '.join(changed)} (see {path}); name the same values, or another folder"
        )
    config.save(path)


def _cached_side(config: TrainConfig) -> int:
    """Side of the crops that training reads: an eighth denser than the network sees, margin included."""
    return round(config.crop_size * 8 / 7 * (1 + 2 * config.margin))


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
