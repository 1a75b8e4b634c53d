"""What the commands that read labelled faces share: their options, the faces, and what is said of those left out."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onlooker.cli.names import printable

if TYPE_CHECKING:
    from onlooker.analyzer import Analyzer
    from onlooker.datasets.labelled import LabelledFace
    from onlooker.evaluation.run import Evaluation
    from onlooker.models.cards import ModelCard

FORM = (
    "DATA is a folder of files named as UTKFace's (age_gender_race_time.jpg), or a CSV with the columns file and age: "
    "years, or a class of them (25-34, 70+). A column gender (female, male) may be there; any other is a group."
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """``DATA``, ``--split`` and ``--part``."""
    options = [
        click.argument("data", type=click.Path(path_type=Path)),
        click.option(
            "--split", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="CSV file,part,group."
        ),
        click.option("--part", help="The part of the split to read: train, validation, calibration or test."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_faces(data: Path, split: Path | None, part: str | None) -> "list[LabelledFace]":
    """The labelled faces of ``data``, of one part of a split where that is named; what is left out is told."""
    from onlooker.core.errors import InputError
    from onlooker.datasets import labelled
    from onlooker.datasets.split import part_files

    if (split is None) != (part is None):
        raise InputError("--split and --part belong together: name the split's file and one of its parts")
    read = labelled.read(data)
    faces = read.faces
    if split is not None and part is not None:
        faces = list(labelled.select(faces, part_files(split, part)))
        if not faces:
            raise InputError(f"no file of the part {part} of {split} lies in {data}; check that they belong together")
    for problem in read.problems:
        click.echo(f"left out: {printable(problem)}", err=True)
    return faces


def evaluated(analyzer: "Analyzer", faces: "list[LabelledFace]") -> "Evaluation":
    """Every face answered, with a bar; what gave no answer is told."""
    from onlooker.cli.options import progress
    from onlooker.evaluation.run import evaluate

    with progress("evaluating", len(faces)) as step:
        result = evaluate(analyzer, faces, step)
    for name, why in result.missed:
        click.echo(f"no answer: {printable(f'{name}: {why}')}", err=True)
    return result


def card_of(model: str | None) -> "ModelCard":
    """The card that ``--model`` names, or the package's own."""
    from onlooker.models.cards import DEFAULT_MODEL, find_card

    return find_card(model or DEFAULT_MODEL)


def protocol_of(analyzer: "Analyzer", card: "ModelCard") -> str:
    """How the faces were found, and by which model they were read."""
    found = "given as crops" if analyzer.detector is None else f"found by {analyzer.detector.name}, end to end"
    return f"{found}, read by {card.name}"


def write_page(folder: Path, name: str, html: str, data: str) -> None:
    """``NAME.html`` and ``NAME.json`` in a folder that is made where it is missing."""
    from onlooker.core.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
        (folder / f"{name}.json").write_text(data + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written to ({error.strerror}); name another folder") from None
    click.echo(f"{folder / f'{name}.html'} shows it, {folder / f'{name}.json'} holds every figure", err=True)
