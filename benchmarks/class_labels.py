"""How many true ages the intervals hold that were calibrated on classes of ages instead of ages.

    python benchmarks/class_labels.py UTKFACE [--split splits/utkface_v1.csv]

The default model reads the face crops of the calibration part. Their ages are told to the calibration as they are, as
decades, and as child, adult and old. Then it is counted how many of the test part's ages the 90 % intervals each hold.
Nothing is chosen by that.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from onlooker.analyzer import Analyzer
from onlooker.cli.labelled import evaluated, read_faces
from onlooker.core.demographics import age_interval
from onlooker.evaluation.calibrate import PROBABILITY, Held, fit_calibration
from onlooker.evaluation.run import held_of
from onlooker.models.calibration import Calibration

OLDEST = 116
CLASSES = {"decades": [*range(0, 80, 10)], "child, adult, old": [0, 19, 60]}
"""The first year of each class; the last has no end."""


def coarse(held: Held, firsts: list[int]) -> Held:
    """The same faces, their ages known by class alone."""
    begins, ends = np.array(firsts, np.float32), np.array([*firsts[1:], OLDEST + 1], np.float32) - 1
    of = np.searchsorted(begins, held.age_low, side="right") - 1
    return replace(held, age_low=begins[of], age_high=ends[of])


def holds(calibration: Calibration, test: Held) -> float:
    """Share of the test part's ages that the intervals hold."""
    low, high = age_interval(test.distribution, calibration.tails_for(PROBABILITY))
    first, last = test.inside
    return float(((low <= last) & (high >= first)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--split", type=Path, default=Path("splits/utkface_v1.csv"))
    options = parser.parse_args()
    analyzer = Analyzer(aligned=True)
    known, test = (
        held_of(evaluated(analyzer, read_faces(options.data, options.split, part)).answers, 1.0)
        for part in ("calibration", "test")
    )
    print(
        f"{len(known)} faces to calibrate on, {len(test)} counted; ages held by intervals meant for {PROBABILITY:.0%}"
    )
    print(f"{'ages':<20}{holds(fit_calibration(known), test):>8.1%}")
    for name, firsts in CLASSES.items():
        print(f"{name:<20}{holds(fit_calibration(coarse(known, firsts)), test):>8.1%}")


if __name__ == "__main__":
    main()
