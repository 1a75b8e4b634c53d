"""The people in front of a screen at one moment, as far as a camera can tell."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from onlooker.core.demographics import N_AGES

ADULT_FROM = 18
"""Years of age from which nobody is a minor."""

_ROUNDING = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Viewer:
    """One person, for as long as the camera follows the face and no longer.

    id                a random string that dies with the track; it says nothing about the person
    age_distribution  ``(101,)`` float32, the probability of each year 0 to 100
    p_female          probability of the label female, 0 to 1
    attention         how far the person faces the screen now, 0 to 1
    present_s         seconds since the face was first seen
    attention_s       seconds of those spent facing the screen
    height_px         height of the face's box in pixels

    Raises ``ValueError`` for anything else.
    """

    id: str
    age_distribution: NDArray[np.float32] = field(repr=False)
    p_female: float
    attention: float
    present_s: float
    attention_s: float
    height_px: float
    _below: tuple[float, ...] = field(init=False, repr=False)
    """The probability of an age under each year 0 to 101."""

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a viewer's id must not be empty")
        ages = np.array(self.age_distribution, dtype=np.float32)
        if ages.shape != (N_AGES,):
            raise ValueError(f"age_distribution must have shape ({N_AGES},), got {ages.shape}")
        total = float(ages.sum(dtype=np.float64))
        # A NaN fails every comparison, and so these.
        if not (bool((ages >= 0).all()) and abs(total - 1.0) <= _ROUNDING):
            raise ValueError(f"age_distribution must be probabilities that sum to 1, got a sum of {total:g}")
        ages.setflags(write=False)
        object.__setattr__(self, "age_distribution", ages)
        object.__setattr__(self, "_below", (0.0, *(np.cumsum(ages, dtype=np.float64) / total).tolist()))
        for name in ("p_female", "attention"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if not 0.0 <= self.attention_s <= self.present_s < float("inf"):
            raise ValueError(
                "attention_s and present_s must be seconds, the first at most the second, "
                f"got {self.attention_s} and {self.present_s}"
            )
        if not 0.0 < self.height_px < float("inf"):
            raise ValueError(f"height_px must be over 0, got {self.height_px}")

    def p_age(self, low: int, high: int) -> float:
        """The probability of an age of ``low`` to ``high`` whole years, both included; 100 stands for all over it."""
        return max(0.0, self._below[min(high, N_AGES - 1) + 1] - self._below[max(low, 0)]) if low <= high else 0.0

    @property
    def p_minor(self) -> float:
        """The probability of an age under 18."""
        return self._below[ADULT_FROM]

    @property
    def p_adult(self) -> float:
        """The probability of an age of 18 or over."""
        return 1.0 - self._below[ADULT_FROM]

    def p_gender(self, gender: str) -> float:
        """The probability of the label ``"female"`` or ``"male"``."""
        return self.p_female if gender == "female" else 1.0 - self.p_female


@dataclass(frozen=True, slots=True, eq=False)
class Audience:
    """Everyone in front of one screen at one moment; nobody is an audience too.

    unread  people in sight whose age is not known, or not yet: anybody, a child too

    Raises ``ValueError`` where ``at`` has no time zone or two viewers share an id.
    """

    at: datetime
    viewers: tuple[Viewer, ...] = ()
    unread: int = 0

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError(f"an audience's time must have a time zone, got {self.at.isoformat()}")
        if len(self.ids) != len(self.viewers):
            raise ValueError("two viewers of one audience have the same id")
        if self.unread < 0:
            raise ValueError(f"unread must be a number of people, got {self.unread}")

    def __len__(self) -> int:
        return len(self.viewers) + self.unread

    @property
    def ids(self) -> frozenset[str]:
        """The viewers' ids."""
        return frozenset(viewer.id for viewer in self.viewers)
