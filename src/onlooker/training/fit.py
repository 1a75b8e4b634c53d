"""The training loop, top to bottom: batches, loss, average, validation, checkpoints. It resumes where it stopped."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from onlooker.core.demographics import N_AGES, age_quantile
from onlooker.core.errors import DatasetError, InputError
from onlooker.datasets.labelled import Examples
from onlooker.models.cards import ModelCard
from onlooker.training.augment import augment
from onlooker.training.config import TrainConfig
from onlooker.training.files import damaged
from onlooker.training.loss import Labels, Taught, loss_of
from onlooker.training.network import FaceNetwork, ServedNetwork, answers, load_weights, new_head, write_state
from onlooker.training.oversampling import drawing_weights, share_draws, smooth_counts
from onlooker.training.start import load_exported, load_pretrained
from onlooker.training.teach import inner


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


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a run learns from, and what it is judged by after every epoch.

    train       faces to learn from
    validation  faces of the same data set, held out of training; without them the last epoch is the best
    opinions    another system's labels of the faces in ``train``, which a second head learns beside
    taught      what teachers answer of the faces in ``train``
    further     which of the faces in ``train`` are of further sets
    other       faces of other sets, held out of training; the best epoch is that of the least mean error of both
    """

    train: Examples
    validation: Examples | None
    opinions: Examples | None = None
    taught: Taught | None = None
    further: NDArray[np.bool_] | None = None
    other: Examples | None = None


