"""Making answers mean what they say, on faces the network never learnt from.

The interval's tails are fitted by split conformal prediction, age by age (label-conditional, Vovk, 2012): of the faces
about an age, how far out in their own distributions their ages lie. So the interval holds the asked share of children
and of old people, not of all ages on average alone. Where a class of ages is all that is known of a face, it counts by
an age within it, see ``located``.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import N_AGES, age_interval, share_below
from onlooker.core.errors import DatasetError
from onlooker.evaluation.words import percent
from onlooker.models.calibration import Calibration

PROBABILITY = 0.9
"""Of the interval, where no other is asked for."""

PROBABILITIES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99)
"""Those that tails are fitted for, as far as there are faces enough."""

AGES = (0, 2, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 100)
"""Those that tails are fitted at, in years."""

REACH_BASE, REACH_PER_YEAR, LEAST_REACHED = 1.0, 0.03, 40.0
"""Faces count for an age by a Gaussian of this many years, and as many more for each year; it widens until their
weights are worth at least so many whole faces (Kish's effective size)."""

MISSED = 10
"""Faces that must lie outside an interval for its tail to be known: 100 labelled faces for 90 %."""

GENDERS = 100
"""Labelled genders under which the temperature stays as it is: a handful may all be right, and would count as sure."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Held:
    """What a network said of ``N`` faces it never learnt from, beside their labels.

    distribution       ``(N, 101)`` probability of each year
    gender_logits      ``(N,)`` of female, before any temperature
    age_low, age_high  ``(N,)`` years, equal where the age is known, else the ends of its class
    females            ``(N,)`` 1 female, 0 male, -1 unknown
    """

    distribution: Floats
    gender_logits: Floats
    age_low: Floats
    age_high: Floats
    females: Floats

    def __len__(self) -> int:
        return len(self.age_low)

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "Held":
        return Held(*(getattr(self, name)[chosen] for name in self.__slots__))

    @property
    def classes(self) -> NDArray[np.bool_]:
        """Of which faces ``(N,)`` a class of ages is all that is known."""
        return np.asarray(self.age_low < self.age_high)

    @property
    def inside(self) -> tuple[Floats, Floats]:
        """The ages ``(N,)`` that are at least to be reached from above and from below: an age is a whole year, which
        counts as held when any part of it is, and 100 stands for all who are older."""
        half, oldest = np.float32(0.5), np.float32(N_AGES - 1)
        first, last = np.minimum(self.age_low, oldest) - half, np.minimum(self.age_high, oldest) + half
        return np.asarray(first, np.float32), np.asarray(last, np.float32)


def located(held: Held, *, seed: int = 0) -> Held:
    """The same faces with an age for each class of ages: one drawn from the face's own distribution within the class,
    as sure of itself as makes the classes likeliest.

    An interval that reaches some part of a class need not hold the age in it, and one fitted to reach so far is much
    too narrow. An age drawn lies about as far out as the true one does. Known ages stay as they are.
    """
    classes = np.flatnonzero(held.classes)
    if not len(classes):
        return held
    first, last = (np.minimum(ends[classes], N_AGES - 1)[:, None] for ends in (held.age_low, held.age_high))
    years = np.arange(N_AGES)
    within = (years >= first) & (years <= last)
    share = np.cumsum(np.where(within, _likeliest(held.distribution[classes], within), 0.0), axis=1)
    drawn = np.random.default_rng((N_AGES, seed)).random(len(classes)) * share[:, -1]  # a stream of its own
    low, high = held.age_low.copy(), held.age_high.copy()
    low[classes] = high[classes] = (share <= drawn[:, None]).sum(axis=1)
    return replace(held, age_low=low, age_high=high)


def _likeliest(distribution: Floats, within: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Distributions ``(N, 101)``, all to the one power that gives most to the years of their classes."""
    # The power nearest to 1 comes first, and stays where the classes tell nothing; no year is quite impossible.
    powers = sorted(np.exp(np.linspace(-1.2, 1.2, 49)), key=lambda power: abs(math.log(power)))
    logs = np.log(np.maximum(distribution.astype(np.float64), 1e-9))
    best, found = -math.inf, np.empty(0)
    for power in powers:
        raised = np.exp(power * (logs - logs.max(axis=1, keepdims=True)))
        raised /= raised.sum(axis=1, keepdims=True)
        likely = float(np.log(np.where(within, raised, 0.0).sum(axis=1)).mean())
        if likely > best + 1e-6:
            best, found = likely, raised
    return found


def fit_calibration(
    held: Held,
    probability: float = PROBABILITY,
    fitted_on: str = "",
    *,
    temperature: float = 1.0,
    however_few: bool = False,
) -> Calibration:
    """The calibration that ``held`` asks for, with the given ``temperature`` of gender where fewer than ``GENDERS`` are
    labelled. Raises ``DatasetError`` where the faces are too few, unless ``however_few``: a long training is not to end
    without one, and its intervals then reach as far as any of the faces asks."""
    least = needed(probability)
    if len(held) < least and not however_few:
        raise DatasetError(
            f"{len(held)} labelled faces are too few to say where {percent(probability)} of ages lie: at least {least} "
            "are needed; label more, or ask for a smaller --probability"
        )
    temperature = _temperature(held, temperature)
    shares = sorted({p for p in PROBABILITIES if len(held) >= needed(p)} | {probability})
    return Calibration(probability, temperature, AGES, tuple(shares), fit_tails(held, shares), fitted_on)


def needed(probability: float) -> int:
    """How many faces an interval of that probability takes to fit."""
    return math.ceil(round(MISSED / (1 - probability), 6))


def fit_tails(held: Held, probabilities: list[float]) -> tuple[tuple[float, ...], ...]:
    """The tail for each of ``AGES`` and each probability: of the distances from their medians of the faces about the
    age, the quantile of rank ``(n + 1) * probability``. Classes are ``located`` first."""
    first, last = located(held).inside
    distance = np.maximum(share_below(held.distribution, first) - 0.5, 0.5 - share_below(held.distribution, last))
    distance = np.maximum(distance, 0.0)
    order = np.argsort(distance, kind="stable")
    middle = np.asarray((first + last) / 2, np.float32)
    rows = []
    for age in AGES:
        weights = _weights(middle, age)
        worth = _worth(weights)
        reached = np.cumsum(weights[order]) / weights.sum()
        rank = np.minimum(np.array(probabilities) * (worth + 1) / worth, 1.0)
        found = np.minimum(np.searchsorted(reached, rank - 1e-9), len(order) - 1)
        rows.append(tuple(round(float(v), 5) for v in distance[order][found]))
    return tuple(rows)


def _weights(ages: Floats, age: float) -> NDArray[np.float64]:
    """How much each face counts for an age, 0 to 1."""
    reach = REACH_BASE + REACH_PER_YEAR * age
    while True:
        weights = np.asarray(np.exp(-0.5 * ((ages - age) / reach) ** 2), dtype=np.float64)
        if _worth(weights) >= min(LEAST_REACHED, 0.99 * len(ages)):
            return weights
        reach *= 1.25


def _worth(weights: NDArray[np.float64]) -> float:
    """How many faces of equal weight these are worth (Kish, 1965); 0 where none has any."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _temperature(held: Held, otherwise: float) -> float:
    known = held.females >= 0
    if known.sum() < GENDERS:
        return otherwise
    return fit_temperature(held.gender_logits[known], held.females[known])


def fit_temperature(logits: Floats, labels: Floats) -> float:
    """The temperature that makes binary logits likeliest (Guo et al., 2017), from 0.25 to 4, to 0.01."""
    grid = np.arange(0.25, 4.0, 0.01)
    signed = np.where(labels == 1, logits, -logits).astype(np.float64)
    losses = [np.logaddexp(0, -signed / t).mean() for t in grid]
    return round(float(grid[int(np.argmin(losses))]), 2)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What a calibration makes of ``N`` faces: intervals and probabilities of female, ``(N,)`` each."""

    age_low: Floats
    age_high: Floats
    p_female: Floats


def apply(calibration: Calibration, held: Held) -> Calibrated:
    """The answers under a calibration."""
    low, high = age_interval(held.distribution, calibration.tails_for())
    p_female = 1 / (1 + np.exp(-held.gender_logits / calibration.gender_temperature))
    return Calibrated(low, high, np.asarray(p_female, dtype=np.float32))


def cross_fitted(
    held: Held, probability: float = PROBABILITY, *, temperature: float = 1.0, folds: int = 5, seed: int = 0
) -> Calibrated:
    """What fitting on these faces is worth on faces like them: each is answered by a calibration of the others; the
    gender's ``temperature`` is the given one where ``fit_calibration`` would leave it."""
    enough = (held.females >= 0).sum() >= GENDERS
    fold = np.random.default_rng(seed).permutation(len(held)) % folds
    low, high, p_female = (np.zeros(len(held), np.float32) for _ in range(3))
    for k in range(folds):
        others = held[fold != k]
        tails = fit_tails(others, [probability])
        known = others.females >= 0
        fitted = fit_temperature(others.gender_logits[known], others.females[known]) if enough else temperature
        answers = apply(Calibration(probability, fitted, AGES, (probability,), tails), held[fold == k])
        low[fold == k], high[fold == k], p_female[fold == k] = answers.age_low, answers.age_high, answers.p_female
    return Calibrated(low, high, p_female)
