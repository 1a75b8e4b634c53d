"""Rare ages are drawn more often in training, and what that teaches is undone afterwards."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onlooker.core.demographics import N_AGES
from onlooker.datasets.labelled import Examples
from onlooker.training.network import FaceNetwork


def drawing_weights(train: Examples, power: float) -> Tensor:
    """How often to draw each face ``(N,)``, up to a factor: its age's count to the power of minus ``power``, or the
    mean of that over the ages of its class."""
    wanted = smooth_counts(train) ** -power
    first, last = _years(train.age_low), _years(train.age_high)
    spans, which = np.unique(np.stack([first, last], axis=1), axis=0, return_inverse=True)
    means = np.array([wanted[low : high + 1].mean() for low, high in spans])
    return torch.from_numpy(means[which.reshape(-1)])


def share_draws(weights: Tensor, further: NDArray[np.bool_], share: float) -> Tensor:
    """The same weights ``(N,)`` with a ``share`` of all draws for the faces of ``further`` sets, ``(N,)``. How ages are
    weighted within a set stays, and so does what ``undo_oversampling`` takes back."""
    chosen = torch.from_numpy(further)
    own, others = weights[~chosen].sum(), weights[chosen].sum()
    return torch.where(chosen, weights * share / others, weights * (1 - share) / own)


def undo_oversampling(network: FaceNetwork, train: Examples, power: float) -> None:
    """Give the age head the training set's own distribution of ages back: it learnt from draws in which an age had its
    count to the power ``1 - power``, so by Bayes its logits lack ``power`` times the logarithm of the count."""
    assert network.head.bias is not None
    with torch.no_grad():
        network.head.bias[:N_AGES] += torch.from_numpy(power * np.log(smooth_counts(train))).float()


def _years(ages: NDArray[np.float32]) -> NDArray[np.intp]:
    return ages.round().astype(np.intp).clip(0, N_AGES - 1)


def smooth_counts(train: Examples) -> NDArray[np.float64]:
    """How many faces there are of each age ``(101,)``, over five years, and never under one.

    A class of ages is as many faces of each of its years: all at its middle, they would be drawn, and given back, as if
    nobody were of another age.
    """
    spans = np.stack([_years(train.age_low), _years(train.age_high)], axis=1)
    counts = np.zeros(N_AGES)
    for (first, last), n in zip(*np.unique(spans, axis=0, return_counts=True), strict=True):
        counts[first : last + 1] += n / (last + 1 - first)
    return np.maximum(np.convolve(np.pad(counts, 2, mode="edge"), np.ones(5) / 5, mode="valid"), 1.0)
