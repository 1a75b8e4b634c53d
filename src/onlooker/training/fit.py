"""The training loop, top to bottom: batches, loss, average, validation, checkpoints. It resumes where it stopped."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from onlooker.core.demographics import N_AGES, age_quantile
from onlooker.core.errors import DatasetError
from onlooker.core.protocols import Detector, silent
from onlooker.core.protocols import Progress as Counter
from onlooker.datasets.labelled import LabelledFace
from onlooker.training.augment import augment
from onlooker.training.config import TrainConfig
from onlooker.training.crops import build_crops
from onlooker.training.network import FaceNetwork, ServedNetwork, load_imagenet, load_weights

UNKNOWN = -1.0
"""The gender of a face whose gender is not labelled: it teaches age alone."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Crops ``(N, S, S, 3)`` uint8, ages ``(N,)`` in years and genders ``(N,)``: 1 female, 0 male, or ``UNKNOWN``."""

    crops: NDArray[np.uint8]
    ages: NDArray[np.float32]
    females: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is; ``batch`` of ``batches`` in ``epoch`` of ``epochs``, or the end of an epoch with its scores."""

    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float
    scores: dict[str, float] | None = None


Report = Callable[[Progress], None]


def gather(
    faces: Sequence[LabelledFace],
    detector: Detector,
    size: int,
    margin: float,
    target: Path,
    *,
    workers: int,
    progress: Counter = silent,
) -> tuple[Examples, list[str]]:
    """Crops and labels of the faces that can be read, and a sentence for each that cannot."""
    crops, problems = build_crops(
        [f.path for f in faces], detector, size, margin, target, workers=workers, progress=progress
    )
    ages = np.array([f.age for f in faces], dtype=np.float32)
    females = np.array([UNKNOWN if f.female is None else f.female for f in faces], dtype=np.float32)
    if problems:
        bad = {problem.split(": ")[0] for problem in problems}
        keep = np.array([i for i, f in enumerate(faces) if f.path.name not in bad])
        return Examples(crops[keep], ages[keep], females[keep]), problems
    return Examples(crops, ages, females), problems


def fit(train: Examples, validation: Examples, config: TrainConfig, run: Path, report: Report) -> None:
    """Train into the folder ``run``: ``last.pt`` after every epoch, ``best.pt`` when validation improved, a log.

    Continues from ``last.pt`` where it exists; a continued run sees the same data as one that was never stopped.
    Raises ``DatasetError`` where a part is empty.
    """
    if not len(train.ages) or not len(validation.ages):
        raise DatasetError("training needs faces in both its parts, train and validation; label more pictures")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    network = FaceNetwork(config.dropout)
    if config.start:
        network.load_state_dict(load_weights(Path(config.start), "best.pt").state_dict())
    else:
        if config.pretrained:
            load_imagenet(network)
        _start_heads(network, train)
    average = FaceNetwork()
    average.load_state_dict(network.state_dict())
    for module in (network, average):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = max(1, len(train.ages) // config.batch)
    optimizer, schedule = _optimizer(network, config, batches)
    first, best = _resume(run, network, average, optimizer, schedule)
    weights = _drawing_weights(train.ages, config.oversampling)
    for epoch in range(first, config.epochs):
        torch.manual_seed(config.seed * 1000 + epoch)
        random = np.random.default_rng(config.seed * 1000 + epoch)
        size = config.first_size if epoch < config.first_epochs else config.crop_size
        started, losses = time.monotonic(), []
        network.train()
        drawn = torch.multinomial(weights, batches * config.batch, replacement=True).numpy()
        for b in range(batches):
            chosen = np.sort(drawn[b * config.batch : (b + 1) * config.batch])
            losses.append(_step(network, average, train, chosen, size, config, optimizer, random))
            schedule.step()
            report(Progress(epoch + 1, config.epochs, b + 1, batches, float(np.mean(losses[-50:]))))
        scores = validate(average, validation)
        scores |= {"loss": float(np.mean(losses)), "seconds": round(time.monotonic() - started, 1)}
        report(Progress(epoch + 1, config.epochs, batches, batches, scores["loss"], scores))
        with (run / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"epoch": epoch + 1, "size": size, **scores}) + "\n")
        if scores["mae"] < best:
            best = scores["mae"]
            _save(run / "best.pt", {"network": average.state_dict(), "epoch": epoch + 1, "scores": scores})
        state = {"network": network.state_dict(), "average": average.state_dict(), "epoch": epoch + 1, "best": best}
        _save(run / "last.pt", state | {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})


def validate(network: FaceNetwork, examples: Examples) -> dict[str, float]:
    """Mean absolute error of the median age (``mae``, years) and the share of genders right (``gender``)."""
    age, gender = logits(ServedNetwork(network), examples.crops)
    distribution = torch.from_numpy(age).softmax(1).numpy()
    error = np.abs(age_quantile(distribution, 0.5) - examples.ages)
    known = examples.females != UNKNOWN
    right = (gender >= 0) == (examples.females == 1)
    return {
        "mae": round(float(error.mean()), 4),
        "gender": round(float(right[known].mean()), 4) if known.any() else 0.0,
    }


def logits(
    network: ServedNetwork, crops: NDArray[np.uint8], batch: int = 128
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Age logits ``(N, 101)`` and gender logits ``(N,)`` for crops ``(N, S, S, 3)``."""
    network.eval()
    ages, genders = [], []
    with torch.inference_mode():
        for start in range(0, len(crops), batch):
            age, gender = network(torch.from_numpy(np.array(crops[start : start + batch])))
            ages.append(age.numpy())
            genders.append(gender.numpy())
    return np.concatenate(ages), np.concatenate(genders)


