"""The standard cells that people are counted in: gender by age band, and how one person is shared among them."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import N_AGES

UNDETERMINED = "undetermined"
"""Of a gender or an age that was not read, or not to be known."""

GENDERS = ("female", "male", UNDETERMINED)

_FROM = (0, 18, 25, 35, 45, 55, 65, N_AGES)
BANDS = (*(f"{low}-{high - 1}" for low, high in pairwise(_FROM[:-1])), f"{_FROM[-2]}+", UNDETERMINED)
"""The bands that advertisers use. All minors are one, and the top one is open: no age over 89 can be told from it."""

Cell = tuple[str, str]
"""A gender and a band."""

CELLS: tuple[Cell, ...] = tuple((gender, band) for gender in GENDERS for band in BANDS)

UNKNOWN: Cell = (UNDETERMINED, UNDETERMINED)

LEAST_SHARE = 0.01
"""A smaller share of a person is added to the others: it is no knowledge, only rows."""


def shares(p_female: float | None, age_distribution: NDArray[np.floating] | None) -> dict[Cell, float]:
    """One person as shares of the cells, which sum to 1.

    ``p_female`` is the probability of the label female, ``age_distribution`` ``(101,)`` that of each year; None where
    it was not read. Shares rather than the likeliest label: a label counts a face of 0.6 like one of 1, and the sum of
    many such is wrong, always in the same direction; the sum of calibrated probabilities is right on average.
    """
    genders = {UNDETERMINED: 1.0} if p_female is None else {"female": p_female, "male": 1.0 - p_female}
    if age_distribution is None:
        bands = {UNDETERMINED: 1.0}
    else:
        ages = np.asarray(age_distribution, dtype=np.float64)
        bands = dict(zip(BANDS, np.add.reduceat(ages, _FROM[:-1]).tolist(), strict=False))
    every = {(g, b): p * q for g, p in genders.items() for b, q in bands.items()}
    kept = {cell: share for cell, share in every.items() if share >= LEAST_SHARE * sum(every.values())}
    return normalised(kept)


def normalised(weights: Mapping[Cell, float]) -> dict[Cell, float]:
    """Weights of known cells as shares that sum to 1. Raises ``ValueError`` for others."""
    total = sum(weights.values())
    if not set(weights) <= set(CELLS) or not 0 < total < float("inf") or min(weights.values()) < 0:
        raise ValueError(f"a person is shared among gender and band by positive weights, got {dict(weights)}")
    return {cell: weight / total for cell, weight in weights.items()}
