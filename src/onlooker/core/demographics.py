"""Ages, genders and classes as this project speaks of them.

An age is a distribution over whole years 0 to 100 (``N_AGES`` probabilities a face); a gender is the probability of
the label *female* in the training data. Labels are made only where they are shown, and may be undetermined.
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Gender = Literal["female", "male"]
AgeClass = Literal["child", "adult", "old"]
Floats = NDArray[np.float32]

N_AGES = 101
"""Years 0 to 100; older people are counted as 100."""

HALF_YEARS = np.arange(0.0, N_AGES - 0.5, 0.5)
"""Ages in years, ``(201,)``, between which everything about an age's distribution is linear."""

GENDER_CONFIDENCE = 0.8
"""A gender is named only where its (calibrated) probability is at least this; below, it is undetermined."""

CHILD_MAX, OLD_MIN = 18, 60
"""The 2020 report's three classes: child to 18, adult 19 to 59, old from 60."""

AGE_CLASSES: tuple[AgeClass, ...] = get_args(AgeClass)

CLASS_SHARE = 0.4
"""A face is called a child, or old, from this probability of being one: with half, as an age's median asks, too few of
those rare people are found. ``benchmarks/classes.py`` shows what other shares do."""


def gender_label(p_female: float, confidence: float = GENDER_CONFIDENCE) -> Gender | None:
    """``"female"``, ``"male"``, or ``None`` (undetermined) where neither reaches ``confidence`` (0.5 to 1).

    A face may be one that nobody should name a gender for, however sure: ``core.doubts`` says which.
    """
    if p_female >= confidence:
        return "female"
    return "male" if 1.0 - p_female >= confidence else None


def whole_years(age: float) -> int:
    """An age in whole years, as a person would say it. It is that of the age as answers hold it, to 0.1, so that a
    table, a page and whoever rounds an answer say the same."""
    return math.floor(round(age, 1) + 0.5)


def age_class(ages: NDArray[np.floating]) -> NDArray[np.intp]:
    """Index into ``AGE_CLASSES`` of each age in years. An age is rounded first, as a person would say it."""
    years = np.floor(np.asarray(ages, dtype=np.float64) + 0.5)
    return np.asarray((years > CHILD_MAX).astype(np.intp) + (years >= OLD_MIN).astype(np.intp), dtype=np.intp)


def likely_class(distribution: Floats, share: float = CLASS_SHARE) -> NDArray[np.intp]:
    """Index into ``AGE_CLASSES`` of each distribution ``(N, N_AGES)``, which sums to 1 along its rows: the first or the
    last where that reaches ``share`` (0 to 1), the likelier of them where both do, else the middle one."""
    child, old = distribution[:, : CHILD_MAX + 1].sum(axis=1), distribution[:, OLD_MIN:].sum(axis=1)
    rare = np.where(child >= old, 0, len(AGE_CLASSES) - 1)
    return np.asarray(np.where(np.maximum(child, old) >= share, rare, 1), dtype=np.intp)


def softmax(logits: Floats) -> Floats:
    """Probabilities ``(N, K)`` that sum to 1 along each row, from logits ``(N, K)``."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def age_quantile(distribution: Floats, share: float | NDArray[np.floating]) -> Floats:
    """Age in years below which ``share`` (0 to 1) of each distribution lies.

    ``distribution`` is ``(N, N_AGES)`` and sums to 1 along its rows; the probability of a year is spread evenly over
    half a year either side of it, so that the quantile is continuous and the median of one certain year is that year.
    The answer is ``(N,)``, clipped to 0..100.
    """
    pmf = np.asarray(distribution, dtype=np.float64)
    cdf = np.cumsum(pmf, axis=1)
    target = np.clip(np.broadcast_to(np.asarray(share, dtype=np.float64), (len(pmf),)), 0.0, 1.0) * cdf[:, -1]
    rows = np.arange(len(pmf))
    year = np.minimum((cdf < target[:, None]).sum(axis=1), N_AGES - 1)
    below = np.where(year > 0, cdf[rows, np.maximum(year - 1, 0)], 0.0)
    within = (target - below) / np.maximum(pmf[rows, year], 1e-12)
    years = np.clip(year - 0.5 + np.clip(within, 0.0, 1.0), 0.0, N_AGES - 1.0)
    return np.asarray(years, dtype=np.float32)


def share_below(distribution: Floats, age: NDArray[np.floating]) -> Floats:
    """The inverse of ``age_quantile``: the share ``(N,)`` of each distribution ``(N, N_AGES)`` below its age."""
    pmf = np.asarray(distribution, dtype=np.float64)
    years = np.clip(np.asarray(age, dtype=np.float64), 0.0, N_AGES - 1.0) + 0.5
    covered = np.clip(years[:, None] - np.arange(N_AGES), 0.0, 1.0)
    return np.asarray((pmf * covered).sum(axis=1) / pmf.sum(axis=1), dtype=np.float32)


def age_interval(distribution: Floats, tails: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """The ages about the median that do not lie too far out in each distribution: the first and the last, ``(N,)``.

    ``distribution`` is ``(N, N_AGES)``. An age is held while the share of the distribution between it and the median is
    at most its tail, 0 to 0.5; ``tails`` ``(201,)`` gives it for each of ``HALF_YEARS``, and may differ by age. The
    interval ends before the first age, on either side, that is not held.
    """
    pmf = np.asarray(distribution, dtype=np.float64)
    pmf = pmf / pmf.sum(axis=1, keepdims=True)
    below = np.cumsum(pmf, axis=1)
    # The cumulative distribution at half years: at whole ones, half of the year's own probability lies below.
    share = np.empty((len(pmf), len(HALF_YEARS)))
    share[:, 1::2] = below[:, :-1]
    share[:, 0::2] = below - pmf / 2
    median = age_quantile(distribution, 0.5)
    upwards = _last_held(share - 0.5 - tails, median[:, None] < HALF_YEARS)
    downwards = _last_held((0.5 - share - tails)[:, ::-1], (median[:, None] > HALF_YEARS)[:, ::-1])
    return np.minimum(N_AGES - 1 - downwards, median), np.maximum(upwards, median)


def _last_held(excess: NDArray[np.float64], ahead: NDArray[np.bool_]) -> Floats:
    """Years from the first column of ``(N, 201)`` half years to where each row first exceeds 0 among those ``ahead``,
    linear between them; to the last column where none does."""
    out = (excess > 0) & ahead
    rows, stop = np.arange(len(excess)), np.where(out.any(axis=1), out.argmax(axis=1), len(HALF_YEARS))
    after, before = np.minimum(stop, len(HALF_YEARS) - 1), np.maximum(stop - 1, 0)
    over, under = excess[rows, after], -np.minimum(excess[rows, before], 0.0)
    part = np.divide(under, over + under, out=np.zeros(len(rows)), where=(after > before) & (over > 0))
    return np.asarray((before + part) / 2, dtype=np.float32)
