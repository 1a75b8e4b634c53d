"""A step of the report, whole: split, train, keep the best, test, and our own model on the same faces."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from onlooker.core.errors import InputError
from onlooker.datasets.split import part_files
from onlooker.models.cards import DEFAULT_MODEL
from onlooker.report import networks
from onlooker.report.backend import keras
from onlooker.report.faces import Faces, read_faces
from onlooker.report.fit import History, Part, Report, fit, predict
from onlooker.report.kept import read_array, write_array, write_text
from onlooker.report.networks import CLASSES, Model, output_names, summary
from onlooker.report.ours import ask, unseen
from onlooker.report.plain import Forward, forward_of
from onlooker.report.scores import score
from onlooker.report.splits import Parts, SplitName, cut, shares

Task = Literal["gender", "age", "inception", "multi"]
EPOCHS: dict[Task, int] = {"gender": 100, "age": 35, "inception": 50, "multi": 35}
"""The report's. It does not say how long it trained the model of several outputs; here as long as age."""

PICTURES = 15

Count = Callable[[str, int, int], None]
"""Told of long work beside training: what is done, how far it is, and of how many."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to reproduce. ``sample`` draws so many faces instead of all; ``v1`` is the published split's file."""

    data: Path
    output: Path
    v1: Path
    split: SplitName = "shuffled"
    epochs: int | None = None
    seed: int = 1
    weights: Literal["imagenet", "none"] = "imagenet"
    sample: int | None = None
    threads: int = 1
    report: Report = field(default=lambda _: None, compare=False)
    count: Count = field(default=lambda *_: None, compare=False)


def run(tasks: list[Task], options: Options) -> list[dict[str, Any]]:
    """Every network of the tasks, its result written to ``output/results`` as soon as it is known.

    What is done already is not done again. Raises ``InputError`` for data, a split, weights or a folder that cannot be
    used.
    """
    if not options.v1.is_file():
        raise InputError(f"{options.v1}: no such file; name the project's own splits/utkface_v1.csv by --v1")
    part_files(options.v1, "test")  # which our own model is asked about, when all is trained: what is wrong, now
    torch.set_num_threads(options.threads)
    built = {name: model for task in tasks for name, model in build(task, options).items()}
    faces = _sampled(
        read_faces(options.data, options.output / "faces.npy", lambda n: options.count("reading faces", n, 0)), options
    )
    return [reproduce(task, model, faces, options) for (task, _), model in built.items()]


def build(task: Task, options: Options) -> dict[tuple[Task, str], Model]:
    """The networks of a task, each from the seed, so that Inception's two have one base. They may have to be fetched:
    before all else."""
    weights: Literal["imagenet"] | None = "imagenet" if options.weights == "imagenet" else None
    builders: dict[Task, list[Callable[[], Model]]] = {
        "gender": [networks.gender_cnn],
        "age": [networks.age_cnn],
        "multi": [networks.multi_output],
        "inception": [partial(networks.inception, output, weights=weights) for output in ("gender", "age")],
    }
    built = {}
    for builder in builders[task]:
        keras.utils.set_random_seed(options.seed)
        model = builder()
        built[task, model.name] = model
    return built


def reproduce(task: Task, model: Model, faces: Faces, options: Options) -> dict[str, Any]:
    """Train one network and write what it reached."""
    outputs = output_names(model)
    parts = cut(faces, options.split, task=outputs[0], seed=options.seed, v1=options.v1)
    folder = options.output / options.split / model.name
    forward, inputs = _trained_part(model, faces, folder, options)

    def part(chosen: NDArray[np.intp]) -> Part:
        targets = {name: faces.labels[name][chosen] for name in outputs}
        return Part(inputs[chosen], targets, [faces.names[i] for i in chosen])

    epochs = options.epochs or EPOCHS[task]
    history = fit(
        model,
        forward,
        part(parts.train),
        part(parts.validation),
        folder,
        epochs=epochs,
        seed=options.seed,
        weights=options.weights if task == "inception" else None,
        report=options.report,
    )
    model.save(folder / "best.keras")
    said = {name: answer.argmax(1) for name, answer in predict(forward, inputs[parts.test]).items()}
    result = _result(task, model, faces, parts, history, said, options)
    write_text(options.output / "results" / f"{options.split}-{model.name}.json", json.dumps(result, indent=1) + "\n")
    return result


