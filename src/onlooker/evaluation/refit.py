"""A model's card with another calibration, and what that is worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from onlooker.evaluation.answers import Answers
from onlooker.evaluation.calibrate import Calibrated
from onlooker.evaluation.metrics import measure
from onlooker.evaluation.words import figure
from onlooker.models import store
from onlooker.models.calibration import Calibration
from onlooker.models.cards import ModelCard


def recalibrated(card: ModelCard, calibration: Calibration, path: Path) -> ModelCard:
    """The card at ``path`` with a new calibration, of the same weights; figures of the old one are dropped where the
    card is another. Raises ``ModelError`` where the weights are missing or corrupt."""
    weights = store.require(card)
    here = path.parent.resolve()
    same = path.resolve() == card.path.resolve()
    file = card.file if same or weights.parent.resolve() == here else str(weights.resolve())
    kept = {} if same else {"scores": {}, "fairness": {}, "url": ""}
    notes = (
        f"The age interval holds the age of {calibration.interval_probability:.0%} of faces like those it was "
        f"calibrated on ({calibration.fitted_on}); other cameras and other people may differ."
    )
    return replace(card, file=file, calibration=calibration, notes=notes, path=path, **kept)  # type: ignore[arg-type]


def compared(answers: Answers, after: Calibrated) -> tuple[str, str]:
    """What the intervals and the gender's probabilities were worth before and after, in words."""
    new = replace(
        answers,
        age_low=np.asarray(after.age_low, np.float64),
        age_high=np.asarray(after.age_high, np.float64),
        p_female=np.asarray(after.p_female, np.float64),
    )
    return _told(answers), _told(new)


def _told(answers: Answers) -> str:
    found = measure(answers)
    named = {
        "interval_coverage": "of ages held",
        "interval_width": "wide",
        "gender_ece": "off in the gender's probability",
    }
    figures = {key: getattr(found, key) for key in named}
    return ", ".join(f"{figure(key, value)} {named[key]}" for key, value in figures.items() if value is not None)
