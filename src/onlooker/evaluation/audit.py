"""Who is served worse: every metric by sex, age band, further groups and their crossings."""

import csv
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist

import numpy as np

from onlooker.core.errors import DatasetError
from onlooker.datasets import labelled
from onlooker.evaluation.answers import UNKNOWN, Answers
from onlooker.evaluation.curves import band_names, bands_of
from onlooker.evaluation.metrics import EXCESSES, NAMES, NORMAL, Estimate, Metrics, measure
from onlooker.evaluation.standardise import excesses

SMALL = 30
"""Faces under which a group says little; it is shown, and marked, and never named the worst."""

MOST_GROUPS = 20
"""Different values over which a column is no grouping of people but an identity of each, and is passed over."""

SEXES = {1: "female", 0: "male"}

WORSE_HIGH = frozenset({"mae", "mae_excess", "gender_ece", "gender_brier", "interval_width"})
"""Metrics that are worse where they are higher; bias is worse the farther it is from 0, coverage from what it says."""

UNRANKED = ("interval_width", "gender_ece", "class_macro_recall")
RANKED = tuple(
    ranked
    for name in NAMES
    if name not in UNRANKED
    for ranked in (name, f"{name}_excess")
    if ranked in (name, *EXCESSES)
)
"""Metrics that groups are ranked by. A width is no fault, a calibration error grows as a group shrinks, and a mean over
classes says nothing of a group that is one of them."""


@dataclass(frozen=True, slots=True)
class Group:
    """The faces of one group: the grouping (``race``, ``sex x race``), its name in it, and what each system does on
    them, by the system's name, ours first."""

    grouping: str
    name: str
    systems: Mapping[str, Metrics]

    @property
    def n(self) -> int:
        """Faces."""
        return next(iter(self.systems.values())).n

    @property
    def small(self) -> bool:
        """Whether it says little."""
        return self.n < SMALL


@dataclass(frozen=True, slots=True)
class Gap:
    """The worst and the best group of a grouping by one metric, and the difference, in the metric's own unit.

    certain  whether the worst group's interval excludes the figure over all faces, widened for as many groups as the
             worst was picked from: among twenty one lies outside its own 95 % by chance
    """

    grouping: str
    metric: str
    worst: str
    worst_value: Estimate
    best: str
    best_value: Estimate
    difference: Estimate
    certain: bool


@dataclass(frozen=True, slots=True)
class Audit:
    """Everyone, the groups, and the gaps, the widest groupings first."""

    everyone: Group
    groups: list[Group]
    gaps: list[Gap]


def audit(answers: Answers, peers: Mapping[str, Answers] | None = None, *, asked: float = 0.9, ours: str) -> Audit:
    """The audit of some answers, and of other systems' ``peers`` for the very same faces, in the same order.

    ``asked`` is the probability that the interval is meant to have, ``ours`` the name of our system. Raises
    ``DatasetError`` where a peer has that name, too.
    """
    if peers and ours in peers:
        raise DatasetError(
            f"the other systems' answers hold a {ours}, as the model audited; give its columns another name"
        )
    systems = {ours: answers, **(peers or {})}
    cells = {(grouping, name): chosen for grouping, name, chosen in _cells(answers)}
    masks = {("everyone", "everyone"): np.ones(len(answers), dtype=bool), **cells}
    aged = {key: mask for key, mask in masks.items() if key[0] != "age"}  # a band has no ages but its own
    beside = {name: excesses(said, aged) for name, said in systems.items()}
    everyone, *groups = (
        Group(*key, {name: _measured(said[mask], beside[name].get(key, {})) for name, said in systems.items()})
        for key, mask in masks.items()
    )
    gaps = []
    for grouping in dict.fromkeys(group.grouping for group in groups):
        among = [group for group in groups if group.grouping == grouping and not group.small]
        gaps += [gap for metric in RANKED if (gap := _gap(grouping, among, everyone, metric, asked, ours))]
    return Audit(everyone, groups, gaps)


def _measured(answers: Answers, beside: Mapping[str, Estimate]) -> Metrics:
    excess, of_gender = beside.get("mae_excess"), beside.get("gender_accuracy_excess")
    return replace(measure(answers), mae_excess=excess, gender_accuracy_excess=of_gender)


def groupings(answers: Answers) -> dict[str, np.ndarray]:
    """Each face's group, by grouping; an empty text is unknown."""
    given = {"sex": np.array([SEXES.get(int(f), "") for f in answers.female]), "age": bands_of(answers.label)}
    further = {name: v for name, v in answers.groups.items() if 1 < len(set(v.tolist()) - {""}) <= MOST_GROUPS}
    return {name: values for name, values in {**given, **further}.items() if (values != "").any()}


