"""``onlooker calibrate``: intervals and probabilities that hold for your own cameras."""

from pathlib import Path

import click

from onlooker.cli.labelled import FORM, card_of, data_options, evaluated, protocol_of, read_faces
from onlooker.cli.options import detector_options


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
    type=click.FloatRange(0.5, 0.99),
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
    from onlooker.analyzer import Analyzer
    from onlooker.attributes.estimator import FaceEstimator
    from onlooker.core.errors import InputError
    from onlooker.evaluation.calibrate import GENDERS, cross_fitted, fit_calibration
    from onlooker.evaluation.refit import compared, recalibrated
    from onlooker.evaluation.run import held_of

    faces = read_faces(data, split, part)
    card = card_of(model)
    analyzer = Analyzer(detector, FaceEstimator(card), min_face=min_face, aligned=aligned, workers=workers)
    answers = evaluated(analyzer, faces).answers
    assert card.calibration is not None
    temperature = card.calibration.gender_temperature
    held = held_of(answers, temperature)
    name = (data.stem or data.resolve().name) + (f", {part} part" if part else "")
    fitted_on = f"{name}: {len(held):,} faces {protocol_of(analyzer, card).split(', read')[0]}"
    calibration = fit_calibration(held, probability, fitted_on, temperature=temperature)
    before, after = compared(answers, cross_fitted(held, probability, temperature=temperature))
    for line in (f"{len(held):,} faces", f"before: {before}", f"after, each face by a fit of the others: {after}"):
        click.echo(line)
    if (genders := int((held.females >= 0).sum())) < GENDERS:
        click.echo(f"gender's probabilities stay as they were: {genders} genders are labelled, {GENDERS} are needed")
    try:
        recalibrated(card, calibration, output).save()
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror}); name another file") from None
    click.echo(f"use it: onlooker analyze PICTURE --model {output}")
