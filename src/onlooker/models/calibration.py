"""How a network's raw answers become what is reported: part of its card, and the one documented form of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import HALF_YEARS
from onlooker.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Calibration:
    """Fitted by ``evaluation.calibrate`` on faces that the network never learnt from; kept in its card.

    interval_probability  share of faces whose age lies within ``age_low`` and ``age_high`` where no other is asked for
    gender_temperature    the gender logit is divided by this
    ages                  ``(K,)`` years, rising, for which tails are known; between them they are interpolated
    probabilities         ``(P,)`` rising: the shares of faces that an interval can be had for, and all between them
    tails                 ``K`` rows of ``P``: an age is held while the share of the distribution between it and the
                          median is at most this (``core.demographics.age_interval``)
    fitted_on             what it was fitted on, in words; empty where nobody said
    """

    interval_probability: float
    gender_temperature: float
    ages: tuple[float, ...]
    probabilities: tuple[float, ...]
    tails: tuple[tuple[float, ...], ...]
    fitted_on: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ages", tuple(self.ages))
        object.__setattr__(self, "probabilities", tuple(self.probabilities))
        object.__setattr__(self, "tails", tuple(tuple(row) for row in self.tails))
        self._require_numbers()
        if not self.ages or not self.probabilities:
            raise ValueError("a calibration needs ages and probabilities")
        if not (_rising(self.ages) and _rising(self.probabilities)):
            raise ValueError("the ages and the probabilities of a calibration must rise")
        if not all(0 < share < 1 for share in (*self.probabilities, self.interval_probability)):
            raise ValueError("the probabilities of a calibration must lie between 0 and 1")
        if self.gender_temperature <= 0:
            raise ValueError(f"gender_temperature must be above 0, is {self.gender_temperature:g}")
        if len(self.tails) != len(self.ages) or any(len(row) != len(self.probabilities) for row in self.tails):
            raise ValueError(f"tails must have {len(self.ages)} rows of {len(self.probabilities)}, as ages and shares")

    def _require_numbers(self) -> None:
        rows = {"ages": self.ages, "probabilities": self.probabilities, "tails": [v for row in self.tails for v in row]}
        single = {key: [getattr(self, key)] for key in ("interval_probability", "gender_temperature")}
        for name, values in {**rows, **single}.items():
            for value in values:
                if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                    raise ValueError(f"{name} must hold finite numbers, holds {value!r}")
        if not isinstance(self.fitted_on, str):
            raise TypeError(f"fitted_on must be a text, is {self.fitted_on!r}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Calibration":
        """What ``to_dict`` gave. Cards written before tails went by age hold one ``interval_tail``, which is for all.

        Raises ``TypeError`` or ``ValueError`` where it is malformed.
        """
        if not isinstance(values, Mapping):
            raise TypeError("the calibration must be a mapping")
        given = dict(values)
        if "interval_tail" in given and "interval_probability" in given:
            tail, probability = given.pop("interval_tail"), given["interval_probability"]
            given |= {"ages": (0.0,), "probabilities": (probability,), "tails": ((tail,),)}
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """The form in the card."""
        return {key: value for key, value in asdict(self).items() if value != ""}

    def tails_for(self, probability: float | None = None) -> NDArray[np.float64]:
        """The tail at each of ``HALF_YEARS``, ``(201,)``, of an interval that holds that share of ages.

        Raises ``InputError`` where the calibration knows no such interval.
        """
        wanted = self.interval_probability if probability is None else probability
        low, high = self.probabilities[0], self.probabilities[-1]
        if not low - 1e-9 <= wanted <= high + 1e-9:
            known = f"{low:g} to {high:g}" if high > low else f"{low:g} alone"
            raise InputError(
                f"this model's intervals are known for a confidence of {known}, not {wanted:g}; "
                "name one of those, or refit the model with `onlooker calibrate`"
            )
        at_ages = [np.interp(wanted, self.probabilities, row) for row in self.tails]
        return np.asarray(np.interp(HALF_YEARS, self.ages, at_ages), dtype=np.float64)


def _rising(values: Sequence[float]) -> bool:
    return all(one < other for one, other in pairwise(values))
