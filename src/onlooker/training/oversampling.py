"""Rare ages are drawn more often in training, and what that teaches is undone afterwards."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from onlooker.core.demographics import N_AGES
from onlooker.training.network import FaceNetwork


def drawing_weights(ages: NDArray[np.float32], power: float) -> Tensor:
    """How often to draw each face ``(N,)``, up to a factor: its age's count to the power of minus ``power``."""
    return torch.from_numpy(smooth_counts(ages)[_years(ages)] ** -power)


def share_draws(weights: Tensor, further: NDArray[np.bool_], share: float) -> Tensor:
    """The same weights ``(N,)`` with a ``share`` of all draws for the faces of ``further`` sets, ``(N,)``. How ages are
    weighted within a set stays, and so does what ``undo_oversampling`` takes back."""
    chosen = torch.from_numpy(further)
    own, others = weights[~chosen].sum(), weights[chosen].sum()
    return torch.where(chosen, weights * share / others, weights * (1 - share) / own)


def undo_oversampling(network: FaceNetwork, ages: NDArray[np.float32], power: float) -> None:
    """Give the age head the training set's own distribution of ages back: it learnt from draws in which an age had its
    count to the power ``1 - power``, so by Bayes its logits lack ``power`` times the logarithm of the count."""
    assert network.head.bias is not None
    with torch.no_grad():
        network.head.bias[:N_AGES] += torch.from_numpy(power * np.log(smooth_counts(ages))).float()


def _years(ages: NDArray[np.float32]) -> NDArray[np.intp]:
    return ages.round().astype(np.intp).clip(0, N_AGES - 1)


def smooth_counts(ages: NDArray[np.float32]) -> NDArray[np.float64]:
    """How many faces there are of each age ``(101,)``, over five years, and never under one."""
    counts = np.bincount(_years(ages), minlength=N_AGES).astype(np.float64)
    return np.maximum(np.convolve(np.pad(counts, 2, mode="edge"), np.ones(5) / 5, mode="valid"), 1.0)
