"""One age and one gender from many views of a face, that neither flicker nor claim more than they know.

Views of one face are not independent: what the network gets wrong about a face it gets wrong in every frame. So the
distributions are averaged, never multiplied. The mean of distributions (the linear pool) is as wide as the views are
and wider where they disagree, it never collapses, and a minority of views that see a child keeps its say.
"""

from dataclasses import dataclass

import numpy as np

from onlooker.core.demographics import (
    GENDER_CONFIDENCE,
    HALF_YEARS,
    N_AGES,
    Floats,
    Gender,
    age_interval,
    age_quantile,
    gender_label,
)
from onlooker.core.doubts import young
from onlooker.core.geometry import Matrix

VIEWS = 12
"""Views of a face that are held apart; the two that are alike most then become one with the weight of both."""

MOST_WEIGHT = 60.0
"""Weight, in views of full quality, that all views together may have: beyond it old ones fade, so that a first
impression can be outvoted."""

SETTLING = 1.0
"""Seconds from the first view after which the age that is shown begins to hold still."""

PLAY = 0.5
"""How far the fused age may wander from the one that is shown before it takes it along, in standard deviations of the
fused distribution. The age of one view jumps by some ten years, so less than half a deviation says nothing."""

DRIFT = 1.0
"""Years a second that the age that is shown is taken along at most, so that it drifts rather than jumps."""

KEPT_GENDER = 0.6
"""A gender that was named stays named until its probability is below this."""

DEFAULT_TAILS = np.full(len(HALF_YEARS), 0.45)
"""Share of the distribution to either side of the median that the interval takes in where the model states none."""

FULL_HEIGHT, LEAST_QUALITY = 80.0, 0.02
"""Height in pixels of a face from which a view has full weight, and the least weight of any."""


def view_weight(height: float, yaw: float, pitch: float, sharpness: float) -> float:
    """How much a view of a face counts, 0 to 1: by its height in pixels, its pose in degrees and its sharpness
    (0 to 100). The squares of height and of sharpness: half the pixels, a quarter of the weight."""
    size = min(1.0, height / FULL_HEIGHT) ** 2
    turned = float(np.exp(-((yaw / 40) ** 2) - (pitch / 30) ** 2))
    sharp = min(1.0, max(0.0, sharpness) / 60) ** 2
    return max(LEAST_QUALITY, size * turned * sharp)


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """What is known of a face after some views.

    age_distribution        ``(101,)`` probability of each year 0 to 100
    age, age_low, age_high  years: what is shown, which holds still, and the interval, which holds the age shown
    p_female                probability of the label female, 0 to 1: by the clear views, where there are any
    gender                  what is shown: named late and dropped late, or None (undetermined, or never seen clearly)
    views                   how often the face was read
    """

    age_distribution: Floats
    age: float
    age_low: float
    age_high: float
    p_female: float
    gender: Gender | None
    views: int


