"""``onlooker calibrate``: intervals and probabilities that hold for your own cameras."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlooker.cli.labelled import FORM, card_of, data_options, evaluated, protocol_of, read_faces
from onlooker.cli.options import detector_options
from onlooker.cli.ranges import FiniteRange

if TYPE_CHECKING:
    from onlooker.models.cards import ModelCard


@click.command(
    name="calibrate",
    help="Refit a model's age intervals and gender probabilities on the labelled faces of DATA, which it must not have "
    f"learnt from, and write its new card.\n\n{FORM} The weights stay as they are; use the card by --model FILE.",
)
@data_options
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="The new card (.json). It names the weights by their place where they lie elsewhere.",
)
@click.option(
    "--probability",
    type=FiniteRange(0.5, 0.99),
    default=0.9,
    show_default=True,
    metavar="SHARE",
    help="Share of ages that the interval is to hold where no --confidence asks for another.",
)
@detector_options
def command(
    data: Path,
    split: Path | None,
    part: str | None,
    output: Path,
    probability: float,
    detector: str,
    min_face: float,
    aligned: bool,
    workers: int | None,
    model: str | None,
) -> None:
    """See ``help`` above, which tells the form of the data."""
    import numpy as np

    from onlooker.analyzer import Analyzer
    from onlooker.attributes.estimator import FaceEstimator
    from onlooker.core.errors import InputError
    from onlooker.evaluation.calibrate import GENDERS, cross_fitted, fit_calibration, located
    from onlooker.evaluation.refit import by_classes, compared, recalibrated
    from onlooker.evaluation.run import held_of

    card = card_of(model)
    _require_free(output, data, card)
    faces = read_faces(data, split, part)
    analyzer = Analyzer(detector, FaceEstimator(card), min_face=min_face, aligned=aligned, workers=workers)
    answers = evaluated(analyzer, faces).answers
    assert card.calibration is not None
    temperature = card.calibration.gender_temperature
    labelled = held_of(answers, temperature)
    held = located(labelled)
    years = held.age_low.astype(np.float64), held.age_high.astype(np.float64)
    answers = replace(answers, label_low=years[0], label_high=years[1])
    name = (data.stem or data.resolve().name) + (f", {part} part" if part else "")
    fitted_on = f"{name}: {len(held):,} faces {protocol_of(analyzer, card).split(', read')[0]}{by_classes(labelled)}"
    calibration = fit_calibration(held, probability, fitted_on, temperature=temperature)
    before, after = compared(
        answers, cross_fitted(held, probability, temperature=temperature), drawn=held is not labelled
    )
    click.echo(f"{len(held):,} faces")
    if classes := int(labelled.classes.sum()):
        click.echo(
            f"{classes:,} of them are labelled by classes of ages: each counts by an age drawn from what the model "
            "says of the face within its class"
        )
    for line in (f"before: {before}", f"after, each face by a fit of the others: {after}"):
        click.echo(line)
    if (genders := int((held.females >= 0).sum())) < GENDERS:
        click.echo(f"gender's probabilities stay as they were: {genders} genders are labelled, {GENDERS} are needed")
    try:
        recalibrated(card, calibration, output).save()
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror}); name another file") from None
    click.echo(f"use it: onlooker analyze PICTURE --model {output}")


def _require_free(output: Path, data: Path, card: "ModelCard") -> None:
    """Raise ``InputError`` where the new card would replace something else than a card of such a model, or the one by
    which other weights, beside it under its name, are known: the package's are, and what `onlooker export` writes."""
    from onlooker.core.errors import InputError, ModelError
    from onlooker.models.cards import ModelCard

    if output.suffix.lower() != ".json":
        raise InputError(f"{output}: a card is a .json file; name one with --output")
    if output.resolve() == data.resolve():
        raise InputError(f"{output} is the labelled data; name another file with --output")
    if output.exists() and output.stat().st_size:
        try:
            there = ModelCard.load(output)
        except ModelError:
            raise InputError(f"{output} is there, and no model's card; name another file with --output") from None
        if there.sha256 == card.sha256:
            return
        if there.task != card.task:
            raise InputError(f"{output} is the card of another model, {there.name}; name another file with --output")
        if output.with_suffix(Path(there.file).suffix).exists():
            raise InputError(
                f"{output} is the card of another model, {there.name}, whose weights lie beside it; name another file "
                "with --output"
            )
