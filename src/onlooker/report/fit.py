"""The report's training, top to bottom: Adam, batches of 64, the best on validation loss kept. It resumes."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onlooker.core.errors import InputError
from onlooker.report.backend import keras
from onlooker.report.kept import digest, write_whole
from onlooker.report.networks import CLASSES, LOSSES, Model
from onlooker.report.plain import Forward

BATCH = 64
_EVALUATED = 512

Targets = dict[str, NDArray[np.intp]]
"""The index of what is right, ``(N,)``, by output."""


@dataclass(frozen=True, slots=True)
class Part:
    """What is learned from or measured on: float inputs or uint8 pixels ``(N, ...)``, the targets, and the
    names of the files, which tell one part from another."""

    inputs: NDArray[Any]
    targets: Targets
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a fit is; ``scores`` at the end of an epoch."""

    network: str
    epoch: int
    epochs: int
    batch: int
    batches: int
    scores: dict[str, float] | None = None


Report = Callable[[Progress], None]
History = list[dict[str, float]]


def fit(
    model: Model,
    forward: Forward,
    train: Part,
    validation: Part,
    folder: Path,
    *,
    epochs: int,
    seed: int,
    weights: str | None = None,
    report: Report = lambda _: None,
) -> History:
    """Train ``model`` into ``folder``: ``last.pt`` after each epoch, ``best.pt`` where validation loss fell; at the
    end the model holds the best weights. Returns the scores of each epoch.

    Goes on from ``last.pt`` where there is one, as if it had never stopped. Raises ``InputError`` where that was begun
    with another seed, other faces or, where its base has any, other ``weights``.
    """
    variables = [variable.value for variable in model.trainable_variables]
    optimizer = torch.optim.Adam(variables, lr=1e-3, eps=1e-7)  # Keras' defaults
    stamp = {"network": model.name, "seed": seed, "train": len(train.inputs), "validation": len(validation.inputs)}
    stamp |= {"list of training files": digest(train.names), "list of validation files": digest(validation.names)}
    if weights is not None:
        stamp["choice of weights"] = weights
    history, best = _resume(model, optimizer, folder, stamp)
    batches = -(-len(train.inputs) // BATCH)
    for epoch in range(len(history) + 1, epochs + 1):
        torch.manual_seed(seed * 1000 + epoch)
        order = np.random.default_rng(seed * 1000 + epoch).permutation(len(train.inputs))
        started, total, right = time.monotonic(), 0.0, dict.fromkeys(train.targets, 0)
        for b in range(batches):
            chosen = order[b * BATCH : (b + 1) * BATCH]
            answers = forward(as_input(train.inputs[chosen]), True)
            loss = loss_of(answers, train.targets, chosen)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(chosen)
            for name, answer in answers.items():
                right[name] += int((answer.argmax(1).numpy() == train.targets[name][chosen]).sum())
            report(Progress(model.name, epoch, epochs, b + 1, batches))
        scores = {"epoch": epoch, "loss": total / len(order)}
        scores |= {f"{name}_accuracy": n / len(order) for name, n in right.items()}
        scores |= {f"val_{key}": value for key, value in evaluate(forward, validation).items()}
        scores["seconds"] = time.monotonic() - started
        history.append({key: round(value, 5) for key, value in scores.items()})
        if scores["val_loss"] < best:
            best = scores["val_loss"]
            _save(folder / "best.pt", {"weights": _weights(model), "epoch": epoch})
        state = {"stamp": stamp, "weights": _weights(model), "optimizer": optimizer.state_dict()}
        _save(folder / "last.pt", state | {"history": history, "best": best})
        with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(history[-1]) + "\n")
        report(Progress(model.name, epoch, epochs, batches, batches, scores))
    _restore(model, torch.load(folder / "best.pt", weights_only=True)["weights"])
    return history


def as_input(inputs: NDArray[Any]) -> Tensor:
    """A batch for the network: uint8 pixels as 0 to 1, floats as they are."""
    batch = torch.from_numpy(inputs)
    return batch.float() / 255 if inputs.dtype == np.uint8 else batch


def loss_of(answers: dict[str, Tensor], targets: Targets, chosen: NDArray[np.intp] | slice) -> Tensor:
    """Keras' own loss of each output, averaged over the faces, added up."""
    losses = []
    for name, answer in answers.items():
        truth = torch.eye(len(CLASSES[name]))[torch.from_numpy(targets[name][chosen])]
        losses.append(getattr(keras.losses, LOSSES[name])(truth, answer).mean())
    return torch.stack(losses).sum()


def evaluate(forward: Forward, part: Part) -> dict[str, float]:
    """``loss``, and the share of right answers of each output as ``NAME_accuracy``."""
    answers = {name: torch.from_numpy(answer) for name, answer in predict(forward, part.inputs).items()}
    scores = {"loss": float(loss_of(answers, part.targets, slice(None)))}
    for name, answer in answers.items():
        scores[f"{name}_accuracy"] = float((answer.argmax(1).numpy() == part.targets[name]).mean())
    return scores


def predict(forward: Forward, inputs: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
    """The probabilities ``(N, K)`` of each output."""
    found: list[dict[str, Tensor]] = []
    with torch.no_grad():
        found.extend(forward(as_input(inputs[i : i + _EVALUATED]), False) for i in range(0, len(inputs), _EVALUATED))
    return {name: torch.cat([answers[name] for answers in found]).numpy() for name in found[0]}


def _resume(
    model: Model, optimizer: torch.optim.Optimizer, folder: Path, stamp: dict[str, Any]
) -> tuple[History, float]:
    path = folder / "last.pt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        return [], float("inf")
    state = torch.load(path, weights_only=True)
    if changed := [key for key, value in stamp.items() if state["stamp"].get(key) != value]:
        raise InputError(f"{folder} was begun with another {', '.join(changed)}; name another --output folder")
    _restore(model, state["weights"])
    optimizer.load_state_dict(state["optimizer"])
    return state["history"], state["best"]


def _weights(model: Model) -> list[Tensor]:
    """Everything that a frozen base does not hold: what is trained, and the state of Keras' dropout."""
    return [variable.value.detach().clone() for variable in _kept(model)]


def _restore(model: Model, weights: list[Tensor]) -> None:
    for variable, weight in zip(_kept(model), weights, strict=True):
        variable.assign(weight)


def _kept(model: Model) -> list[Any]:
    return [*model.trainable_variables, *(v for v in model.variables if "seed_generator" in v.path)]


def _save(path: Path, state: dict[str, Any]) -> None:
    write_whole(path, lambda file: torch.save(state, file))
