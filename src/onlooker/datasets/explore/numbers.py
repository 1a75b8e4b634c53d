"""What the figures show, counted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from onlooker.datasets.utkface import GENDERS, RACES

if TYPE_CHECKING:
    import pandas as pd

EDGES = (0, 10, 20, 30, 40, 60, 80)
BINS = ("<10", "10-20", "20-30", "30-40", "40-60", "60-80", "80+")
"""The report's bins of age, each from its lower end up to, but without, the next."""

BANDWIDTH = 2.0
"""Years: the deviation of the bell that each age is spread by in a density."""

REPORT_MALE, REPORT_FEMALE, REPORT_FACES = 0.477, 0.523, "about 23,500"
"""What the report says of its genders and of how many faces there are."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The ages of one gender as a box plot shows them: quartiles, the last ages within 1.5 times the box's width of it
    (Tukey's fences), and the ages beyond with how many faces have each."""

    gender: str
    low: int
    first: float
    median: float
    third: float
    high: int
    outliers: dict[int, int]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Counts of faces: by gender, by bin of age, by age and gender, by race, bin and gender."""

    faces: int
    problems: list[str]
    genders: dict[str, int]
    bins: dict[str, int]
    ages: dict[str, NDArray[np.intp]]
    spreads: list[Spread]
    races: dict[tuple[str, str, str], int]

    @classmethod
    def of(cls, frame: "pd.DataFrame") -> "Numbers":
        """Of a table that ``parse_dataset`` gave."""
        binned = frame.assign(bin=[bin_of(age) for age in frame["age"]])
        longest = int(frame["age"].max()) + 1
        ages = {
            gender: np.bincount(frame.loc[frame["gender"] == gender, "age"], minlength=longest) for gender in GENDERS
        }
        counted: dict[Any, int] = binned.groupby(["race", "bin", "gender"]).size().to_dict()
        return cls(
            faces=len(frame),
            problems=list(frame.attrs.get("problems", [])),
            genders={gender: int((frame["gender"] == gender).sum()) for gender in GENDERS},
            bins={name: int((binned["bin"] == name).sum()) for name in BINS},
            ages=ages,
            spreads=[_spread(gender, ages[gender]) for gender in GENDERS if ages[gender].any()],
            races={(r, b, g): int(counted.get((r, b, g), 0)) for g in GENDERS for b in BINS for r in RACES},
        )

    @property
    def swapped(self) -> bool:
        """Whether these shares are the report's with male and female exchanged, to its last digit."""
        male = self.genders["male"] / self.faces
        return abs(male - REPORT_FEMALE) < 0.0005 and abs(1 - male - REPORT_MALE) < 0.0005


def bin_of(age: int) -> str:
    """The report's bin of an age."""
    return BINS[int(np.searchsorted(EDGES, age, side="right")) - 1]


def density(counts: NDArray[np.intp]) -> NDArray[np.float64]:
    """The share of faces a year of age, from counts by age: each spread by a bell of ``BANDWIDTH`` years, what would
    fall below age 0 folded back."""
    reach = int(4 * BANDWIDTH)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / BANDWIDTH) ** 2)
    padded = np.concatenate([np.zeros(reach), counts, np.zeros(reach)])
    spread = np.convolve(padded, bell / bell.sum(), mode="same")
    folded = spread[reach:-reach].copy()
    folded[: reach - 1] += spread[1:reach][::-1][: len(folded)]
    return np.asarray(folded / max(counts.sum(), 1))


def _spread(gender: str, counts: NDArray[np.intp]) -> Spread:
    ages = np.repeat(np.arange(len(counts)), counts)
    first, median, third = (float(q) for q in np.percentile(ages, [25, 50, 75]))
    reach = 1.5 * (third - first)
    within = ages[(ages >= first - reach) & (ages <= third + reach)]
    beyond = ages[(ages < first - reach) | (ages > third + reach)]
    outliers = {int(age): int((beyond == age).sum()) for age in np.unique(beyond)}
    return Spread(gender, int(within.min()), first, median, third, int(within.max()), outliers)
