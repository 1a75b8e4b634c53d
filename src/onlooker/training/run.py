"""A whole training run: labels, split, crops, fit, calibration, and one report on the test part."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from onlooker.attributes.estimator import calibrated
from onlooker.core.demographics import softmax
from onlooker.core.errors import DatasetError, InputError
from onlooker.core.protocols import Detector
from onlooker.datasets import labelled
from onlooker.datasets.labelled import Examples, LabelledFace
from onlooker.datasets.split import PARTS, build_split, read_split, write_split
from onlooker.evaluation.answers import Answers
from onlooker.evaluation.calibrate import Held, fit_calibration
from onlooker.evaluation.metrics import Metrics, measure
from onlooker.evaluation.refit import by_classes, promise, reserve
from onlooker.training.config import TrainConfig
from onlooker.training.crops import Sheet, gather
from onlooker.training.files import write_text
from onlooker.training.fit import Lesson, Report, fit, logits
from onlooker.training.network import ServedNetwork, load_weights, write_state
from onlooker.training.oversampling import undo_oversampling
from onlooker.training.parts import write_labels
from onlooker.training.sources import Sources, drop_split_of_others, keep_sources, licence_of
from onlooker.training.start import network_of, require_pretrained
from onlooker.training.teach import ask_teachers

HELD_BACK = 5
"""Of further sets every how manieth face is not learnt from."""

Counter = Callable[[str, int, int], None]
"""Told of long work before training: what is done, how far it is, and of how many."""


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Labelled faces by part (those of ``PARTS``, and *other* where there are further sets), which of their pictures
    are photographs rather than crops, and a sentence for each that is left out."""

    parts: dict[str, list[LabelledFace]]
    problems: list[str]
    photographs: frozenset[Path] = frozenset()


class Outcome(NamedTuple):
    """Of a whole run: the metrics on the test part, and what speaks against its intervals, in a sentence or empty."""

    metrics: Metrics
    reserve: str


def train(
    sources: Sources,
    run: Path,
    config: TrainConfig,
    detector: Detector,
    *,
    licence: str,
    report: Report,
    count: Counter,
) -> Outcome:
    """Train on ``sources`` into the folder ``run``, or go on where a run was stopped; what came of it.

    The folder holds ``config.json``, ``sources.json``, ``split.csv``, the crops, ``log.jsonl``, ``last.pt``,
    ``best.pt`` and, at the end, ``final.pt`` and ``summary.json`` with the calibration and the test metrics. An empty
    ``licence`` is unstated, see ``licence_of``. Raises ``DatasetError`` or ``InputError`` for data or a configuration
    that cannot be used.
    """
    licence = licence_of(licence, config)
    if config.start and (network := network_of(Path(config.start))) != config.network:
        raise InputError(f"{config.start} is a {network}; name it, --network {network}, or none")
    if config.pretrained and not config.start:
        require_pretrained(config.network)
    run.mkdir(parents=True, exist_ok=True)
    _keep_config(run, config)
    prepared, said = take_faces(run, sources, config, licence, count)
    examples: dict[str, Examples] = {}
    kept: dict[str, list[int]] = {}
    for part, faces in prepared.parts.items():
        size, margin = (config.crop_size, 0.0) if part != "train" else (_cached_side(config), config.margin)
        examples[part], kept[part], problems = gather(
            faces,
            Sheet(size, margin, detector),
            run / f"{part}.npy",
            photographs=prepared.photographs,
            workers=config.threads,
            progress=partial(_told, count, f"cutting the {part} part", len(faces)),
        )
        prepared.problems.extend(problems)
        write_labels(run, part, examples[part], kept[part])
    (run / "problems.txt").write_text("".join(f"{line}\n" for line in prepared.problems), encoding="utf-8")
    opinions = None if said is None else Examples.of(examples["train"].crops, [said[i] for i in kept["train"]])
    asking = partial(_told, count, "asking the teachers", len(examples["train"]))
    taught = ask_teachers(examples["train"], config, run / "taught.npz", asking)
    further = np.array([prepared.parts["train"][i].path in prepared.photographs for i in kept["train"]])
    lesson = Lesson(examples["train"], examples.get("validation"), opinions, taught, further, examples.get("other"))
    fit(lesson, config, run, report)
    return conclude(run, sources, examples, config, licence)