def _step(
    network: FaceNetwork,
    average: FaceNetwork,
    train: Examples,
    chosen: NDArray[np.intp],
    size: int,
    config: TrainConfig,
    optimizer: torch.optim.Optimizer,
    random: np.random.Generator,
) -> float:
    with torch.no_grad():
        pixels = augment(_pixels(train.crops[chosen]), size, config.margin, random, config.augmentation)
    age, gender = network(pixels.contiguous(memory_format=torch.channels_last))
    loss = loss_of(age, gender, torch.from_numpy(train.ages[chosen]), torch.from_numpy(train.females[chosen]), config)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()
    _move_average(average, network, config.average_decay)
    return float(loss.detach())


def loss_of(age: Tensor, gender: Tensor, ages: Tensor, females: Tensor, config: TrainConfig) -> Tensor:
    """Cross-entropy to a Gaussian around the age (deep label distribution learning, Gao et al., 2017), a smooth L1 on
    the distribution's mean, and a binary cross-entropy where the gender is known."""
    years = torch.arange(N_AGES, dtype=torch.float32)
    label = ages.clamp(0, N_AGES - 1)
    sigma = (config.sigma_base + config.sigma_per_year * label)[:, None]
    target = torch.softmax(-0.5 * ((years - label[:, None]) / sigma) ** 2, dim=1)
    log_p = age.log_softmax(1)
    distribution = -(target * log_p).sum(1).mean()
    mean = functional.smooth_l1_loss((log_p.exp() * years).sum(1), label)
    known = females != UNKNOWN
    soft = females * (1 - 2 * config.gender_smoothing) + config.gender_smoothing
    each = functional.binary_cross_entropy_with_logits(gender, soft.clamp(0, 1), reduction="none")
    return (
        distribution
        + config.mean_weight * mean
        + config.gender_weight * (each * known).sum() / known.sum().clamp(min=1)
    )


def _pixels(crops: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.array(crops)).permute(0, 3, 1, 2).float()


def _start_heads(network: FaceNetwork, train: Examples) -> None:
    """Start the age head at the training set's own distribution, so that no step is spent on learning it."""
    smooth = _smooth_counts(train.ages)
    assert network.head.bias is not None
    with torch.no_grad():
        network.head.weight.mul_(0.1)
        network.head.bias[:N_AGES] = torch.from_numpy(np.log(smooth / smooth.sum())).float()
        network.head.bias[N_AGES] = 0.0


def _optimizer(
    network: FaceNetwork, config: TrainConfig, batches: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    decayed = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=config.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.epochs * batches + 1, pct_start=config.warm_up
    )
    return optimizer, schedule


def _drawing_weights(ages: NDArray[np.float32], power: float) -> Tensor:
    return torch.from_numpy(_smooth_counts(ages)[_years(ages)] ** -power)


def undo_oversampling(network: FaceNetwork, ages: NDArray[np.float32], power: float) -> None:
    """Give the age head the training set's own distribution of ages back: it learnt from draws in which an age had its
    count to the power ``1 - power``, so by Bayes its logits lack ``power`` times the logarithm of the count."""
    assert network.head.bias is not None
    with torch.no_grad():
        network.head.bias[:N_AGES] += torch.from_numpy(power * np.log(_smooth_counts(ages))).float()


def _years(ages: NDArray[np.float32]) -> NDArray[np.intp]:
    return ages.round().astype(np.intp).clip(0, N_AGES - 1)


def _smooth_counts(ages: NDArray[np.float32]) -> NDArray[np.float64]:
    """How many faces there are of each age ``(101,)``, over five years, and never under one."""
    counts = np.bincount(_years(ages), minlength=N_AGES).astype(np.float64)
    return np.maximum(np.convolve(np.pad(counts, 2, mode="edge"), np.ones(5) / 5, mode="valid"), 1.0)


def _move_average(average: FaceNetwork, network: FaceNetwork, decay: float) -> None:
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def _save(path: Path, state: dict[str, Any]) -> None:
    """Write beside the target, then replace it: a run stopped while it writes keeps its last checkpoint."""
    draft = path.with_suffix(".part")
    torch.save(state, draft)
    draft.replace(path)


def _resume(
    run: Path,
    network: FaceNetwork,
    average: FaceNetwork,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> tuple[int, float]:
    """Load ``last.pt`` where it exists; the epochs done, and the best error so far."""
    path = run / "last.pt"
    if not path.exists():
        return 0, float("inf")
    state = torch.load(path, weights_only=True)
    network.load_state_dict(state["network"])
    average.load_state_dict(state["average"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    return int(state["epoch"]), float(state["best"])
