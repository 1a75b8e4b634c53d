"""The page of an evaluation."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from onlooker.evaluation.audit import SMALL
from onlooker.evaluation.curves import Point
from onlooker.evaluation.figures import Line, Row, chart, dots
from onlooker.evaluation.metrics import NAMES, Estimate, Metrics
from onlooker.evaluation.report import Report
from onlooker.evaluation.sheet import page, section
from onlooker.evaluation.words import NAMES as WORDS
from onlooker.evaluation.words import figure, form, percent


def evaluation_page(found: Report, title: str, asked: float) -> str:
    """The page of an evaluation; ``asked`` is the probability that the interval is meant to have."""
    metrics = found.metrics
    share = "{:.0%}".format
    parts = [section("Figures", "In brackets the 95 % interval of the bootstrap over faces.", _figures(metrics))]
    parts.append(
        section(
            "How far off ages are",
            "Share of faces whose age is at most so many years off. Systems that answer in whole years are compared "
            "with the second line: it counts an age that is right in its year as right.",
            chart(
                [Line("as answered", _line(found.score)), Line("in whole years", _line(found.score_whole), False)],
                "{:.0f}".format,
                share,
                x_name="years",
                y_name="share of faces",
                y_limits=(0.0, 1.0),
            ),
        )
    )
    bands = [("mae", "Age error by age", None, None), ("bias", "Too old or too young, by age", 0.0, None)]
    for name, heading, line, zone in bands:
        parts.append(_bands(name, heading, "", found.by_age, line, zone))
    for by, what in ((found.by_age, "by the labelled age"), (found.by_answer, "by the answered age")):
        text = f"Share of ages in the interval meant to hold {percent(asked)}; the band is five points either side."
        parts.append(
            _bands("interval_coverage", f"Ages held, {what}", text, by, asked, (asked - 0.05, min(1.0, asked + 0.05)))
        )
    parts.append(_bands("interval_width", "Width of the interval, by the answered age", "Years.", found.by_answer))
    if found.coverage:
        text = "Ages held by an interval of each confidence that the model knows; on the line it holds what it says."
        parts.append(
            _diagonal("Any confidence", text, found.coverage, "confidence asked for", "share of ages held", 0.5)
        )
    if found.reliability:
        text = "Among faces whose probability of female is so high, the share labelled female; on the line it is right."
        parts.append(_diagonal("Gender's probability", text, found.reliability, "probability of female", "share", 0.0))
        parts.append(
            section(
                "Gender among the most certain",
                "Share right among the half of the faces that is most certain, among 60 %, and so on to all.",
                chart(
                    [Line("", _line(found.certainty))],
                    share,
                    "{:.1%}".format,
                    x_name="share of faces, the most certain first",
                    y_name="genders right",
                ),
            )
        )
        parts.append(_bands("gender_answered", "Gender named, by age", "Share of faces.", found.by_age))
        parts.append(_bands("gender_accuracy", "Gender right, by age", "The likelier one.", found.by_age))
    about = f"{metrics.n:,} faces {escape(found.protocol)}; {metrics.no_face:,} pictures without an answer."
    return page(title, about, parts)


def _bands(
    metric: str,
    heading: str,
    text: str,
    by: Mapping[str, Metrics],
    line: float | None = None,
    zone: tuple[float, float] | None = None,
) -> str:
    rows = [
        Row(name, value, found.n, faint=found.n < SMALL)
        for name, found in by.items()
        if (value := getattr(found, metric)) is not None
    ]
    if not rows:
        return ""
    return section(heading, text, dots(rows, form(metric), line=line, zone=zone, limits=_limits(metric, rows, zone)))


def _limits(metric: str, rows: Sequence[Row], zone: tuple[float, float] | None) -> tuple[float, float] | None:
    """The ends of a share's axis: for coverage from 60 %, or from where the lowest of what is drawn lies."""
    if metric == "interval_coverage":
        lowest = min([row.value.low for row in rows] + [zone[0] if zone else 1.0])
        return min(0.6, math.floor(10 * lowest) / 10), 1.0
    return (0.0, 1.0) if metric == "gender_answered" else None


def _diagonal(heading: str, text: str, points: Sequence[Point], x_name: str, y_name: str, least: float) -> str:
    share = "{:.0%}".format
    drawn = chart(
        [Line("", _line(points))],
        share,
        share,
        x_name=x_name,
        y_name=y_name,
        diagonal=True,
        x_limits=(least, 1.0),
        y_limits=(least, 1.0),
    )
    return section(heading, text, drawn)


def _line(points: Sequence[Point]) -> list[tuple[float, Estimate]]:
    return [(point.x, point.y) for point in points]


def _figures(metrics: Metrics) -> str:
    rows = [
        f"<tr><td>{escape(WORDS[name])}</td><td>{_told(name, metrics)}</td></tr>"
        for name in NAMES
        if getattr(metrics, name) is not None
    ]
    return f"<table>{''.join(rows)}</table>"


def _told(name: str, metrics: Metrics) -> str:
    value = getattr(metrics, name)
    if value is None:
        return "-"
    shown, interval = figure(name, value).split(" (")
    return f"<strong>{shown}</strong> <small>({interval}</small>"
