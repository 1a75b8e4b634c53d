"""Metrics of ages and genders, each with a bootstrap interval."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import AGE_CLASSES, age_class

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap distribution that an interval reaches to: 95 %."""

Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the 95 % interval of the percentile bootstrap (Efron, 1979) over faces."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """The three numbers, to 4 digits after the point."""
        return {"value": round(self.value, 4), "low": round(self.low, 4), "high": round(self.high, 4)}


@dataclass(frozen=True, slots=True)
class Metrics:
    """What an evaluation found. ``mae`` is in years, the others are shares 0 to 1; ``gender_accuracy`` and
    ``interval_coverage`` are ``None`` where no face has a gender label or nothing to judge by.

    mae                mean absolute error of the age, over all faces
    cs5                share of faces whose age is at most 5 years off
    gender_accuracy    share of labelled genders right, every face counted, undetermined ones by the likelier gender
    class_accuracy     share of faces in the right one of child (to 18), adult (19 to 59) and old (from 60)
    class_macro_recall mean over those classes of the share of their faces found
    interval_coverage  share of faces whose age lies in its interval
    no_face            labelled pictures in which no face was found, or that could not be read; not among ``n``
    """

    n: int
    mae: Estimate
    cs5: Estimate
    gender_accuracy: Estimate | None
    class_accuracy: Estimate
    class_macro_recall: Estimate
    interval_coverage: Estimate
    no_face: int

    def to_dict(self) -> dict[str, object]:
        """The form of ``onlooker evaluate --format json``."""
        named = {
            "mae": self.mae,
            "cs5": self.cs5,
            "gender_accuracy": self.gender_accuracy,
            "class_accuracy": self.class_accuracy,
            "class_macro_recall": self.class_macro_recall,
            "interval_coverage": self.interval_coverage,
        }
        figures = {key: value.to_dict() if value else None for key, value in named.items()}
        return {"n": self.n, **figures, "no_face": self.no_face}


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said of ``n`` faces, ``(n,)`` each, years and probabilities, beside their labels; ``female`` is 1, 0,
    or -1 where the label is unknown."""

    true_age: NDArray[np.float64]
    female: NDArray[np.int8]
    age: NDArray[np.float64]
    age_low: NDArray[np.float64]
    age_high: NDArray[np.float64]
    p_female: NDArray[np.float64]


def measure(answers: Answers, *, no_face: int = 0, seed: int = 0) -> Metrics:
    """All metrics of some answers. Raises ``ValueError`` where there is no face."""
    n = len(answers.true_age)
    if n == 0:
        raise ValueError("there is no face to measure")
    error = np.abs(answers.age - answers.true_age)
    # Half a year is added at both ends: a label is a whole year, held when any part of its year is.
    inside = (answers.true_age >= answers.age_low - 0.5) & (answers.true_age <= answers.age_high + 0.5)
    true_class, said_class = age_class(answers.true_age), age_class(answers.age)
    right_class = true_class == said_class
    known = answers.female >= 0
    right_gender = (answers.p_female >= 0.5) == (answers.female == 1)
    present = [c for c in range(len(AGE_CLASSES)) if (true_class == c).any()]

    def macro_recall(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        recalls = [share_of(right_class, true_class == c)(weights) for c in present]
        return np.asarray(np.nanmean(recalls, axis=0))

    everyone = np.ones(n, dtype=bool)
    statistics: dict[str, Statistic] = {
        "mae": share_of(error, everyone),
        "cs5": share_of(error <= 5.0, everyone),
        "gender": share_of(right_gender, known),
        "class": share_of(right_class, everyone),
        "recall": macro_recall,
        "inside": share_of(inside, everyone),
    }
    if not known.any():
        del statistics["gender"]
    found = bootstrap(statistics, n, seed=seed)
    return Metrics(
        n=n,
        mae=found["mae"],
        cs5=found["cs5"],
        gender_accuracy=found.get("gender"),
        class_accuracy=found["class"],
        class_macro_recall=found["recall"],
        interval_coverage=found["inside"],
        no_face=no_face,
    )


def share_of(values: NDArray[np.generic], among: NDArray[np.bool_]) -> Statistic:
    """The weighted mean of ``values`` ``(n,)`` among some faces, for weights ``(B, n)``: ``(B,)``, NaN where none has
    weight."""
    numbers = np.where(among, values.astype(np.float64), 0.0)
    counted = among.astype(np.float64)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        total = weights @ counted
        return np.asarray(np.divide(weights @ numbers, total, out=np.full(len(weights), np.nan), where=total > 0))

    return statistic


def bootstrap(statistics: dict[str, Statistic], n: int, *, seed: int = 0) -> dict[str, Estimate]:
    """Each statistic of ``n`` faces, with its interval over ``RESAMPLES`` resamples, the same ones for all."""
    random = np.random.default_rng(seed)
    drawn: dict[str, list[NDArray[np.float64]]] = {name: [] for name in statistics}
    for start in range(0, RESAMPLES, 50):
        weights = random.multinomial(n, np.full(n, 1 / n), size=min(50, RESAMPLES - start)).astype(np.float64)
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights))
    answer = {}
    for name, statistic in statistics.items():
        low, high = np.nanpercentile(np.concatenate(drawn[name]), INTERVAL)
        answer[name] = Estimate(float(statistic(np.ones((1, n)))[0]), float(low), float(high))
    return answer
