"""``onlooker audit``: who is served worse."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from onlooker.cli.labelled import FORM, card_of, data_options, evaluated, protocol_of, read_faces, write_page
from onlooker.cli.options import detector_options

if TYPE_CHECKING:
    from onlooker.evaluation.answers import Answers
    from onlooker.evaluation.audit import Audit


@click.command(
    name="audit",
    help="Every metric by sex, age band, race label or any other group of DATA and by their crossings; the worst group "
    f"first.\n\n{FORM} UTKFace's race label is its own; nothing here predicts one.",
)
@data_options
@click.option(
    "--peers",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="CSV of other systems' answers for the same files: file, and NAME_age (or NAME_age_low, NAME_age_high) and "
    "NAME_gender for each. Only faces that all answered are then compared.",
)
@click.option("--format", "kind", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write audit.html, a page with figures, and audit.json there.",
)
@click.option("--record", metavar="NAME", help="Also write the groups' figures into the model's card, under this name.")
@detector_options
def command(
    data: Path,
    split: Path | None,
    part: str | None,
    peers: Path | None,
    kind: str,
    output: Path | None,
    record: str | None,
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
    from onlooker.evaluation.audit import audit, read_peers
    from onlooker.evaluation.audit_page import audit_page
    from onlooker.evaluation.report import audit_for_card, audit_to_dict

    faces = read_faces(data, split, part)
    card = card_of(model)
    estimator = FaceEstimator(card)
    analyzer = Analyzer(detector, estimator, min_face=min_face, aligned=aligned, workers=workers)
    answers = evaluated(analyzer, faces).answers
    others: dict[str, Answers] = {}
    if peers:
        common, others = read_peers(peers, answers)
        answers = answers[common]
    found = audit(answers, others, asked=estimator.confidence, ours=card.name)
    protocol = protocol_of(analyzer, card)
    figures = json.dumps(audit_to_dict(found, protocol))
    click.echo(figures if kind == "json" else _table(found))
    if output:
        title = f"{card.name} on {data.stem or data.resolve().name}" + (f", {part} part" if part else "")
        write_page(output, "audit", audit_page(found, f"Who is served worse: {title}", protocol), figures)
    if record:
        card.with_fairness(record, audit_for_card(found, protocol)).save()
        click.echo(f"recorded in {card.path}", err=True)


_SHOWN = (
    "mae",
    "mae_excess",
    "bias",
    "gender_accuracy",
    "gender_accuracy_excess",
    "gender_accuracy_adults",
    "gender_answered",
    "class_accuracy",
    "interval_coverage",
)
_HEAD = ("error", "equal", "bias", "gender", "equal", "from 18", "named", "classes", "held")


def _table(found: "Audit") -> str:
    from onlooker.evaluation.audit import SMALL
    from onlooker.evaluation.words import NAMES as WORDS
    from onlooker.evaluation.words import apart, form, short

    lines = [
        "worst group by each metric; certain: its 95 % interval, widened by the number of groups, excludes everyone's",
        "at equal ages (equal): less what everyone of the same ages shows",
    ]
    for gap in sorted(found.gaps, key=lambda gap: " x " in gap.grouping):
        if gap.metric not in _SHOWN:
            continue
        say = form(gap.metric)
        sure = "certain" if gap.certain else "within chance"
        lines.append(
            f"{WORDS[gap.metric]}, by {gap.grouping}: {gap.worst} {say(gap.worst_value.value)} ({sure}), "
            f"best {gap.best} {say(gap.best_value.value)}; apart {apart(gap.metric, gap.difference)}"
        )
    everyone = found.everyone
    for system in everyone.systems:
        lines += ["", f"{system:<28}{'faces':>7}" + "".join(f"{head:>9}" for head in _HEAD)]
        for group in (everyone, *found.groups):
            if " x " in group.grouping and system != next(iter(everyone.systems)):
                continue
            cells = [getattr(group.systems[system], name) for name in _SHOWN]
            told = ["-" if c is None else short(name)(c.value) for name, c in zip(_SHOWN, cells, strict=True)]
            mark = "*" if group.small else ""
            lines.append(f"{group.name:<28}{group.n:>6,}{mark:<1}" + "".join(f"{cell:>9}" for cell in told))
    if any(group.small for group in found.groups):
        lines.append(f"* under {SMALL} faces: says little, and is never named the worst")
    return "\n".join(lines)