def _trained_part(model: Model, faces: Faces, folder: Path, options: Options) -> tuple[Forward, NDArray[Any]]:
    """What is trained, and what it reads: pixels, or what a frozen base makes of them, computed once."""
    if not model.name.startswith("inception"):
        return forward_of(model.layers), faces.pixels
    names = [layer.name for layer in model.layers]
    after = names.index("features") + 1
    base = keras.Model(model.input, model.get_layer("features").output)
    kept = folder.parent / f"features-{options.weights}-{options.seed}.npy"
    features = read_array(kept, faces.key)
    if features is None:
        rows = []
        for i in range(0, len(faces), 64):
            batch = torch.from_numpy(faces.pixels[i : i + 64]).float() / 255
            with torch.no_grad():
                rows.append(base(batch, training=False).numpy())
            options.count("looking through Inception", min(i + 64, len(faces)), len(faces))
        features = np.concatenate(rows)
        write_array(kept, features, faces.key)
    return forward_of(model.layers[after:]), features


def _result(
    task: Task,
    model: Model,
    faces: Faces,
    parts: Parts,
    history: History,
    said: dict[str, NDArray[np.intp]],
    options: Options,
) -> dict[str, Any]:
    truth = {name: faces.labels[name][parts.test] for name in said}
    new = unseen(faces, parts.test, options.v1)
    own = np.isin(parts.test, new)
    count = options.count
    ours = ask(
        faces,
        new,
        options.output / f"ours-{DEFAULT_MODEL}.npy",
        workers=options.threads,
        progress=lambda done: count("asking our own model", done, 2 * len(new)),
    )
    same: dict[str, Any] = {}
    for name in said:
        if name == "race" or not len(new):
            continue  # our model has no such output, and shall have none
        answers = {"network": said[name][own]} | {form: answer[name] for form, answer in ours.items()}
        same[name] = {
            who: score(truth[name][own], answer, len(CLASSES[name])).to_dict() for who, answer in answers.items()
        }
    drawn = np.random.default_rng(options.seed).permutation(len(parts.test))[:PICTURES]
    sampled = f" --sample {options.sample}" if options.sample else ""
    chosen_weights = f" --weights {options.weights}" if task == "inception" else ""
    return {
        "made_by": f"onlooker report run --only {task} --split {options.split} --epochs {len(history)} "
        f"--seed {options.seed}{chosen_weights}{sampled}",
        "task": task,
        "network": model.name,
        "split": options.split,
        "seed": options.seed,
        "parameters": int(model.count_params()),
        "epochs": len(history),
        "best_epoch": int(min(history, key=lambda scores: scores["val_loss"])["epoch"]),
        "summary": summary(model),
        "shares": shares(faces, parts),
        "history": history,
        "test": {name: score(truth[name], said[name], len(CLASSES[name])).to_dict() for name in said},
        "ours": DEFAULT_MODEL,
        "same_faces": same,
        "pictures": [
            {
                "file": faces.names[parts.test[i]],
                **{name: [int(said[name][i]), int(truth[name][i])] for name in said},
            }
            for i in drawn
        ],
    }


def _sampled(faces: Faces, options: Options) -> Faces:
    if options.sample is None or options.sample >= len(faces):
        return faces
    kept = np.sort(np.random.default_rng(options.seed).permutation(len(faces))[: options.sample])
    return Faces(
        faces.folder,
        [faces.names[i] for i in kept],
        faces.pixels[kept],
        faces.ages[kept],
        {name: labels[kept] for name, labels in faces.labels.items()},
    )
