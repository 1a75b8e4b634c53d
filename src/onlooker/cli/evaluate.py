"""``onlooker evaluate``: how wrong is it, on labelled faces."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlooker.cli.confidence import confidence_option
from onlooker.cli.labelled import FORM, card_of, data_options, evaluated, protocol_of, read_faces, write_page
from onlooker.cli.options import detector_options

if TYPE_CHECKING:
    from onlooker.evaluation.report import Report


@click.command(
    name="evaluate",
    help="Analyze the labelled pictures of DATA and print the error, each figure with its 95 % bootstrap interval.\n\n"
    f"{FORM} A face is found by the detector unless --aligned is given.",
)
@data_options
@click.option("--format", "kind", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write evaluation.html, a page with figures, and evaluation.json there.",
)
@click.option("--record", metavar="NAME", help="Also write the figures into the model's card, under this name.")
@confidence_option
@detector_options
def command(
    data: Path,
    split: Path | None,
    part: str | None,
    kind: str,
    output: Path | None,
    record: str | None,
    confidence: float | None,
    detector: str,
    min_face: float,
    aligned: bool,
    workers: int | None,
    model: str | None,
) -> None:
    """See ``help`` above, which tells the form of the data."""
    import json

    from onlooker.analyzer import Analyzer
    from onlooker.attributes.estimator import FaceEstimator
    from onlooker.core.errors import InputError
    from onlooker.evaluation.page import evaluation_page
    from onlooker.evaluation.report import report

    if record and confidence is not None:
        raise InputError("--record keeps what the model does on its own; leave --confidence out of it")
    faces = read_faces(data, split, part)
    card = card_of(model)
    estimator = FaceEstimator(card, confidence=confidence)
    analyzer = Analyzer(detector, estimator, min_face=min_face, aligned=aligned, workers=workers)
    result = evaluated(analyzer, faces)
    found = report(result.answers, result.metrics, protocol_of(analyzer, card), card.calibration)
    figures = json.dumps(found.to_dict())
    click.echo(figures if kind == "json" else _table(found, estimator.confidence))
    if output:
        title = f"{card.name} on {data.stem or data.resolve().name}" + (f", {part} part" if part else "")
        write_page(output, "evaluation", evaluation_page(found, title, estimator.confidence), figures)
    if record:
        card.with_scores(record, found.for_card()).save()
        click.echo(f"recorded in {card.path}", err=True)


def _table(found: "Report", asked: float) -> str:
    from onlooker.evaluation.metrics import NAMES
    from onlooker.evaluation.words import NAMES as WORDS
    from onlooker.evaluation.words import figure, form, percent

    metrics = found.metrics
    lines = [f"{metrics.n} faces, {metrics.no_face} pictures without an answer; 95 % intervals in brackets"]
    without = {
        "gender_answered_right": "none named" if metrics.gender_answered else "no labels",
        "interval_coverage": "no known ages" if metrics.label_class_reached else "no labels",
    }
    for name in NAMES:
        value = getattr(metrics, name)
        if value is not None or not name.startswith("label_class"):
            said = figure(name, value) if value is not None else without.get(name, "no labels")
            lines.append(f"{WORDS[name]:<34} {said}")
    shown = {
        "mae": "error",
        "bias": "bias",
        "gender_accuracy": "gender",
        "gender_answered": "named",
        "interval_coverage": f"in {percent(asked)}",
        "interval_width": "width",
    }
    for by, heading in ((found.by_age, "labelled age"), (found.by_answer, "answered age")):
        lines += ["", f"{heading:<14}{'faces':>7}" + "".join(f"{head:>9}" for head in shown.values())]
        for band, one in by.items():
            cells = [getattr(one, name) for name in shown]
            told = ["-" if cell is None else form(name)(cell.value) for name, cell in zip(shown, cells, strict=True)]
            row = "".join(f"{cell:>9}" for cell in told)
            lines.append(f"{band:<14}{one.n:>7,}{row}")
    return "\n".join(lines)
