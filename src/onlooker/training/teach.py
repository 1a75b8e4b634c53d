"""Distillation: what exported models answer of the training part, to be learnt beside its labels.

A label is one person's age, with the noise of whoever wrote it; the mean answer of several models is what faces like
this one usually are (Hinton, Vinyals and Dean, 2015).
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from onlooker.core.demographics import softmax
from onlooker.core.protocols import Progress, silent
from onlooker.datasets.labelled import Examples
from onlooker.models import store
from onlooker.models.cards import ModelCard
from onlooker.models.runtime import Session
from onlooker.training.config import TrainConfig
from onlooker.training.files import damaged
from onlooker.training.loss import Taught
from onlooker.training.oversampling import smooth_counts

_BATCH = 64


def ask_teachers(train: Examples, config: TrainConfig, path: Path, progress: Progress = silent) -> Taught | None:
    """The teachers' mean answer of every face in ``train``, in the file ``path`` once asked; ``None`` without teachers.

    A teacher is taken to answer for faces as they come, its own oversampling undone. The draws favour rare ages, so its
    distributions are moved to their population, as ``undo_oversampling`` moves the pupil's back.
    """
    if not config.teachers:
        return None
    cards = [ModelCard.load(Path(teacher)) for teacher in config.teachers]
    ends = (train.age_low, train.age_high) if (train.age_low < train.age_high).any() else (train.age_low,)
    labels = (*ends, train.females)  # of known ages as in runs of before, so that those need not ask again
    faces = hashlib.sha256(b"".join(values.tobytes() for values in labels)).hexdigest()
    stamp = json.dumps([len(train), faces, *(card.sha256 for card in cards)])
    if path.exists():
        with damaged(path, "delete it"), path.open("rb") as file:
            kept = dict(np.load(file))
            if str(kept["stamp"]) == stamp:
                return Taught(kept["ages"], kept["females"])
    sessions = [Session(store.require(card), threads=config.threads) for card in cards]
    ages, genders = [], []
    for start in range(0, len(train), _BATCH):
        crops = np.array(train.crops[start : start + _BATCH])
        answers = [
            session.run({"pixels": inner(crops, config.margin, card.input_size)})
            for session, card in zip(sessions, cards, strict=True)
        ]
        ages.append(np.mean([answer["age"] for answer in answers], axis=0))
        genders.append(np.mean([answer["gender"] for answer in answers], axis=0))
        progress(min(start + _BATCH, len(train)))
    drawn = np.concatenate(ages) - config.oversampling * np.log(smooth_counts(train))
    taught = Taught(
        softmax(drawn.astype(np.float32)), np.float32(1) / (1 + np.exp(-np.concatenate(genders), dtype=np.float32))
    )
    draft = path.with_name(f"{path.name}.part")
    with draft.open("wb") as out:
        np.savez(out, stamp=stamp, ages=taught.ages, females=taught.females)
    draft.replace(path)
    return taught


def inner(crops: NDArray[np.uint8], margin: float, size: int) -> NDArray[np.uint8]:
    """Crops ``(N, S, S, 3)`` without their margin, ``(N, size, size, 3)``: the face as it is served."""
    side = round(crops.shape[1] / (1 + 2 * margin))
    edge = (crops.shape[1] - side) // 2
    faces = torch.from_numpy(crops[:, edge : edge + side, edge : edge + side]).permute(0, 3, 1, 2).float()
    faces = functional.interpolate(faces, size=(size, size), mode="bilinear", antialias=True)
    return faces.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
