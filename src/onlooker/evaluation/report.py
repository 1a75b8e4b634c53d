"""An evaluation and an audit as plain data: what is printed as JSON, drawn on a page and recorded in a model's card."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from onlooker.evaluation import curves
from onlooker.evaluation.answers import Answers
from onlooker.evaluation.audit import Audit, Group
from onlooker.evaluation.metrics import NAMES, Estimate, Metrics
from onlooker.models.calibration import Calibration

BY_BAND = ("mae", "bias", "gender_accuracy", "gender_answered", "interval_coverage", "interval_width")
"""What is told of each age band."""

BY_GROUP = (
    *("mae", "mae_excess", "bias", "cs5", "gender_accuracy", "gender_accuracy_excess"),
    *("gender_answered_right", "class_accuracy", "interval_coverage"),
)
"""What is recorded in a card of each group."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that an evaluation shows.

    protocol             how the faces were found, and by which model
    metrics              the figures
    by_age, by_answer    metrics by the band of the labelled age, and of the age that was answered
    score, score_whole   the cumulative score at 1 to 15 years, of ages as answered and in whole years
    reliability          share of women by the probability of female
    certainty            genders right among the most certain
    coverage             ages held by the probability that was asked for; empty where the model states none, or where
                         classes of ages are all that is known
    """

    protocol: str
    metrics: Metrics
    by_age: Mapping[str, Metrics]
    by_answer: Mapping[str, Metrics]
    score: list[curves.Point]
    score_whole: list[curves.Point]
    reliability: list[curves.Point]
    certainty: list[curves.Point]
    coverage: list[curves.Point]

    def to_dict(self) -> dict[str, Any]:
        """The form of ``onlooker evaluate --format json``: the metrics first, then what they are made of."""
        return {
            "protocol": self.protocol,
            **self.metrics.to_dict(),
            "by_age": {name: _figures(found, BY_BAND) for name, found in self.by_age.items()},
            "by_answered_age": {name: _figures(found, BY_BAND) for name, found in self.by_answer.items()},
            "cumulative_score": _points(self.score),
            "cumulative_score_whole_years": _points(self.score_whole),
            "gender_reliability": _points(self.reliability),
            "gender_by_certainty": _points(self.certainty),
            "interval_coverage_by_confidence": _points(self.coverage),
        }

    def for_card(self) -> dict[str, Any]:
        """What a model's card keeps: no curves."""
        kept = ("protocol", "n", *NAMES, "no_face", "by_age")
        return {key: value for key, value in self.to_dict().items() if key in kept and value is not None}


def report(answers: Answers, metrics: Metrics, protocol: str, calibration: Calibration | None) -> Report:
    """The report of some answers and their metrics."""
    return Report(
        protocol=protocol,
        metrics=metrics,
        by_age=curves.by_band(answers, answers.label),
        by_answer=curves.by_band(answers, answers.age),
        score=curves.cumulative_score(answers, whole=False),
        score_whole=curves.cumulative_score(answers, whole=True),
        reliability=curves.reliability(answers),
        certainty=curves.certainty(answers),
        coverage=curves.coverage(answers, calibration) if calibration else [],
    )


def audit_to_dict(found: Audit, protocol: str) -> dict[str, Any]:
    """The form of ``onlooker audit --format json``."""
    return {
        "protocol": protocol,
        "everyone": _group(found.everyone),
        "gaps": [asdict(gap) for gap in found.gaps],
        "groups": [_group(group) for group in found.groups],
    }


def audit_for_card(found: Audit, protocol: str) -> dict[str, Any]:
    """What a model's card keeps of an audit: the groups that are no crossings, and their gaps."""
    ours = next(iter(found.everyone.systems))
    groups: dict[str, Any] = {}
    for group in found.groups:
        if " x " not in group.grouping:
            groups.setdefault(group.grouping, {})[group.name] = _figures(group.systems[ours], BY_GROUP)
    gaps = [gap for gap in found.gaps if gap.grouping in groups and gap.metric in BY_GROUP]
    return {
        "protocol": protocol,
        "n": found.everyone.n,
        "systems": {name: _figures(m, BY_GROUP) for name, m in found.everyone.systems.items()},
        "groups": groups,
        "gaps": [
            {
                "grouping": gap.grouping,
                "metric": gap.metric,
                "worst": gap.worst,
                "best": gap.best,
                "difference": gap.difference.to_dict(),
                "certain": gap.certain,
            }
            for gap in gaps
        ],
    }


def _group(group: Group) -> dict[str, Any]:
    systems = {name: metrics.to_dict() for name, metrics in group.systems.items()}
    return {"grouping": group.grouping, "name": group.name, "n": group.n, "small": group.small, "systems": systems}


def _figures(found: Metrics, names: Iterable[str]) -> dict[str, Any]:
    kept = {name: value.to_dict() for name in names if isinstance(value := getattr(found, name), Estimate)}
    return {"n": found.n, **kept}


def _points(points: list[curves.Point]) -> list[dict[str, float]]:
    return [point.to_dict() for point in points]
