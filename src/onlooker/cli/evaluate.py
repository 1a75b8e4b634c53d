"""``onlooker evaluate``: how wrong is it, on labelled faces."""

import json
from pathlib import Path

import click

from onlooker.cli.options import detector_options, progress


@click.command(name="evaluate")
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--split", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="CSV file,part,group.")
@click.option("--part", default=None, help="The part of the split to evaluate: train, validation, calibration or test.")
@click.option("--format", "kind", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option("--record", metavar="NAME", help="Also write the figures into the model's card, under this name.")
@detector_options
def command(
    data: Path,
    split: Path | None,
    part: str | None,
    kind: str,
    record: str | None,
    detector: str,
    min_face: float,
    aligned: bool,
    workers: int | None,
    model: str | None,
) -> None:
    """Analyze the labelled pictures of DATA and print the error, each figure with its 95 % bootstrap interval.

    DATA is a folder of files named as UTKFace's (age_gender_race_time.jpg), or a CSV with the columns file and age and,
    if known, gender. A face is found by the detector unless --aligned is given.
    """
    from onlooker.analyzer import Analyzer
    from onlooker.core.errors import InputError
    from onlooker.datasets import labelled
    from onlooker.datasets.split import part_files
    from onlooker.evaluation.run import evaluate
    from onlooker.models.cards import ModelCard, builtin_card

    if (split is None) != (part is None):
        raise InputError("--split and --part belong together: name the split's file and one of its parts")
    read = labelled.read(data)
    faces = read.faces
    if split is not None and part is not None:
        faces = list(labelled.select(faces, part_files(split, part)))
        if not faces:
            raise InputError(f"no file of the part {part} of {split} lies in {data}; check that they belong together")
    for problem in read.problems:
        click.echo(f"left out: {problem}", err=True)
    analyzer = Analyzer(detector, Path(model) if model else None, min_face=min_face, aligned=aligned, workers=workers)
    with progress("evaluating", len(faces)) as step:
        result = evaluate(analyzer, faces, step)
    for name, why in result.missed:
        click.echo(f"no answer: {name}: {why}", err=True)
    figures = result.metrics.to_dict()
    click.echo(json.dumps(figures) if kind == "json" else _table(figures))
    if record:
        from onlooker.attributes.estimator import DEFAULT_MODEL

        card = ModelCard.load(Path(model)) if model else builtin_card(DEFAULT_MODEL)
        path = (
            "given crops" if aligned or analyzer.detector is None else f"found by {analyzer.detector.name}, end to end"
        )
        card.with_scores(record, {"protocol": path, **figures}).save()


_NAMES = {
    "mae": "age, mean absolute error",
    "cs5": "age, at most 5 years off",
    "gender_accuracy": "gender right",
    "class_accuracy": "child / adult / old right",
    "class_macro_recall": "child / adult / old, mean recall",
    "interval_coverage": "age within its interval",
}


def _table(figures: dict[str, object]) -> str:
    lines = [f"{figures['n']} faces, {figures['no_face']} pictures without an answer; 95 % intervals in brackets"]
    for key, name in _NAMES.items():
        value = figures[key]
        if not isinstance(value, dict):
            lines.append(f"{name:<34} no labels")
            continue
        form = "{:.2f}" if key == "mae" else "{:.1%}"
        shown, low, high = (form.format(value[k]) for k in ("value", "low", "high"))
        lines.append(f"{name:<34} {shown}{' years' if key == 'mae' else ''}  ({low} to {high})")
    return "\n".join(lines)
