"""What a figure shows where a metric is one number: curves over tolerance, probability, certainty and age."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import age_interval
from onlooker.datasets.split import AGE_BANDS
from onlooker.evaluation.answers import Answers
from onlooker.evaluation.metrics import Estimate, Metrics, bootstrap, measure, share_of
from onlooker.models.calibration import Calibration

TOLERANCES = range(1, 16)
"""Years that the cumulative score's curve is drawn for."""

CERTAIN = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of the faces, the most certain first, that the gender's accuracy is shown for."""

RELIABILITY_BINS = 10


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a curve: where it stands, its height with its interval, and how many faces it is made from."""

    x: float
    y: Estimate
    n: int

    def to_dict(self) -> dict[str, float]:
        """As JSON: ``x``, ``n`` and the three numbers of ``y``."""
        return {"x": round(self.x, 4), "n": self.n, **self.y.to_dict()}


def band_names() -> list[str]:
    """The age bands in words: ``0 to 2``, ..., ``80 and over``."""
    edges = (0, *AGE_BANDS)
    closed = [f"{low} to {high - 1}" for low, high in zip(edges, AGE_BANDS, strict=False)]
    return [*closed, f"{AGE_BANDS[-1]} and over"]


def bands_of(ages: NDArray[np.floating]) -> NDArray[np.str_]:
    """The band of each age in years, as a person would say it."""
    names = np.array(band_names())
    return np.asarray(names[np.searchsorted(AGE_BANDS, np.floor(np.asarray(ages) + 0.5), side="right")])


def by_band(answers: Answers, ages: NDArray[np.floating]) -> dict[str, Metrics]:
    """Metrics by the band of ``ages`` ``(n,)``: of the labels, or of the answers. Empty bands are left out."""
    bands = bands_of(ages)
    return {name: measure(answers[bands == name]) for name in band_names() if (bands == name).any()}


def cumulative_score(answers: Answers, *, whole: bool) -> list[Point]:
    """Share of ages at most 1, 2, ... 15 years off, of the ages in whole years or as answered."""
    error = np.abs(answers.error)
    if whole:
        shown = np.floor(answers.age + 0.5)
        error = np.maximum(np.maximum(answers.label_low - shown, shown - answers.label_high), 0)
    return _points(answers, [(float(t), error <= t, np.isfinite(error)) for t in TOLERANCES])


def reliability(answers: Answers) -> list[Point]:
    """Share of women among the faces whose probability of female lies in each tenth: on the diagonal where it means
    what it says. ``x`` is the bin's mean probability."""
    known = answers.female >= 0
    bins = np.minimum((answers.p_female * RELIABILITY_BINS).astype(np.intp), RELIABILITY_BINS - 1)
    wanted = []
    for b in range(RELIABILITY_BINS):
        among = known & (bins == b)
        if among.any():
            wanted.append((float(answers.p_female[among].mean()), answers.female == 1, among))
    return _points(answers, wanted)


def certainty(answers: Answers) -> list[Point]:
    """Share of genders right among the most certain half, 60 %, ... and all."""
    known = answers.female >= 0
    sure = np.maximum(answers.p_female, 1 - answers.p_female)
    right = (answers.p_female >= 0.5) == (answers.female == 1)
    if not known.any():
        return []
    return _points(answers, [(q, right, known & (sure >= np.quantile(sure[known], 1 - q))) for q in CERTAIN])


def coverage(answers: Answers, calibration: Calibration) -> list[Point]:
    """Share of known ages in the interval, for each probability that the calibration knows: on the diagonal where it
    holds what it says. Empty where no age is known."""
    assert answers.distribution is not None
    wanted: list[tuple[float, NDArray[np.bool_], NDArray[np.bool_]]] = []
    if not answers.exact.any():
        return []
    for probability in calibration.probabilities:
        low, high = age_interval(answers.distribution, calibration.tails_for(probability))
        wanted.append((probability, held(answers, low, high), answers.exact))
    return _points(answers, wanted)


def held(answers: Answers, low: NDArray[np.floating], high: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether other intervals hold the labels, see ``Answers.held``."""
    return with_intervals(answers, low, high).held


def with_intervals(answers: Answers, low: NDArray[np.floating], high: NDArray[np.floating]) -> Answers:
    """The same answers with other intervals."""
    return replace(answers, age_low=np.asarray(low, np.float64), age_high=np.asarray(high, np.float64))


def _points(answers: Answers, wanted: list[tuple[float, NDArray[np.bool_], NDArray[np.bool_]]]) -> list[Point]:
    """A point for each (x, which faces count as a success, among which faces)."""
    statistics: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
        str(i): share_of(success, among) for i, (_, success, among) in enumerate(wanted)
    }
    found = bootstrap(statistics, len(answers))
    return [Point(x, found[str(i)], int(among.sum())) for i, (x, _, among) in enumerate(wanted)]
