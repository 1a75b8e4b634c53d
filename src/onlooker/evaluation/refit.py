"""A model's card with another calibration, and what that is worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from onlooker.evaluation.answers import Answers
from onlooker.evaluation.calibrate import Calibrated, Held, needed
from onlooker.evaluation.metrics import measure
from onlooker.evaluation.words import figure, percent
from onlooker.models import store
from onlooker.models.calibration import Calibration
from onlooker.models.cards import ModelCard


def recalibrated(card: ModelCard, calibration: Calibration, path: Path) -> ModelCard:
    """The card at ``path`` with a new calibration, of the same weights; figures of the old one are dropped where the
    card is another. Raises ``ModelError`` where the weights are missing or corrupt."""
    weights = store.require(card)
    places = {path.parent.resolve(), path.resolve().parent}  # two where it is a link, by which it is read as well
    same = path.resolve() == card.path.resolve()
    file = card.file if same or places == {weights.parent.resolve()} else str(weights.resolve())
    kept = {} if same else {"scores": {}, "fairness": {}, "url": ""}
    notes = promise(calibration, f" ({calibration.fitted_on})")
    return replace(card, file=file, calibration=calibration, notes=notes, path=path, **kept)  # type: ignore[arg-type]


def promise(calibration: Calibration, on: str = "") -> str:
    """What may be expected of the intervals, for a card; ``on`` says in brackets what they were fitted on."""
    return (
        f"The age interval holds the age of {percent(calibration.interval_probability)} of faces like those it was "
        f"calibrated on{on}; other cameras and other people may differ."
    )


def reserve(calibration: Calibration, faces: int) -> str:
    """A sentence where the intervals were fitted on too few ``faces`` to hold what they say, else an empty text."""
    least, share = needed(calibration.interval_probability), percent(calibration.interval_probability)
    if faces >= least:
        return ""
    return (
        f"The age interval was fitted on {faces} faces, too few to hold {share} of ages ({least} are needed); "
        "`onlooker calibrate` refits it on more."
    )


def by_classes(held: Held) -> str:
    """How many of the faces count by a class of ages, to be added to what a calibration was fitted on."""
    n = int(held.classes.sum())
    return f", {n:,} of them by classes of ages" if n else ""


def compared(answers: Answers, after: Calibrated, *, drawn: bool = False) -> tuple[str, str]:
    """What the intervals and the gender's probabilities were worth before and after, in words; ``drawn`` says that ages
    were drawn within classes."""
    new = replace(
        answers,
        age_low=np.asarray(after.age_low, np.float64),
        age_high=np.asarray(after.age_high, np.float64),
        p_female=np.asarray(after.p_female, np.float64),
    )
    return _told(answers, drawn), _told(new, drawn)


def _told(answers: Answers, drawn: bool) -> str:
    found = measure(answers)
    named = {
        "interval_coverage": "of ages held, as drawn" if drawn else "of ages held",
        "interval_width": "wide",
        "gender_ece": "off in the gender's probability",
    }
    figures = {key: getattr(found, key) for key in named}
    return ", ".join(f"{figure(key, value)} {named[key]}" for key, value in figures.items() if value is not None)