def take_faces(
    run: Path, sources: Sources, config: TrainConfig, licence: str, count: Counter
) -> tuple[TrainingData, list[LabelledFace] | None]:
    """The faces of a run by part, and the opinions of those that it learns from, if there are some; noted in its
    folder, see ``keep_sources``."""
    drop_split_of_others(run, sources.data)
    own = prepare(sources.data, run, sources.split, count)
    data = _with_more(own, sources.also)
    further = {part: [face for face in faces if face.path in data.photographs] for part, faces in data.parts.items()}
    if config.refit:
        data = _refitted(data)
    learnt = data.parts["train"]
    said = None if sources.opinions is None else _opinions(sources.opinions, learnt)
    noted = {"DATA": own.parts, "--also": further, "--opinions": {"": [face for face in said or () if face.name]}}
    keep_sources(run, noted, classes=any(face.age is None for face in learnt), licence=licence)
    return data, said


def _with_more(data: TrainingData, also: Sequence[Path]) -> TrainingData:
    """Further sets joined to the training part, every fifth of their faces held back as the part *other*."""
    if not also:
        return data
    parts, problems, photographs = dict(data.parts), list(data.problems), set[Path]()
    parts["train"], parts["other"] = list(parts["train"]), []
    for path in also:
        more = labelled.read(path)
        parts["other"] += more.faces[::HELD_BACK]
        parts["train"] += [face for i, face in enumerate(more.faces) if i % HELD_BACK]
        photographs |= {face.path for face in more.faces}
        problems += more.problems
    return TrainingData(parts, problems, frozenset(photographs))


def _refitted(data: TrainingData) -> TrainingData:
    """The faces that choices were made by, joined to those that are learnt from."""
    parts = dict(data.parts)
    parts["train"] = [face for part in ("train", "validation", "other") for face in parts.pop(part, [])]
    return TrainingData(parts, data.problems, data.photographs)


def _opinions(path: Path, faces: Sequence[LabelledFace]) -> list[LabelledFace]:
    """Another system's labels of ``faces``; one without a name, that says nothing, where it has none."""
    said = {face.name: face for face in labelled.read(path).faces}
    silence = LabelledFace(Path(), 0.0, labelled.MAX_AGE)
    answers = [said.get(name, silence) for name in labelled.names_in(faces, said)]
    if all(answer is silence for answer in answers):
        raise InputError(f"{path}: names none of the files that are learnt from; its column file must hold their names")
    return answers


def prepare(data: Path, run: Path, split: Path | None, count: Counter) -> TrainingData:
    """Labelled faces by part. The ``split`` is kept in the run; without one it is made, and used again when the run
    goes on. Raises ``InputError`` where a run that goes on was begun with another, or with other data."""
    read = labelled.read(data)
    problems = list(read.problems)
    own = run / "split.csv"
    begun = read_split(own) if own.exists() else None
    if split is not None:
        rows = read_split(split)
        if begun is not None and (run / "last.pt").exists() and set(begun) != set(rows):
            raise InputError(f"{run} was begun with another split ({own}); name that one, or another folder")
    elif begun is not None:
        rows = begun
    else:
        looked = partial(_told, count, "looking for duplicates", len(read.faces))
        rows = build_split(read.faces, progress=looked, left_out=problems.append)
    explained = len(problems) > len(read.problems)  # why a face has no part: it could not be read
    part_of = {row.file: row.part for row in rows}
    parts: dict[str, list[LabelledFace]] = {part: [] for part in PARTS}
    for face, name in zip(read.faces, labelled.names_in(read.faces, part_of), strict=True):
        part = part_of.get(name)
        if part in parts:
            parts[part].append(face)
        elif not explained:
            problems.append(f"{face.name}: not in the split")
    if empty := [part for part, faces in parts.items() if not faces]:
        if begun is not None and (run / "last.pt").exists():
            raise InputError(f"{run} was begun with other files in DATA than {data}; name the same, or another folder")
        raise DatasetError(
            f"the {empty[0]} part is empty ({len(read.faces)} labelled faces were read from {data}); "
            "check that the split belongs to this data, or label more pictures"
        )
    write_split(own, rows)
    return TrainingData(parts, problems)


