"""Age and gender from face crops, by the network that this project trained."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import N_AGES, age_interval, age_quantile, softmax
from onlooker.core.errors import ModelError
from onlooker.core.faces import Attributes, Floats, Picture8
from onlooker.models import store
from onlooker.models.calibration import Calibration
from onlooker.models.cards import DEFAULT_MODEL, ModelCard, builtin_card, find_card
from onlooker.models.runtime import Session

_BATCH = 4
"""Crops a call of the network: more at once overflow the processor's caches and are slower."""


class FaceEstimator:
    """Reads crops in the canonical frame.

    ``card`` is the network's card, the path of its file, or the name of one that ships with the package (default:
    ``DEFAULT_MODEL``); ``threads`` bounds what one call uses; ``confidence`` is the share of ages that the interval
    holds (default: the card's). Raises ``ModelError`` where its file is missing or corrupt, ``InputError`` where its
    card knows no such interval.
    """

    def __init__(
        self, card: ModelCard | Path | None = None, *, threads: int = 1, confidence: float | None = None
    ) -> None:
        if card is None:
            card = builtin_card(DEFAULT_MODEL)
        elif isinstance(card, Path):
            card = find_card(card)
        if card.calibration is None or not card.input_size:
            raise ModelError(f"{card.name} is no age and gender model: its card has no calibration; name another card")
        self.card = card
        self.calibration = card.calibration
        self.confidence = card.calibration.interval_probability if confidence is None else confidence
        self.tails = card.calibration.tails_for(self.confidence)
        self.crop_size = card.input_size
        self._session = Session(store.require(card), threads=threads)
        self._threads = threads

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, in this process or another, loads the network again."""
        return partial(FaceEstimator, self.card, threads=self._threads, confidence=self.confidence), ()

    def estimate(self, crops: Sequence[Picture8]) -> Attributes:
        """See ``Estimator``."""
        ages, genders = [np.zeros((0, N_AGES), np.float32)], [np.zeros(0, np.float32)]
        for start in range(0, len(crops), _BATCH):
            out = self._session.run({"pixels": np.stack(crops[start : start + _BATCH])})
            ages.append(out["age"])
            genders.append(out["gender"])
        return calibrated(np.concatenate(ages), np.concatenate(genders), self.calibration, self.tails)

    def at(self, attributes: Attributes, confidence: float) -> Attributes:
        """The same attributes with intervals that hold another share of ages, 0.5 to 0.99. Raises ``InputError`` where
        the card knows no such interval."""
        low, high = age_interval(attributes.age_distribution, self.calibration.tails_for(confidence))
        return replace(attributes, age_low=low, age_high=high)


def calibrated(
    age_logits: Floats, gender_logits: Floats, calibration: Calibration, tails: NDArray[np.float64] | None = None
) -> Attributes:
    """Attributes from the network's logits ``(N, 101)`` and ``(N,)``.

    The age is the distribution's median; its interval holds the ages that lie not too far out in it, and how far that
    is was fitted for each age, so that the interval holds the stated share of people of that age (distributional
    conformal prediction, Chernozhukov, Wuethrich and Zhu, 2021, made label-conditional after Vovk, 2012). ``tails``
    are ``calibration.tails_for`` the share that is wanted, by default the calibration's own.
    """
    distribution = softmax(age_logits)
    low, high = age_interval(distribution, calibration.tails_for() if tails is None else tails)
    return Attributes(
        age_distribution=distribution,
        p_female=1 / (1 + np.exp(-gender_logits / calibration.gender_temperature)),
        age=age_quantile(distribution, 0.5),
        age_low=low,
        age_high=high,
    )
