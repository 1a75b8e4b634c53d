"""What a step is judged by: labels, which may be classes, and teachers' answers, against the network's."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from onlooker.core.demographics import N_AGES
from onlooker.datasets.labelled import Examples
from onlooker.training.config import TrainConfig

EVERY_AGE = N_AGES - 1
"""An interval of ages from 0 to here says nothing."""


class Taught(NamedTuple):
    """Teachers' answers: distributions over ages ``(N, 101)`` and probabilities of *female* ``(N,)``."""

    ages: NDArray[np.float32]
    females: NDArray[np.float32]


class Labels(NamedTuple):
    """Labels of a batch ``(N,)``: ages from ``low`` to ``high`` in years, and the probability of *female*, -1 where
    unknown; ``taught``, the distributions ``(N, 101)`` that teachers answer."""

    low: Tensor
    high: Tensor
    female: Tensor
    taught: Tensor | None = None

    @classmethod
    def of(cls, examples: Examples, chosen: NDArray[np.intp], config: TrainConfig) -> "Labels":
        """Those of the ``chosen`` examples, their genders smoothed."""
        low, high, female = (
            torch.from_numpy(values[chosen]) for values in (examples.age_low, examples.age_high, examples.females)
        )
        soft = female * (1 - 2 * config.gender_smoothing) + config.gender_smoothing
        return cls(low.clamp(0, EVERY_AGE), high.clamp(0, EVERY_AGE), torch.where(female >= 0, soft, female))

    def doubted(self, other: "Labels", doubt: float) -> "Labels":
        """The same with genders less sure by ``doubt`` where the other labels say the opposite."""
        opposite = (self.female >= 0) & (other.female >= 0) & ((self.female >= 0.5) != (other.female >= 0.5))
        nearer = torch.where(self.female >= 0.5, self.female - doubt, self.female + doubt)
        return self._replace(female=torch.where(opposite, nearer, self.female))

    def beside(self, taught: Taught, chosen: NDArray[np.intp], share: float) -> "Labels":
        """The same with the teachers' ages, and a ``share`` of the genders, all of the unknown ones, as they say."""
        said = torch.from_numpy(taught.females[chosen])
        female = torch.where(self.female >= 0, self.female.lerp(said, share), said)
        return self._replace(female=female, taught=torch.from_numpy(taught.ages[chosen]))


def loss_of(age: Tensor, gender: Tensor, labels: Labels, config: TrainConfig) -> Tensor:
    """Cross-entropy to a distribution around the age (deep label distribution learning, Gao et al., 2017), a smooth L1
    on the distribution's mean, and a binary cross-entropy where the gender is known.

    The distribution is a Gaussian around a known age, flat over a class of ages and falling off at its ends; a class
    asks nothing of a mean that lies inside it. A label that spans every age counts for nothing. Where teachers
    answered, a share of the distribution, ``config.teaching``, is theirs, and all of it where there is no label.
    """
    years = torch.arange(N_AGES, dtype=torch.float32)
    low, high = labels.low[:, None], labels.high[:, None]
    sigma = config.sigma_base + config.sigma_per_year * (low + high) / 2
    target = torch.softmax(-0.5 * ((years - years.clamp(low, high)) / sigma) ** 2, dim=1)
    log_p = age.log_softmax(1)
    mean = (log_p.exp() * years).sum(1)
    wanted = mean.detach().clamp(labels.low, labels.high)
    told = (labels.low > 0) | (labels.high < EVERY_AGE)
    if labels.taught is not None:
        share = torch.where(told, config.teaching, 1.0)
        target = target.lerp(labels.taught, share[:, None])
        wanted = wanted.lerp((labels.taught * years).sum(1), share)
        told = torch.ones_like(told)
    off = functional.smooth_l1_loss(mean, wanted, reduction="none")
    known = labels.female >= 0
    of_gender = functional.binary_cross_entropy_with_logits(gender, labels.female.clamp(0, 1), reduction="none")
    return _mean_where(told, -(target * log_p).sum(1) + config.mean_weight * off) + config.gender_weight * _mean_where(
        known, of_gender
    )


def _mean_where(counted: Tensor, values: Tensor) -> Tensor:
    return (counted * values).sum() / counted.sum().clamp(min=1)
