"""A model's card in words: Markdown made from the card's JSON alone, after Mitchell et al. (2019), never by hand."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from onlooker.core.demographics import GENDER_CONFIDENCE
from onlooker.core.doubts import BLURRED, DARK, SMALL, TURNED_PITCH, TURNED_YAW, YOUNG_AGE
from onlooker.evaluation.metrics import NAMES, Estimate
from onlooker.evaluation.words import NAMES as WORDS
from onlooker.evaluation.words import YEARS, apart, figure, form, percent
from onlooker.models.cards import ModelCard

_USE = """Estimating the age of faces in pictures, with an interval, and the likelier of two gender labels, for
statistics, for choosing what a screen shows, and for research.

Not for: verifying anyone's age (an interval of twenty years is no proof), identifying or recognising anyone, deciding
about a person, or telling a person's gender identity: it names the label that people in its data set were given.
"""

_LIMITS = """- Intervals and probabilities hold for faces like those they were calibrated on. Other cameras and people,
  and another meaning of an age, break that; `onlooker calibrate` refits them on labelled faces of your own.
- UTKFace's ages were partly estimated by a network, and the gender and race labels of every set are somebody's
  judgement of a picture.
- Faces askew by some 45 to 65 or 115 to 155 degrees, and one in ten of those upside down, are read wrongly, and nothing
  of the answer shows it.
- A figure without its data set says nothing: the sets differ more than models do.
"""


def model_card(card: ModelCard) -> str:
    """The Markdown of a card, its lines as long as they come."""
    parts = [_head(card), _scores(card), _ages(card), _fairness(card), _honesty(card), ("## Limits", _LIMITS)]
    return "\n".join(line for part in parts for line in part)


def _head(card: ModelCard) -> Iterator[str]:
    yield f"# Model card: {card.name}"
    yield f"Made by `onlooker models card {card.name}` from the model's card; do not edit by hand.\n"
    facts = {
        "Task": card.task,
        "Network": card.summary,
        "Training": card.origin,
        "Licence": card.licence,
        "Input": f"{card.input_size} x {card.input_size} pixels of a face, RGB" if card.input_size else "",
        "File": f"`{card.file}`, {card.bytes / 1e6:.1f} MB, SHA-256 `{card.sha256}`",
        "Note": card.notes,
    }
    yield from _table(["", ""], [[name, text] for name, text in facts.items() if text])
    if card.calibration is not None:
        yield f"## Intended use\n{_USE}"


def _scores(card: ModelCard) -> Iterator[str]:
    if not card.scores:
        return
    yield "## How wrong is it"
    yield "Each figure with its 95 % bootstrap interval over faces. Pictures without a face found are not among them.\n"
    rows = [["how they were found", *(str(s.get("protocol", "")) for s in card.scores.values())]]
    rows.append(
        ["faces (and pictures without one)", *(f"{s['n']:,} ({s.get('no_face', 0):,})" for s in card.scores.values())]
    )
    for name in NAMES:
        cells = [_cell(name, scores.get(name)) for scores in card.scores.values()]
        if any(cell != "-" for cell in cells):
            rows.append([WORDS[name], *cells])
    yield from _table(["", *card.scores], rows)


def _ages(card: ModelCard) -> Iterator[str]:
    columns = ("mae", "bias", "gender_accuracy", "gender_answered", "interval_coverage", "interval_width")
    for data, scores in card.scores.items():
        if by_age := scores.get("by_age"):
            yield f"## By age: {data}"
            yield from _table(["labelled age", "faces", *(WORDS[name] for name in columns)], _rows(by_age, columns))


def _fairness(card: ModelCard) -> Iterator[str]:
    for data, found in card.fairness.items():
        yield f"## Whom it serves worse: {data}"
        yield f"{found['n']:,} faces {found['protocol']}. Race labels are the data set's; nothing here predicts one."
        yield "Certain: the group's 95 % interval, widened for the number of groups that the worst was picked from,"
        yield "excludes the figure of everyone.\n"
        told = ("mae", "mae_excess", "gender_accuracy", "gender_accuracy_excess", "interval_coverage")
        worst = [gap for gap in found["gaps"] if gap["metric"] in told]
        for gap in worst:
            sure = "certain" if gap["certain"] else "within chance"
            yield (
                f"- {WORDS[gap['metric']]}, by {gap['grouping']}: worst **{gap['worst']}** ({sure}), best "
                f"{gap['best']}, {apart(gap['metric'], _estimate(gap['difference']))} apart"
            )
        yield ""
        columns = ("mae", "mae_excess", "bias", "gender_accuracy", "gender_accuracy_excess", "interval_coverage")
        if len(found["systems"]) > 1:
            shown = ("mae", "bias", "gender_accuracy", "class_accuracy")
            yield from _table(
                ["the same faces by", "faces", *(WORDS[n] for n in shown)], _rows(found["systems"], shown)
            )
        for grouping, groups in found["groups"].items():
            known = [name for name in columns if any(name in figures for figures in groups.values())]
            yield from _table([grouping, "faces", *(WORDS[n] for n in known)], _rows(groups, known))


def _honesty(card: ModelCard) -> Iterator[str]:
    calibration = card.calibration
    if calibration is None:
        return
    least, most = calibration.probabilities[0], calibration.probabilities[-1]
    known = f"asks for another, {least:g} to {most:g}" if most > least else f"knows {least:g} alone"
    kept = percent(calibration.interval_probability)
    yield "## What it says when it is not sure"
    yield f"- **Age** comes with an interval that is meant to hold {kept} of ages; `--confidence` {known}."
    yield f"- **Calibrated on** {calibration.fitted_on or 'faces that were not recorded'}."
    yield f"- **Gender's** logit is divided by {calibration.gender_temperature:g}. It is undetermined where neither"
    yield f"  label reaches {GENDER_CONFIDENCE:g}, and for faces that are small (under {SMALL:g} px high), blurred"
    yield f"  (sharpness under {BLURRED:g}), dark (brightness under {DARK:g}), turned (over {TURNED_YAW:g} degrees"
    yield f"  aside, {TURNED_PITCH:g} up or down), or of a child more likely than not under {YOUNG_AGE}.\n"


def _rows(groups: Mapping[str, Any], columns: Sequence[str]) -> list[list[str]]:
    return [
        [name, f"{found['n']:,}", *(_short(column, found.get(column)) for column in columns)]
        for name, found in groups.items()
    ]


def _estimate(value: Mapping[str, float]) -> Estimate:
    return Estimate(value["value"], value["low"], value["high"])


def _cell(name: str, value: Mapping[str, float] | None) -> str:
    return "-" if value is None else figure(name, _estimate(value))


def _short(name: str, value: Mapping[str, float] | None) -> str:
    return "-" if value is None else form(name)(value["value"]) + (" years" if name in YEARS else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"
    yield ""