def fit(lesson: Lesson, config: TrainConfig, run: Path, report: Report) -> None:
    """Train into the folder ``run``: ``last.pt`` after every epoch, ``best.pt`` when validation improved, a log.

    Continues from ``last.pt`` where it exists; a continued run sees the same data as one that was never stopped.
    Raises ``DatasetError`` where a part is empty.
    """
    train = lesson.train
    if not len(train) or (lesson.validation is not None and not len(lesson.validation)):
        raise DatasetError("training needs faces in both its parts, train and validation; label more pictures")
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    pupil = Pupil.begin(train, config)
    batches = max(1, len(train) // config.batch)
    optimizer, schedule = _optimizer(pupil, config, batches)
    first, best = _resume(run, pupil, optimizer, schedule)
    weights = drawing_weights(train, config.oversampling)
    if lesson.further is not None and lesson.further.any() and config.further_share:
        weights = share_draws(weights, lesson.further, config.further_share)
    for epoch in range(first, config.epochs):
        torch.manual_seed(config.seed * 1000 + epoch)
        random = np.random.default_rng(config.seed * 1000 + epoch)
        size = config.first_size if epoch < config.first_epochs else config.crop_size
        started, losses = time.monotonic(), []
        pupil.network.train()
        drawn = torch.multinomial(weights, batches * config.batch, replacement=True).numpy()
        for b in range(batches):
            chosen = np.sort(drawn[b * config.batch : (b + 1) * config.batch])
            losses.append(_step(pupil, lesson, chosen, size, config, optimizer, random))
            _require_sound(math.isfinite(losses[-1]), epoch)
            schedule.step()
            report(Progress(epoch + 1, config.epochs, b + 1, batches, float(np.mean(losses[-50:]))))
        _require_sound(all(bool(p.isfinite().all()) for p in pupil.average.parameters()), epoch)
        scores = _scores(pupil.average, lesson)
        errors = [scores[key] for key in ("mae", "other_mae") if key in scores]
        scores |= {"loss": float(np.mean(losses)), "seconds": round(time.monotonic() - started, 1)}
        report(Progress(epoch + 1, config.epochs, batches, batches, scores["loss"], scores))
        with (run / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({"epoch": epoch + 1, "size": size, **scores}) + "\n")
        if not errors or float(np.mean(errors)) < best:
            best = float(np.mean(errors)) if errors else best
            write_state(run / "best.pt", {"network": pupil.average.state_dict(), "epoch": epoch + 1, "scores": scores})
        state = {**pupil.state(), "epoch": epoch + 1, "best": best}
        write_state(run / "last.pt", state | {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()})


def _require_sound(sound: bool, epoch: int) -> None:
    """Raise ``InputError`` where a loss or a weight is no number any more: nothing mends that, and no epoch is kept of
    it."""
    if not sound:
        raise InputError(f"training diverged in epoch {epoch + 1}; lower --learning-rate, and begin in another folder")


def _scores(network: FaceNetwork, lesson: Lesson) -> dict[str, float]:
    """What ``validate`` says of the faces held out of training, as far as there are any."""
    scores = {} if lesson.validation is None else validate(network, lesson.validation)
    if lesson.other is not None:
        scores["other_mae"] = validate(network, lesson.other)["mae"]
    return scores


@dataclass(frozen=True, slots=True)
class Pupil:
    """The network that learns, the second head that learns opinions, and the moving average of the weights."""

    network: FaceNetwork
    second: nn.Conv2d
    average: FaceNetwork

    @classmethod
    def begin(cls, train: Examples, config: TrainConfig) -> "Pupil":
        """As the configuration says: from a run, from an exported model, from ImageNet or from nothing."""
        network = FaceNetwork(config.network, config.dropout, config.drop_path)
        if config.start:
            network.load_state_dict(_start(Path(config.start), train, config).state_dict())
        else:
            if config.pretrained:
                load_pretrained(network, _some_faces(train, config))
            _start_head(network.head, train)
        second = new_head(network.head.in_channels)
        second.load_state_dict(network.head.state_dict())
        average = FaceNetwork(config.network)
        average.load_state_dict(network.state_dict())
        for module in (network, average):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(network, second, average)

    def state(self) -> dict[str, Any]:
        """What ``load`` takes."""
        return {name: getattr(self, name).state_dict() for name in ("network", "second", "average")}

    def load(self, state: dict[str, Any]) -> None:
        """Go on where ``state`` was taken."""
        for name in ("network", "second", "average"):
            getattr(self, name).load_state_dict(state[name])


def _start(start: Path, train: Examples, config: TrainConfig) -> FaceNetwork:
    if start.is_dir():
        return load_weights(start, "best.pt")
    return load_exported(ModelCard.load(start), _some_faces(train, config))


def _some_faces(train: Examples, config: TrainConfig) -> Tensor:
    """Some faces of the training part as they are served, ``(N, 3, S, S)``."""
    some = np.linspace(0, len(train) - 1, min(256, len(train))).astype(np.intp)
    return _pixels(inner(train.crops[some], config.margin, config.crop_size))


def validate(network: FaceNetwork, examples: Examples) -> dict[str, float]:
    """Mean absolute error of the median age (``mae``, years; to the nearest end of a class) and, where any is labelled,
    the share of genders right (``gender``)."""
    age, gender = logits(ServedNetwork(network), examples.crops)
    distribution = torch.from_numpy(age).softmax(1).numpy()
    said = age_quantile(distribution, 0.5)
    error = np.maximum(np.maximum(examples.age_low - said, said - examples.age_high), 0)
    known = examples.females >= 0
    right = (gender >= 0) == (examples.females == 1)
    scores = {"mae": round(float(error.mean()), 4)}
    return scores | ({"gender": round(float(right[known].mean()), 4)} if known.any() else {})


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
    pupil: Pupil,
    lesson: Lesson,
    chosen: NDArray[np.intp],
    size: int,
    config: TrainConfig,
    optimizer: torch.optim.Optimizer,
    random: np.random.Generator,
) -> float:
    with torch.no_grad():
        pixels = augment(_pixels(lesson.train.crops[chosen]), size, config.margin, random, config.augmentation)
    with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
        features = pupil.network.features(pixels.contiguous(memory_format=torch.channels_last)).float()
    labels, opinions = Labels.of(lesson.train, chosen, config), None
    if lesson.opinions is not None:
        opinions = Labels.of(lesson.opinions, chosen, config)
        labels = labels.doubted(opinions, config.doubt)
    if lesson.taught is not None:
        labels = labels.beside(lesson.taught, chosen, config.teaching)
    loss = loss_of(*answers(pupil.network.head, features), labels, config)
    if opinions is not None:
        loss = loss + config.opinion_weight * loss_of(*answers(pupil.second, features), opinions, config)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(pupil.network.parameters(), 5.0)
    optimizer.step()
    _move_average(pupil.average, pupil.network, config.average_decay)
    return float(loss.detach())


def _pixels(crops: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.array(crops)).permute(0, 3, 1, 2).float()


def _start_head(head: nn.Conv2d, train: Examples) -> None:
    """Start the age head at the training set's own distribution, so that no step is spent on learning it."""
    smooth = smooth_counts(train)
    assert head.bias is not None
    with torch.no_grad():
        head.weight.mul_(0.1)
        head.bias[:N_AGES] = torch.from_numpy(np.log(smooth / smooth.sum())).float()
        head.bias[N_AGES] = 0.0


def _optimizer(
    pupil: Pupil, config: TrainConfig, batches: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    learnt = [*pupil.network.parameters(), *pupil.second.parameters()]
    decayed = [p for p in learnt if p.ndim > 1]
    others = [p for p in learnt if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=config.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.epochs * batches + 1, pct_start=config.warm_up
    )
    return optimizer, schedule


def _move_average(average: FaceNetwork, network: FaceNetwork, decay: float) -> None:
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def _resume(
    run: Path,
    pupil: Pupil,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> tuple[int, float]:
    """Load ``last.pt`` where it exists; the epochs done, and the best error so far."""
    path = run / "last.pt"
    if not path.exists():
        return 0, float("inf")
    with damaged(path, "delete it, and the run begins anew"):
        state = torch.load(path, weights_only=True)
        pupil.load(state)
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        return int(state["epoch"]), float(state["best"])