class Fusion:
    """Gathers the views of one face; its memory does not grow with them."""

    def __init__(self, *, tails: Matrix = DEFAULT_TAILS) -> None:
        self._tails = tails
        self._ages = np.zeros((0, N_AGES), dtype=np.float64)
        self._females = np.zeros(0, dtype=np.float64)
        self._clear = np.zeros((0, 2), dtype=np.float64)  # the share that is clear, and that share times its p_female
        self._weights = np.zeros(0, dtype=np.float64)
        self._views = 0
        self._began = 0.0
        self._shown: float | None = None
        self._shown_at = 0.0
        self._gender: Gender | None = None

    def add(self, age_distribution: Floats, p_female: float, *, weight: float, at: float, clear: bool = True) -> Fused:
        """Take in a view: a distribution over ages ``(101,)``, the probability of female, how much it counts
        (``view_weight``), when it was seen, in seconds, and whether no doubt spoils its gender. Returns what is known
        now."""
        if not self._views:
            self._began = at
        self._views += 1
        pmf = np.asarray(age_distribution, dtype=np.float64)
        self._ages = np.vstack([self._ages, pmf / pmf.sum()])
        female = min(max(p_female, 0.0), 1.0)
        self._females = np.append(self._females, female)
        self._clear = np.vstack([self._clear, [clear, clear * female]])
        self._weights = np.append(self._weights, max(weight, 1e-6))
        if len(self._weights) > VIEWS:
            self._join()
        if self._weights.sum() > MOST_WEIGHT:
            self._weights[:-1] *= (MOST_WEIGHT - self._weights[-1]) / self._weights[:-1].sum()
        return self._fused(at)

    def _join(self) -> None:
        """Make the two views one whose ages are alike most; the new one, not yet heard, is left alone."""
        cumulative = np.cumsum(self._ages[:-1], axis=1)
        apart = np.abs(cumulative[:, None] - cumulative[None]).sum(axis=2)
        np.fill_diagonal(apart, np.inf)
        i, j = sorted(map(int, np.unravel_index(int(np.argmin(apart)), apart.shape)))
        share = self._weights[[i, j]] / self._weights[[i, j]].sum()
        self._ages[i] = share @ self._ages[[i, j]]
        self._females[i] = share @ self._females[[i, j]]
        self._clear[i] = share @ self._clear[[i, j]]
        self._weights[i] += self._weights[j]
        keep = np.arange(len(self._weights)) != j
        self._ages, self._females, self._clear = self._ages[keep], self._females[keep], self._clear[keep]
        self._weights = self._weights[keep]

    def _fused(self, at: float) -> Fused:
        weights = self._weights * _agreement(self._ages, self._weights)
        weights /= weights.sum()
        pool = np.asarray(weights @ self._ages, dtype=np.float32)
        low, high = (float(end[0]) for end in age_interval(pool[None], self._tails))
        shown = self._hold(float(age_quantile(pool[None], 0.5)[0]), pool, at)
        clear, clear_female = (float(value) for value in weights @ self._clear)
        p_female = clear_female / clear if clear else float(weights @ self._females)
        unknown = not clear or young(pool[None])[0]
        self._gender = None if unknown else _held(self._gender, p_female)
        return Fused(pool, shown, min(low, shown), max(high, shown), p_female, self._gender, self._views)

    def _hold(self, age: float, pool: Floats, at: float) -> float:
        """The age to show: the fused one at first, later drawn along by it, slowly, once it is out of the play."""
        passed, self._shown_at = max(0.0, at - self._shown_at), at
        if self._shown is None or at - self._began <= SETTLING:
            self._shown = age
            return age
        years = np.arange(N_AGES)
        mean = float(pool @ years)
        play = PLAY * float(np.sqrt(max(0.0, float(pool @ (years - mean) ** 2))))
        wanted = min(max(self._shown, age - play), age + play)
        self._shown += min(max(wanted - self._shown, -DRIFT * passed), DRIFT * passed)
        return self._shown


def _agreement(ages: Matrix, weights: Matrix) -> Matrix:
    """How far each view ``(N, 101)`` is believed, 0 to 1, by how near its median age lies to that of all: within the
    usual spread nearly wholly, far beyond it hardly (Cauchy's weights about the weighted median)."""
    medians = age_quantile(ages.astype(np.float32), 0.5).astype(np.float64)
    if len(medians) < 3:
        return np.ones(len(medians))
    centre = _weighted_median(medians, weights)
    spread = max(4.0, 1.5 * _weighted_median(np.abs(medians - centre), weights))
    return np.asarray(1 / (1 + ((medians - centre) / (2 * spread)) ** 2))


def _weighted_median(values: Matrix, weights: Matrix) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][int(np.searchsorted(reached, reached[-1] / 2))])


def _held(gender: Gender | None, p_female: float) -> Gender | None:
    """The gender to show: one that was named stays until it is hardly likelier than the other."""
    p = {"female": p_female, "male": 1 - p_female, None: 0.0}[gender]
    return gender if p >= KEPT_GENDER else gender_label(p_female, GENDER_CONFIDENCE)
