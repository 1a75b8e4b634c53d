"""Metrics of ages and genders, each with a bootstrap interval."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import AGE_CLASSES, age_class, likely_class
from onlooker.evaluation.answers import Answers

RESAMPLES = 1000
INTERVAL = (2.5, 97.5)
"""Percentiles of the bootstrap distribution that an interval reaches to: 95 %."""

NORMAL = 1.959964
"""Standard deviations of a normal distribution on either side of its mean that hold 95 %."""

ADULT = 18
SURE = 0.9
"""Share of the faces that count as the most certain ones."""

ECE_BINS = 10
"""Equal bins of the named gender's probability, from 0.5 to 1, that the expected calibration error is summed over."""

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Statistic = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the 95 % interval of the percentile bootstrap (Efron, 1979) over faces; of a share that is 0 or 1,
    where resampling sees no other, Wilson's."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """The three numbers, to 6 digits after the point: what is told of them is rounded once."""
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


@dataclass(frozen=True, slots=True)
class Metrics:
    """What an evaluation found. Ages are in years, ``gender_brier`` is a squared error, the others are shares 0 to 1;
    a metric is ``None`` where no face has the label, or the system the answer, that it is made from.

    n                       faces
    mae                     mean absolute error of the age; from the nearer end where a class of ages is known alone
    cs5                     share of ages at most 5 years off, as answered, to the digit
    cs5_whole               the same of ages in whole years, as they are shown; other systems answer whole years
    bias                    mean error of the age: positive where people are called too old
    gender_accuracy         share of labelled genders right, of every face: the undetermined by the likelier gender
    gender_accuracy_adults  the same from 18
    gender_accuracy_sure    the same of the 90 % whose gender is most certain
    gender_answered         share of faces with a labelled gender whose gender is named
    gender_answered_right   share of the named genders right
    gender_ece              expected calibration error of the gender's probability (Naeini et al., 2015)
    gender_brier            mean squared error of the probability of female (Brier, 1950)
    class_accuracy          share in the right one of child (to 18), adult (19 to 59) and old (from 60), as named by the
                            distribution (``core.demographics.likely_class``), or by the age where there is none
    class_macro_recall      mean over those classes of the share of their faces found
    label_class_accuracy    where classes of ages are known alone: share of ages in the right one
    label_class_probability and the mean probability given to it
    label_class_reached     and share of those whose interval reaches any part of it: no share of ages held
    interval_coverage       share of faces with a known age whose age lies in its interval
    interval_width          mean width of the interval
    mae_excess              of a group that is audited: years that its ``mae`` lies above everyone's of the same ages
    gender_accuracy_excess  likewise, how far its ``gender_accuracy`` does: below 0 where it is served worse
    no_face                 labelled pictures in which no face was found, or that could not be read; not among ``n``
    """

    n: int
    mae: Estimate | None
    cs5: Estimate | None
    cs5_whole: Estimate | None
    bias: Estimate | None
    gender_accuracy: Estimate | None
    gender_accuracy_adults: Estimate | None
    gender_accuracy_sure: Estimate | None
    gender_answered: Estimate | None
    gender_answered_right: Estimate | None
    gender_ece: Estimate | None
    gender_brier: Estimate | None
    class_accuracy: Estimate | None
    class_macro_recall: Estimate | None
    label_class_accuracy: Estimate | None
    label_class_probability: Estimate | None
    label_class_reached: Estimate | None
    interval_coverage: Estimate | None
    interval_width: Estimate | None
    mae_excess: Estimate | None = None
    gender_accuracy_excess: Estimate | None = None
    no_face: int = 0

    def to_dict(self) -> dict[str, object]:
        """The figures by name, those without one as ``None``; those of a group only where it has them."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        values = {name: value for name, value in given.items() if value is not None or name not in EXCESSES}
        return {key: value.to_dict() if isinstance(value, Estimate) else value for key, value in values.items()}


EXCESSES = ("mae_excess", "gender_accuracy_excess")
"""Metrics that need other faces to be beside (``evaluation.standardise``)."""

NAMES = tuple(f.name for f in fields(Metrics) if f.name not in ("n", "no_face", *EXCESSES))
"""Metrics that some faces have by themselves."""


def measure(answers: Answers, *, no_face: int = 0, seed: int = 0) -> Metrics:
    """All metrics that some answers have by themselves. Raises ``ValueError`` where there is no face."""
    if not len(answers):
        raise ValueError("there is no face to measure")
    found = bootstrap({**_ages(answers), **_genders(answers), **_intervals(answers)}, len(answers), seed=seed)
    return Metrics(n=len(answers), no_face=no_face, **{name: found.get(name) for name in NAMES})


def _ages(answers: Answers) -> dict[str, Statistic]:
    said = np.isfinite(answers.age)
    if not said.any():
        return {}
    error, whole = answers.error, np.floor(answers.age + 0.5)
    # In whole years an age that is right in its year is right: no half years are added to a class.
    off = np.maximum(np.maximum(answers.label_low - whole, whole - answers.label_high), 0)
    statistics = {
        "mae": share_of(np.abs(error), said),
        "cs5": share_of(np.abs(error) <= 5, said),
        "cs5_whole": share_of(off <= 5, said),
        "bias": share_of(error, said),
    }
    first, last, named = (age_class(np.nan_to_num(v)) for v in (answers.label_low, answers.label_high, answers.age))
    if answers.distribution is not None:
        named = likely_class(answers.distribution)
    known = said & (first == last)
    if known.any():
        right = first == named
        statistics["class_accuracy"] = share_of(right, known)
        statistics["class_macro_recall"] = mean_of(
            [share_of(right, known & (first == c)) for c in range(len(AGE_CLASSES))]
        )
    return statistics


def _genders(answers: Answers) -> dict[str, Statistic]:
    known = (answers.female >= 0) & np.isfinite(answers.p_female)
    if not known.any():
        return {}
    p = np.nan_to_num(answers.p_female, nan=0.5)
    right, sure = (p >= 0.5) == (answers.female == 1), np.maximum(p, 1 - p)
    adults = known & (answers.label_low >= ADULT)
    # The most certain share of all faces, as answered: who is among them does not change with the resample.
    among = known & (sure >= np.quantile(sure[known], 1 - SURE))
    named = known & (answers.named >= 0)
    statistics = {
        "gender_accuracy": share_of(right, known),
        "gender_accuracy_sure": share_of(right, among),
        "gender_answered": share_of(named, known),
        "gender_ece": calibration_error(sure, right, known),
        "gender_brier": share_of((p - (answers.female == 1)) ** 2, known),
    }
    if adults.any():
        statistics["gender_accuracy_adults"] = share_of(right, adults)
    if named.any():
        statistics["gender_answered_right"] = share_of(answers.named == answers.female, named)
    return statistics


def _intervals(answers: Answers) -> dict[str, Statistic]:
    statistics: dict[str, Statistic] = {}
    given = np.isfinite(answers.age_low) & np.isfinite(answers.age_high)
    classes = ~answers.exact
    if given.any():
        statistics["interval_width"] = share_of(answers.age_high - answers.age_low, given)
        for name, among in (("interval_coverage", given & ~classes), ("label_class_reached", given & classes)):
            if among.any():
                statistics[name] = share_of(answers.held, among)
    if classes.any():
        whole = np.floor(answers.age + 0.5)
        statistics["label_class_accuracy"] = share_of(
            (whole >= answers.label_low) & (whole <= answers.label_high), classes & np.isfinite(answers.age)
        )
        if answers.distribution is not None:
            statistics["label_class_probability"] = share_of(_probability_of_label(answers), classes)
    return statistics


def _probability_of_label(answers: Answers) -> Floats:
    """The mass that each distribution has in the class that is labelled."""
    assert answers.distribution is not None
    years = np.arange(answers.distribution.shape[1])
    within = (years >= answers.label_low[:, None]) & (years <= answers.label_high[:, None])
    return np.asarray((answers.distribution * within).sum(axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """The weighted mean of ``numbers`` ``(n,)`` among ``counted`` (0 or 1) faces, for weights ``(B, n)``: ``(B,)``, NaN
    where none has weight. ``whether`` says that they are answers to a question, 0 or 1."""

    numbers: Floats
    counted: Floats
    whether: bool

    def __call__(self, weights: Floats) -> Floats:
        """See the class."""
        total = weights @ self.counted
        return np.asarray(np.divide(weights @ self.numbers, total, out=np.full(len(weights), np.nan), where=total > 0))

    def estimate(self, value: float) -> "Estimate | None":
        """Where all faces are alike, so that every resample is, too, an interval that knows how few they are."""
        if not self.whether or value not in (0.0, 1.0):
            return None
        return Estimate(value, *wilson(value, int(self.counted.sum())))


def share_of(values: NDArray[np.generic], among: Mask) -> Statistic:
    """The mean of ``values`` ``(n,)`` among some faces, or where they are true or false the share that is true."""
    numbers = np.where(among, values.astype(np.float64), 0.0)
    return Share(numbers, among.astype(np.float64), values.dtype == np.bool_)


def wilson(share: float, n: int, z: float = NORMAL) -> tuple[float, float]:
    """The interval of a share of ``n`` that is ``z`` standard deviations wide on either side (Wilson, 1927)."""
    middle, spread = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low, high = ((middle + side * spread) / (1 + z**2 / n) for side in (-1, 1))
    return (0.0 if share == 0 else low), (1.0 if share == 1 else high)


def mean_of(statistics: Sequence[Statistic]) -> Statistic:
    """The mean of those statistics that have a value."""

    def statistic(weights: Floats) -> Floats:
        values = np.array([each(weights) for each in statistics])
        given = np.isfinite(values)
        counts = given.sum(axis=0)
        total = np.where(given, values, 0.0).sum(axis=0)
        return np.asarray(np.divide(total, counts, out=np.full(len(weights), np.nan), where=counts > 0))

    return statistic


def calibration_error(sure: Floats, right: Mask, among: Mask) -> Statistic:
    """The expected calibration error for weights ``(B, n)``: over bins of the probability, the difference between it
    and the share that is right, weighted by how many faces are in the bin."""
    bins = np.minimum(((sure - 0.5) * 2 * ECE_BINS).astype(np.intp), ECE_BINS - 1)
    gaps = np.zeros((len(sure), ECE_BINS))
    gaps[np.arange(len(sure)), bins] = np.where(among, right - sure, 0.0)

    def statistic(weights: Floats) -> Floats:
        return np.asarray(np.abs(weights @ gaps).sum(axis=1) / np.maximum(weights @ among.astype(np.float64), 1.0))

    return statistic


def bootstrap(statistics: dict[str, Statistic], n: int, *, seed: int = 0) -> dict[str, Estimate]:
    """Each statistic of ``n`` faces, with its interval over ``RESAMPLES`` resamples, the same ones for all.

    What resampling itself adds to a statistic that is no mean (a calibration error grows) is taken off the interval.
    """
    drawn: dict[str, list[Floats]] = {name: [] for name in statistics}
    for weights in resamples(n, seed=seed):
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights))
    answer = {}
    for name, statistic in statistics.items():
        value, all_drawn = float(statistic(np.ones((1, n)))[0]), np.concatenate(drawn[name])
        alike = statistic.estimate(value) if isinstance(statistic, Share) else None
        found = alike or interval_of(value, all_drawn)
        added = max(0.0, float(np.nanmean(all_drawn)) - value) if name == "gender_ece" else 0.0
        answer[name] = Estimate(value, max(found.low - added, 0.0 if added else -np.inf), found.high - added)
    return answer


def resamples(n: int, *, seed: int = 0) -> Iterator[Floats]:
    """How often each of ``n`` faces is drawn in each of ``RESAMPLES`` resamples, some at a time: ``(B, n)``."""
    random = np.random.default_rng(seed)
    together = max(50, min(RESAMPLES, 250_000 // n))  # some megabytes at once
    for start in range(0, RESAMPLES, together):
        yield random.multinomial(n, np.full(n, 1 / n), size=min(together, RESAMPLES - start)).astype(np.float64)


def interval_of(value: float, drawn: Floats) -> Estimate:
    """A figure and the percentiles of what it was in resamples ``(B,)``; a NaN is a resample that has none."""
    low, high = np.nanpercentile(drawn, INTERVAL)
    return Estimate(value, float(low), float(high))