def conclude(run: Path, sources: Sources, examples: dict[str, Examples], config: TrainConfig, licence: str) -> Outcome:
    """Undo the oversampling, calibrate on its part, measure on the test part; write ``final.pt``, ``summary.json``."""
    network = load_weights(run, "best.pt")
    undo_oversampling(network, examples["train"], config.oversampling)
    write_state(run / "final.pt", {"network": network.state_dict()})
    served = ServedNetwork(network)
    part = examples["calibration"]
    ages, genders = logits(served, part.crops)
    held = Held(softmax(ages), genders, part.age_low, part.age_high, part.females)
    fitted_on = f"{sources.data.name}, calibration part ({len(held)} faces{by_classes(held)})"
    calibration = fit_calibration(held, fitted_on=fitted_on, however_few=True)
    few = reserve(calibration, len(held))
    test = examples["test"]
    read = calibrated(*logits(served, test.crops), calibration)
    metrics = measure(Answers.of(read, test.age_low, test.age_high, test.females))
    counts = {part: len(e) for part, e in examples.items()}
    data = sources.data
    learnt = " and ".join([data.name, *(path.parent.name if path.suffix else path.name for path in sources.also)])
    if config.teachers:
        learnt += ", with the answers of " + " and ".join(Path(teacher).stem for teacher in config.teachers)
    if sources.opinions is not None:
        learnt += f", with the opinions of {sources.opinions.stem}"
    refit = ", those of the validation part among them" if config.refit else ""
    summary = {
        "licence": licence,
        "origin": f"trained by `onlooker train` from {_start(config)}, on {learnt}: "
        + ", ".join(f"{n} {part}" for part, n in counts.items())
        + refit,
        "notes": few or promise(calibration),
        "calibration": calibration.to_dict(),
        "scores": {
            f"{data.name}, test part": {"protocol": "crops cut by landmarks, as in training", **metrics.to_dict()}
        },
    }
    write_text(run / "summary.json", json.dumps(summary, indent=2) + "\n")
    return Outcome(metrics, few)


def _start(config: TrainConfig) -> str:
    if not config.pretrained:
        weights = "random weights"
    elif config.network == "resnet":
        weights = "dlib's face network (CC0)"
    else:
        weights = f"ImageNet weights of EfficientNet-{config.network.capitalize()}"
    return weights + (f" by way of {Path(config.start).stem}" if config.start else "")


def _told(count: Counter, what: str, total: int, done: int) -> None:
    count(what, done, total)


def _keep_config(run: Path, config: TrainConfig) -> None:
    """Save the configuration with a new run; a run that goes on must have the same, or its parts would not fit."""
    path = run / "config.json"
    if path.exists() and (run / "last.pt").exists():
        known = asdict(TrainConfig.load(path))
        changed = [key for key, value in asdict(config).items() if known[key] != value and key != "threads"]
    else:
        changed = []
    if changed:
        raise InputError(
            f"{run} was begun with another {', '.join(changed)} (see {path}); name the same values, or another folder"
        )
    config.save(path)


def _cached_side(config: TrainConfig) -> int:
    """Side of the crops that training reads: an eighth denser than the network sees, margin included."""
    return round(config.crop_size * 8 / 7 * (1 + 2 * config.margin))
