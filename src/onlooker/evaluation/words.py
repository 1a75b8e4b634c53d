"""Metrics in words, for tables and pages."""

from collections.abc import Callable

from onlooker.evaluation.metrics import Estimate

NAMES = {
    "mae": "age, mean absolute error",
    "cs5": "age, at most 5 years off",
    "cs5_whole": "the same, in whole years",
    "bias": "age, mean error",
    "gender_accuracy": "gender right",
    "gender_accuracy_adults": "gender right, from 18",
    "gender_accuracy_sure": "gender right, 90 % most certain",
    "gender_answered": "gender named",
    "gender_answered_right": "gender right where named",
    "gender_ece": "gender, calibration error",
    "gender_brier": "gender, Brier score",
    "class_accuracy": "child / adult / old right",
    "class_macro_recall": "child / adult / old, mean recall",
    "label_class_accuracy": "labelled class of ages right",
    "label_class_probability": "probability of the labelled class",
    "label_class_reached": "labelled class reached by interval",
    "interval_coverage": "age within its interval",
    "interval_width": "width of the interval",
    "mae_excess": "age error, at equal ages",
    "gender_accuracy_excess": "gender right, at equal ages",
}

YEARS = frozenset({"mae", "bias", "interval_width", "mae_excess"})
PLAIN = frozenset({"gender_brier"})


def form(metric: str) -> Callable[[float], str]:
    """How a figure of a metric is written, without its unit where that is years."""
    if metric in ("bias", "mae_excess"):
        return signed
    if metric == "gender_accuracy_excess":
        return lambda value: f"{signed(100 * value, digits=1)} points"
    if metric in YEARS:
        return lambda value: f"{value:.2f}"
    if metric in PLAIN:
        return lambda value: f"{value:.4f}"
    return lambda value: f"{100 * value:.1f} %"


def short(metric: str) -> Callable[[float], str]:
    """The same for a narrow column: no unit but that of a share."""
    return (lambda value: signed(100 * value, digits=1)) if metric == "gender_accuracy_excess" else form(metric)


def signed(value: float, *, digits: int = 2) -> str:
    """A difference with its sign."""
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(share: float) -> str:
    """A share that somebody chose, with the digits that it has: ``90%``, ``97.5%``."""
    return f"{round(100 * share, 6):g}%"


def figure(metric: str, value: Estimate) -> str:
    """A figure with its unit and its interval: ``4.61 years (4.41 to 4.81)``."""
    say = form(metric)
    unit = " years" if metric in YEARS else ""
    return f"{say(value.value)}{unit} ({say(value.low)} to {say(value.high)})"


def apart(metric: str, value: Estimate) -> str:
    """A difference of two figures with its interval: in years, or in points of a percentage."""
    scale, unit, digits = (1, "years", 2) if metric in YEARS else (100, "points", 1)
    shown, low, high = (f"{scale * v:.{digits}f}" for v in (value.value, value.low, value.high))
    return f"{shown} {unit} ({low} to {high})".replace("-", "\N{MINUS SIGN}")
