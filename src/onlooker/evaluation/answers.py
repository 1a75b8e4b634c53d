"""What was said of faces, beside what is known of them: all that the metrics are computed from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import GENDER_CONFIDENCE, N_AGES
from onlooker.core.faces import Attributes

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

UNKNOWN = -1
"""A gender that has no label, or that was left undetermined."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers of ``n`` faces beside their labels, ``(n,)`` each; NaN where a system says nothing.

    label_low, label_high  years: equal where the age is known, else the ends of its class
    female                 1, 0, or -1 where the gender has no label
    age                    years, the median
    age_low, age_high      years, the interval
    p_female               probability of the label female
    named                  the gender that was named: 1, 0, or -1 for undetermined
    distribution           ``(n, 101)`` probability of each year
    files                  the pictures' names
    groups                 further labels, one array of texts a name; an empty text is unknown
    """

    label_low: Floats
    label_high: Floats
    female: NDArray[np.int8]
    age: Floats
    age_low: Floats
    age_high: Floats
    p_female: Floats
    named: NDArray[np.int8]
    distribution: NDArray[np.float32] | None = None
    files: NDArray[np.str_] | None = None
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, read: Attributes, low: NDArray[np.floating], high: NDArray[np.floating], females: NDArray[np.number]
    ) -> "Answers":
        """An estimator's answers, and labels as in ``datasets.labelled.Examples``; doubts are not heard."""
        p = np.asarray(read.p_female, dtype=np.float64)
        return cls(
            label_low=np.asarray(low, dtype=np.float64),
            label_high=np.asarray(high, dtype=np.float64),
            female=females.astype(np.int8),
            age=np.asarray(read.age, dtype=np.float64),
            age_low=np.asarray(read.age_low, dtype=np.float64),
            age_high=np.asarray(read.age_high, dtype=np.float64),
            p_female=p,
            named=named_by(p),
            distribution=read.age_distribution,
        )

    def __len__(self) -> int:
        return len(self.age)

    def __getitem__(self, chosen: Mask | NDArray[np.intp]) -> "Answers":
        arrays: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "groups"}
        taken: dict[str, Any] = {name: None if array is None else array[chosen] for name, array in arrays.items()}
        return Answers(**taken, groups={name: values[chosen] for name, values in self.groups.items()})

    @property
    def exact(self) -> Mask:
        """Whether the age is known, rather than a class of ages."""
        return np.asarray(self.label_low == self.label_high)

    @property
    def label(self) -> Floats:
        """Years: the age, or the middle of the class; to sort faces by."""
        return np.asarray((self.label_low + np.minimum(self.label_high, np.maximum(self.label_low, N_AGES - 1))) / 2)

    @property
    def error(self) -> Floats:
        """Years that the age lies above (below: negative) its label: from the age, or from the end of its class."""
        # A class ends with its last year, and an age is counted to the year it is nearest to.
        half = np.where(self.exact, 0.0, 0.5)
        above, below = self.age - (self.label_high + half), self.age - (self.label_low - half)
        error = np.where(above > 0, above, np.where(below < 0, below, 0.0))
        return np.asarray(np.where(np.isfinite(self.age), error, np.nan))

    @property
    def held(self) -> Mask:
        """Whether the interval reaches the label, any part of it: an age is a whole year, and 100 is 100 or more. The
        age in a class that is reached need not be held."""
        oldest = N_AGES - 1
        first, last = np.minimum(self.label_low, oldest) - 0.5, np.minimum(self.label_high, oldest) + 0.5
        return np.asarray((self.age_low <= last) & (self.age_high >= first))


def named_by(p_female: Floats) -> NDArray[np.int8]:
    """The gender named by probability alone: 1, 0, or -1 where neither is sure enough."""
    sure = np.maximum(p_female, 1 - p_female) >= GENDER_CONFIDENCE
    return np.asarray(np.where(sure, p_female >= 0.5, UNKNOWN), dtype=np.int8)
