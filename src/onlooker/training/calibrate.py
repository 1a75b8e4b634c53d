"""Making answers mean what they say, on faces the network never learnt from."""

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import share_below
from onlooker.models.cards import Calibration

INTERVAL_PROBABILITY = 0.9

Floats = NDArray[np.float32]


def fit_calibration(distribution: Floats, gender_logits: Floats, ages: Floats, females: Floats) -> Calibration:
    """The tail of the age interval and the temperature of the gender logit.

    ``distribution`` ``(N, 101)``, ``gender_logits``, ``ages`` (years) and ``females`` (1, 0, or -1 unknown) ``(N,)``.
    """
    known = females >= 0
    temperature = fit_temperature(gender_logits[known], females[known]) if known.any() else 1.0
    return Calibration(INTERVAL_PROBABILITY, fit_tail(distribution, ages), temperature)


def fit_tail(distribution: Floats, ages: Floats, probability: float = INTERVAL_PROBABILITY) -> float:
    """How far from the median's 0.5 the interval's quantiles must lie, so that it holds the age with ``probability``.

    Split conformal prediction: of the ages' distances from 0.5 in their own distributions, the quantile of rank
    ``ceil((N + 1) * probability)``. An age is a whole year and counts as held when any part of its year is.
    """
    low, high = share_below(distribution, ages - 0.5), share_below(distribution, ages + 0.5)
    distance = np.maximum(np.maximum(low - 0.5, 0.5 - high), 0.0)
    rank = min(len(ages), int(np.ceil((len(ages) + 1) * probability))) - 1
    return round(float(np.sort(distance)[rank]), 4)


def fit_temperature(logits: Floats, labels: Floats) -> float:
    """The temperature that makes binary logits likeliest (Guo et al., 2017), from 0.25 to 4, to 0.01."""
    grid = np.arange(0.25, 4.0, 0.01)
    signed = np.where(labels == 1, logits, -logits).astype(np.float64)
    losses = [np.logaddexp(0, -signed / t).mean() for t in grid]
    return round(float(grid[int(np.argmin(losses))]), 2)
