"""The parts of a run, kept beside it with their labels: what is made of it later is fitted and measured on them too."""

from pathlib import Path

import numpy as np

from onlooker.core.errors import InputError
from onlooker.datasets.labelled import Examples
from onlooker.training.files import damaged


def write_labels(run: Path, part: str, examples: Examples, kept: list[int]) -> None:
    """Write the labels of a part; ``kept`` are their rows in the part's file of crops."""
    np.savez(
        run / f"{part}.npz",
        kept=np.array(kept, np.int64),
        age_low=examples.age_low,
        age_high=examples.age_high,
        females=examples.females,
    )


def read_part(run: Path, part: str) -> Examples:
    """A part as the run left it, with its crops. Raises ``InputError`` where the run has none, or a damaged one."""
    try:
        path = run / f"{part}.npz"
        with damaged(path, "run `onlooker train` on it again"), path.open("rb") as file:
            labels = dict(np.load(file))
            crops = np.load(run / f"{part}.npy", mmap_mode="r")
            return Examples(crops[labels["kept"]], labels["age_low"], labels["age_high"], labels["females"])
    except FileNotFoundError:
        raise InputError(f"{run}: its {part} part is not there; run `onlooker train` on it again") from None