def _cells(answers: Answers) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every group and every crossing of two groupings that has faces."""
    found = groupings(answers)
    for name, values in found.items():
        for value in _ordered(name, values):
            yield name, value, values == value
    for (one, first), (two, second) in itertools.combinations(found.items(), 2):
        for value, other in itertools.product(_ordered(one, first), _ordered(two, second)):
            chosen = (first == value) & (second == other)
            if chosen.any():
                yield f"{one} x {two}", f"{value}, {other}", chosen


def _ordered(grouping: str, values: np.ndarray) -> list[str]:
    present = set(values.tolist()) - {""}
    return [name for name in band_names() if name in present] if grouping == "age" else sorted(present)


def badness(metric: str, value: float, asked: float) -> float:
    """How bad a figure is: more is worse."""
    if metric == "bias":
        return abs(value)
    if metric == "interval_coverage":
        return abs(value - asked)
    return value if metric in WORSE_HIGH else -value


def _gap(grouping: str, among: list[Group], everyone: Group, metric: str, asked: float, ours: str) -> Gap | None:
    figures = {group.name: getattr(group.systems[ours], metric) for group in among}
    known = {name: figure for name, figure in figures.items() if figure is not None}
    overall = getattr(everyone.systems[ours], metric)
    if len(known) < 2 or overall is None:
        return None
    ranked = sorted(known, key=lambda name: badness(metric, known[name].value, asked))
    best, worst = known[ranked[0]], known[ranked[-1]]
    low, high = _widened(worst, len(known))
    certain = low > overall.value or high < overall.value
    return Gap(grouping, metric, ranked[-1], worst, ranked[0], best, difference(worst, best), certain)


def _widened(figure: Estimate, groups: int) -> tuple[float, float]:
    """The interval that all of so many groups' figures lie in at once in 95 % (Bonferroni's correction): as much wider,
    on either side, as that of a normal distribution. Percentiles so far out would ask for more resamples."""
    wider = -NormalDist().inv_cdf((1 - 0.95) / 2 / groups) / NORMAL
    return figure.value - wider * (figure.value - figure.low), figure.value + wider * (figure.high - figure.value)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """How far two independent figures are apart, the greater less the smaller, its interval from theirs (Zou and
    Donner, 2008). Two groups' excesses share the means they are beside, and are taken for independent all the same."""
    high, low = (one, other) if one.value >= other.value else (other, one)
    value = high.value - low.value
    below = np.hypot(high.value - high.low, low.high - low.value)
    above = np.hypot(high.high - high.value, low.value - low.low)
    return Estimate(value, value - float(below), value + float(above))


def read_peers(path: Path, answers: Answers) -> tuple[np.ndarray, dict[str, Answers]]:
    """Other systems' answers for the files of ``answers``: which of them every system answered ``(n,)``, and what each
    said of those.

    A CSV with a column ``file``, and for a system NAME ``NAME_age`` or ``NAME_age_low`` and ``NAME_age_high`` (a class,
    which is answered as its middle and as an interval), and ``NAME_gender``. Raises ``DatasetError`` otherwise.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            reader.fieldnames = columns = [name.strip() for name in reader.fieldnames or []]
            rows = {row["file"]: row for row in reader}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path}: cannot be read as a CSV with a column file ({error}); check the path") from None
    names = list(dict.fromkeys(c.rsplit("_age", 1)[0] for c in columns if c.endswith(("_age", "_age_low"))))
    if not names:
        raise DatasetError(
            f"{path}: has no column NAME_age or NAME_age_low; it names {', '.join(columns) or 'nothing'}"
        )
    assert answers.files is not None
    said = [_said(rows.get(name), names) for name in labelled.told_as(answers.files.tolist(), rows)]
    common = np.array([row is not None for row in said])
    if not common.any():
        raise DatasetError(f"{path}: names none of the {len(answers)} files evaluated; its column file must")
    table = np.array([row for row in said if row is not None])
    ours = answers[common]
    return common, {name: _as_answers(ours, table[:, i]) for i, name in enumerate(names)}


def _said(row: Mapping[str, str] | None, names: list[str]) -> list[tuple[float, ...]] | None:
    """Age, its interval and the probability of female that each system says; ``None`` where one says no age."""
    if row is None:
        return None
    answers: list[tuple[float, ...]] = []
    for name in names:
        gender = {"female": 1.0, "woman": 1.0, "male": 0.0, "man": 0.0}.get(
            (row.get(f"{name}_gender") or "").strip().lower(), np.nan
        )
        try:
            if row.get(f"{name}_age"):
                age, low, high = float(row[f"{name}_age"]), np.nan, np.nan
            else:
                low, high = float(row[f"{name}_age_low"]), float(row[f"{name}_age_high"])
                age = (low + min(high, 100.0)) / 2
        except (KeyError, TypeError, ValueError):  # a row may be shorter than its head
            return None
        answers.append((age, low, high, gender))
    return answers


def _as_answers(ours: Answers, table: np.ndarray) -> Answers:
    age, low, high, female = table.T
    named = np.where(np.isfinite(female), female, UNKNOWN).astype(np.int8)
    return replace(ours, age=age, age_low=low, age_high=high, p_female=female, named=named, distribution=None)
